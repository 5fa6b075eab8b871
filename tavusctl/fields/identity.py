"""Which item of a list is which: by the member that its kind declares for that."""

from __future__ import annotations

from tavusctl.lib.json_types import Json


def identity_of(item: Json, keyed_by: str) -> Json:
    """What identifies an item; `keyed_by` is a path of keys with dots, and None stands for what has none."""
    for key in keyed_by.split(".") if keyed_by else [""]:
        item = item.get(key) if isinstance(item, dict) else None
    return item
