"""Members of list items that the kind does not know: they stay and make no difference, whatever is edited."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tavusctl import patch
from tavusctl.engine.compare.three_way import compare
from tavusctl.kinds import KINDS
from tests.laws.specs import bound, desired, live

Item = dict[str, Any]

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text("ab", max_size=3),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from("xyz"), inner, max_size=2),
    max_leaves=4,
)
UNKNOWN = st.dictionaries(st.sampled_from(["newer", "newest", "counter"]), VALUES, max_size=3)
NAMES = st.lists(st.sampled_from(["a", "b", "c", "d", "e"]), min_size=1, max_size=4, unique=True)
# Each with the members of an item by its name, and the member that an edit changes.
KEYED: dict[str, tuple[str, str]] = {
    "guardrails": ("guardrail_name", "guardrail_prompt"),
    "objectives": ("objective_name", "objective_prompt"),
}


def items(kind: str, names: list[str]) -> list[Item]:
    name, text = KEYED[kind]
    return [{name: one, text: f"{one} it is"} for one in names]


@pytest.mark.parametrize("kind", KEYED)
@given(data=st.data())
def test_unknown_members_make_no_difference(kind: str, data: st.DataObject) -> None:
    """A plan after an apply is empty, whatever the account has put into the items since."""
    spec: Item = {"name": "Set", "data": items(kind, data.draw(NAMES))}
    body = {**spec, "data": [{**item, **data.draw(UNKNOWN)} for item in spec["data"]]}

    found = compare(desired(kind, spec), live(kind, body), bound(kind, spec))

    assert (found.fields, found.patch, found.drift, found.stored_differently) == ((), (), (), ())


@pytest.mark.parametrize("kind", KEYED)
@given(data=st.data())
def test_unknown_members_of_items_that_stay_survive_an_edit(kind: str, data: st.DataObject) -> None:
    """Items come, go, change and move: what stays keeps all that nobody here knows."""
    name, text = KEYED[kind]
    before, after = data.draw(NAMES), data.draw(NAMES)
    applied: Item = {"name": "Set", "data": items(kind, before)}
    marks = {one: data.draw(UNKNOWN) for one in before}
    body = {**applied, "data": [{**item, **marks[item[name]]} for item in applied["data"]]}
    edited = [{**item, text: item[text] + data.draw(st.sampled_from(["", "!"]))} for item in items(kind, after)]
    wanted = {"name": "Set", "data": edited}

    found = compare(desired(kind, wanted), live(kind, body), bound(kind, applied))
    reached: Any = patch.apply(body, found.patch)

    assert [{key: item[key] for key in (name, text)} for item in reached["data"]] == edited
    for item in reached["data"]:
        told = {key: value for key, value in item.items() if key not in (name, text)}
        assert told == marks.get(item[name], {})
    assert compare(desired(kind, wanted), live(kind, reached), bound(kind, wanted)).fields == ()


@given(unknown=UNKNOWN, names=NAMES)
def test_unknown_members_of_tools_stay_at_every_depth(unknown: Item, names: list[str]) -> None:
    """In a tool, and in its function; its parameters are free in form, and managed with all that is in them."""
    tools: list[Item] = [
        {"type": "function", "function": {"name": one, "parameters": {"type": "object"}}} for one in names
    ]
    spec: Item = {"system_prompt": "Be brief.", "layers": {"llm": {"tools": tools}}}
    marked = [{**one, **unknown, "function": {**one["function"], **unknown}} for one in tools]
    body = {**spec, "layers": {"llm": {"tools": marked}}}
    last = {**tools[-1], "function": {**tools[-1]["function"], "description": "Book."}}
    edited = {**spec, "layers": {"llm": {"tools": [*tools[:-1], last]}}}

    assert compare(desired("persona", spec), live("persona", body), bound("persona", spec)).fields == ()
    found = compare(desired("persona", edited), live("persona", body), bound("persona", spec))
    reached = patch.resolve(patch.apply(body, found.patch), "/layers/llm/tools")
    assert reached == [*marked[:-1], {**marked[-1], "function": {**marked[-1]["function"], "description": "Book."}}]
    free = {**tools[0], "function": {**tools[0]["function"], "parameters": {"type": "object", "newer": 1}}}
    other = {**spec, "layers": {"llm": {"tools": [free, *tools[1:]]}}}
    assert compare(desired("persona", spec), live("persona", other), bound("persona", spec)).fields != ()


def test_the_kinds_are_known() -> None:
    assert set(KEYED) <= set(KINDS)
