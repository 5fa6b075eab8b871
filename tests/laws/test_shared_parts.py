"""Documents share equal parts, and nothing that is written of them changes."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given

from tavusctl.core.json_tree import canonical, plain_bytes, share_parts, unshared
from tavusctl.engine.compare.three_way import compare
from tavusctl.lib.strict_json import MAX_DEPTH, strict_json
from tests.laws.patches import pairs
from tests.laws.specs import bound, desired, live


@given(pairs())
def test_a_document_that_shares_parts_reads_as_before(documents: tuple[Any, Any]) -> None:
    document, other = documents
    written = [canonical(one) for one in documents]
    apart = copy.deepcopy(document)

    is_equal = share_parts(document, other)

    assert [canonical(document), canonical(other)] == written
    assert plain_bytes(document) == plain_bytes(apart)
    assert not is_equal or canonical(document) == canonical(other)


def test_equal_parts_are_one_object() -> None:
    document: Any = {"name": "a", "llm": {"model": "m", "tools": [{"on": True}]}, "own": {"at": [1.5]}, "one": {"x": 1}}
    other: Any = {**copy.deepcopy(document), "name": "b", "one": {"x": True}}

    assert not share_parts(document, other)

    assert document["llm"] is other["llm"]
    assert document["one"] == {"x": 1}
    assert document["one"] is not other["one"]
    assert share_parts(document["llm"], copy.deepcopy(other["llm"]))


def test_documents_share_their_empty_parts() -> None:
    document: Any = strict_json(b'{"tags":[],"llm":{"headers":{},"tools":[[],{"a":0}]}}')
    other: Any = strict_json(canonical(document).encode())

    assert document == other == {"tags": [], "llm": {"headers": {}, "tools": [[], {"a": 0}]}}
    assert document["tags"] is document["llm"]["tools"][0] is other["tags"]
    assert document["llm"]["headers"] is other["llm"]["headers"]


@pytest.mark.parametrize("inner", [b"", b"{}", b"[]", b"0"])
def test_an_empty_part_counts_as_a_level(inner: bytes) -> None:
    deepest = MAX_DEPTH - (inner in (b"{}", b"[]"))
    assert strict_json(b"[" * deepest + inner + b"]" * deepest)
    with pytest.raises(ValueError, match="too deeply"):
        strict_json(b"[" * (deepest + 1) + inner + b"]" * (deepest + 1))


def test_a_patch_changes_one_place_of_a_value_that_stands_in_two() -> None:
    empty: list[Any] = []
    body = {"persona_name": "Coach", "tags": empty, "document_ids": empty, "document_tags": empty}

    patch = compare(
        desired("persona", {"document_tags": ["prices"]}), live("persona", body), bound("persona", None)
    ).patch

    assert patch == ({"op": "add", "path": "/document_tags/-", "value": "prices"},)
    document: Any = unshared(body)
    assert (document, document["tags"] is document["document_ids"]) == (body, False)
