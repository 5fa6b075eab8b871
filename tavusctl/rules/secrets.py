"""Secrets where nobody keeps them: every reader of the repository and of the account sees them."""

from __future__ import annotations

from collections.abc import Iterator

from tavusctl import telltale
from tavusctl.rules.lint import Finding, Subject


def written(subject: Subject) -> Iterator[Finding]:
    """Keys amid what people read; where a key may stand by itself, one that is written out is an error already."""
    for pointer, value in subject.open_texts:
        if telltale.is_key(value):
            line = next((number for number, line in enumerate(value.split("\n")) if telltale.is_key(line)), 0)
            hint = "take it out, and make a new one: it is in git; keys belong into api_key, headers and the like"
            yield Finding(pointer, "what looks like a key is written out", hint, line)
