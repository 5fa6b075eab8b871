"""Writes that are not live: whether a read reports a draft, and which written places do not show what was sent."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from tavusctl import patch
from tavusctl.core.json_tree import is_empty, is_hidden, map_leaves, value_at
from tavusctl.fields.equivalence import alike
from tavusctl.lib.json_types import Json, JsonObject
from tavusctl.secrets.values import REDACTED, TextFingerprint

_SIGNS: Final = ("is_draft_view", "has_unpublished_changes", "publish_url")


def mentions_draft(body: Mapping[str, Json]) -> bool:
    """Whether a body, or the object in its envelope, is or mentions a draft that is not published yet."""
    inner = body.get("data")
    bodies = [body, *(inner if isinstance(inner, list) and len(inner) == 1 else [inner])]
    return any(isinstance(item, dict) and item.get(key) for item in bodies for key in _SIGNS)


def sent_values(spec: JsonObject, pointers: Iterable[str]) -> dict[str, Json]:
    """The values that were sent, by pointer, as a binding records them until they are live; secrets are redacted."""
    values = {pointer: value_at(spec, patch.split(pointer)) for pointer in pointers}
    return {
        pointer: map_leaves(value, lambda leaf: REDACTED if is_hidden(leaf) else leaf)
        for pointer, value in values.items()
    }


def still_not_live(not_live: Mapping[str, Json], body: Mapping[str, Json]) -> list[str]:
    """The pointers whose values a read does not show as they were sent; values of secrets cannot be compared."""
    return [pointer for pointer, value in not_live.items() if not _shows(value_at(body, patch.split(pointer)), value)]


def _shows(shown: Json, value: Json) -> bool:
    """Whether a read shows what was sent; members that the server adds to an object make no difference."""
    if is_hidden(value) and not isinstance(value, TextFingerprint):
        return True
    if isinstance(value, dict) and value:
        members = shown if isinstance(shown, dict) else {}
        return all(_shows(members.get(key), item) for key, item in value.items())
    if isinstance(value, list) and isinstance(shown, list) and len(value) == len(shown):
        return alike(shown, value) or all(map(_shows, shown, value))
    return (is_empty(shown) and is_empty(value)) or alike(shown, value)
