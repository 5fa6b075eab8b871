"""Normalise named sets of items, `{name, data: [...]}`: the form in which the API returns guardrails and objectives."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from tavusctl.kinds.common.normalise import COMPUTED, respell
from tavusctl.lib.json_types import Json, JsonObject

DROPPED: Final = COMPUTED | {"guardrails_id", "objectives_id", "status"}
_SET_NAMES: Final = {"guardrails_name": "name", "objectives_name": "name"}


def respell_set(body: JsonObject, item_names: Mapping[str, str]) -> JsonObject:
    """A set as the API returns it, under the key names of `spec`; a single item in `data` becomes a list of one."""
    set_body = _unwrap_set(body)
    result = respell(set_body, _SET_NAMES, DROPPED)
    if "data" in set_body:
        result["data"] = [_respell_item(item, item_names) for item in _items(set_body["data"])]
    return result


def _unwrap_set(body: JsonObject) -> JsonObject:
    """The set inside a documented envelope `{data: SET}`, else the body itself: a set has `data`, an item has not."""
    inner = body.get("data")
    if isinstance(inner, list) and len(inner) == 1:
        inner = inner[0]
    return inner if isinstance(inner, dict) and "data" in inner else body


def _items(data: Json) -> list[Json]:
    return data if isinstance(data, list) else [data]


def _respell_item(item: Json, names: Mapping[str, str]) -> Json:
    return respell(item, names, DROPPED) if isinstance(item, dict) else item
