"""Secret references in place of keys that the account has: `${secret:NAME}`.

NAME says which object and which of its fields the key belongs to.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from typing import Final

from tavusctl.core.address import Address
from tavusctl.lib.json_types import KeyPath
from tavusctl.lib.patterns import pattern
from tavusctl.secrets import url_credentials
from tavusctl.secrets.values import SecretText

SIGNED_URL_REASON: Final = "its source is a signed URL, which gives access to everyone who reads it, and expires"
_NOT_IN_NAMES = pattern(r"[^A-Z0-9]+")


def names(address: Address, path: KeyPath) -> Iterator[str]:
    """Names of variables for the key at a path of an object, the best first; the iterator never ends."""
    inner = path[1:] if len(path) > 1 else path
    name = _NOT_IN_NAMES.sub("_", "_".join((address.kind, address.name, *inner)).upper()).strip("_")
    yield name
    yield from (f"{name}_{number}" for number in itertools.count(2))


def secret_reference(text: str, path: KeyPath, name: Callable[[KeyPath, str], str]) -> SecretText:
    """A text with `${secret:}` in place of a key; in a URL, only in place of each credential.

    `name` returns the name of the variable for a path and the text of the key there.
    """
    parts, variables, end = [], [], 0
    for span in url_credentials.spans(text) if url_credentials.is_url(text) else ():
        if span.start >= end:
            parts.append(text[end : span.start])
            variables.append(name((*path, span.name), text[span.start : span.end]))
            end = span.end
    if variables:
        return SecretText((*parts, text[end:]), tuple(variables))
    return SecretText(("", ""), (name(path, text),))
