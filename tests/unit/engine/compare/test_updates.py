"""The changes of every way to update an object: JSON tells 1 from true, and Python does not."""

from __future__ import annotations

import pytest

from tavusctl.core.json_tree import canonical, value_at
from tavusctl.engine.compare import parts
from tavusctl.engine.compare.updates import update_of
from tavusctl.kinds import KINDS
from tavusctl.lib.json_types import Json, JsonObject

LOOKALIKES: list[tuple[Json, Json]] = [(1, True), (0, False), (True, 1), (False, 0)]
values = pytest.mark.parametrize(("old", "new"), LOOKALIKES)


@values
@pytest.mark.parametrize("kind", KINDS)
def test_a_number_and_a_boolean_are_two_values_for_every_kind(kind: str, old: Json, new: Json) -> None:
    update = update_of(KINDS[kind])
    before: JsonObject = {"a": old, "b": {"c": {"d": old}}, "e": [old]}
    after: JsonObject = {"a": new, "b": {"c": {"d": new}}, "e": [new]}

    operations = update.diff(KINDS[kind], before, after, {})

    assert canonical(update.apply(before, operations)) == canonical(after)


@values
def test_so_they_are_for_parts_with_calls_of_their_own(old: Json, new: Json) -> None:
    persona = KINDS["persona"]
    before: JsonObject = {"skills": {"presentation": {"enabled": old}}}
    after: JsonObject = {"skills": {"presentation": {"enabled": new}}}

    operations = update_of(persona).diff(persona, before, after, {})
    (call,) = parts.calls(persona, "p1", before, operations)

    assert call.part
    assert call.method in ("PUT", "PATCH")
    assert canonical(value_at(call.after, ("skills",))) == canonical(after["skills"])
