from __future__ import annotations

from tavusctl.fields import places
from tavusctl.kinds import KINDS
from tavusctl.patch import join

PERSONA = KINDS["persona"]
SPEC = {
    "persona_name": "x",
    "layers": {"llm": {"model": "m", "tools": [{"name": "a/b~"}], "headers": {"0": "h"}}},
    "document_ids": ["d"],
}


def test_values_come_with_their_places_containers_first() -> None:
    found = places.values(PERSONA, SPEC)
    assert [place.pointer for place, _ in found] == [
        *("", "/persona_name", "/layers", "/layers/llm", "/layers/llm/model", "/layers/llm/tools"),
        *("/layers/llm/tools/0", "/layers/llm/tools/0/name", "/layers/llm/headers", "/layers/llm/headers/0"),
        *("/document_ids", "/document_ids/0"),
    ]
    assert all(place.pointer == join(place.path) for place, _ in found)
    assert [value for _, value in found][:3] == [SPEC, "x", SPEC["layers"]]


def test_a_place_has_what_its_kind_declares() -> None:
    declared = {place.pointer: place.declared for place, _ in places.values(PERSONA, SPEC)}
    assert declared["/document_ids/0"].pattern == ("document_ids", "*")
    assert declared["/layers/llm/headers/0"].pattern == ("layers", "llm", "headers", "0")
    for each in declared.values():
        assert each.traits is PERSONA.field_at(each.pattern)
    assert declared["/persona_name"].is_shown
    assert not declared["/layers/llm/headers/0"].is_shown


def test_any_number_of_keys_can_be_walked() -> None:
    keys = {f"key-{number}": {"inner": [number]} for number in range(4000)}
    found = places.values(PERSONA, keys)
    assert len(found) == 1 + 4 * len(keys) - len(keys)
    assert [place.pointer for place, _ in found][-1] == "/key-3999/inner/0"
    assert [place.pointer for place, _ in places.values(PERSONA, SPEC)][-1] == "/document_ids/0"
