"""What a diff looks at and what it leaves alone: pins, names, single operations, effort."""

from __future__ import annotations

import json
from typing import Any

import pytest

from bench.patch.measure import measure
from tavusctl.lib.json_types import as_text
from tavusctl.patch import Pinned, apply, diff, resolve, same
from tavusctl.patch.differ import Differ
from tavusctl.patch.edit_script import operations

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
def test_another_pinned_value_is_an_error(before: Any, after: Any) -> None:
    with pytest.raises(ValueError, match=r"^a pinned value would have to be written$"):
        diff(before, after)


@pytest.mark.parametrize("hidden", [[Pinned(2)], {"x": [1, {"y": Pinned(2)}]}])
def test_another_pinned_value_is_an_error_however_deep(hidden: Any) -> None:
    with pytest.raises(ValueError, match=r"^a pinned value would have to be written$"):
        diff(deep({"k": 1}), deep({"k": hidden}))


def test_a_list_is_edited_item_by_item_however_deep() -> None:
    (longer,) = diff(deep([1, 3]), deep([1, 2, 3]))
    assert (longer["op"], as_text(longer["path"])[-2:], longer["value"]) == ("add", "/1", 2)
    (shorter,) = diff(deep([1, 2, 3, 4]), deep([1, 3, 4]))
    assert (shorter["op"], as_text(shorter["path"])[-2:]) == ("remove", "/1")


def deep(value: Any) -> Any:
    for _ in range(90):
        value = [value]
    return value


def test_an_equal_pinned_value_is_no_change() -> None:
    assert diff({"k": Pinned(1)}, {"k": Pinned(1)}) == []


@pytest.mark.parametrize("keep", [{"key": MASK, "in": [{"key": MASK}]}, [MASK, [MASK]]])
def test_what_holds_a_pinned_value_is_replaced_by_another_kind_of_value_only(keep: Any) -> None:
    holder = {"k": keep, "a": 1, "b": 2, "c": 3}
    other = {"a": 4, "b": 5, "c": 6}

    assert diff({"x": holder}, {"x": 7}) == [{"op": "replace", "path": "/x", "value": 7}]
    assert [one["path"] for one in diff({"x": holder}, {"x": other})] == ["/x/a", "/x/b", "/x/c", "/x/k"]


@pytest.mark.parametrize("key", ["/" * 30, "~" * 30])
def test_one_operation_stands_however_long_its_pointer(key: str) -> None:
    pointer = key.replace("~", "~0").replace("/", "~1")
    edit = {"op": "replace", "path": f"/k/{pointer}", "value": 2}

    assert diff({"k": {key: 1}}, {"k": {key: 2}}) == [edit]
    assert diff([{"k": {key: 1}}, *FAR, 1], [{"k": {key: 2}}, *FAR, 2]) == [
        {**edit, "path": f"/0{edit['path']}"},
        {"op": "replace", "path": "/3", "value": 2},
    ]


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
        costs = [measure(before, after, [*one, *rest]).cost for one in (fine, whole)]

        assert diff(before, after) == [*(fine if costs[0] <= costs[1] else whole), *rest], length
        equal += costs[0] == costs[1]
    assert equal == 1


def test_pairs_that_are_compared_take_from_the_effort_once() -> None:
    differ = Differ()
    for before, after, taken in (
        ({"a": 1, "b": 2}, {"a": 3, "b": 2, "c": 4}, 5),
        ([1, 2, 3], [1], 4),
        ("text", {"a": 1}, 1),
        ({"a": 1}, 5, 1),
        ({"a": 1, "b": 2}, {"a": 3, "b": 2, "c": 4}, 0),
    ):
        left = differ.effort
        differ.change_cached(before, after, 1, ())
        assert left - differ.effort == taken, (before, after)


def test_a_patch_is_right_when_no_effort_is_left() -> None:
    for before, after in (
        (["a", "b", "c", "d"], ["c", "d", "x", "b", "a"]),
        ([{"n": 1}, {"n": 2}, 3], [3, {"n": 2}, {"n": 1}]),
        (["a", {"k": [1, 2, 3]}], [{"k": [3, 2]}, "b"]),
    ):
        differ = Differ()
        differ.effort = 0
        _, plan = differ.change(before, after, 0, ())

        assert apply(before, operations(plan)) == after


# More items than are searched completely, all edited and none where it was.  Each is also told of by the one before it,
# so no part of an item is only its own: nothing but a declared name tells which is which.
NAMED = [
    {"name": f"tool {place}", "next": f"tool {(place + 1) % 40}", "text": f"{LONG} {place % 3}", "title": 1}
    for place in range(40)
]
EDITED = [{**one, "title": 2} for one in NAMED[3:]]
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
    """Whether three items go and every other one is edited; else each is made into the one that stands there now."""
    patch = diff(before, after, keyed_by=keyed_by)
    assert same(apply(before, patch), after)
    return [as_text(one["path"]).rpartition("/")[2] for one in patch] == ["0"] * 3 + ["title"] * 37


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
