"""Guardrails, objectives and documents of today.

| subject | what the API does |
|---|---|
| guardrails | one path for single ones and sets, told apart by `guardrail_name`, by `legacy`, by id |
| pages | single guardrails count from 0, sets from 1 |
| objectives | names, lengths and the graph are checked when a set is made, patched or validated; loops where allowed |
| times | guardrails and objectives have no zone |
| documents | labels for participants, a status to show, `disabled`, both spellings of a sort |
"""

from __future__ import annotations

import re
from typing import Any

import pytest

from tests.emulator.harness import Tavus

ONE = {"guardrail_name": "No legal advice", "guardrail_prompt": "Never judge a case."}
SET = {"name": "Safety", "data": [{"guardrail_name": "a", "guardrail_prompt": "A"}]}
SPACED = r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{6}"


def step(name: str, **more: Any) -> dict[str, Any]:
    return {"objective_name": name, "objective_prompt": name.upper(), **more}


CYCLE = [step("a", next_required_objective="b"), step("b", next_required_objective="a")]


def test_a_single_guardrail_has_its_fields_in_order_and_its_users_when_asked(today: Tavus) -> None:
    created = today.ok("POST", "/v2/guardrails/", ONE)
    plain = {"modality": "verbal", "callback_url": "", "app_message": True, "tags": []}
    shown = today.ok("GET", f"/v2/guardrails/{created['uuid']}")
    assert shown == created == {"uuid": created["uuid"], **ONE, **plain, "created_at": created["created_at"]}
    assert re.fullmatch(SPACED, shown["created_at"])
    pal = today.pal(guardrail_ids=[created["uuid"]])
    verbose = today.ok("GET", f"/v2/guardrails/{created['uuid']}?verbose=true")
    assert list(verbose) == [*shown, "guardrail_type", "persona_refs"]
    assert verbose["persona_refs"] == [{"id": pal, "name": "Coach"}]
    assert today.call("DELETE", f"/v2/guardrails/{created['uuid']}").status_code == 204
    assert today.ok("GET", f"/v2/pals/{pal}")["guardrail_ids"] == []


def test_a_guardrail_is_patched_by_operations_of_which_add_always_fits(today: Tavus) -> None:
    path = f"/v2/guardrails/{today.ok('POST', '/v2/guardrails', ONE)['uuid']}"
    call = {"type": "end"}
    assert today.refused("PATCH", path, [{"op": "replace", "path": "/tool_call", "value": call}])[0] == 400
    today.ok("PATCH", path, [{"op": "add", "path": "/tool_call", "value": call}])
    assert today.ok("GET", path)["tool_call"] == call
    today.ok("PATCH", path, [{"op": "add", "path": "/tool_call", "value": {}}])
    assert "tool_call" not in today.ok("GET", path)
    assert today.call("PATCH", path, [{"op": "add", "path": "/tags", "value": []}]).status_code == 304
    own = [{"op": "add", "path": f"/{name}", "value": 1} for name in ("owner_id", "updated_at")]
    assert today.call("PATCH", path, own).status_code == 304
    assert today.refused("PATCH", path, {"guardrail_name": "x"}) == (400, '{"error":"Invalid patch operation"}')


@pytest.mark.parametrize(
    ("more", "why"),
    [
        ({"guardrail_prompt": ""}, "guardrail_prompt is required"),
        ({"guardrail_name": "x" * 101}, "Length must be between 1 and 100"),
        ({"modality": "smell"}, "verbal, visual, audio"),
        ({"tags": ["a"] * 33}, "Longer than maximum length 32"),
        ({"tags": ["a/b"]}, "Not a valid string"),
        ({"app_message": "yes"}, "Not a valid boolean"),
        ({"callback_url": "x" * 2049}, "2048"),
        ({"data": []}, "Unknown field"),
    ],
)
def test_a_guardrail_that_may_not_be_is_refused(today: Tavus, more: Any, why: str) -> None:
    status, text = today.refused("POST", "/v2/guardrails", ONE | more)
    assert (status, why in text) == (400, True), text


def test_a_list_of_guardrails_is_of_one_sort_and_counts_in_its_own_way(today: Tavus) -> None:
    singles = [today.ok("POST", "/v2/guardrails", ONE | {"tags": [tag]})["uuid"] for tag in "abc"]
    whole = today.ok("POST", "/v2/guardrails", SET)["guardrails_id"]
    of_single = today.ok("GET", "/v2/guardrails?legacy=false&limit=2")
    assert [one["uuid"] for one in of_single["data"]] == singles[:2]
    assert {key: of_single[key] for key in ("total_count", "page", "limit")} == {
        "total_count": 3,
        "page": 0,
        "limit": 2,
    }
    beyond = today.ok("GET", "/v2/guardrails?legacy=false&limit=100&page=1")
    assert (beyond["data"], beyond["total_count"]) == ([], 3)
    of_sets = today.ok("GET", "/v2/guardrails?legacy=true&page=1")
    assert ([one["uuid"] for one in of_sets["data"]], of_sets.keys()) == ([whole], {"data", "total_count"})
    assert today.ok("GET", "/v2/guardrails") == of_sets
    today.switch(legacy=False)
    assert today.ok("GET", "/v2/guardrails")["total_count"] == 3
    queries = ("tags=a,b", f"name_or_uuid={singles[2]}", "name_or_uuid=LEGAL&sort=descending", "type=system")
    found = [today.ok("GET", f"/v2/guardrails?legacy=false&{query}")["data"] for query in queries]
    assert [[one["uuid"] for one in page] for page in found] == [singles[:2], singles[2:], singles[::-1], []]
    assert today.ok("GET", "/v2/guardrails/tags") == {"tags": ["a", "b", "c"], "total_count": 3}


def test_items_of_a_set_share_no_value_and_no_id(today: Tavus) -> None:
    today.switch(set_item_uuids=True)
    goals = [step("one", next_required_objective="two"), step("two")]
    whole = today.ok("POST", "/v2/objectives", {"name": "Goals", "data": goals, "allow_loops": True})["objectives_id"]
    path = f"/v2/objectives/{whole}"
    before = today.ok("GET", path)["data"]

    edit = {"op": "add", "path": "/data/1/next_conditional_objectives/one", "value": "if so"}
    today.ok("PATCH", path, [edit])

    after = today.ok("GET", path)["data"]
    assert [item["next_conditional_objectives"] for item in after] == [{}, {"one": "if so"}]
    assert [item["uuid"] for item in after] == [item["uuid"] for item in before]
    assert len({item["uuid"] for item in before}) == len(goals)


def test_sets_of_guardrails_show_a_member_that_nobody_wrote(today: Tavus) -> None:
    whole = today.ok("POST", "/v2/guardrails", SET)["guardrails_id"]
    item = today.ok("GET", f"/v2/guardrails/{whole}")["data"][0]
    assert item == {**SET["data"][0], "modality": "verbal", "callback_url": "", "app_message": True}  # type: ignore[dict-item]
    today.switch(set_app_message=False)
    assert "app_message" not in today.ok("GET", f"/v2/guardrails/{whole}")["data"][0]
    pal = today.pal(guardrails_id=whole)
    today.call("DELETE", f"/v2/guardrails/{whole}")
    assert today.ok("GET", f"/v2/pals/{pal}")["guardrails_id"] is None


def test_a_set_of_objectives_is_read_flat_with_empty_ends(today: Tavus) -> None:
    data = [step("a", next_required_objective="b", output_variables=["x"]), step("b", modality="audio")]
    created = today.ok("POST", "/v2/objectives/", {"name": "Intake", "data": data})
    assert created.keys() == {"objectives_id", "objectives_name", "status", "created_at"}
    shown = today.ok("GET", f"/v2/objectives/{created['objectives_id']}")
    assert list(shown) == ["uuid", "owner_id", "name", "allow_loops", "data", "created_at", "updated_at", "is_deleted"]
    assert (shown["allow_loops"], re.fullmatch(SPACED, shown["updated_at"]) is not None) == (False, True)
    assert shown["data"][1] == {
        **data[1],
        "confirmation_mode": "auto",
        "output_variables": [],
        "next_conditional_objectives": {},
        "next_required_objective": "",
        "callback_url": "",
    }


@pytest.mark.parametrize(
    ("body", "why"),
    [
        ({"data": []}, "between 1 and 50"),
        ({"data": [step(f"s{n}") for n in range(51)]}, "between 1 and 50"),
        ({"data": [step("größe")]}, "only letters, numbers and underscores"),
        ({"data": [step("a", objective_prompt="x" * 10_001)]}, "Length must be"),
        ({"data": [step("a", output_variables=["x"] * 51)]}, "Longer than"),
        ({"data": [step("a", next_required_objective="z")]}, "unknown objective 'z'"),
        ({"data": [step("a", next_conditional_objectives={"z": "why"})]}, "unknown objective 'z'"),
        (
            {"data": [step("a", next_required_objective="b", next_conditional_objectives={"b": "x"}), step("b")]},
            "not both",
        ),
        ({"data": CYCLE}, "cycle"),
        ({"data": [step("a", next_required_objective="a")]}, "cycle"),
        ({"data": [step("a"), step("b")]}, "a single root; found 2"),
        ({"data": [step("a")], "name": "x" * 101}, "Length must be"),
        ({"data": [step("a")], "allow_loops": "yes"}, "Not a valid boolean"),
    ],
)
def test_objectives_that_may_not_be_are_refused_made_or_validated(today: Tavus, body: Any, why: str) -> None:
    for path in ("/v2/objectives", "/v2/objectives/validate"):
        status, text = today.refused("POST", path, body)
        assert (status, why in text) == (400, True), text
    assert today.mutations() == []


def test_loops_are_taken_where_they_are_allowed_and_checked_again_by_a_patch(today: Tavus) -> None:
    looping = {"data": CYCLE, "allow_loops": True}
    assert today.ok("POST", "/v2/objectives/validate", looping) == {"valid": True}
    ident = today.ok("POST", "/v2/objectives", looping)["objectives_id"]
    off = [{"op": "replace", "path": "/allow_loops", "value": False}]
    assert "cycle" in today.refused("PATCH", f"/v2/objectives/{ident}", off)[1]
    ended = [{"op": "replace", "path": "/data/1/next_required_objective", "value": ""}]
    today.ok("PATCH", f"/v2/objectives/{ident}", ended + off)
    assert today.ok("GET", f"/v2/objectives/{ident}")["allow_loops"] is False


def test_objectives_are_found_by_name(today: Tavus) -> None:
    idents = [today.ok("POST", "/v2/objectives", {"name": n, "data": [step("a")]})["objectives_id"] for n in "xy"]
    listed = today.ok("GET", "/v2/objectives?name_or_uuid=Y&limit=25")
    assert ([one["uuid"] for one in listed["data"]], listed["total_count"]) == (idents[1:], 1)
    assert [one["uuid"] for one in today.ok("GET", "/v2/objectives?sort=descending")["data"]] == idents[::-1]


def test_a_document_of_today_has_labels_and_a_status_to_show(today: Tavus) -> None:
    body = {
        "document_url": "https://a.example.com/x.md",
        "participant_tags": ["acme"],
        "custom_description": "x",
        "is_customer_support_document": True,
        "font_size_aware_extraction": False,
        "tags": ["faq"],
    }
    created = today.ok("POST", "/v2/documents", body)
    assert (created["display_status"], created["participant_tags"], "custom_description" in created) == (
        "started",
        ["acme"],
        False,
    )
    ident = created["document_id"]
    off = [{"op": "replace", "path": "/status", "value": "disabled"}]
    today.control("POST", "portal", {"kind": "document", "id": ident, "patch": off})
    shown = today.ok("GET", f"/v2/documents/{ident}?verbose=true")
    assert (shown["status"], shown["display_status"]) == ("disabled", "disabled")
    today.advance(3600)
    assert today.ok("GET", f"/v2/documents/{ident}")["status"] == "disabled"
    queries = ("participant_tags=acme", "status=disabled", "sort=desc", "sort=descending", "participant_tags=other")
    assert [today.ok("GET", f"/v2/documents?{query}")["total_count"] for query in queries] == [1, 1, 1, 1, 0]
    assert today.ok("GET", "/v2/documents/tags") == {"tags": ["faq"], "total_count": 1}
    assert today.ok("GET", f"/v2/documents/{ident}/chunks")["chunks"] == []


@pytest.mark.parametrize("crawl", [{"depth": 2}, {"max_pages": 3}])
def test_a_crawl_of_today_may_have_one_limit(today: Tavus, tavus: Tavus, crawl: dict[str, int]) -> None:
    body = {"document_url": "https://a.example.com/", "crawl": crawl}
    ident = today.ok("POST", "/v2/documents", body)["document_id"]
    today.advance(7200)
    assert today.ok("POST", f"/v2/documents/{ident}/recrawl", {"crawl": crawl})["crawl_config"] == crawl
    assert "is required" in tavus.refused("POST", "/v2/documents", body)[1]


def test_the_older_api_knows_none_of_these_fields(tavus: Tavus) -> None:
    address = {"document_url": "https://a.example.com"}
    assert tavus.refused("POST", "/v2/documents", address | {"participant_tags": ["a"]})[0] == 400
    assert "display_status" not in tavus.ok("POST", "/v2/documents", address)
    assert tavus.refused("GET", "/v2/documents?sort=desc")[0] == 400
    assert tavus.refused("POST", "/v2/guardrails", ONE)[0] == 400
    tavus.ok("POST", "/v2/objectives", {"data": CYCLE})


def test_a_set_of_guardrails_has_at_least_one(today: Tavus) -> None:
    status, text = today.refused("POST", "/v2/guardrails", {"name": "Rules", "data": []})

    assert (status, "data" in text) == (400, True)
