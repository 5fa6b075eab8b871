"""Lint rules for sets of guardrails: duplicate names, long prompts, and that there are single ones now."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from tavusctl.core.messages import respelled, shown
from tavusctl.lint.core import Finding, Subject, mappings, pointer_of

_PROMPT_LIMIT: Final = 1000  # characters
_NAME_LIMIT: Final = 100


def same_name(subject: Subject) -> Iterator[Finding]:
    """Two rules of one name in a set."""
    first: dict[str, int] = {}
    for index, item in mappings(subject.spec.get("data")):
        name = str(item.get("guardrail_name"))
        if first.setdefault(name, index) != index:
            pointer = pointer_of("data", index, "guardrail_name")
            yield Finding(pointer, f"another guardrail has the name {shown(name)}", "rename one of them")


def older_set(subject: Subject) -> Iterator[Finding]:
    """A set of rules, where accounts of today may look at single ones only."""
    names = [
        name for _, item in mappings(subject.spec.get("data")) if isinstance(name := item.get("guardrail_name"), str)
    ]
    if names:
        own = respelled(names[0], "[^A-Za-z0-9]+", "-", "name").lower()[:63].rstrip("-")
        hint = (
            f"write each rule as `kind: guardrail`, `name: {own}`, `spec: {{guardrail_name, guardrail_prompt}}`,"
            f' and `guardrail_ids: ["${{ref:guardrail/{own}}}"]` in the persona'
        )
        yield Finding(pointer_of("data"), "sets of guardrails may have no effect on accounts of today", hint)


def too_long(subject: Subject) -> Iterator[Finding]:
    """Rules longer than newer versions of the API take."""
    limits = {"guardrail_name": _NAME_LIMIT, "guardrail_prompt": _PROMPT_LIMIT}
    for index, item in mappings(subject.spec.get("data")):
        for key, limit in limits.items():
            text = item.get(key)
            if isinstance(text, str) and len(text) > limit:
                message = f"`{key}` has {len(text):,} characters; newer versions of the API accept {limit:,}"
                yield Finding(pointer_of("data", index, key), message, "shorten it, or split it into two guardrails")
