"""The lint rules: values that the schema allows, but that are unwise or certain to fail.  One row for each rule.

`diagnostic_ids.CHECKS` has the slug, the title and the severity of each id, as of all other diagnostics.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from collections.abc import Set as AbstractSet
from typing import Final

from tavusctl.core.address import Address
from tavusctl.core.diagnostics import Diagnostic, Severity
from tavusctl.core.model import Manifest
from tavusctl.core.resource_kind import ResourceKind
from tavusctl.lint.core import Project, Remark, Rule, Subject
from tavusctl.lint.rules import (
    addresses,
    blank_texts,
    documents,
    expressions,
    guardrails,
    layers,
    matching_names,
    objectives,
    prompts,
    secrets,
    tools,
)

__all__ = ["BLOCKING_IDS", "IDS", "RULES", "Project", "Remark", "Rule", "check"]

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
    Rule("TV206", prompts.bidi_characters, blocks_plan=True),
    Rule("TV207", prompts.merge_conflict_marker, blocks_plan=True),
    Rule("TV208", expressions.literal_expression, blocks_plan=True),
    Rule("TV209", expressions.invalid_id),
    Rule("TV211", tools.invalid_tool_schema, _PERSONA | _TOOL),
    Rule("TV212", tools.tool_name_case, _PERSONA | _TOOL),
    Rule("TV213", tools.parameter_undescribed, _PERSONA | _TOOL),
    Rule("TV214", tools.duplicate_tool, _PERSONA | _TOOL),
    Rule("TV215", tools.tool_undescribed, _PERSONA | _TOOL),
    Rule("TV216", tools.tool_schema_reference, _PERSONA | _TOOL),
    Rule("TV217", tools.undeclared_placeholder, _TOOL),
    Rule("TV218", tools.tool_undelivered, _TOOL),
    Rule("TV219", tools.tool_too_large, _TOOL),
    Rule("TV221", layers.ignored_perception_setting, _PERSONA),
    Rule("TV222", layers.overridden_speech_setting, _PERSONA),
    Rule("TV223", layers.ignored_hotwords, _PERSONA),
    Rule("TV225", layers.ignored_voice_setting, _PERSONA),
    Rule("TV226", layers.perception_tools_prompt, _PERSONA),
    Rule("TV227", layers.unlisted_emotion_level, _PERSONA),
    Rule("TV229", layers.unseen_tool, _PERSONA),
    Rule("TV231", objectives.unknown_next_objective, _OBJECTIVES),
    Rule("TV232", objectives.unreachable_objective, _OBJECTIVES),
    Rule("TV233", objectives.objective_cycle, _OBJECTIVES),
    Rule("TV234", objectives.duplicate_objective, _OBJECTIVES),
    Rule("TV235", objectives.shared_output_variable, _OBJECTIVES),
    Rule("TV236", objectives.invalid_output_variable, _OBJECTIVES),
    Rule("TV237", objectives.dead_end_objective, _OBJECTIVES),
    Rule("TV238", objectives.refused_objective, _OBJECTIVES),
    Rule("TV239", objectives.ambiguous_next_objective, _OBJECTIVES),
    Rule("TV241", guardrails.duplicate_guardrail, _GUARDRAILS | {"guardrail"}),
    Rule("TV242", guardrails.guardrail_too_long, _GUARDRAILS),
    Rule("TV243", guardrails.older_guardrail_set, _GUARDRAILS),
    Rule("TV251", documents.unsupported_document_format, _DOCUMENT),
    Rule("TV252", documents.crawl_of_file, _DOCUMENT),
    Rule("TV253", documents.crawl_quota_exceeded, _DOCUMENT),
    Rule("TV255", documents.unsupported_recording_format, frozenset({"replica", "voice"})),
    Rule("TV261", addresses.insecure_url),
    Rule("TV262", addresses.unreachable_url),
    Rule("TV263", addresses.invalid_url),
    Rule("TV264", addresses.credentials_in_url),
    Rule("TV271", secrets.embedded_secret),
    Rule("TV281", matching_names.duplicate_username, _PERSONA),
    Rule("TV282", matching_names.misspelled_tag, _PERSONA),
    Rule("TV291", blank_texts.blank_text),
    Rule("TV292", expressions.reference_as_text),
    Rule("TV293", prompts.typographic_quotes),
)

BLOCKING_IDS: Final = frozenset(rule.id for rule in RULES if rule.blocks_plan)
IDS: Final = frozenset({"TV129", "TV200", *(rule.id for rule in RULES)})


def check(
    project: Project,
    kinds: Mapping[str, ResourceKind],
    *,
    advice: bool = True,
    unchecked: AbstractSet[Address] = frozenset(),
) -> Iterator[Remark]:
    """The remarks of all rules, in the order of the manifests; without `advice`, only those of severity error.

    There are none about `unchecked` manifests, which rules may only look up.
    """
    applied = [rule for rule in RULES if advice or rule.severity is Severity.ERROR]
    for manifest in project.manifests:
        if manifest.address in unchecked:
            continue
        if not manifest.external_id:
            subject = Subject(manifest, kinds[manifest.address.kind], project)
            for rule in applied:
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
        id_source = manifest.envelope_sources.get("id", manifest.source)
        source = manifest.source if id_source.path == manifest.source.path else id_source  # set by an overlay
        yield Remark(Diagnostic("TV129", message, source, hint, manifest.address, Severity.WARNING), source)
