"""What is unwise, or sure to fail, though every value fits: one row for each thing that is looked at.

Errors are what the API refuses, or what cannot work; all else is a warning.  Ids never change and are never used again.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from tavusctl.model import ResourceKind, Severity
from tavusctl.rules import addresses, documents, flows, guardrails, layers, prompts, tools
from tavusctl.rules.lint import Project, Remark, Rule, Subject

__all__ = ["IDS", "RULES", "STOPPING", "Project", "Remark", "Rule", "check"]

_PERSONA: Final = frozenset({"persona"})
_DOCUMENT: Final = frozenset({"document"})
_GUARDRAILS: Final = frozenset({"guardrails"})
_OBJECTIVES: Final = frozenset({"objectives"})
_ERROR: Final = Severity.ERROR

RULES: Final[tuple[Rule, ...]] = (
    Rule("TV201", "a prompt over 25,000 tokens", prompts.slow),
    Rule("TV202", "a prompt over 32,000 tokens", prompts.oversized),
    Rule("TV203", "a block that stands twice in a prompt", prompts.repeated),
    Rule("TV204", "a prompt more than twice as long as the last apply set it", prompts.grown),
    Rule("TV205", "invisible characters", prompts.hidden),
    Rule("TV206", "characters that turn the direction of text", prompts.turned, _ERROR, stops=True),
    Rule("TV211", "tool parameters that are no valid JSON Schema", tools.parameters, _ERROR, _PERSONA),
    Rule("TV212", "tool names that are not in snake case", tools.names, kinds=_PERSONA),
    Rule("TV213", "tool parameters that are required and not described", tools.undescribed, _ERROR, _PERSONA),
    Rule("TV214", "two tools of one name", tools.twice, _ERROR, _PERSONA),
    Rule("TV215", "tools without a description", tools.silent, kinds=_PERSONA),
    Rule("TV221", "perception settings that the chosen model ignores", layers.unseen_by_model, kinds=_PERSONA),
    Rule("TV222", "speech settings that sparrow-1 overrides", layers.overridden_by_sparrow, kinds=_PERSONA),
    Rule("TV223", "hotwords for an engine that ignores them", layers.deaf_to_hotwords, kinds=_PERSONA),
    Rule("TV224", "a level that the API does not list", layers.unlisted_level, kinds=_PERSONA),
    Rule("TV225", "voice settings of another engine", layers.foreign_voice_settings, kinds=_PERSONA),
    Rule("TV226", "perception tools without a prompt", layers.unused_tools, kinds=_PERSONA),
    Rule("TV231", "a next objective that the set does not have", flows.unknown, _ERROR, _OBJECTIVES),
    Rule("TV232", "an objective to which nothing leads", flows.unreachable, kinds=_OBJECTIVES),
    Rule("TV233", "objectives in a circle", flows.cyclic, _ERROR, _OBJECTIVES),
    Rule("TV234", "two objectives of one name", flows.same_name, _ERROR, _OBJECTIVES),
    Rule("TV235", "an output variable that two objectives fill", flows.collected_twice, kinds=_OBJECTIVES),
    Rule("TV236", "an output variable that is no name", flows.spaced, kinds=_OBJECTIVES),
    Rule("TV241", "two guardrails of one name", guardrails.same_name, _ERROR, _GUARDRAILS),
    Rule("TV242", "a guardrail longer than newer versions of the API take", guardrails.too_long, kinds=_GUARDRAILS),
    Rule("TV251", "a document in a format that Tavus does not read", documents.unread_format, kinds=_DOCUMENT),
    Rule("TV252", "a crawl from a file", documents.crawled_file, kinds=_DOCUMENT),
    Rule("TV253", "more crawled documents than an account may have", documents.too_many_crawls, kinds=_DOCUMENT),
    Rule("TV261", "an address without https", addresses.unprotected),
    Rule("TV262", "an address that Tavus cannot reach", addresses.unreachable),
)


STOPPING: Final = frozenset(rule.id for rule in RULES if rule.stops)
IDS: Final = frozenset({"TV200", *(rule.id for rule in RULES)})


def check(project: Project, kinds: Mapping[str, ResourceKind]) -> Iterator[Remark]:
    """Everything that the rules have to say, in the order of the manifests."""
    for manifest in project.manifests:
        if not manifest.external_id:
            subject = Subject(manifest, kinds[manifest.address.kind], project)
            for rule in RULES:
                yield from rule.remarks(subject)
