"""Lint rules for secrets in plain text: every reader of the repository and of the account can see them."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain

from tavusctl.fields import free_objects
from tavusctl.lint.core import Finding, Subject
from tavusctl.secrets import detection
from tavusctl.secrets.detection import Weight


def embedded_secret(subject: Subject) -> Iterator[Finding]:
    """Report what looks like a key inside texts that people read, by its form or by the name before it.

    What surely is a key is an error already, and so is a key in plain text in a field of its own.
    """
    for place, value in subject.texts:
        pointer = place.pointer
        if pointer in subject.secret_pointers:
            continue
        keys = list(detection.weighed_keys(value))
        if any(weight is Weight.CERTAIN for *_, weight in keys) or (not keys and free_objects.names_nothing(value)):
            continue
        starts = (start for start, _, weight in keys if weight)
        lines = () if keys else enumerate(value.split("\n"))
        named = (number for number, text in lines if free_objects.names_secret(text))
        number = next(chain((value.count("\n", 0, start) for start in starts), named), None)
        if number is not None:
            hint = (
                "remove it, and revoke the key, which git has recorded; write keys "
                "as `${secret:NAME}` in fields such as `api_key` or `headers`"
            )
            yield Finding(pointer, "the text contains what looks like a plaintext key", hint, number)
