"""What is known of an object beyond its last read: its binding, and fields that no read shows.  Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from msgspec.structs import replace

from tavusctl.core.binding import Binding
from tavusctl.core.resource_kind import ResourceKind
from tavusctl.engine.compare.patch_guards import touches
from tavusctl.lib.json_types import Json, JsonObject


def readable(kind: ResourceKind, body: JsonObject) -> JsonObject:
    """A body without the fields that no read shows."""
    return {key: value for key, value in body.items() if not kind.field_at((key,)).write_only}


def with_unread(kind: ResourceKind, body: JsonObject, applied: JsonObject) -> JsonObject:
    """A body as it was read, with the last applied values of the fields that no read shows."""
    return {**{key: value for key, value in applied.items() if kind.field_at((key,)).write_only}, **body}


def restore_fields(now: Binding, before: Binding, applied: JsonObject, places: Sequence[str]) -> Binding:
    """A binding after a run (`now`) that keeps for `places` (pointers) what was recorded before the run."""

    def merged(current: Mapping[str, Json], earlier: Mapping[str, Json]) -> dict[str, Json]:
        unaffected = {path: value for path, value in current.items() if not touches(path, places)}
        return {**unaffected, **{path: value for path, value in earlier.items() if touches(path, places)}}

    return replace(
        now,
        applied=applied,
        answered=merged(now.answered, before.answered),
        unconfirmed=merged(now.unconfirmed, before.unconfirmed),
    )
