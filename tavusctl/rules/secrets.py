"""Secrets where nobody keeps them: every reader of the repository and of the account sees them."""

from __future__ import annotations

from collections.abc import Iterator

from tavusctl import telltale
from tavusctl.rules.lint import Finding, Subject


def written(subject: Subject) -> Iterator[Finding]:
    """Keys in fields that are not kept secret; in those that are, a key that is written out is an error already."""
    for pointer, declared, value in subject.texts:
        if not declared.secret and telltale.is_key(value):
            line = next(number for number, line in enumerate(value.split("\n")) if telltale.is_key(line))
            hint = "take it out, and make a new one: it is in git; keys belong into api_key or headers"
            yield Finding(pointer, "what looks like a key is written out", hint, line)
