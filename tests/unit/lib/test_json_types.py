from __future__ import annotations

from collections.abc import Callable

import pytest

from tavusctl.lib.json_types import (
    Json,
    as_boolean,
    as_integer,
    as_list,
    as_number,
    as_object,
    as_text,
    is_plain,
    special_leaves,
)

VALUES: tuple[Json, ...] = ({"a": 1}, [1], "text", 1, 1.5, True, None)
ASKED: dict[str, tuple[Callable[[Json], object], list[Json]]] = {
    "an object": (as_object, [{"a": 1}]),
    "a list": (as_list, [[1]]),
    "text": (as_text, ["text"]),
    "a whole number": (as_integer, [1]),
    "a number": (as_number, [1, 1.5]),
    "true or false": (as_boolean, [True]),
}


@pytest.mark.parametrize("expected", ASKED)
def test_a_value_is_what_it_is_asked_to_be_or_refused(expected: str) -> None:
    ask, right = ASKED[expected]
    for value in VALUES:
        if any(value is one or (type(value) is type(one) and value == one) for one in right):
            assert ask(value) is value
        else:
            with pytest.raises(TypeError) as refused:
                ask(value)
            assert str(refused.value) == f"expected {expected}, found a value of the type {type(value).__name__}"


def test_special_leaves_are_those_that_are_no_json_values() -> None:
    """Each with its path, in the order of the document."""
    mark = object()
    document: dict[str, object] = {"a": [1, {"b": mark, "c": None}], "d": "text", "e": mark, "f": {}}

    assert special_leaves(document) == [(("a", "1", "b"), mark), (("e",), mark)]
    assert special_leaves(mark) == [((), mark)]
    assert special_leaves("text") == []


def test_a_document_is_plain_when_it_has_no_special_leaves() -> None:
    mark = object()
    documents: list[Json] = [{"a": [1, {"b": None}], "d": "text"}, [], {}, "text", None, 1.5]
    others: list[Json] = [{"a": [1, {"b": mark}]}, [[mark]], {"a": mark}, mark, {"a": (1, 2)}]
    assert [*map(is_plain, documents)] == [True] * 6
    assert [*map(is_plain, others)] == [False] * 5
