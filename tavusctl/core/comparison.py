"""How two environments differ, or an environment and its account: values, object by object."""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct

from tavusctl.core.address import Address, Source
from tavusctl.core.model import FieldChange
from tavusctl.core.resource_kind import ResourceKind


class Presence(StrEnum):
    """Where an object is."""

    LEFT = "left"
    RIGHT = "right"
    BOTH = "both"


class Difference(Struct, frozen=True):
    """One object that is not the same on both sides; `live` of a field is the left value, `desired` the right one."""

    address: Address
    kind: ResourceKind
    presence: Presence
    fields: tuple[FieldChange, ...] = ()  # of spec
    settings: tuple[FieldChange, ...] = ()  # what stands around spec
    places: tuple[Source | None, Source | None] = (None, None)  # where the manifest of either side begins


class Unknown(Struct, frozen=True):
    """A secret of both sides that cannot be compared here, and the variables that are not set."""

    address: Address
    path: str
    names: tuple[str, ...]


class Comparison(Struct, frozen=True):
    """All that differs between two sides, in the order of addresses."""

    left: str  # what people call the sides
    right: str
    differences: tuple[Difference, ...]
    equal: int  # objects
    unknown: tuple[Unknown, ...] = ()
