from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from tests.emulator.harness import Tavus


@dataclass(frozen=True)
class Kind:
    path: str
    item: dict[str, Any]
    shown: dict[str, Any]  # the item in a read
    created: list[str]
    read: list[str]
    not_found: str
    updated: str
    required: str


GUARDRAILS = Kind(
    "/v2/guardrails",
    {"guardrail_name": "no_advice", "guardrail_prompt": "Never advise."},
    {"guardrail_name": "no_advice", "guardrail_prompt": "Never advise.", "modality": "verbal", "callback_url": ""},
    ["guardrails_id", "guardrails_name", "status", "created_at"],
    ["uuid", "owner_id", "name", "data", "created_at", "updated_at", "is_deleted"],
    "Guardrails not found",
    "Guardrails updated successfully",
    "guardrail_name is required",
)
OBJECTIVES = Kind(
    "/v2/objectives",
    {"objective_name": "ask", "objective_prompt": "Ask why.", "next_required_objectives": ["end"]},
    {
        "objective_name": "ask",
        "objective_prompt": "Ask why.",
        "confirmation_mode": "auto",
        "output_variables": [],
        "modality": "verbal",
        "next_conditional_objectives": {},
        "next_required_objectives": ["end"],
        "next_required_objective": None,
        "callback_url": "",
    },
    ["objectives_id", "objective_name", "status", "created_at"],
    ["uuid", "name", "data", "created_at", "updated_at"],
    "Objective not found",
    "Objective updated successfully",
    "objective_name is required",
)
BOTH = pytest.mark.parametrize("kind", [GUARDRAILS, OBJECTIVES], ids=["guardrails", "objectives"])


def made(tavus: Tavus, kind: Kind) -> str:
    created = tavus.ok("POST", kind.path, {"name": "Safety", "data": [kind.item]})
    return str(created[kind.created[0]])


@BOTH
def test_a_creation_answers_id_name_status_and_time_only(tavus: Tavus, kind: Kind) -> None:
    created = tavus.ok("POST", kind.path, {"name": "Safety", "data": [kind.item]})
    assert list(created) == kind.created
    assert list(created.values())[1:3] == ["Safety", "active"]


@BOTH
def test_a_read_is_the_set_with_its_items_filled(tavus: Tavus, kind: Kind) -> None:
    ident = made(tavus, kind)
    shown = tavus.ok("GET", f"{kind.path}/{ident}")
    assert list(shown) == kind.read
    assert (shown["uuid"], shown["name"]) == (ident, "Safety")
    assert [list(item.items()) for item in shown["data"]] == [list(kind.shown.items())]
    assert tavus.ok("GET", kind.path) == {"data": [shown], "total_count": 1}


def test_a_set_without_a_name_is_called_new_objectives_or_nothing(tavus: Tavus) -> None:
    objectives = tavus.ok("POST", "/v2/objectives", {"data": [OBJECTIVES.item]})
    guardrails = tavus.ok("POST", "/v2/guardrails", {"data": [GUARDRAILS.item]})
    assert (objectives["objective_name"], guardrails["guardrails_name"]) == ("New Objectives", None)


@BOTH
def test_items_are_patched_by_index_and_at_the_end(tavus: Tavus, kind: Kind) -> None:
    ident = made(tavus, kind)
    name, prompt = list(kind.item)[:2]
    patch = [
        {"op": "test", "path": f"/data/0/{name}", "value": kind.item[name]},
        {"op": "replace", "path": f"/data/0/{prompt}", "value": "Other."},
        {"op": "add", "path": "/data/-", "value": {name: "second", prompt: "More."}},
        {"op": "replace", "path": "/name", "value": "Renamed"},
        {"op": "remove", "path": "/data/0/callback_url"},
    ]
    assert tavus.ok("PATCH", f"{kind.path}/{ident}", patch) == {"message": kind.updated}
    shown = tavus.ok("GET", f"{kind.path}/{ident}")
    assert shown["name"] == "Renamed"
    assert [item[prompt] for item in shown["data"]] == ["Other.", "More."]
    assert shown["data"][0]["callback_url"] == ""


@BOTH
def test_a_patch_without_effect_is_a_304(tavus: Tavus, kind: Kind) -> None:
    ident = made(tavus, kind)
    response = tavus.call("PATCH", f"{kind.path}/{ident}", [{"op": "remove", "path": "/data/0/modality"}])
    assert (response.status_code, response.content) == (304, b"")


@BOTH
@pytest.mark.parametrize(
    "patch",
    [
        [{"op": "replace", "path": "/data/4/modality", "value": "visual"}],
        [{"op": "test", "path": "/name", "value": "Other"}],
        {"op": "remove"},
    ],
)
def test_a_patch_that_does_not_fit_is_a_400(tavus: Tavus, kind: Kind, patch: Any) -> None:
    response = tavus.call("PATCH", f"{kind.path}/{made(tavus, kind)}", patch)
    assert (response.status_code, response.json()) == (400, {"error": "Invalid patch operation"})


@BOTH
def test_names_and_prompts_are_required(tavus: Tavus, kind: Kind) -> None:
    response = tavus.call("POST", kind.path, {"data": [{}]})
    assert (response.status_code, response.json()) == (400, {"message": kind.required})


@pytest.mark.parametrize(
    ("kind", "item", "said"),
    [
        (
            GUARDRAILS,
            {"guardrail_name": "two words"},
            "guardrail_name must contain only letters, numbers and underscores",
        ),
        (GUARDRAILS, {"modality": "oral"}, "Must be one of: verbal, visual."),
        (GUARDRAILS, {"guardrails_prompt": "x"}, "{'guardrails_prompt': ['Unknown field.']}"),
        (GUARDRAILS, {"guardrail_name": 5}, "{'guardrail_name': ['Not a valid string.']}"),
        (OBJECTIVES, {"objective_name": "two words"}, "objective_name must not contain spaces"),
        (OBJECTIVES, {"confirmation_mode": "automatic"}, "Must be one of: auto, manual."),
        (OBJECTIVES, {"next_conditional_objectives": {"end": 1}}, "Not a valid string."),
    ],
)
def test_a_bad_item_is_refused(tavus: Tavus, kind: Kind, item: Any, said: str) -> None:
    response = tavus.call("POST", kind.path, {"data": [kind.item | item]})
    assert response.status_code == 400
    assert said in response.text


@BOTH
@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({}, "data is required"),
        ({"data": {}}, "{'data': ['Not a valid list.']}"),
        ({"data": ["x"]}, "{'data': {0: ['Not a valid mapping type.']}}"),
        ({"data": [], "colour": 1}, "{'colour': ['Unknown field.']}"),
        ({"data": [], "name": 1}, "{'name': ['Not a valid string.']}"),
    ],
)
def test_a_bad_set_is_refused(tavus: Tavus, kind: Kind, body: Any, said: str) -> None:
    response = tavus.call("POST", kind.path, body)
    assert response.status_code == 400
    assert said in response.text


def test_a_cyclic_graph_of_objectives_is_accepted(tavus: Tavus) -> None:
    data = [{"objective_name": "a", "objective_prompt": "A", "next_required_objective": "a"}]
    assert tavus.call("POST", "/v2/objectives", {"data": data}).status_code == 200


@BOTH
@pytest.mark.parametrize("method", ["GET", "PATCH", "DELETE"])
def test_an_unknown_set_is_a_404_and_a_malformed_id_a_400(tavus: Tavus, kind: Kind, method: str) -> None:
    unknown = tavus.call(method, f"{kind.path}/{kind.path[4]}000000000000", [])
    assert (unknown.status_code, unknown.json()) == (404, {"error": kind.not_found})
    malformed = tavus.call(method, f"{kind.path}/NOT-AN-ID", [])
    assert (malformed.status_code, malformed.json()) == (400, {"error": f"Invalid {kind.created[0]}"})


@BOTH
def test_a_deleted_set_is_gone_and_personas_keep_its_id(tavus: Tavus, kind: Kind) -> None:
    ident = made(tavus, kind)
    persona = tavus.persona(**{kind.created[0]: ident})
    assert tavus.call("DELETE", f"{kind.path}/{ident}").status_code == 204
    assert tavus.call("GET", f"{kind.path}/{ident}").status_code == 404
    assert tavus.ok("GET", f"/v2/personas/{persona}")[kind.created[0]] == ident
