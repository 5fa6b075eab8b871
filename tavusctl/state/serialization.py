"""Conversion of bindings and their documents to plain JSON and back, for state and journal; without secrets."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Mapping
from operator import is_
from typing import Final

from msgspec import convert
from msgspec.structs import asdict

from tavusctl.core.address import Address
from tavusctl.core.binding import DOCUMENTS, Binding
from tavusctl.core.json_tree import canonical
from tavusctl.lib.json_types import Json, JsonObject, as_object, as_text
from tavusctl.secrets.values import Fingerprint, TextFingerprint


def binding_out(binding: Binding) -> JsonObject:
    """A binding as JSON, without its address and without defaults, so that other versions can read it if possible."""
    defaults = _defaults()
    members = {name: getattr(binding, name) for name in defaults}
    return {name: value for name, value in members.items() if value != defaults[name]}


@functools.cache
def _defaults() -> JsonObject:
    members = asdict(Binding(Address("", ""), ""))
    del members["address"]
    return members


def binding_in(address: Address, body: JsonObject) -> Binding:
    """The binding of an address from its JSON; TypeError for an unknown member, ValueError for an invalid one."""
    if not body.keys() <= _defaults().keys():
        raise TypeError
    members: JsonObject = {"address": address, **body}
    for name in body.keys() & DOCUMENTS:
        members[name] = _members_in(as_object(body[name]))
    return convert(members, Binding)


_LEAVES: Final[Mapping[str, Callable[[Json], Json]]] = {
    "tavusctl:ref": lambda text: Address.parse(as_text(text)),
    "tavusctl:secret": lambda digest: Fingerprint(as_text(digest)),
    "tavusctl:text": lambda digest: TextFingerprint(as_text(digest)),
}


def leaves_in(value: Json) -> Json:
    """A document from its plain JSON, of which it keeps the parts that stay the same; the inverse of `plain`."""
    if isinstance(value, list):
        items = [leaves_in(item) for item in value]
        return value if all(map(is_, items, value)) else items
    if not isinstance(value, dict):
        return value
    if len(value) == 1:
        ((key, text),) = value.items()
        if key in _LEAVES:
            return _LEAVES[key](text)
    return _members_in(value)


def _members_in(value: JsonObject) -> JsonObject:
    changed: JsonObject = {}
    for key, item in value.items():
        if (type(item) is dict or type(item) is list) and (converted := leaves_in(item)) is not item:
            changed[key] = converted
    return value | changed if changed else value


def plain(value: Json) -> Json:
    """A document as plain JSON: addresses and fingerprints as objects with one key of `_LEAVES`; see `leaves_in`."""
    return json.loads(canonical(value))
