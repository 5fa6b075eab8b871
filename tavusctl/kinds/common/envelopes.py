"""Named sets of items, `{name, data: [...]}`: what guardrails and objectives have in common on read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from tavusctl.kinds.common.normalise import COMPUTED, respell
from tavusctl.lib.json_types import Json, JsonObject

DROPPED: Final = COMPUTED | {"guardrails_id", "objectives_id", "status"}
_SET_NAMES: Final = {"guardrails_name": "name", "objectives_name": "name"}


def respell_set(body: JsonObject, item_names: Mapping[str, str]) -> JsonObject:
    """A set as read, in the spelling of `spec`; a documented read of one item becomes a list of one."""
    whole = _open(body)
    read = respell(whole, _SET_NAMES, DROPPED)
    if "data" in whole:
        read["data"] = [_respell_item(item, item_names) for item in _items(whole["data"])]
    return read


def _open(body: JsonObject) -> JsonObject:
    """The set inside a documented envelope; an item has no `data` of its own, a set has."""
    inner = body.get("data")
    if isinstance(inner, list) and len(inner) == 1:
        inner = inner[0]
    return inner if isinstance(inner, dict) and "data" in inner else body


def _items(data: Json) -> list[Json]:
    return data if isinstance(data, list) else [data]


def _respell_item(item: Json, names: Mapping[str, str]) -> Json:
    return respell(item, names, DROPPED) if isinstance(item, dict) else item
