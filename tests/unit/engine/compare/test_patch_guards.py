"""Tests before a patch: what its operations rely on, in the document as it was read."""

from __future__ import annotations

import pytest

from tavusctl.engine.compare import patch_guards
from tavusctl.kinds import KINDS
from tavusctl.lib.json_types import JsonObject
from tavusctl.patch import Pinned
from tavusctl.secrets.values import MASK, Secret

PERSONA, RULES = KINDS["persona"], KINDS["guardrails"]
TOOLS = [
    {"type": "function", "function": {"name": name, "parameters": {"required": ["a", "b"]}}} for name in ("x", "y")
]
BODY: JsonObject = {
    "persona_name": "Coach",
    "document_tags": ["a", "b"],
    "layers": {"llm": {"model": "m", "tools": TOOLS, "api_key": Pinned(MASK)}, "tts": {"api_key": Secret("s", b"k")}},
}


def checked(path: str, value: object) -> JsonObject:
    return {"op": "test", "path": path, "value": value}


CASES: list[tuple[JsonObject, list[JsonObject]]] = [
    ({"op": "replace", "path": "/persona_name", "value": "C"}, [checked("/persona_name", "Coach")]),
    ({"op": "add", "path": "/greeting", "value": "Hi"}, []),
    ({"op": "remove", "path": "/layers/llm/model"}, [checked("/layers/llm/model", "m")]),
    ({"op": "replace", "path": "/layers/llm/api_key", "value": "x"}, []),
    ({"op": "remove", "path": "/layers/tts"}, []),
    ({"op": "add", "path": "", "value": {}}, []),
    ({"op": "remove", "path": "/document_tags/0"}, [checked("/document_tags/0", "a")]),
    ({"op": "add", "path": "/document_tags/1", "value": "c"}, [checked("/document_tags/1", "b")]),
    ({"op": "add", "path": "/document_tags/2", "value": "c"}, []),
    ({"op": "add", "path": "/document_tags/-", "value": "c"}, []),
    (
        {"op": "replace", "path": "/layers/llm/tools/1/type", "value": "z"},
        [checked("/layers/llm/tools/1/function/name", "y"), checked("/layers/llm/tools/1/type", "function")],
    ),
    (
        {"op": "replace", "path": "/layers/llm/tools/0/function/parameters/required/1", "value": "c"},
        [
            checked("/layers/llm/tools/0/function/name", "x"),
            checked("/layers/llm/tools/0/function/parameters/required/1", "b"),
        ],
    ),
]


@pytest.mark.parametrize(("operation", "tests"), CASES)
def test_an_operation_has_tests_of_what_it_relies_on(operation: JsonObject, tests: list[JsonObject]) -> None:
    assert patch_guards.tests(PERSONA, BODY, [operation]) == tuple(tests)


def test_each_place_is_tested_once() -> None:
    body: JsonObject = {"data": [{"guardrail_name": "a", "guardrail_prompt": "A"}, {"guardrail_name": "b"}]}
    change: JsonObject = {"op": "replace", "path": "/data/0/guardrail_prompt", "value": "AA"}
    drop: JsonObject = {"op": "remove", "path": "/data/0"}
    again: JsonObject = {"op": "add", "path": "/data/0/tags", "value": ["t"]}

    found = patch_guards.tests(RULES, body, [change, {**change, "value": "AAA"}, drop, again])

    assert list(found) == [
        checked("/data/0/guardrail_name", "a"),
        checked("/data/0/guardrail_prompt", "A"),
        checked("/data/1/guardrail_name", "b"),
    ]


@pytest.mark.parametrize("part", ["/data", "/data/0"])
def test_of_items_that_reads_show_in_part_each_member_is_tested(part: str) -> None:
    body: JsonObject = {"data": [{"guardrail_name": "a", "guardrail_prompt": "A"}]}
    change: JsonObject = {"op": "replace", "path": part, "value": None}

    assert {checked("/data/0/guardrail_name", "a")["path"], "/data/0/guardrail_prompt"} == {
        test["path"] for test in patch_guards.tests(RULES, body, [change])
    }
    assert not patch_guards.cover(RULES, body, [change]), "somebody may add a member or an item"


@pytest.mark.parametrize(
    ("operation", "covered"),
    [
        ({"op": "add", "path": "/greeting", "value": "Hi."}, False),
        ({"op": "add", "path": "/layers/tts", "value": {}}, False),
        ({"op": "add", "path": "/document_tags/0", "value": "new"}, True),
        ({"op": "replace", "path": "/layers/llm/api_key", "value": "new"}, False),
        ({"op": "remove", "path": "/layers/llm"}, False),
        ({"op": "replace", "path": "/layers/llm/model", "value": "new"}, True),
    ],
)
def test_an_edit_that_no_test_can_notice_is_not_covered(operation: JsonObject, covered: bool) -> None:
    llm: JsonObject = {"api_key": Pinned("********"), "model": "m"}
    body: JsonObject = {"document_tags": ["a"], "layers": {"llm": llm}}

    assert patch_guards.cover(PERSONA, body, [operation]) == covered


def test_what_the_patch_itself_has_put_there_is_not_tested() -> None:
    body: JsonObject = {"document_tags": ["a"]}
    operations: list[JsonObject] = [
        {"op": "add", "path": "/document_tags/0", "value": "new"},
        {"op": "replace", "path": "/document_tags/0", "value": "newer"},
        {"op": "remove", "path": "/document_tags/1"},
    ]

    assert patch_guards.tests(PERSONA, body, operations) == (checked("/document_tags/0", "a"),)


def test_an_item_without_a_name_is_not_tested_by_it() -> None:
    body: JsonObject = {"data": [{"guardrail_prompt": "A"}]}

    assert patch_guards.tests(RULES, body, [{"op": "add", "path": "/data/0/tags", "value": []}]) == ()


@pytest.mark.parametrize(
    ("operation", "now", "moved"),
    [
        ({"op": "add", "path": "/a"}, {"a": 1}, ["/a"]),
        ({"op": "add", "path": "/b"}, {"a": 1}, []),
        ({"op": "replace", "path": "/list/0"}, {"list": [1, 3]}, ["/list"]),
        ({"op": "replace", "path": "/list/0/deep"}, {"list": [1, 2]}, []),
        ({"op": "replace", "path": "/list/7/deep"}, {"list": "x"}, ["/list"]),
        ({"op": "replace", "path": "/text/x"}, {"text": "now"}, []),
    ],
)
def test_what_a_patch_writes_and_somebody_moved(operation: JsonObject, now: JsonObject, moved: list[str]) -> None:
    before: JsonObject = {"list": [1, 2], "text": "then"}

    assert patch_guards.changed_pointers(before, {**before, **now}, [operation]) == moved


def test_a_list_that_a_patch_reaches_into_is_one_place() -> None:
    operations: list[JsonObject] = [
        {"op": "add", "path": "/list/0"},
        {"op": "add", "path": "/list/1/x"},
        {"op": "add", "path": "/a"},
    ]

    assert patch_guards.places({"list": [{}]}, operations) == [("a",), ("list",)]
