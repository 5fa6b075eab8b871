"""What a persona looks like in each era: its fields, its layers, and the order of a read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from tavusctl.emulator.account.world import World
from tavusctl.emulator.bodies.fields import Fields
from tavusctl.emulator.http.messages import Object
from tavusctl.emulator.personas import layers as older
from tavusctl.emulator.personas import layers_today as today


@dataclass(frozen=True, slots=True)
class Shape:
    """The fields of a persona in one era, in the order of a read, and the defaults of the conversational flow."""

    before_layers: Fields  # before the layers
    layers: Mapping[str, Fields]
    after_layers: Fields
    after_times: Fields  # after the times
    flow_defaults: Object
    read_only: tuple[str, ...]
    free_form: tuple[str, ...] = ()  # layers that may have any members
    accepted: Fields | None = None  # the top-level fields that a write may have; None: those of a read

    @property
    def top(self) -> Fields:
        """Every top-level field that a read shows."""
        return {**self.before_layers, **self.after_layers, **self.after_times}

    @property
    def writable(self) -> Fields:
        """Every top-level field that a write may have."""
        return self.top if self.accepted is None else self.accepted


SEED = Shape(older.BEFORE_LAYERS, older.LAYERS, older.AFTER_LAYERS, {}, older.FLOW_DEFAULTS, older.READ_ONLY)
_WRITABLE = {**today.BEFORE_LAYERS, **today.AFTER_LAYERS, **today.AFTER_TIMES, **today.INTERNAL}
TODAY = Shape(
    today.BEFORE_LAYERS,
    today.LAYERS,
    today.AFTER_LAYERS,
    today.AFTER_TIMES,
    today.FLOW_DEFAULTS,
    older.READ_ONLY + today.READ_ONLY,
    today.FREE_FORM,
    {name: field for name, field in _WRITABLE.items() if name != "skills"},
)


def shape_of(world: World) -> Shape:
    """The shape of a persona in the era that is served."""
    return TODAY if world.is_today else SEED
