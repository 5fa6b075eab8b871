"""Applying operations as RFC 6902 says, and refusing what does not fit."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from tavusctl.lib.json_types import as_object
from tavusctl.patch import PatchError, apply, resolve


@pytest.mark.parametrize(
    ("document", "operation", "expected"),
    [
        ({"foo": "bar"}, {"op": "add", "path": "/baz", "value": "qux"}, {"foo": "bar", "baz": "qux"}),
        ({"foo": ["bar", "baz"]}, {"op": "add", "path": "/foo/1", "value": "qux"}, {"foo": ["bar", "qux", "baz"]}),
        ({"foo": ["bar"]}, {"op": "add", "path": "/foo/-", "value": ["abc"]}, {"foo": ["bar", ["abc"]]}),
        ({"foo": 1}, {"op": "add", "path": "/foo", "value": 2}, {"foo": 2}),
        ({"foo": 1}, {"op": "add", "path": "", "value": [2]}, [2]),
        ({"foo": "bar", "baz": 1}, {"op": "remove", "path": "/baz"}, {"foo": "bar"}),
        ({"foo": ["a", "b", "c"]}, {"op": "remove", "path": "/foo/1"}, {"foo": ["a", "c"]}),
        ({"foo": [1]}, {"op": "replace", "path": "/foo/0", "value": True}, {"foo": [True]}),
        ({"/": 9, "~1": 10}, {"op": "test", "path": "/~01", "value": 10}, {"/": 9, "~1": 10}),
    ],
)
def test_an_operation_that_fits_is_applied_to_a_copy(document: Any, operation: dict[str, Any], expected: Any) -> None:
    kept = copy.deepcopy(document)

    assert apply(document, [operation]) == expected
    assert document == kept


@pytest.mark.parametrize(
    ("document", "operation", "message"),
    [
        ({}, {"op": "add", "path": "/a/b", "value": 1}, "nothing at 'a'"),
        ({"a": "text"}, {"op": "add", "path": "/a/b", "value": 1}, "'a' holds nothing"),
        ([1], {"op": "add", "path": "/2", "value": 1}, "'2' is no index up to 1"),
        ([1], {"op": "add", "path": "/01", "value": 1}, "'01' is no index up to 1"),
        ([1], {"op": "add", "path": "/+1", "value": 1}, "'+1' is no index up to 1"),
        ([1], {"op": "add", "path": "/\u0661", "value": 1}, "'\u0661' is no index up to 1"),
        ([1], {"op": "add", "path": "/1"}, "add without 'value'"),
        ([1], {"op": "add", "value": 1}, "add without 'path'"),
        ([1], {"op": "remove", "path": "/1"}, "'1' is no index up to 0"),
        ([1], {"op": "remove", "path": "/-"}, "'-' is no index up to 0"),
        ([], {"op": "remove", "path": "/0"}, "'0' is no index up to -1"),
        ([1], {"op": "remove", "path": ""}, "the whole document cannot be removed"),
        ({}, {"op": "replace", "path": "/a", "value": 1}, "nothing at 'a'"),
        ({"a": 1}, {"op": "test", "path": "/a", "value": True}, "another value at '/a'"),
        ({"a": 1}, {"op": "test", "path": "/a", "value": 1.0}, "another value at '/a'"),
        ({"a": 1}, {"op": "test", "path": "/b", "value": None}, "nothing at 'b'"),
        ({"a": 1}, {"op": "move", "from": "/a", "path": "/b"}, "no operation: 'move'"),
        ({}, {"op": "copy", "from": "", "path": "/a"}, "no operation: 'copy'"),
        ({}, {"op": "add", "path": None, "value": 1}, "not a pointer: None"),
        ({}, {"op": "add", "path": "a", "value": 1}, "not a pointer: 'a'"),
        ({}, {"path": "/a", "value": 1}, "no operation: None"),
    ],
)
def test_an_operation_that_does_not_fit_is_refused(document: Any, operation: dict[str, Any], message: str) -> None:
    kept = copy.deepcopy(document)

    with pytest.raises(PatchError) as refused:
        apply(document, [operation])
    assert str(refused.value) == message
    assert document == kept


class Watched(dict[str, Any]):
    """An object that notices how often it is copied."""

    copies = 0

    def copy(self) -> Watched:
        Watched.copies += 1
        return Watched(self)


def test_a_container_is_copied_once_however_many_operations_write_to_it() -> None:
    document = {"in": Watched(a=1), "other": Watched(b=2)}
    Watched.copies = 0
    operations = [{"op": "add", "path": f"/in/k{number}", "value": number} for number in range(9)]

    assert len(as_object(as_object(apply(document, operations))["in"])) == 10
    assert Watched.copies == 1
    assert len(document["in"]) == 1


def test_a_value_that_was_put_in_stays_as_it_was_when_the_document_changes_further() -> None:
    value: dict[str, Any] = {"inner": []}
    operations: list[dict[str, Any]] = [
        {"op": "add", "path": "/a", "value": value},
        {"op": "add", "path": "/b", "value": value},
        {"op": "add", "path": "/a/inner/-", "value": 1},
    ]

    assert apply({}, operations) == {"a": {"inner": [1]}, "b": {"inner": []}}
    assert value == {"inner": []}


def test_a_pointer_leads_to_a_value_or_is_refused() -> None:
    document = {"a": [{"b~/c": 1}]}

    assert resolve(document, "/a/0/b~0~1c") == 1
    assert resolve(document, "") is document
    with pytest.raises(PatchError, match="nothing at 'x'"):
        resolve(document, "/a/0/x")
