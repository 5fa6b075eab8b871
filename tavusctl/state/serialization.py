"""Bindings and their documents as plain JSON, for state and journal; no secret is in them."""

from __future__ import annotations

import functools
import json
import sys
from collections.abc import Callable, Mapping
from typing import Final

from msgspec import convert
from msgspec.structs import asdict

from tavusctl.core.address import Address
from tavusctl.core.binding import Binding
from tavusctl.core.json_tree import canonical
from tavusctl.lib.json_types import Json, JsonObject, as_object, as_text
from tavusctl.secrets.values import Fingerprint, TextPrint

_DOCUMENTS: Final = frozenset({"applied", "successor_spec", "answered", "unconfirmed", "not_live"})


def binding_out(binding: Binding) -> JsonObject:
    """A binding without its address; what is at its default is left out, so that old and new ones stay readable."""
    fresh = _fresh()
    known = {name: getattr(binding, name) for name in fresh}
    return {name: value for name, value in known.items() if value != fresh[name]}


@functools.cache
def _fresh() -> JsonObject:
    members = asdict(Binding(Address("", ""), ""))
    del members["address"]
    return members


def binding_in(address: Address, body: JsonObject) -> Binding:
    """The binding of an address; TypeError for a member that this version does not know, ValueError for a wrong one."""
    if not body.keys() <= _fresh().keys():
        raise TypeError
    members: JsonObject = {"address": address, **body}
    for name in _DOCUMENTS & body.keys():
        members[name] = {key: leaves_in(value) for key, value in as_object(body[name]).items()}
    return convert(members, Binding)


_CHANGING: Final = frozenset({str, dict, list})
_LEAVES: Final[Mapping[str, Callable[[Json], Json]]] = {
    "tavusctl:ref": lambda text: Address.parse(as_text(text)),
    "tavusctl:secret": lambda digest: Fingerprint(as_text(digest)),
    "tavusctl:text": lambda digest: TextPrint(as_text(digest)),
}


def leaves_in(value: Json) -> Json:
    """A document from its plain JSON."""
    if type(value) is str:
        return sys.intern(value)  # manifest and account have the same text
    if isinstance(value, list):
        return [leaves_in(item) for item in value]
    if not isinstance(value, dict):
        return value
    if len(value) == 1:
        ((key, held),) = value.items()
        if key in _LEAVES:
            return _LEAVES[key](held)
    changed: JsonObject = {}
    for key, item in value.items():
        if type(item) in _CHANGING and (new := leaves_in(item)) is not item:
            changed[key] = new
    return value | changed if changed else value


def plain(value: Json) -> Json:
    """A document as plain JSON: addresses and fingerprints in a spelling of their own, which `leaves_in` reads back."""
    return json.loads(canonical(value))
