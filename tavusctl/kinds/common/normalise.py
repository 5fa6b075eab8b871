"""Normalise reads of all kinds: unwrap envelopes, rename keys, drop computed keys; nothing is changed in place."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Final

from tavusctl.lib.json_types import JsonObject

# Keys that the API fills in, on objects of any kind.
COMPUTED = frozenset(
    {
        *("uuid", "id", "owner_id", "is_deleted", "is_draft", "is_draft_view", "is_published"),
        *("has_unpublished_changes", "publish_url", "session_id", "public_id", "created_at", "updated_at"),
    }
)


def unwrap(body: JsonObject, known: Collection[str]) -> JsonObject:
    """The object in `{data: {...}}` or `{data: [{...}]}`; a body that has a `known` key is the object already."""
    inner = body.get("data")
    if isinstance(inner, list) and len(inner) == 1:
        inner = inner[0]
    if isinstance(inner, dict) and not any(key in body for key in known):
        return inner
    return body


def respell(body: JsonObject, renamed: Mapping[str, str], dropped: Collection[str]) -> JsonObject:
    """A copy with keys renamed as in `spec`, and without dropped keys; where both names are there, the new one wins."""
    if not renamed:
        return {key: value for key, value in body.items() if key not in dropped}
    result = {renamed.get(key, key): value for key, value in body.items() if key in renamed}
    result.update((key, value) for key, value in body.items() if key not in renamed)
    return {key: result[key] for key in result if key not in dropped}


def normaliser(
    known: Collection[str], dropped: Collection[str], renamed: Mapping[str, str] | None = None
) -> Callable[[JsonObject], JsonObject]:
    """The `normalise` of a kind that needs nothing but `unwrap` and `respell`."""
    return lambda body: respell(unwrap(body, known), renamed or {}, dropped)


COMPUTED_OF_SETS: Final = COMPUTED | {"guardrails_id", "objectives_id", "status"}
_SET_NAMES: Final = {"guardrails_name": "name", "objectives_name": "name"}


def normaliser_of_sets(renamed: Mapping[str, str]) -> Callable[[JsonObject], JsonObject]:
    """The `normalise` of a kind of set, whose items have renamed keys; a single item becomes a list of one."""

    def normalise(body: JsonObject) -> JsonObject:
        set_body = _unwrap_set(body)
        result = respell(set_body, _SET_NAMES, COMPUTED_OF_SETS)
        if "data" in set_body:
            items = data if isinstance(data := set_body["data"], list) else [data]
            result["data"] = [
                respell(item, renamed, COMPUTED_OF_SETS) if isinstance(item, dict) else item for item in items
            ]
        return result

    return normalise


def _unwrap_set(body: JsonObject) -> JsonObject:
    """The set inside a documented envelope `{data: SET}`, else the body itself: a set has `data`, an item has not."""
    inner = body.get("data")
    if isinstance(inner, list) and len(inner) == 1:
        inner = inner[0]
    return inner if isinstance(inner, dict) and "data" in inner else body
