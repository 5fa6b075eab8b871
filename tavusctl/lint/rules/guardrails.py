"""Lint rules for sets of guardrails: duplicate names, long prompts, and the single guardrails that replace sets."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from tavusctl.core.messages import sanitized_name, shown
from tavusctl.lint.core import Finding, Subject, pointer_of, repeated_names, too_long

_NAME: Final = "guardrail_name"
_LIMITS: Final = {_NAME: 100, "guardrail_prompt": 1000}  # characters


def duplicate_guardrail(subject: Subject) -> Iterator[Finding]:
    """Report two guardrails with the same name, in a set or in the project: events tell them apart by nothing else."""
    if subject.kind.name_field == _NAME and (first := subject.first_owner(_NAME)):
        message = f"`{first}` has the name {shown(subject.spec[_NAME])}, too"
        yield Finding(pointer_of(_NAME), message, "rename one of them")
    yield from repeated_names(subject, "guardrail")


def older_guardrail_set(subject: Subject) -> Iterator[Finding]:
    """Report a set of guardrails: newer accounts may read only single guardrails."""
    names = [name for _, item in subject.items if isinstance(name := item.get("guardrail_name"), str)]
    if names:
        new_name = sanitized_name(names[0], "[^A-Za-z0-9]+", "-", "name").lower()[:63].rstrip("-")
        hint = (
            f"write each rule as `kind: guardrail`, `name: {new_name}`, `spec: {{guardrail_name, guardrail_prompt}}`,"
            f' and `guardrail_ids: ["${{ref:guardrail/{new_name}}}"]` in the persona'
        )
        yield Finding(pointer_of("data"), "sets of guardrails may have no effect on accounts of today", hint)


def guardrail_too_long(subject: Subject) -> Iterator[Finding]:
    """Report names and prompts longer than newer versions of the API accept."""
    for index, item in subject.items:
        yield from too_long(item, _LIMITS, "data", index, hint="shorten it, or split it into two guardrails")
