"""What an account has of a kind, told briefly: from its listings alone, and what Tavus made marked as such."""

from __future__ import annotations

from msgspec import Struct
from msgspec.structs import replace

from tavusctl.core.errors import Gone
from tavusctl.core.ports import Reader
from tavusctl.core.resource_kind import Listing, ResourceKind
from tavusctl.lib.json_types import JsonObject


class Entry(Struct, frozen=True, order=True):
    """One object of an account."""

    kind: str
    name: str  # empty where it has none
    remote_id: str
    status: str  # empty where the kind has none
    stock: bool = False  # made by Tavus, and the same in every account


def entries(api: Reader, kind: ResourceKind, *, stock: bool) -> list[Entry]:
    """The objects of a kind that are the account's own; with `stock`, those that every account has.

    Not every listing says of an object whose it is: what a listing of one's own lacks, and that of all has, is stock.
    """
    own = [_entry(kind, raw) for raw in _listed(api, kind, kind.listing) if not kind.is_builtin(raw)]
    if not stock:
        return own
    if not kind.listing.own:
        return []
    known = {one.remote_id for one in own}
    every = [_entry(kind, raw) for raw in _listed(api, kind, replace(kind.listing, own={}))]
    return [replace(one, stock=True) for one in every if one.remote_id not in known]


def _listed(api: Reader, kind: ResourceKind, listing: Listing) -> list[JsonObject]:
    """What a listing has of a kind; nothing where the account is of an API that does not have the kind yet."""
    try:
        return [raw for raw in api.list(kind.collection, listing, kind.id_fields) if kind.is_one(raw)]
    except Gone:
        if kind.optional:
            return []
        raise


def _entry(kind: ResourceKind, raw: JsonObject) -> Entry:
    shown = kind.unwrap(raw)
    name = kind.normalise(raw).get(kind.name_field)
    return Entry(kind.name, str(name or ""), kind.id_of(shown), str(shown.get("status") or ""))
