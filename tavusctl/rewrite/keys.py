"""Keys that the account has, as manifests say them: `${secret:NAME}`, under a name that says whose and what for."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Final

from tavusctl.core.address import Address
from tavusctl.lib.json_types import KeyPath
from tavusctl.secrets import url_credentials
from tavusctl.secrets.values import SecretText

SIGNED: Final = "its source is a signed URL, which gives access to everyone who reads it, and expires"
_NO_NAME = re.compile(r"[^A-Z0-9]+")


def names(address: Address, path: KeyPath) -> Iterator[str]:
    """Names of variables for the key at a place of an object, the best first; they do not come to an end."""
    inner = path[1:] if len(path) > 1 else path
    name = _NO_NAME.sub("_", "_".join((address.kind, address.name, *inner)).upper()).strip("_")
    yield name
    number = 2
    while True:
        yield f"{name}_{number}"
        number += 1


def referring(text: str, path: KeyPath, name: Callable[[KeyPath, str], str]) -> SecretText:
    """What stands for a key; of an address with keys in it, all but the keys stays to be read.

    `name` gives a variable for a place and what stands there.
    """
    parts, found, end = [], [], 0
    for span in url_credentials.spans(text) if url_credentials.is_address(text) else ():
        if span.start >= end:
            parts.append(text[end : span.start])
            found.append(name((*path, span.name), text[span.start : span.end]))
            end = span.end
    if found:
        return SecretText((*parts, text[end:]), tuple(found))
    return SecretText(("", ""), (name(path, text),))
