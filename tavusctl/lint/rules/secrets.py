"""Lint rules for secrets in plain text: every reader of the repository and of the account can see them."""

from __future__ import annotations

from collections.abc import Iterator

from tavusctl.lint.core import Finding, Subject
from tavusctl.secrets import detection


def embedded_secret(subject: Subject) -> Iterator[Finding]:
    """Report keys inside texts that people read.

    Fields of their own for keys are not checked here: a key in plain text is an error there already.
    """
    for place, value in subject.texts:
        pointer = place.pointer
        if detection.is_key(value) and pointer not in subject.secret_pointers:
            line = next((number for number, text in enumerate(value.split("\n")) if detection.is_key(text)), 0)
            hint = (
                "remove it, and revoke the key, which git has recorded; write keys "
                "as `${secret:NAME}` in fields such as `api_key` or `headers`"
            )
            yield Finding(pointer, "the text contains what looks like a plaintext key", hint, line)
