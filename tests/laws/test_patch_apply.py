"""Applying operations as RFC 6902 says, and refusing what does not fit."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from tavusctl.patch import MisfitError, apply, resolve


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
        ({"foo": {"a": 1}, "b": {}}, {"op": "move", "from": "/foo/a", "path": "/b/c"}, {"foo": {}, "b": {"c": 1}}),
        (["a", "b", "c"], {"op": "move", "from": "/0", "path": "/2"}, ["b", "c", "a"]),
        ({"a": 1}, {"op": "move", "from": "/a", "path": "/a"}, {"a": 1}),
        ({"/": 9, "~1": 10}, {"op": "test", "path": "/~01", "value": 10}, {"/": 9, "~1": 10}),
    ],
)
def test_an_operation_that_fits_is_applied_to_a_copy(document: Any, operation: dict[str, Any], expected: Any) -> None:
    kept = copy.deepcopy(document)

    assert apply(document, [operation]) == expected
    assert document == kept


@pytest.mark.parametrize(
    ("document", "operation"),
    [
        ({}, {"op": "add", "path": "/a/b", "value": 1}),
        ({"a": "text"}, {"op": "add", "path": "/a/b", "value": 1}),
        ([1], {"op": "add", "path": "/2", "value": 1}),
        ([1], {"op": "add", "path": "/01", "value": 1}),
        ([1], {"op": "add", "path": "/+1", "value": 1}),
        ([1], {"op": "add", "path": "/1"}),
        ([1], {"op": "remove", "path": "/1"}),
        ([1], {"op": "remove", "path": "/-"}),
        ([1], {"op": "remove", "path": ""}),
        ({}, {"op": "replace", "path": "/a", "value": 1}),
        ({}, {"op": "move", "from": "/a", "path": "/b"}),
        ({}, {"op": "move", "from": "/a", "path": "/a"}),
        ({"a": {}}, {"op": "move", "from": "/a", "path": "/a/b"}),
        ({"a": 1}, {"op": "test", "path": "/a", "value": True}),
        ({"a": 1}, {"op": "test", "path": "/a", "value": 1.0}),
        ({"a": 1}, {"op": "test", "path": "/b", "value": None}),
        ({}, {"op": "copy", "from": "", "path": "/a"}),
        ({}, {"op": "add", "path": None, "value": 1}),
        ({}, {"path": "/a", "value": 1}),
    ],
)
def test_an_operation_that_does_not_fit_is_refused(document: Any, operation: dict[str, Any]) -> None:
    with pytest.raises(MisfitError):
        apply(document, [operation])


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
    with pytest.raises(MisfitError, match="nothing at 'x'"):
        resolve(document, "/a/0/x")
