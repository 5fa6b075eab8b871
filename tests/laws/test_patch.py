"""Laws of every patch between two documents."""

from __future__ import annotations

import copy
import json
from typing import Any

import jsonpatch
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tavusctl.patch import PatchError, apply, diff, escape, join, resolve, same, split
from tests.laws.patches import MANY, MOST, PARTS, documents, edited, exact, grown, keys, pairs

Pair = tuple[Any, Any]


@pytest.mark.parametrize("part", PARTS)
@MOST
@given(st.integers(0, 2**62))
def test_a_patch_leads_from_before_to_after_whatever_grows(part: int, seed: int) -> None:
    before, after = grown(seed * len(PARTS) + part)  # no part has the documents of another
    patch = diff(before, after)

    assert exact(apply(before, patch)) == exact(after)
    assert exact(jsonpatch.apply_patch(copy.deepcopy(before), copy.deepcopy(patch))) == exact(after)


@MANY
@given(pairs())
def test_a_patch_leads_from_before_to_after_by_two_appliers(pair: Pair) -> None:
    before, after = pair
    patch = diff(before, after)

    assert exact(apply(before, patch)) == exact(after)
    assert exact(jsonpatch.apply_patch(copy.deepcopy(before), copy.deepcopy(patch))) == exact(after)


@given(pairs())
def test_a_patch_is_the_same_every_time_and_changes_neither_document(pair: Pair) -> None:
    texts = [json.dumps(document) for document in pair]
    first = diff(*pair)
    reread = [json.loads(text) for text in texts]

    assert json.dumps(first) == json.dumps(diff(*reread))
    assert [json.dumps(document) for document in pair] == texts


@given(pairs())
def test_a_patch_is_empty_only_between_strictly_equal_documents(pair: Pair) -> None:
    before, after = pair

    assert (diff(before, after) == []) == (exact(before) == exact(after)) == same(before, after)


@given(pairs())
def test_no_operation_of_a_patch_can_be_left_out(pair: Pair) -> None:
    before, after = pair
    patch = diff(before, after)

    for left_out in range(len(patch)):
        shorter = patch[:left_out] + patch[left_out + 1 :]
        try:
            reached = apply(before, shorter)
        except PatchError:
            continue
        assert exact(reached) != exact(after)


@given(pairs())
def test_no_replaced_value_differs_in_one_place_only(pair: Pair) -> None:
    before, after = pair

    for operation, old in replaced(before, diff(before, after)):
        places = places_that_differ(old, operation["value"])
        assert places == [""] or len(places) > 1


@given(pairs())
def test_nothing_is_overwritten_by_an_add(pair: Pair) -> None:
    document, after = pair

    for operation in diff(document, after):
        assert operation["op"] in ("add", "remove", "replace")
        if operation["op"] == "add":
            assert operation["path"]
            *parents, last = split(operation["path"])
            container = resolve(document, join(parents))
            assert not isinstance(container, dict) or last not in container
        document = apply(document, [operation])


@given(st.dictionaries(keys, documents, min_size=1), st.data())
def test_what_did_not_change_is_not_in_any_operation(before: dict[str, Any], data: st.DataObject) -> None:
    changed = data.draw(st.sampled_from(sorted(before)))
    after = before | {changed: data.draw(edited(before[changed]))}
    pointer = f"/{escape(changed)}"

    for operation in diff(before, after):
        assert f"{operation['path']}/".startswith(f"{pointer}/")


@given(st.lists(keys))
def test_a_pointer_is_split_into_the_path_it_was_joined_from(path: list[str]) -> None:
    assert split(join(path)) == tuple(path)


@pytest.mark.parametrize("pointer", ["a", "/~2", "/~", "~0"])
def test_what_is_not_a_pointer_is_refused(pointer: str) -> None:
    with pytest.raises(PatchError):
        split(pointer)


def replaced(before: Any, patch: list[dict[str, Any]]) -> list[tuple[dict[str, Any], Any]]:
    """Replacements, each with the value that it replaces."""
    found = []
    for operation in patch:
        if operation["op"] == "replace":
            found.append((operation, resolve(before, operation["path"])))
        before = apply(before, [operation])
    return found


def places_that_differ(old: Any, new: Any, path: str = "") -> list[str]:
    """Pointers at which two values part, found without the differ."""
    if isinstance(old, dict) and isinstance(new, dict):
        keys = sorted(old.keys() | new.keys())
        inner = [(key, old.get(key, ...), new.get(key, ...)) for key in keys]
    elif isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        inner = [(str(place), one, other) for place, (one, other) in enumerate(zip(old, new, strict=True))]
    elif old is ... or new is ... or exact(old) != exact(new):
        return [path]
    else:
        return []
    return [place for key, one, other in inner for place in places_that_differ(one, other, f"{path}/{escape(key)}")]
