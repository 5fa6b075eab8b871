"""What the state is to remember of an object while some of its places are as they were before.  Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from msgspec.structs import replace

from tavusctl.core.binding import Binding
from tavusctl.engine.compare.patch_guards import touches
from tavusctl.lib.json_types import Json, JsonObject


def as_it_was(now: Binding, before: Binding, applied: JsonObject, places: Sequence[str]) -> Binding:
    """A binding with what was remembered of some places before a run."""

    def mixed(current: Mapping[str, Json], earlier: Mapping[str, Json]) -> dict[str, Json]:
        others = {path: value for path, value in current.items() if not touches(path, places)}
        return {**others, **{path: value for path, value in earlier.items() if touches(path, places)}}

    return replace(
        now,
        applied=applied,
        answered=mixed(now.answered, before.answered),
        unkept=mixed(now.unkept, before.unkept),
        unconfirmed=mixed(now.unconfirmed, before.unconfirmed),
    )
