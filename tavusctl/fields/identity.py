"""Identify the items of a list, by the member that their kind declares for that."""

from __future__ import annotations

from tavusctl.lib.json_types import Json


def identity_of(item: Json, keyed_by: str) -> Json:
    """The value that identifies an item, at `keyed_by`, a path of keys with dots; None if the item has none."""
    for key in keyed_by.split(".") if keyed_by else [""]:
        item = item.get(key) if isinstance(item, dict) else None
    return item
