"""Guardrails: names that are told apart, and prompts that are read whole."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from tavusctl.rules.lint import Finding, Subject, mappings, pointer_of
from tavusctl.wording import shown

_PROMPT_LIMIT: Final = 1000  # characters
_NAME_LIMIT: Final = 100


def same_name(subject: Subject) -> Iterator[Finding]:
    """Two rules of one name in a set."""
    first: dict[str, int] = {}
    for index, item in mappings(subject.spec.get("data")):
        name = str(item.get("guardrail_name"))
        if first.setdefault(name, index) != index:
            pointer = pointer_of("data", index, "guardrail_name")
            yield Finding(pointer, f"another guardrail is called {shown(name)}", "give each a name of its own")


def too_long(subject: Subject) -> Iterator[Finding]:
    """Rules longer than newer versions of the API take."""
    limits = {"guardrail_name": _NAME_LIMIT, "guardrail_prompt": _PROMPT_LIMIT}
    for index, item in mappings(subject.spec.get("data")):
        for key, limit in limits.items():
            text = item.get(key)
            if isinstance(text, str) and len(text) > limit:
                message = f"{key} has {len(text):,} characters; newer versions of the API take {limit:,}"
                yield Finding(pointer_of("data", index, key), message, "say it in fewer words, or in two guardrails")
