"""What reads of all kinds need: envelopes opened, keys renamed, computed keys dropped, nothing changed in place."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from tavusctl.lib.json_types import JsonObject

# Bookkeeping that any object may carry.
COMPUTED = frozenset(
    {
        "uuid",
        "id",
        "owner_id",
        "is_deleted",
        "is_draft",
        "is_draft_view",
        "is_published",
        "has_unpublished_changes",
        "publish_url",
        "session_id",
        "public_id",
        "created_at",
        "updated_at",
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
    """A copy under the names of `spec`, without dropped keys; a name already there wins over the one it replaces."""
    if not renamed:
        return {key: value for key, value in body.items() if key not in dropped}
    kept = {renamed.get(key, key): value for key, value in body.items() if key in renamed}
    kept.update((key, value) for key, value in body.items() if key not in renamed)
    return {key: kept[key] for key in kept if key not in dropped}
