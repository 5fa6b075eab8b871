from __future__ import annotations

from array import array

import pytest

from tavusctl.config.yaml12.positions import InnerPositions, Positions, compact, places_of
from tavusctl.core.address import Source

POINTERS = ("", "/kind", "/spec", "/spec/a", "/spec/extra", "/spec/extra/b", "/spec/extras", "/special")
NUMBERS = [number for line in range(1, len(POINTERS) + 1) for number in (line % 2, line, 10 * line)]
PATHS = ("one.yaml", "two.yaml")


def positions() -> Positions:
    return Positions(PATHS, places_of(POINTERS), array("I", NUMBERS))


def test_positions_are_those_of_a_dictionary() -> None:
    expected = {pointer: Source(PATHS[line % 2], line, 10 * line) for line, pointer in enumerate(POINTERS, start=1)}
    assert positions() == expected
    assert expected == positions()
    assert list(positions()) == list(expected)
    assert repr(positions()) == repr(expected)
    assert "/spec/b" not in positions()
    assert positions().get("/spec/b") is None


def test_of_a_pointer_given_twice_the_last_position_counts() -> None:
    twice = Positions(("f.yaml",), places_of(("/a", "/b", "/a")), array("I", [0, 1, 1, 0, 2, 1, 0, 3, 1]))
    assert dict(twice) == {"/a": Source("f.yaml", 3, 1), "/b": Source("f.yaml", 2, 1)}


def test_positions_in_a_value_have_pointers_into_it_and_leave_one_member_out() -> None:
    inner = InnerPositions(positions(), "/spec", "/extra")
    expected = {pointer.removeprefix("/spec"): positions()[pointer] for pointer in ("/spec", "/spec/a", "/spec/extras")}
    assert inner == expected
    assert len(inner) == len(expected)
    assert repr(inner) == repr(expected)
    assert "/extra/b" not in inner
    assert inner.get("/extra") is None
    assert dict(InnerPositions(positions(), "/other", "/extra")) == {}


def test_positions_of_any_mapping_are_the_same() -> None:
    written = dict(positions())
    for mapping in (positions(), written, InnerPositions(positions(), "/spec", "/extra")):
        assert dict(Positions.of(mapping)) == dict(mapping)
    assert dict(Positions.of(InnerPositions(written, "/spec", "/extra"))) == dict(
        InnerPositions(positions(), "/spec", "/extra")
    )


@pytest.mark.parametrize(("line", "size"), [(65_535, 2), (65_536, 4)])
def test_numbers_take_two_bytes_each_if_all_of_them_fit(line: int, size: int) -> None:
    numbers = compact([0, line, 1])

    assert numbers.tolist() == [0, line, 1]
    assert numbers.itemsize == size
