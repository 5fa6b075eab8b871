"""Secrets where nobody keeps them: every reader of the repository and of the account sees them."""

from __future__ import annotations

from collections.abc import Iterator

from tavusctl.lint.core import Finding, Subject
from tavusctl.secrets import detection


def written(subject: Subject) -> Iterator[Finding]:
    """Keys amid what people read; where a key may stand by itself, one that is written out is an error already."""
    for pointer, _, value in subject.texts:
        if detection.is_key(value) and pointer not in subject.secret_pointers:
            line = next((number for number, line in enumerate(value.split("\n")) if detection.is_key(line)), 0)
            hint = (
                "remove it, and revoke the key, which git has recorded; write keys "
                "as `${secret:NAME}` in fields such as `api_key` or `headers`"
            )
            yield Finding(pointer, "the text contains what looks like a plaintext key", hint, line)
