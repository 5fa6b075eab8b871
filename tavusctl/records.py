"""Bindings and their documents as plain JSON, for state and journal; no secret is in them."""

from __future__ import annotations

import functools
import json
import sys
from typing import Any

from msgspec.structs import asdict

from tavusctl.document import canonical
from tavusctl.model import Address, Binding, Value
from tavusctl.secret import Fingerprint


def binding_out(binding: Binding) -> dict[str, Any]:
    """A binding without its address; what is at its default is left out, so that old and new ones stay readable."""
    fresh = _fresh()
    known = {name: getattr(binding, name) for name in fresh}
    return {name: value for name, value in known.items() if value != fresh[name]}


@functools.cache
def _fresh() -> dict[str, Any]:
    members = asdict(Binding(Address("", ""), ""))
    del members["address"]
    return members


def binding_in(address: Address, body: dict[str, Any]) -> Binding:
    """The binding of an address; TypeError when it has members that this version does not know."""
    members = dict(body)
    fresh = _fresh()
    if not all(_is_like(value, fresh[name]) for name, value in members.items() if name in fresh):
        raise TypeError
    for name in ("applied", "successor_spec"):
        if name in members:
            members[name] = leaves_in(members[name])
    for name in ("answered", "unconfirmed"):
        if name in members:
            members[name] = {pointer: leaves_in(value) for pointer, value in members[name].items()}
    for name in ("unkept", "externals"):
        if not all(type(text) is str for text in members.get(name, {}).values()):
            raise TypeError
    members["retired"] = tuple(members.get("retired", ()))
    return Binding(address=address, **members)


def _is_like(value: Value, fresh: Value) -> bool:
    """Whether a member is of the type that it is written as; what maps or lists texts has nothing else in it."""
    if isinstance(fresh, tuple):
        return isinstance(value, list) and all(type(item) is str for item in value)
    return type(value) is type(fresh)


def leaves_in(value: Value) -> Value:
    """A document from its plain JSON."""
    if isinstance(value, list):
        return [leaves_in(item) for item in value]
    if not isinstance(value, dict):
        return sys.intern(value) if type(value) is str else value  # manifest and account have the same text
    if value.keys() == {"tavusctl:ref"}:
        return Address.parse(value["tavusctl:ref"])
    if value.keys() == {"tavusctl:secret"}:
        return Fingerprint(value["tavusctl:secret"])
    return {key: leaves_in(item) for key, item in value.items()}


def plain(value: Value) -> Value:
    """A document as plain JSON: addresses and fingerprints in a spelling of their own, which `leaves_in` reads back."""
    return json.loads(canonical(value))
