"""The differences between two environments, or an environment and its account, object by object."""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct

from tavusctl.core.address import Address, Source
from tavusctl.core.model import FieldChange
from tavusctl.core.resource_kind import ResourceKind


class Presence(StrEnum):
    """Which sides of a comparison have an object."""

    LEFT = "left"
    RIGHT = "right"
    BOTH = "both"


class Difference(Struct, frozen=True):
    """An object that differs between the sides; `live` of a field is the left value, `desired` the right one."""

    address: Address
    kind: ResourceKind
    presence: Presence
    fields: tuple[FieldChange, ...] = ()  # fields of `spec`
    settings: tuple[FieldChange, ...] = ()  # keys beside `spec`
    places: tuple[Source | None, Source | None] = (None, None)  # where the manifests of both sides begin


class Unknown(Struct, frozen=True):
    """A secret that cannot be compared, with the environment variables of it that are not set."""

    address: Address
    path: str
    names: tuple[str, ...]


class Comparison(Struct, frozen=True):
    """All differences between two sides, sorted by address."""

    left: str  # names of the sides in reports
    right: str
    differences: tuple[Difference, ...]
    equal: int  # number of equal objects
    unknown: tuple[Unknown, ...] = ()
