"""A short list of the objects of a kind, from listings alone, with the stock objects of Tavus marked."""

from __future__ import annotations

from msgspec import Struct
from msgspec.structs import replace

from tavusctl.core.errors import Gone
from tavusctl.core.ports import Reader
from tavusctl.core.resource_kind import Listing, ResourceKind
from tavusctl.fields import spellings
from tavusctl.lib.json_types import JsonObject


class Entry(Struct, frozen=True, order=True):
    """One object of an account."""

    kind: str
    name: str  # empty if it has none
    remote_id: str
    status: str  # empty if the kind has none
    stock: bool = False  # made by Tavus, and the same in every account


def entries(api: Reader, kind: ResourceKind, *, stock: bool) -> list[Entry]:
    """The account's own objects of a kind; with `stock`, the stock objects that every account has.

    Not every listing says who owns an object: what the full listing has and the listing of own objects lacks is stock.
    """
    own = [_entry(kind, raw) for raw in _listed(api, kind, kind.listing) if not kind.is_builtin(raw)]
    if not stock:
        return own
    if not kind.listing.owner_query:
        return []
    own_ids = {entry.remote_id for entry in own}
    full_listing = replace(kind.listing, owner_query=kind.listing.stock_query, newer_owner_query={})
    every = [_entry(kind, raw) for raw in _listed(api, kind, full_listing)]
    return [replace(entry, stock=True) for entry in every if entry.remote_id not in own_ids]


def _listed(api: Reader, kind: ResourceKind, listing: Listing) -> list[JsonObject]:
    """The raw objects in a listing of a kind; none if the API of the account does not have this optional kind."""
    try:
        items = api.list(kind.collection, listing, kind.id_fields)
        return [raw for raw in items if kind.is_of_kind(raw) and not kind.is_deleted(raw)]
    except Gone:
        if kind.optional:
            return []
        raise


def _entry(kind: ResourceKind, raw: JsonObject) -> Entry:
    shown = kind.unwrap(raw)
    name = spellings.read(kind, raw).get(kind.name_field)
    return Entry(kind.name, str(name or ""), kind.id_of(shown), str(shown.get("status") or ""))
