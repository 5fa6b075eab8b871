"""The lint rules: values that the schema allows, but that are unwise or certain to fail.  One row for each rule.

`diagnostic_ids.CHECKS` has the slug, the title and the severity of each id, as of all other diagnostics.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from tavusctl.core.diagnostics import Diagnostic, Severity
from tavusctl.core.model import Manifest
from tavusctl.core.resource_kind import ResourceKind
from tavusctl.lint.core import Project, Remark, Rule, Subject
from tavusctl.lint.rules import (
    addresses,
    documents,
    expressions,
    guardrails,
    layers,
    objectives,
    prompts,
    secrets,
    tools,
)

__all__ = ["IDS", "RULES", "STOPPING", "Project", "Remark", "Rule", "check"]

_PERSONA: Final = frozenset({"persona"})
_TOOL: Final = frozenset({"tool"})
_DOCUMENT: Final = frozenset({"document"})
_GUARDRAILS: Final = frozenset({"guardrails"})
_OBJECTIVES: Final = frozenset({"objectives"})

RULES: Final[tuple[Rule, ...]] = (
    Rule("TV201", prompts.prompt_long),
    Rule("TV202", prompts.prompt_too_long),
    Rule("TV203", prompts.duplicate_block),
    Rule("TV204", prompts.prompt_doubled),
    Rule("TV205", prompts.invisible_characters),
    Rule("TV206", prompts.bidi_characters, stops=True),
    Rule("TV207", prompts.conflicting_instructions, stops=True),
    Rule("TV208", expressions.unwritten, stops=True),
    Rule("TV209", expressions.misplaced_ids),
    Rule("TV211", tools.parameters, _PERSONA | _TOOL),
    Rule("TV212", tools.names, _PERSONA | _TOOL),
    Rule("TV213", tools.undescribed, _PERSONA | _TOOL),
    Rule("TV214", tools.duplicate_tool, _PERSONA | _TOOL),
    Rule("TV215", tools.tool_undescribed, _PERSONA | _TOOL),
    Rule("TV216", tools.references, _PERSONA | _TOOL),
    Rule("TV217", tools.placeholders, _TOOL),
    Rule("TV218", tools.undelivered, _TOOL),
    Rule("TV219", tools.too_large, _TOOL),
    Rule("TV221", layers.unseen_by_model, _PERSONA),
    Rule("TV222", layers.overridden_by_sparrow, _PERSONA),
    Rule("TV223", layers.deaf_to_hotwords, _PERSONA),
    Rule("TV224", layers.unlisted_level, _PERSONA),
    Rule("TV225", layers.foreign_voice_settings, _PERSONA),
    Rule("TV226", layers.unused_tools, _PERSONA),
    Rule("TV227", layers.unknown_emotion_level, _PERSONA),
    Rule("TV228", layers.unread_prompt, _PERSONA),
    Rule("TV231", objectives.unknown, _OBJECTIVES),
    Rule("TV232", objectives.unreachable, _OBJECTIVES),
    Rule("TV233", objectives.cyclic, _OBJECTIVES),
    Rule("TV234", objectives.same_name, _OBJECTIVES),
    Rule("TV235", objectives.collected_twice, _OBJECTIVES),
    Rule("TV236", objectives.spaced, _OBJECTIVES),
    Rule("TV237", objectives.dead_end, _OBJECTIVES),
    Rule("TV238", objectives.refused, _OBJECTIVES),
    Rule("TV239", objectives.led_twice, _OBJECTIVES),
    Rule("TV241", guardrails.same_name, _GUARDRAILS),
    Rule("TV242", guardrails.too_long, _GUARDRAILS),
    Rule("TV243", guardrails.older_set, _GUARDRAILS),
    Rule("TV251", documents.unread_format, _DOCUMENT),
    Rule("TV252", documents.crawled_file, _DOCUMENT),
    Rule("TV253", documents.too_many_crawls, _DOCUMENT),
    Rule("TV261", addresses.plain_http),
    Rule("TV262", addresses.unreachable),
    Rule("TV263", addresses.invalid_url),
    Rule("TV264", addresses.password_in_url),
    Rule("TV271", secrets.written),
)

STOPPING: Final = frozenset(rule.id for rule in RULES if rule.stops)
IDS: Final = frozenset({"TV129", "TV200", *(rule.id for rule in RULES)})


def check(project: Project, kinds: Mapping[str, ResourceKind], *, advice: bool = True) -> Iterator[Remark]:
    """The remarks of all rules, in the order of the manifests; without `advice`, only those of severity error."""
    rules = [rule for rule in RULES if advice or rule.severity is Severity.ERROR]
    for manifest in project.manifests:
        if not manifest.external_id:
            subject = Subject(manifest, kinds[manifest.address.kind], project)
            for rule in rules:
                yield from rule.remarks(subject)
        elif advice:
            yield from _named_twice(manifest, project)


def _named_twice(manifest: Manifest, project: Project) -> Iterator[Remark]:
    """A remark if an earlier external resource has the same id: readers may know only one of the names."""
    duplicates = (other for other in project.manifests if other.external_id == manifest.external_id)
    first = next(other for other in duplicates if other.address.kind == manifest.address.kind)
    if first.address != manifest.address:
        message = f"`{manifest.address}` and `{first.address}` have the same id `{manifest.external_id}`"
        hint = "remove one of the two, and refer to the other everywhere"
        id_source = manifest.beside.get("id", manifest.source)
        source = manifest.source if id_source.path == manifest.source.path else id_source  # set by an overlay
        yield Remark(Diagnostic("TV129", message, source, hint, manifest.address, Severity.WARNING), source)
