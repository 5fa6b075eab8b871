"""What was written and is not live: which keys of a read tell of a draft, and which places still read otherwise."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from tavusctl import patch
from tavusctl.core.json_tree import is_empty, is_hidden, map_leaves
from tavusctl.engine.compare.patch_guards import value_at
from tavusctl.fields.equivalence import alike
from tavusctl.lib.json_types import Json, JsonObject
from tavusctl.secrets.values import REDACTED

_SIGNS: Final = ("is_draft_view", "has_unpublished_changes", "publish_url")


def tells_of_draft(body: Mapping[str, Json]) -> bool:
    """Whether a body, or the object in its envelope, shows or speaks of a version that nobody uses yet."""
    inner = body.get("data")
    told = [body, *(inner if isinstance(inner, list) and len(inner) == 1 else [inner])]
    return any(isinstance(one, dict) and one.get(key) for one in told for key in _SIGNS)


def sent(spec: JsonObject, pointers: Iterable[str]) -> dict[str, Json]:
    """What was sent to some places, as a binding remembers it until it is live: nothing of a secret."""
    values = {one: value_at(spec, patch.split(one)) for one in pointers}
    return {one: map_leaves(value, lambda leaf: REDACTED if is_hidden(leaf) else leaf) for one, value in values.items()}


def lasting(not_live: Mapping[str, Json], body: Mapping[str, Json]) -> list[str]:
    """The places that a read does not show as they were sent, as far as a read can tell."""
    return [one for one, value in not_live.items() if not _shows(value_at(body, patch.split(one)), value)]


def _shows(shown: Json, value: Json) -> bool:
    """Whether a read has what was sent; what the server adds to an object makes no difference."""
    if is_hidden(value):
        return True
    if isinstance(value, dict) and value:
        held = shown if isinstance(shown, dict) else {}
        return all(_shows(held.get(key), item) for key, item in value.items())
    if isinstance(value, list) and isinstance(shown, list) and len(value) == len(shown):
        return alike(shown, value) or all(map(_shows, shown, value))
    return (is_empty(shown) and is_empty(value)) or alike(shown, value)
