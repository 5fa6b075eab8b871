"""Undo puts back what the account showed before a run, also where that was nobody's manifest: somebody's own edit.

What it has put back is what the state remembers from then on: it is kept, and the next plan shows an edit, as README
says.
"""

from __future__ import annotations

import json
from copy import deepcopy
from functools import partial
from typing import Any

import pytest

from tests.history.recorder import Recorder, manifests_in
from tests.history.rules import judge
from tests.scenarios.project import Body, Project
from tests.scenarios.test_undo import account, last, undo

COACH: Body = {
    "persona_name": "Coach",
    "system_prompt": "You coach.\nYou are kind.",
    "greeting": "Hello.",
    "layers": {
        "llm": {"model": "tavus-gpt-oss", "tools": []},
        "stt": {"hotwords": "Ann"},
        "conversational_flow": {"turn_detection_model": "sparrow-1", "turn_taking_patience": "low"},
    },
}
RULES: Body = {
    "name": "Rules",
    "data": [
        {"guardrail_name": "no_promises", "guardrail_prompt": "Promises a price."},
        {"guardrail_name": "no_names", "guardrail_prompt": "Says a name."},
    ],
}
GOALS: Body = {"name": "Goals", "data": [{"objective_name": "greet", "objective_prompt": "Greet them."}]}
PRICES: Body = {"document_name": "Prices", "document_url": "https://example.com/prices.pdf", "tags": ["a", "b"]}
VIDEO: Body = {"replica_name": "Anna", "train_video_url": "https://example.com/anna.mp4"}


def _replace(path: str, value: Any) -> Body:
    return {"op": "replace", "path": path, "value": value}


EDITS: dict[str, tuple[str, Body, list[Body]]] = {
    "a text": ("persona", COACH, [_replace("/system_prompt", "Theirs.")]),
    "a nested text": ("persona", COACH, [_replace("/layers/stt/hotwords", "Bob")]),
    "several fields": (
        "persona",
        COACH,
        [_replace("/greeting", "Ho."), _replace("/layers/conversational_flow/turn_taking_patience", "high")],
    ),
    "a field that went": ("persona", COACH, [{"op": "remove", "path": "/greeting"}]),
    "an object that went": ("persona", COACH, [{"op": "remove", "path": "/layers/stt"}]),
    "an item of a list": ("guardrails", RULES, [_replace("/data/1/guardrail_prompt", "Theirs.")]),
    "an item that went": ("guardrails", RULES, [{"op": "remove", "path": "/data/0"}]),
    "an objective": ("objectives", GOALS, [_replace("/data/0/objective_prompt", "Theirs.")]),
    "whole members": ("document", PRICES, [_replace("/document_name", "Theirs"), _replace("/tags", ["z"])]),
    "a name": ("replica", VIDEO, [_replace("/replica_name", "Theirs")]),
}
# What the manifest says instead, where both sides have moved.
NEW: dict[str, Body] = {
    "persona": {**COACH, "system_prompt": "Ours.", "greeting": "Hi.", "layers": {"stt": {"hotwords": "Cleo"}}},
    "guardrails": {**RULES, "data": [{"guardrail_name": "no_names", "guardrail_prompt": "Says any name."}]},
    "objectives": {**GOALS, "data": [{"objective_name": "greet", "objective_prompt": "Ours."}]},
    "document": {**PRICES, "document_name": "Ours", "tags": ["c"]},
    "replica": {**VIDEO, "replica_name": "Ours"},
}


def account_of(project: Project) -> Body:
    """The account, without what counts changes."""
    goals = project.account.objects("objectives")
    return {**account(project), "objectives": {one: {**body, "updated_at": ""} for one, body in goals.items()}}


@pytest.fixture(params=EDITS)
def edited(request: pytest.FixtureRequest, project: Project) -> tuple[Project, str]:
    """A project of one object that somebody has edited in the portal, and its kind."""
    project.environment["TAVUSCTL_SETTLE"] = "0.1"
    kind, spec, operations = EDITS[request.param]
    project.manifest(kind, "it", deepcopy(spec))
    project.apply()
    project.account.portal(kind, project.bound(f"{kind}/it"), *operations)
    return project, kind


@pytest.mark.parametrize("is_conflict", [False, True])
def test_an_edit_that_a_run_put_right_or_overwrote_comes_back(
    edited: tuple[Project, str], *, is_conflict: bool
) -> None:
    project, kind = edited
    theirs = account_of(project)
    if is_conflict:
        project.manifest(kind, "it", NEW[kind])
    project.apply("--overwrite", f"{kind}/it")
    assert account_of(project) != theirs

    result = undo(project)

    assert (result.code, account_of(project)) == (0, theirs), result.out + result.err
    assert "not kept" not in result.out + result.err
    assert "the manifests still contain the changes of that run" in result.err
    plan = project.plan()
    assert [one["cause"] for one in plan["changes"]] == ["edited"]
    assert (plan["drift"], plan["warnings"]) == ([], [])


def test_an_undo_of_that_undo_puts_back_what_the_run_applied(edited: tuple[Project, str]) -> None:
    project, _ = edited
    project.apply()
    ours = account_of(project)
    undo(project)

    again = undo(project)

    assert (again.code, account_of(project)) == (0, ours), again.out + again.err
    assert project.plan()["changes"] == []
    assert project.run("drift", "--detailed-exitcode").code == 0


def test_a_run_after_it_does_what_the_undone_one_did(edited: tuple[Project, str]) -> None:
    project, _ = edited
    project.apply()
    ours = account_of(project)
    undo(project)

    project.apply()

    assert account_of(project) == ours
    assert project.plan()["changes"] == []


@pytest.mark.parametrize("edit", ["a text", "several fields", "an object that went", "an item of a list"])
def test_what_is_made_anew_is_as_somebody_had_left_it(project: Project, edit: str) -> None:
    kind, spec, operations = EDITS[edit]
    project.environment["TAVUSCTL_SETTLE"] = "0.1"
    project.manifest("document", "other", {**PRICES, "document_name": "Other"})
    project.manifest(kind, "it", spec)
    project.apply()
    project.account.portal(kind, project.bound(f"{kind}/it"), *operations)
    project.remove(kind, "it")
    project.apply("--allow-deletes", "1")

    result = undo(project, "--recreate")

    assert result.code == 0, result.out + result.err
    project.manifest(kind, "it", spec)
    plan = project.plan()
    assert [one["cause"] for one in plan["changes"]] == ["edited"]
    assert (plan["drift"], plan["warnings"]) == ([], [])


def test_what_the_server_had_made_of_an_earlier_text_is_its_answer_again(project: Project) -> None:
    """The server keeps the greeting in lower case: what undo puts back is its spelling, and still means ours."""
    project.environment["TAVUSCTL_SETTLE"] = "0.1"
    project.account.switch(tidied_fields={"/greeting": "lower"})
    project.manifest("persona", "it", {**COACH, "greeting": "HELLO"})
    project.expect(5, "apply", "--yes")
    before = account(project)
    project.manifest("persona", "it", {**COACH, "greeting": "HI THERE"})
    project.expect(5, "apply", "--yes")

    result = undo(project)

    assert (result.code, account(project)) == (0, before), result.out + result.err
    assert "not kept" not in result.out + result.err
    project.manifest("persona", "it", {**COACH, "greeting": "HELLO"})
    plan = project.plan()
    assert (plan["changes"], [one["id"] for one in plan["warnings"]]) == ([], ["TV331"])


def test_what_undo_puts_back_and_the_server_does_not_keep_is_told(project: Project) -> None:
    project.environment["TAVUSCTL_SETTLE"] = "0.1"
    project.manifest("persona", "it", COACH)
    project.apply()
    project.account.portal("persona", project.bound("persona/it"), _replace("/greeting", "HO"))
    project.apply()
    project.account.switch(tidied_fields={"/greeting": "lower"})

    result = undo(project)

    assert result.code == 5, result.out + result.err
    assert "not kept by the server: /greeting" in result.out


def test_an_edit_beside_a_reference_that_follows_a_replacement_is_no_loss(project: Project) -> None:
    """Undo points the persona to the old document again, in a list to which somebody has added their own."""
    project.environment["TAVUSCTL_SETTLE"] = "0.1"
    project.account.switch(processing_seconds=0)
    theirs = {"document_name": "Theirs", "document_url": "https://example.com/theirs.pdf"}
    (stranger,) = project.account.seed(documents=[theirs])["documents"]
    project.manifest("document", "prices", PRICES)
    project.manifest("persona", "it", {**COACH, "document_ids": ["${ref:document/prices}"]})
    project.apply()
    project.manifest("document", "prices", {**PRICES, "document_url": "https://example.com/new.pdf"})
    project.apply()
    project.edit_in_portal("persona/it", "/document_ids/-", stranger, op="add")

    result = undo(project, "--recreate")

    (persona,) = project.account.objects("personas").values()
    assert "/document_ids was edited since" in result.out  # the list is left as it is, but for what it refers to
    assert (result.code, persona["document_ids"]) == (3, [project.bound("document/prices"), stranger]), result.out
    assert "not kept" not in result.out + result.err
    drift = project.run("drift", "--format", "json", "--detailed-exitcode")
    assert (drift.code, [one["address"] for one in drift.document["drift"]]) == (2, ["persona/it"])


def test_an_old_version_that_is_still_there_is_used_again_as_somebody_left_it(project: Project) -> None:
    project.environment["TAVUSCTL_SETTLE"] = "0.1"
    project.account.switch(processing_seconds=0)
    project.manifest("document", "prices", PRICES)
    project.apply()
    old = project.bound("document/prices")
    user = {"persona_name": "Theirs", "system_prompt": "Hi.", "document_ids": [old]}
    project.account.advance(3600)
    project.account.seed(personas=[user])
    project.account.portal("document", old, _replace("/document_name", "Theirs"))
    project.manifest("document", "prices", {**PRICES, "document_url": "https://example.com/new.pdf"})
    project.apply()

    result = undo(project)

    assert (result.code, project.bound("document/prices")) == (0, old), result.out + result.err
    project.manifest("document", "prices", PRICES)
    plan = project.plan()
    assert [one["cause"] for one in plan["changes"]] == ["edited"]
    assert plan["warnings"] == []


@pytest.mark.parametrize("edit", ["a text", "a field that went", "an item of a list", "whole members"])
def test_what_is_said_of_it_is_true_of_the_account(project: Project, edit: str) -> None:
    """The rules that hold of every history hold of this one, in which an undo brings an edit back."""
    kind, spec, operations = EDITS[edit]
    project.environment["TAVUSCTL_SETTLE"] = "0.1"
    project.manifest(kind, "it", spec)
    project.apply()
    state = project.root / ".tavusctl/state.json"
    history = Recorder(
        project.account,
        lambda: dict(json.loads(state.read_bytes())),
        lambda: dict(project.run("state", "list", "--format", "json").document),
        partial(manifests_in, project.root / "manifests"),
    )
    history.begin()

    def said(*words: str) -> int:
        return history.command((*words, "--format", "json"), partial(project.run, *words, "--format", "json")).code

    project.account.portal(kind, project.bound(f"{kind}/it"), *operations)
    codes = [said("plan"), said("apply", "--yes"), said("undo", last(project), "--yes"), said("drift"), said("plan")]
    codes += [said("undo", last(project), "--yes"), said("plan")]

    assert codes == [0] * 7
    assert judge(history.events).violations == []
