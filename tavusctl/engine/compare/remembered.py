"""The binding of an object of which only some fields were changed by a run.  Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from msgspec.structs import replace

from tavusctl.core.binding import Binding
from tavusctl.engine.compare.patch_guards import touches
from tavusctl.lib.json_types import Json, JsonObject


def restore_fields(now: Binding, before: Binding, applied: JsonObject, places: Sequence[str]) -> Binding:
    """A binding after a run (`now`) that keeps for `places` (pointers) what was recorded before the run."""

    def merged(current: Mapping[str, Json], earlier: Mapping[str, Json]) -> dict[str, Json]:
        unaffected = {path: value for path, value in current.items() if not touches(path, places)}
        return {**unaffected, **{path: value for path, value in earlier.items() if touches(path, places)}}

    return replace(
        now,
        applied=applied,
        answered=merged(now.answered, before.answered),
        unkept=merged(now.unkept, before.unkept),
        unconfirmed=merged(now.unconfirmed, before.unconfirmed),
    )
