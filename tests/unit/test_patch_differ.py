"""What a diff looks at and what it leaves alone: pins, names, single operations, effort."""

from __future__ import annotations

import json
from typing import Any

import pytest

from bench.patch.measure import measure
from tavusctl.patch import Pinned, apply, diff, resolve, same
from tavusctl.patch.differ import Differ
from tavusctl.patch.script import operations, spell
from tests.laws.patches import WITH_MOVES, WITHOUT_MOVES

MASK = Pinned("********")
LONG = "a text of some length, as prompts have it"
FAR = [LONG * 20, LONG * 20]  # between what changes, so that nobody would write it all


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (Pinned(1), Pinned(True)),
        (Pinned({"a": 1}), Pinned({"a": 1.0})),
        ({"k": [Pinned(1)]}, {"k": [Pinned(2)]}),
        ({"k": [1, {"x": Pinned([1])}]}, {"k": [1, {"x": Pinned([2])}]}),
        ({"k": [Pinned("a"), 1]}, {"k": [1, Pinned("b")]}),
        ({"k": "text"}, {"k": {"x": MASK}}),
        ({"k": {"x": 1}}, {"k": {"x": MASK}}),
        ([], [[MASK]]),
    ],
)
@pytest.mark.parametrize("allowed", [WITHOUT_MOVES, WITH_MOVES])
def test_another_pinned_value_is_an_error(before: Any, after: Any, allowed: frozenset[str]) -> None:
    with pytest.raises(ValueError, match=r"^a pinned value would have to be written$"):
        diff(before, after, allowed=allowed)


@pytest.mark.parametrize("keep", [{"key": MASK, "in": [{"key": MASK}]}, [MASK, [MASK]]])
def test_what_holds_a_pinned_value_is_replaced_by_another_kind_of_value_only(keep: Any) -> None:
    holder = {"k": keep, "a": 1, "b": 2, "c": 3}
    other = {"a": 4, "b": 5, "c": 6}

    assert diff({"x": holder}, {"x": 7}) == [{"op": "replace", "path": "/x", "value": 7}]
    assert [one["path"] for one in diff({"x": holder}, {"x": other})] == ["/x/a", "/x/b", "/x/c", "/x/k"]


def test_what_may_not_be_written_is_brought_at_the_least_cost() -> None:
    before = {"a": {"key": MASK, "text": LONG}, "b": {"key": MASK}, "c": {"key": Pinned(0), "text": LONG}}
    after = {"x": before["c"], "y": before["a"], "z": before["b"], "w": {"key": MASK, "text": "new"}}

    with pytest.raises(ValueError, match="pinned"):
        diff(before, after, allowed=WITH_MOVES)
    del after["w"]
    assert diff(before, after, allowed=WITH_MOVES) == [
        {"op": "move", "from": "/c", "path": "/x"},
        {"op": "move", "from": "/a", "path": "/y"},
        {"op": "move", "from": "/b", "path": "/z"},
    ]


@pytest.mark.parametrize("moving", [False, True])
@pytest.mark.parametrize("key", ["/" * 30, "~" * 30])
def test_one_operation_stands_however_long_its_pointer(key: str, moving: bool) -> None:
    allowed = WITH_MOVES if moving else WITHOUT_MOVES
    pointer = key.replace("~", "~0").replace("/", "~1")
    edit = {"op": "replace", "path": f"/k/{pointer}", "value": 2}

    assert diff({"k": {key: 1}}, {"k": {key: 2}}, allowed=allowed) == [edit]
    assert diff([{"k": {key: 1}}, *FAR, 1], [{"k": {key: 2}}, *FAR, 2], allowed=allowed) == [
        {**edit, "path": f"/0{edit['path']}"},
        {"op": "replace", "path": "/3", "value": 2},
    ]


def test_equal_members_are_renamed_in_the_order_of_their_keys() -> None:
    letters = "qwertzuiopa"
    before, after = ({side + letter: LONG for letter in letters} for side in ("old ", "new "))

    assert diff(before, after, allowed=WITH_MOVES) == [
        {"op": "move", "from": f"/old {letter}", "path": f"/new {letter}"} for letter in sorted(letters)
    ]


@pytest.mark.parametrize(("gone", "come", "moves"), [(12, 12, 12), (5, 29, 0)])
def test_so_many_edited_members_are_found_again_under_another_name(gone: int, come: int, moves: int) -> None:
    before = {f"old {place:2}": {"text": f"{LONG * 4} {place}", "n": 0} for place in range(gone)}
    after = {f"new {place:2}": {"text": f"{LONG * 4} {place}", "n": 1} for place in range(come)}

    assert [one["op"] for one in diff(before, after, allowed=WITH_MOVES)].count("move") == moves


@pytest.mark.parametrize(("size", "moves"), [(14, 13), (15, 0)])
def test_so_many_edited_items_without_a_name_are_found_again_elsewhere(size: int, moves: int) -> None:
    before = [{"text": f"{LONG * 4} {place}", "n": place} for place in range(size)]
    after = [before[-1], *({**one, "n": -1} for one in before[-2::-1])]

    assert [one["op"] for one in diff({"x": before}, {"x": after}, allowed=WITH_MOVES)].count("move") == moves


def test_what_stays_is_not_measured() -> None:
    """Only what may be written is: a large document with two small edits is as quick as they are."""
    large = [Unmeasured() for _ in range(100)]
    before = {**dict.fromkeys("abcdefgh", 0), "large": large}
    after = {**before, "large": large.copy(), "b": 1, "f": 2}

    assert [one["path"] for one in diff(before, after)] == ["/b", "/f"]


class Unmeasured:
    """A leaf that is the same wherever it stands, and that may not be looked up."""

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Unmeasured)

    def __hash__(self) -> int:
        message = "looked up"
        raise AssertionError(message)


class Compared:
    """A leaf that notes how often it was compared; none is another."""

    times = 0

    def __eq__(self, other: object) -> bool:
        Compared.times += 1
        return self is other

    def __hash__(self) -> int:
        return id(self)


def test_items_are_compared_until_another_way_is_cheaper() -> None:
    """Two large members differ: replacing their item is cheaper by then, whatever the third may be."""
    texts = [f"{LONG}{side}" for side in (1, 2)]
    flat = [[{"a": text, "b": text, "c": Compared()}, text] for text in texts]
    deep = [[{"a": text, "in": {"a": text, "b": text, "c": Compared()}}, text] for text in texts]
    for before, after in (flat, deep):
        Compared.times = 0
        assert [one["path"] for one in diff({"x" * 90: before}, {"x" * 90: after})] == ["/" + "x" * 90]
        assert Compared.times == 1  # when the items were found to differ


@pytest.mark.parametrize("nested", [False, True])
def test_of_two_patches_that_cost_the_same_the_one_that_touches_less_is_taken(nested: bool) -> None:
    equal = 0
    name, place = "items" * 9, "/" + "items" * 9 + "/0" * nested
    for length in range(60):
        items = ({"a": a, "b": a + 1, "t": "x" * length} for a in (1, 3))
        before, after = ({name: [item, *FAR, item["a"]] if nested else item} for item in items)
        fine = [{"op": "replace", "path": f"{place}/{key}", "value": value} for key, value in (("a", 3), ("b", 4))]
        whole = [{"op": "replace", "path": place, "value": resolve(after, place)}]
        rest = [{"op": "replace", "path": f"/{name}/3", "value": 3}] * nested
        costs = [measure(before, after, [*one, *rest], WITHOUT_MOVES).cost for one in (fine, whole)]

        assert diff(before, after) == [*(fine if costs[0] <= costs[1] else whole), *rest], length
        equal += costs[0] == costs[1]
    assert equal == 1


def test_pairs_that_are_compared_take_from_the_effort_once() -> None:
    differ = Differ(moving=False)
    for before, after, taken in (
        ({"a": 1, "b": 2}, {"a": 3, "b": 2, "c": 4}, 5),
        ([1, 2, 3], [1], 4),
        ("text", {"a": 1}, 1),
        ({"a": 1}, 5, 1),
        ({"a": 1, "b": 2}, {"a": 3, "b": 2, "c": 4}, 0),
    ):
        left = differ.effort
        differ.pair(before, after, 1, ())
        assert left - differ.effort == taken, (before, after)


@pytest.mark.parametrize("moving", [False, True])
def test_a_patch_is_right_when_no_effort_is_left(moving: bool) -> None:
    for before, after in (
        (["a", "b", "c", "d"], ["c", "d", "x", "b", "a"]),
        ([{"n": 1}, {"n": 2}, 3], [3, {"n": 2}, {"n": 1}]),
        (["a", {"k": [1, 2, 3]}], [{"k": [3, 2]}, "b"]),
    ):
        differ = Differ(moving=moving)
        differ.effort = 0
        _, plan = differ.change(before, after, 0, ())
        patch = [spell(step) for step in operations(plan)]

        assert apply(before, patch) == after
        assert not any(one["path"] == one.get("from") for one in patch)


# More items than are compared one by one, all edited and none where it was: only a name tells which is which.
NAMED = [{"name": f"tool {place}", "text": f"{LONG * 4} {place}", "title": 1} for place in range(14)]
EDITED = [{**one, "title": 2} for one in reversed(NAMED)]
SPOTS = [
    ("/x", "name", True),
    ("/*", "name", True),
    ("", "name", False),
    ("/x/*", "name", False),
    ("/y", "name", False),
    ("/x", "title", False),
]


@pytest.mark.parametrize(("pattern", "member", "known"), SPOTS)
def test_items_are_known_by_the_member_that_is_declared_for_their_place(pattern: str, member: str, known: bool) -> None:
    assert followed({"x": NAMED}, {"x": EDITED}, {pattern: member}) == known


@pytest.mark.parametrize(
    ("patterns", "known"),
    [
        ({"/a~1b/*/in/*": "name"}, True),
        ({"/*/*/*/*": "name"}, True),
        ({"/a~1b/1/in/0": "name"}, False),
        ({"/a~1b/*/in": "name"}, False),
        ({"/a~1b//in/*": "name"}, False),
        ({"/a~1b": "title", "/a~1b/*/in/*": "name"}, True),
        ({"/a~1b": "name", "/a~1b/*/in/*": "title"}, False),
    ],
)
def test_items_of_arrays_in_arrays_are_known_by_a_pattern(patterns: dict[str, str], known: bool) -> None:
    before, after = ({"a/b": [0, {"in": [items]}]} for items in (NAMED, EDITED))

    assert followed(before, after, patterns) == known


def followed(before: Any, after: Any, keyed_by: dict[str, str]) -> bool:
    """Whether items are moved and edited, not written anew."""
    patch = diff(before, after, keyed_by=keyed_by, allowed=WITH_MOVES)
    assert same(apply(before, patch), after)
    return {one["op"] for one in patch} == {"move", "replace"}


@pytest.mark.parametrize(
    ("old", "new"), [(1, True), (False, 0), (1, 1.0), (0.0, 0), (True, 1.0), ([1], [True]), ("1", 1)]
)
def test_another_kind_of_value_is_another_value_though_python_takes_it_for_equal(old: Any, new: Any) -> None:
    change = diff(old, new)
    written = json.dumps(change)

    assert len(change) == 1
    for before, after, place in (
        ({"k": old}, {"k": new}, "/k"),
        ([0, old], [0, new], "/1"),
        ([[old]], [[new]], "/0/0"),
    ):
        assert json.dumps(diff(before, after)) == written.replace('"path": "', f'"path": "{place}')
