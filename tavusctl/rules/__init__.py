"""What is unwise, or sure to fail, though every value fits: one row for each thing that is looked at.

What each is called and how much it weighs stands in `checks.CHECKS`, with all other ids.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from tavusctl.model import Complaint, Manifest, ResourceKind, Severity
from tavusctl.rules import addresses, documents, expressions, flows, guardrails, layers, prompts, secrets, tools
from tavusctl.rules.lint import Project, Remark, Rule, Subject

__all__ = ["IDS", "RULES", "STOPPING", "Project", "Remark", "Rule", "check"]

_PERSONA: Final = frozenset({"persona"})
_DOCUMENT: Final = frozenset({"document"})
_GUARDRAILS: Final = frozenset({"guardrails"})
_OBJECTIVES: Final = frozenset({"objectives"})

RULES: Final[tuple[Rule, ...]] = (
    Rule("TV201", prompts.slow),
    Rule("TV202", prompts.oversized),
    Rule("TV203", prompts.repeated),
    Rule("TV204", prompts.grown),
    Rule("TV205", prompts.hidden),
    Rule("TV206", prompts.turned, stops=True),
    Rule("TV207", prompts.conflicting, stops=True),
    Rule("TV208", expressions.unwritten, stops=True),
    Rule("TV209", expressions.misplaced_ids),
    Rule("TV211", tools.parameters, _PERSONA),
    Rule("TV212", tools.names, _PERSONA),
    Rule("TV213", tools.undescribed, _PERSONA),
    Rule("TV214", tools.twice, _PERSONA),
    Rule("TV215", tools.silent, _PERSONA),
    Rule("TV221", layers.unseen_by_model, _PERSONA),
    Rule("TV222", layers.overridden_by_sparrow, _PERSONA),
    Rule("TV223", layers.deaf_to_hotwords, _PERSONA),
    Rule("TV224", layers.unlisted_level, _PERSONA),
    Rule("TV225", layers.foreign_voice_settings, _PERSONA),
    Rule("TV226", layers.unused_tools, _PERSONA),
    Rule("TV227", layers.unknown_emotion_level, _PERSONA),
    Rule("TV231", flows.unknown, _OBJECTIVES),
    Rule("TV232", flows.unreachable, _OBJECTIVES),
    Rule("TV233", flows.cyclic, _OBJECTIVES),
    Rule("TV234", flows.same_name, _OBJECTIVES),
    Rule("TV235", flows.collected_twice, _OBJECTIVES),
    Rule("TV236", flows.spaced, _OBJECTIVES),
    Rule("TV237", flows.dead_end, _OBJECTIVES),
    Rule("TV241", guardrails.same_name, _GUARDRAILS),
    Rule("TV242", guardrails.too_long, _GUARDRAILS),
    Rule("TV251", documents.unread_format, _DOCUMENT),
    Rule("TV252", documents.crawled_file, _DOCUMENT),
    Rule("TV253", documents.too_many_crawls, _DOCUMENT),
    Rule("TV261", addresses.unprotected),
    Rule("TV262", addresses.unreachable),
    Rule("TV263", addresses.shapeless),
    Rule("TV264", addresses.telling),
    Rule("TV271", secrets.written),
)

STOPPING: Final = frozenset(rule.id for rule in RULES if rule.stops)
IDS: Final = frozenset({"TV129", "TV200", *(rule.id for rule in RULES)})


def check(project: Project, kinds: Mapping[str, ResourceKind], *, advice: bool = True) -> Iterator[Remark]:
    """Everything that the rules have to say, in the order of the manifests; without advice, only what cannot work."""
    rules = [rule for rule in RULES if advice or rule.severity is Severity.ERROR]
    for manifest in project.manifests:
        if not manifest.external_id:
            subject = Subject(manifest, kinds[manifest.address.kind], project)
            for rule in rules:
                yield from rule.remarks(subject)
        elif advice:
            yield from _named_twice(manifest, project)


def _named_twice(manifest: Manifest, project: Project) -> Iterator[Remark]:
    """A second name for one object: both mean the same, and who reads only one of them may not know."""
    same = (one for one in project.manifests if one.external_id == manifest.external_id)
    first = next(one for one in same if one.address.kind == manifest.address.kind)
    if first.address != manifest.address:
        message = f"{manifest.address} and {first.address} are the same object, {manifest.external_id}"
        hint = "refer to one of them everywhere"
        found = Complaint("TV129", message, manifest.source, hint, manifest.address, Severity.WARNING)
        yield Remark(found, manifest.source)
