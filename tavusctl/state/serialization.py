"""Bindings and their documents as plain JSON, for state and journal; no secret is in them."""

from __future__ import annotations

import functools
import json
import sys
from typing import Final

from msgspec import convert
from msgspec.structs import asdict

from tavusctl.core.address import Address
from tavusctl.core.binding import Binding
from tavusctl.core.json_tree import canonical
from tavusctl.lib.json_types import Json, JsonObject, as_object, as_text, with_members
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


def leaves_in(value: Json) -> Json:
    """A document from its plain JSON."""
    if isinstance(value, list):
        return with_members(value, leaves_in)
    if not isinstance(value, dict):
        return sys.intern(value) if type(value) is str else value  # manifest and account have the same text
    if value.keys() == {"tavusctl:ref"}:
        return Address.parse(as_text(value["tavusctl:ref"]))
    if value.keys() == {"tavusctl:secret"}:
        return Fingerprint(value["tavusctl:secret"])
    if value.keys() == {"tavusctl:text"}:
        return TextPrint(value["tavusctl:text"])
    return with_members(value, leaves_in)


def plain(value: Json) -> Json:
    """A document as plain JSON: addresses and fingerprints in a spelling of their own, which `leaves_in` reads back."""
    return json.loads(canonical(value))
