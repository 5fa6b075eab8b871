"""Undo: an apply is reversed where nobody has edited what it left, and only there."""

from __future__ import annotations

import json
import os
import re
import shlex
import stat
import time
from pathlib import Path

import pytest

from tests.scenarios.project import Body, Project, Result

COACH: Body = {
    "persona_name": "Coach",
    "system_prompt": "You coach.\nYou are kind.",
    "layers": {"llm": {"model": "tavus-gpt-oss", "tools": []}},
}
RULES: Body = {
    "name": "Rules",
    "data": [
        {"guardrail_name": "no_promises", "guardrail_prompt": "Promises a price."},
        {"guardrail_name": "no_names", "guardrail_prompt": "Says a name."},
    ],
}
PRICES: Body = {"document_name": "Prices", "document_url": "https://example.com/prices.pdf", "tags": ["a", "b"]}
VIDEO: Body = {"replica_name": "Anna", "train_video_url": "https://example.com/anna.mp4"}
PROTECTED = {"prevent_destroy": True}
KINDS = ("personas", "guardrails", "documents", "replicas")


@pytest.fixture
def applied(project: Project) -> Project:
    """One object of four kinds, applied."""
    project.manifest("guardrails", "rules", RULES)
    project.manifest("document", "prices", PRICES)
    project.manifest("replica", "anna", VIDEO)
    refers = {"guardrails_id": "${ref:guardrails/rules}", "document_ids": ["${ref:document/prices}"]}
    project.manifest("persona", "coach", {**COACH, **refers})
    return project.apply_and_forget()


def runs(project: Project) -> list[str]:
    """Run ids, newest first."""
    return [line.split()[0] for line in project.run("undo").out.splitlines()]


def records(project: Project) -> Path:
    """Where the records of the run are that ended last."""
    return max((project.root / ".tavusctl/runs").glob("*.jsonl"), key=lambda path: path.stat().st_mtime_ns)


def last(project: Project) -> str:
    """The id of the run that ended last."""
    return records(project).stem.rpartition("-")[2]


def undo(project: Project, *args: str) -> Result:
    return project.run("undo", last(project), "--yes", *args)


def named_undo(result: Result, options: str = "") -> list[str]:
    """The words of the undo command that a run names, which has these options and no others."""
    found = re.search(rf"^undo with: tavusctl (undo \w+{options})$", result.err, re.MULTILINE)
    assert found, result.err
    return found[1].split()


def account(project: Project) -> Body:
    """The account, without what counts changes."""
    return {
        kind: {
            remote_id: {key: value for key, value in body.items() if key not in ("updated_at", "status")}
            for remote_id, body in project.account.objects(kind).items()
        }
        for kind in KINDS
    }


def test_without_a_terminal_the_hint_is_an_option_that_undo_has(project: Project) -> None:
    project.manifest("persona", "coach", COACH)
    project.apply()
    project.manifest("persona", "coach", {**COACH, "greeting": "Hello."})
    project.apply()

    result = project.run("undo", last(project))

    assert (result.code, result.err.splitlines()[-1]) == (12, "  help: add `--yes`")


def edit_everything(project: Project) -> None:
    """An edit in every kind."""
    rules = {**RULES, "data": [RULES["data"][1], {"guardrail_name": "new_one", "guardrail_prompt": "Is new."}]}
    project.manifest("guardrails", "rules", rules)
    project.manifest("document", "prices", {**PRICES, "document_name": "New prices", "tags": ["c"]})
    project.manifest("replica", "anna", {**VIDEO, "replica_name": "Anne"})
    coach = {
        **COACH,
        "system_prompt": "You coach.\nYou are strict.",
        "greeting": "Hi.",
        "layers": {"stt": {"hotwords": "Ann"}},
    }
    project.manifest("persona", "coach", {**coach, "guardrails_id": "${ref:guardrails/rules}"})
    project.apply_and_forget()


def test_an_apply_tells_its_run_and_undo_lists_it(project: Project) -> None:
    project.manifest("document", "prices", PRICES)

    said = project.apply().err
    listed = project.run("undo")

    (path,) = (project.root / ".tavusctl/runs").iterdir()
    assert path == records(project)
    assert f"undo with: tavusctl undo {last(project)} --allow-deletes 1\n" in said
    assert listed.out.startswith(last(project))
    assert re.fullmatch(r"\w+  \d{4}-\d\d-\d\d \d\d:\d\d UTC  1 create\n", listed.out)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


@pytest.mark.parametrize("command", [("undo",), ("state", "list"), ("destroy",), ("plan", "--destroy")])
def test_a_result_that_is_empty_tells_where_there_is_no_project(project: Project, command: tuple[str, ...]) -> None:
    nowhere = project.run(*command)
    project.manifest("document", "prices", PRICES)
    here = project.run(*command)

    assert any(
        text in nowhere.out + nowhere.err for text in ("no run to undo", "the state has no objects", "No changes.")
    )
    assert "there is no tavusctl.yaml here or above; use `-C` to name the folder of the project" in nowhere.err
    assert (nowhere.code, nowhere.out, "tavusctl.yaml" in here.err) == (0, here.out, False)


def test_an_apply_in_one_of_several_environments_tells_how_to_undo_it_there(project: Project) -> None:
    project.write("tavusctl.yaml", "environments: {staging: {}, prod: {}}\n")
    project.manifest("document", "prices", PRICES)

    command = named_undo(project.run("apply", "--yes", "--env", "prod"), " --allow-deletes 1 --env prod")

    project.expect(0, *command, "--yes")
    assert project.account.objects("documents") == {}


@pytest.mark.parametrize("is_before", [True, False])
def test_what_is_told_to_type_works_outside_the_folder_too(project: Project, is_before: bool) -> None:
    (project.root / "other").mkdir()
    project.manifest("persona", "coach", COACH)
    above = Project(project.root / "other", project.account)

    def run(name: str, *args: str) -> Result:
        return above.run("-C", "..", name, *args) if is_before else above.run(name, "-C", "..", *args)

    (told,) = re.findall("`tavusctl (.*)`", run("plan", "--out", "plan.json").err)
    applied = above.run(*shlex.split(told), "--yes")
    undo_told = applied.err.partition("undo with: tavusctl ")[2].splitlines()[0]

    assert told == "-C .. apply plan.json"
    assert (applied.code, above.run(*shlex.split(undo_told), "--yes").code) == (0, 0)
    assert run("undo", "nothing").err.splitlines()[-1].startswith("  help: run `tavusctl -C .. undo` ")


def test_the_command_that_an_apply_tells_has_the_options_that_the_undo_needs(applied: Project) -> None:
    before = account(applied)
    (applied.root / "manifests/persona-coach.yaml").unlink()
    applied.manifest("document", "first", {"document_url": "https://example.com/1.pdf"})
    applied.manifest("document", "second", {"document_url": "https://example.com/2.pdf"})
    command = named_undo(applied.apply("--allow-deletes", "1"), " --recreate --allow-deletes 2")

    undone = applied.expect(0, *command, "--yes")

    assert "undo with: tavusctl undo" in undone.err
    assert {kind: len(objects) for kind, objects in account(applied).items()} == {
        kind: len(objects) for kind, objects in before.items()
    }


@pytest.mark.parametrize("kind", ["document", pytest.param("tool", marks=pytest.mark.newer_api)])
@pytest.mark.parametrize("with_others", [False, True])
def test_the_undo_that_is_told_does_not_count_what_was_lost_and_is_in_use_again(
    project: Project, kind: str, *, with_others: bool
) -> None:
    """Its undo would be a reference to an object that does not exist, which nothing writes."""
    tool = {"name": "t", "description": "T.", "parameters": {"type": "object", "properties": {}}}
    project.manifest(kind, "lost", tool if kind == "tool" else PRICES)
    for name in ("a", "b"):
        project.manifest("persona", name, {**COACH, "persona_name": name, f"{kind}_ids": [f"${{ref:{kind}/lost}}"]})
    project.manifest("guardrails", "rules", RULES)
    project.apply()
    project.account.portal_delete(kind, project.bound(f"{kind}/lost"))
    if with_others:
        project.manifest("persona", "new", {**COACH, "persona_name": "new"})

    said = project.apply().err
    told = re.search(r"^undo with: tavusctl (.*)$", said, re.MULTILINE)

    assert (told[1].split()[2:] if told else []) == (["--allow-deletes", "1"] if with_others else [])
    assert bool(told) == with_others
    undone = project.run(*told[1].split(), "--yes") if told else None
    assert len(project.account.objects("personas")) == 2, undone and undone.err


def test_the_undo_that_is_told_does_not_count_what_is_retained(project: Project) -> None:
    project.manifest("document", "prices", PRICES)
    project.manifest(
        "document", "kept", {"document_url": "https://example.com/k.pdf"}, lifecycle={"on_remove": "retain"}
    )
    command = named_undo(project.apply(), " --allow-deletes 1")

    undone = project.run(*command, "--yes")

    assert (undone.code, len(project.account.objects("documents"))) == (0, 1), undone.err


def test_the_end_of_a_replacement_that_another_run_began_tells_no_undo(project: Project) -> None:
    """It would be refused: the run that began the replacement is the one to undo."""
    coach = {**COACH, "document_ids": ["${ref:document/prices}"]}
    project.manifest("persona", "coach", coach)
    project.manifest("document", "prices", PRICES)
    project.apply()
    project.account.advance(3600)
    project.manifest("document", "prices", {**PRICES, "document_url": "https://example.com/new.pdf"})
    began = project.apply().err
    project.account.advance(3600)
    ended = project.apply().err
    project.manifest("persona", "coach", {**coach, "context": "New."})
    edited = project.apply().err

    assert ["undo with" in said for said in (began, ended, edited)] == [True, False, True]


def test_the_undo_that_is_told_deletes_nothing_that_needs_another_consent(project: Project) -> None:
    project.manifest("document", "prices", PRICES)
    project.manifest("document", "kept", {"document_url": "https://example.com/k.pdf"}, lifecycle=PROTECTED)
    project.manifest("replica", "anna", VIDEO)
    command = named_undo(project.apply(), " --allow-deletes 1")

    undone = project.run(*command, "--yes")

    assert (undone.code, len(project.account.objects("documents"))) == (4, 1), undone.err
    assert "add `--allow-replica-delete replica/anna` to confirm" in " ".join(undone.out.split())


def test_updates_of_every_kind_are_reversed_to_what_was_there(applied: Project) -> None:
    before = account(applied)
    edit_everything(applied)
    assert account(applied) != before

    result = undo(applied)

    assert (result.code, account(applied)) == (0, before), result.out + result.err
    assert [method for method, _, _ in applied.account.sent] == ["PATCH"] * 4


def test_after_an_undo_the_difference_is_an_edit_and_not_drift(applied: Project) -> None:
    edit_everything(applied)
    undo(applied)

    plan = applied.plan()

    assert {one["cause"] for one in plan["changes"]} == {"edited"}
    assert (len(plan["changes"]), plan["drift"]) == (4, [])
    applied.expect(0, "drift", "--detailed-exitcode")


def test_an_undo_can_be_undone(applied: Project) -> None:
    edit_everything(applied)
    edited = account(applied)
    undo(applied)

    again = undo(applied)

    assert (again.code, account(applied)) == (0, edited)
    assert applied.plan()["changes"] == []


def test_an_undo_twice_changes_nothing_the_second_time(applied: Project) -> None:
    edit_everything(applied)
    run = last(applied)
    applied.run("undo", run, "--yes")
    before = account(applied)
    applied.account.forget()

    again = applied.run("undo", run, "--yes")

    assert (again.code, applied.account.writes, account(applied)) == (0, [], before)


def test_what_was_edited_since_is_left_alone_and_the_rest_reversed(applied: Project) -> None:
    edit_everything(applied)
    applied.edit_in_portal("persona/coach", "/greeting", "Ho.")

    result = undo(applied)

    (persona,) = applied.account.objects("personas").values()
    (document,) = applied.account.objects("documents").values()
    assert (result.code, persona["greeting"], persona["system_prompt"]) == (3, "Ho.", "You coach.\nYou are strict.")
    assert "/greeting was edited since" in result.out
    assert document["document_name"] == "Prices"


def test_an_edit_of_another_field_survives(applied: Project) -> None:
    edit_everything(applied)
    applied.edit_in_portal("persona/coach", "/context", "Theirs.", op="add")

    result = undo(applied)

    (persona,) = applied.account.objects("personas").values()
    assert (result.code, persona["context"], persona["system_prompt"]) == (0, "Theirs.", COACH["system_prompt"])


def test_an_edit_between_the_look_and_the_patch_is_not_overwritten(applied: Project) -> None:
    edit_everything(applied)
    remote_id = applied.bound("persona/coach")
    applied.edit_in_portal("persona/coach", "/system_prompt", "Theirs.", before=f"PATCH /v2/personas/{remote_id}")

    result = undo(applied)

    assert result.code == 3
    assert applied.account.objects("personas")[remote_id]["system_prompt"] == "Theirs."


def test_what_later_runs_applied_stays_applied(applied: Project) -> None:
    applied.manifest("document", "prices", {**PRICES, "document_name": "New prices"})
    applied.apply()
    first = last(applied)
    applied.manifest("document", "prices", {**PRICES, "document_name": "New prices", "tags": ["c"]})
    applied.apply()

    result = applied.run("undo", first, "--yes")

    (document,) = applied.account.objects("documents").values()
    (change,) = applied.plan()["changes"]
    assert (result.code, document["document_name"], document["tags"]) == (0, "Prices", ["c"])
    assert [(one["path"], one["cause"]) for one in change["fields"]] == [("/document_name", "edited")]


def test_creates_are_reversed_by_deletes_that_are_agreed_to(project: Project) -> None:
    project.manifest("guardrails", "rules", RULES)
    project.manifest("persona", "coach", {**COACH, "guardrails_id": "${ref:guardrails/rules}"})
    project.apply()

    refused = undo(project)
    held = len(project.account.objects("personas"))
    done = undo(project, "--allow-deletes", "2")

    assert (refused.code, held) == (4, 1)
    assert (done.code, project.account.objects("personas"), project.account.objects("guardrails")) == (0, {}, {})
    assert {one["cause"] for one in project.plan()["changes"]} == {"new"}


def test_nothing_is_deleted_while_a_manifest_that_may_protect_it_is_invalid(project: Project) -> None:
    """An update of another run is reversed all the same."""
    project.manifest("persona", "coach", COACH)
    project.apply()
    created = last(project)
    project.manifest("persona", "coach", {**COACH, "system_prompt": "You shout."})
    project.apply()
    path = project.manifest("persona", "coach", COACH, lifecycle={"prevent_destroy": True})
    path.write_text(path.read_text().replace('"kind"', '"kind'))
    project.account.forget()

    updated = undo(project)
    sent = project.account.sent
    refused = project.run("undo", created, "--yes", "--allow-deletes", "1")

    assert (updated.code, [method for method, _, _ in sent]) == (0, ["PATCH"]), updated.out + updated.err
    assert (refused.code, len(project.account.objects("personas"))) == (4, 1), refused.out + refused.err
    assert "a manifest that is invalid may protect persona/coach; nothing was written" in refused.err
    assert "manifests/persona-coach.yaml:2:" in refused.err


def test_the_error_in_a_manifest_is_named_and_not_a_warning_before_it(project: Project) -> None:
    project.manifest("persona", "z", {**COACH, "persona_name": "Z"})
    project.apply()
    project.manifest("persona", "a", {**COACH, "persona_name": "A", "pipeline_mode": "fulll"})
    project.manifest("persona", "z", {**COACH, "persona_name": "Z", "persona_nam": ""})

    refused = undo(project, "--allow-deletes", "1")

    assert (refused.code, "manifests/persona-z.yaml:" in refused.err) == (4, True), refused.err


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("unrelated", 'kind: persona\nname: other\nspec: {persona_name: O, system_prompt: x, persona_nam: ""}\n'),
        ("renames it", 'kind: document\nname: new\nspec: {document_nam: ""}\nmoved_from: [document/prices]\n'),
        ("unreadable", "kind: persona\nname: other\nspec: {persona_name: [\n"),
    ],
    ids=lambda one: one.split()[0],
)
def test_an_error_in_a_manifest_stops_an_undo_only_if_it_may_hide_a_protection(
    project: Project, name: str, text: str
) -> None:
    project.manifest("document", "prices", PRICES)
    project.apply()
    project.write("manifests/x.yaml", text)
    if name == "renames it":
        project.remove("document", "prices")

    undone = undo(project, "--allow-deletes", "1")

    is_deleted = not project.account.objects("documents")
    assert (undone.code, is_deleted, "E428" in undone.err) == (
        (0, True, False) if name == "unrelated" else (4, False, True)
    ), undone.err


def test_what_is_retained_is_released_and_not_deleted(project: Project) -> None:
    project.manifest("persona", "coach", COACH)
    project.apply()
    project.manifest("persona", "coach", COACH, lifecycle={"on_remove": "retain"})

    result = undo(project)

    assert (result.code, len(project.account.objects("personas"))) == (0, 1), result.out + result.err
    assert project.run("state", "list").out == ""


def test_what_an_object_of_a_later_run_refers_to_is_not_planned_to_be_deleted(project: Project) -> None:
    project.manifest("document", "prices", PRICES)
    project.apply()
    run = last(project)
    project.manifest("persona", "coach", {**COACH, "document_ids": ["${ref:document/prices}"]})
    project.apply()

    check_still_used(project, run)


def test_what_a_retained_object_refers_to_is_not_planned_to_be_deleted(project: Project) -> None:
    refers = {"document_ids": ["${ref:document/prices}"]}
    project.manifest("document", "prices", PRICES)
    project.manifest("persona", "coach", {**COACH, **refers}, lifecycle={"on_remove": "retain"})
    project.apply()

    check_still_used(project, last(project))


@pytest.mark.newer_api
def test_what_stays_attached_after_an_undo_is_not_planned_to_be_deleted(project: Project) -> None:
    """The tools of the persona cannot be restored, since one of them cannot; its other fields can."""
    project.environment["HOOK_TOKEN"] = "tok-9f8e7d6c5b4a"
    project.write("tavusctl.yaml", "secrets: [HOOK_TOKEN]\n")
    hook = {"url": "https://hooks.example.com/a", "auth": {"type": "bearer", "token": "${secret:HOOK_TOKEN}"}}
    project.manifest("tool", "old", {"name": "old", "description": "Old.", "delivery": {"api": hook}})
    project.manifest("persona", "coach", {**COACH, "tool_ids": ["${ref:tool/old}"]})
    project.apply()
    project.remove("tool", "old")
    project.manifest("tool", "new", {"name": "new", "description": "New.", "delivery": {"app_message": True}})
    project.manifest("persona", "coach", {**COACH, "system_prompt": "Edited.", "tool_ids": ["${ref:tool/new}"]})
    project.apply("--allow-deletes", "1")

    undone = project.run("undo", last(project), "--recreate", "--yes")

    assert "! tool/new: delete refused [E405]\n    still referred to by persona/coach after" in undone.out
    assert (undone.code, "failed" in undone.out) == (4, False), undone.out + undone.err
    assert project.account.call("GET", f"/v2/tools/{project.bound('tool/new')}").is_success


def test_an_undo_writes_no_reference_to_what_somebody_has_deleted(project: Project) -> None:
    """The run has only followed the delete: the manifest does not name the document any more."""
    project.manifest("document", "prices", PRICES)
    project.manifest("persona", "coach", {**COACH, "document_ids": ["${ref:document/prices}"]})
    project.apply()
    project.account.portal_delete("document", project.bound("document/prices"))
    project.remove("document", "prices")
    project.manifest("persona", "coach", COACH)
    project.apply_and_forget("--overwrite", "persona/coach")

    refused = undo(project)

    assert (refused.code, project.account.writes) == (4, []), refused.out
    assert "! persona/coach: update refused [E309]\n    it referred to the document d" in refused.out


def test_an_undo_keeps_references_to_what_the_run_has_created_again(project: Project) -> None:
    """The id from before the run leads to nothing."""
    project.manifest("document", "prices", PRICES)
    project.manifest("persona", "coach", {**COACH, "document_ids": ["${ref:document/prices}"]})
    project.apply()
    project.account.portal_delete("document", project.bound("document/prices"))
    project.manifest(
        "persona", "coach", {**COACH, "system_prompt": "Edited.", "document_ids": ["${ref:document/prices}"]}
    )
    project.apply()

    undone = undo(project)

    (coach,) = project.account.objects("personas").values()
    assert (undone.code, coach["system_prompt"]) == (4, COACH["system_prompt"]), undone.out
    assert coach["document_ids"] == [project.bound("document/prices")]
    assert "! document/prices: delete refused [E405]" in undone.out


def check_still_used(project: Project, run: str) -> None:
    """Check that an undo refuses to delete the document that the persona refers to, and sends nothing."""
    project.account.forget()
    refused = project.run("undo", run, "--yes")
    assert (refused.code, project.account.writes) == (4, []), refused.out + refused.err
    assert "! document/prices: delete refused [E405]\n    still referred to by persona/coach after" in refused.out


@pytest.mark.parametrize("lifecycle", [{"prevent_destroy": True}, {"on_remove": "retain"}])
def test_a_protection_that_the_run_lowered_is_named(project: Project, lifecycle: Body) -> None:
    project.manifest("persona", "coach", COACH, lifecycle=lifecycle)
    project.apply()
    project.manifest("persona", "coach", {**COACH, "system_prompt": "You shout."})
    project.apply("--allow-lowered", "1")
    run = last(project)

    named = project.run("undo", run, "--yes")

    assert (named.code, "the run lowered a protection" in named.out) == (4, True), named.out + named.err
    assert next(iter(lifecycle)) in named.out
    (persona,) = project.account.objects("personas").values()
    assert persona["system_prompt"] == COACH["system_prompt"]
    project.manifest("persona", "coach", COACH, lifecycle=lifecycle)
    project.apply()
    project.expect(0, "undo", run, "--yes")


def test_a_created_object_that_was_edited_is_not_deleted(project: Project) -> None:
    project.manifest("persona", "coach", COACH)
    project.apply()
    remote_id = project.bound("persona/coach")
    project.account.portal("persona", remote_id, {"op": "replace", "path": "/persona_name", "value": "Theirs"})

    result = undo(project, "--allow-deletes", "0")

    assert (result.code, list(project.account.objects("personas"))) == (3, [remote_id])


def test_a_created_object_that_is_edited_after_the_plan_is_not_deleted(project: Project) -> None:
    """As while the plan waits for a yes."""
    project.manifest("document", "prices", PRICES)
    project.apply()
    created = project.bound("document/prices")
    project.edit_in_portal("document/prices", "/document_name", "Theirs", before=f"GET /v2/documents/{created}")

    result = undo(project, "--allow-deletes", "1")

    assert (result.code, list(project.account.objects("documents"))) == (3, [created]), result.out
    assert "/document_name of `document/prices` was edited in the account during this run" in result.out


def test_a_new_version_that_is_edited_after_the_plan_is_not_deleted(replaced: Project) -> None:
    new = replaced.bound("document/prices")
    replaced.edit_in_portal("document/prices", "/document_name", "Theirs", before=f"GET /v2/documents/{new}")

    result = undo(replaced, "--recreate")

    assert (result.code, new in replaced.account.objects("documents")) == (3, True), result.out


def test_deleted_objects_are_made_anew_with_their_references(applied: Project) -> None:
    applied.remove("persona", "coach")
    applied.remove("guardrails", "rules")
    applied.remove("document", "prices")
    applied.apply("--allow-deletes", "3")

    refused = undo(applied)
    done = undo(applied, "--recreate")

    (persona,) = applied.account.objects("personas").values()
    assert refused.code == 4
    assert "--recreate" in refused.out
    assert (done.code, persona["system_prompt"]) == (0, COACH["system_prompt"]), done.out + done.err
    assert persona["guardrails_id"] == applied.bound("guardrails/rules")
    assert persona["document_ids"] == [applied.bound("document/prices")]
    applied.manifest("guardrails", "rules", RULES)
    applied.manifest("document", "prices", PRICES)
    refers = {"guardrails_id": "${ref:guardrails/rules}", "document_ids": ["${ref:document/prices}"]}
    applied.manifest("persona", "coach", {**COACH, **refers})
    assert applied.plan()["changes"] == []


def test_a_reference_that_was_dropped_with_its_object_comes_back(applied: Project) -> None:
    applied.remove("document", "prices")
    applied.manifest("persona", "coach", {**COACH, "guardrails_id": "${ref:guardrails/rules}"})
    applied.apply("--allow-deletes", "1")

    refused = undo(applied)
    done = undo(applied, "--recreate")

    (persona,) = applied.account.objects("personas").values()
    assert "it referred to document/prices, which was deleted" in refused.out
    assert (refused.code, done.code) == (4, 0), done.out
    assert persona["document_ids"] == [applied.bound("document/prices")]


def test_a_secret_is_not_brought_back_and_its_field_is_named(project: Project) -> None:
    project.write("tavusctl.yaml", "{version: 1, secrets: [KEY]}")
    llm = {"model": "gpt-4o", "base_url": "https://llm.example.com/v1", "api_key": "${secret:KEY}"}
    project.manifest("persona", "coach", {**COACH, "layers": {"llm": llm}})
    project.run("apply", "--yes", KEY="first-canary")
    project.manifest("persona", "coach", {**COACH, "persona_name": "C.", "layers": {"llm": llm}})
    changed = project.run("apply", "--yes", KEY="second-canary")

    result = project.run("undo", last(project), "--yes", KEY="second-canary")

    (persona,) = project.account.objects("personas").values()
    kept = "".join(
        path.read_text("utf-8", "replace") for path in (project.root / ".tavusctl").rglob("*") if path.is_file()
    )
    assert (changed.code, result.code, persona["persona_name"]) == (0, 0, "Coach"), result.out + result.err
    assert "the secret at `/layers/llm/api_key` cannot be restored" in result.out
    assert "canary" not in kept + result.out + result.err
    project.manifest("persona", "coach", {**COACH, "layers": {"llm": llm}})
    project.expect(0, "plan", "--detailed-exitcode", KEY="second-canary")
    project.expect(2, "plan", "--detailed-exitcode", KEY="first-canary")


def test_what_was_taken_over_is_let_go_as_it_was(project: Project) -> None:
    (theirs,) = project.account.seed(personas=[{"persona_name": "Coach", "system_prompt": "Hello."}])["personas"]
    project.manifest("persona", "coach", COACH)
    project.apply("--adopt")

    result = undo(project)

    assert (result.code, project.account.objects("personas")[theirs]["system_prompt"]) == (0, "Hello."), result.out
    assert project.run("state", "list").out == ""
    project.expect(4, "plan")


def test_a_binding_that_was_dropped_is_taken_back(project: Project) -> None:
    project.manifest("persona", "coach", COACH, lifecycle={"on_remove": "retain"})
    project.manifest("document", "prices", PRICES)
    project.apply()
    remote_id = project.bound("persona/coach")
    project.remove("persona", "coach")
    project.apply()

    assert undo(project).code == 0
    assert project.bound("persona/coach") == remote_id


def test_an_update_is_not_reversed_on_an_object_that_is_gone(applied: Project) -> None:
    edit_everything(applied)
    run, remote_id = last(applied), applied.bound("persona/coach")
    applied.account.portal_delete("persona", remote_id)

    gone = undo(applied)
    applied.run("state", "rm", "persona/coach")
    unbound = applied.run("undo", run, "--yes")

    assert (gone.code, f"{remote_id} was deleted in the account" in gone.out) == (3, True), gone.out
    assert f"`persona/coach` is no longer bound to {remote_id}" in unbound.out, unbound.out + unbound.err


NEW_PRICES: Body = {**PRICES, "document_url": "https://example.com/new.pdf"}


@pytest.fixture
def replaced(applied: Project) -> Project:
    """The document was replaced, and the persona points to its new version."""
    applied.account.switch(processing_seconds=0)
    applied.manifest("document", "prices", NEW_PRICES)
    return applied.apply_and_forget()


def document_of(project: Project) -> tuple[str, Body, list[str]]:
    """The one document, and what the persona refers to."""
    ((remote_id, document),) = project.account.objects("documents").items()
    (persona,) = project.account.objects("personas").values()
    return remote_id, document, persona["document_ids"]


def test_a_replacement_is_reversed_by_one_that_makes_the_old_version_anew(replaced: Project) -> None:
    new = replaced.bound("document/prices")

    refused = undo(replaced)
    sent = replaced.account.writes
    done = undo(replaced, "--recreate")

    assert (refused.code, sent, done.code) == (4, [], 0), done.out + done.err
    assert "use `--recreate` to recreate the old version" in refused.out
    remote_id, document, referred = document_of(replaced)
    assert (document["document_url"], document["tags"], referred) == (PRICES["document_url"], ["a", "b"], [remote_id])
    assert remote_id == replaced.bound("document/prices") != new
    assert [method for method, _, _ in replaced.account.sent] == ["POST", "PATCH", "DELETE"]
    assert replaced.plan()["summary"]["replace"] == 1
    replaced.manifest("document", "prices", PRICES)
    assert replaced.plan()["changes"] == []


def test_an_undone_replacement_can_be_undone(replaced: Project) -> None:
    undo(replaced, "--recreate")

    again = undo(replaced, "--recreate")

    remote_id, document, referred = document_of(replaced)
    assert (again.code, document["document_url"], referred) == (0, NEW_PRICES["document_url"], [remote_id]), again.out
    assert replaced.plan()["changes"] == []


def test_a_new_version_that_is_not_in_use_yet_just_goes(applied: Project) -> None:
    """The old one was never left."""
    before = account(applied)
    applied.account.switch(processing_seconds=600)
    applied.manifest("document", "prices", NEW_PRICES)
    applied.apply()
    assert len(applied.account.objects("documents")) == 2

    result = undo(applied)

    assert (result.code, account(applied)) == (0, before), result.out
    applied.manifest("document", "prices", PRICES)
    assert applied.plan()["changes"] == []


def test_an_old_version_that_is_still_there_is_used_again(applied: Project) -> None:
    """Somebody else's persona refers to it, so it was kept."""
    old = applied.bound("document/prices")
    applied.account.advance(3600)
    applied.account.switch(processing_seconds=0)
    theirs = {"persona_name": "Theirs", "system_prompt": "Hi.", "document_ids": [old]}
    (stranger,) = applied.account.seed(personas=[theirs])["personas"]
    applied.manifest("document", "prices", NEW_PRICES)
    applied.apply()
    assert applied.bound("document/prices") != old

    result = undo(applied)

    assert (result.code, applied.bound("document/prices")) == (0, old), result.out
    assert list(applied.account.objects("documents")) == [old]
    personas = applied.account.objects("personas").values()
    assert [one["document_ids"] for one in personas] == [[old], [old]]
    assert stranger in applied.account.objects("personas")


def test_an_old_version_that_takes_its_time_is_gone_on_with(replaced: Project) -> None:
    """Nothing is made a third time, and the new version serves until then."""
    replaced.account.switch(processing_seconds=600)
    run, new = last(replaced), replaced.bound("document/prices")
    begun = replaced.run("undo", run, "--yes", "--recreate")
    serving = replaced.bound("document/prices")
    replaced.account.advance(700)

    ended = replaced.run("undo", run, "--yes", "--recreate")

    assert (begun.code, serving, ended.code) == (0, new, 0), ended.out + ended.err
    assert "the old version is started" in begun.out
    assert "; the new version stays in use" in begun.out
    remote_id, document, referred = document_of(replaced)
    assert (document["document_url"], referred) == (PRICES["document_url"], [remote_id])
    assert [method for method, _, _ in replaced.account.sent].count("POST") == 1


def test_a_new_version_that_was_edited_since_stays(replaced: Project) -> None:
    new = replaced.bound("document/prices")
    replaced.account.call("PATCH", f"/v2/documents/{new}", {"document_name": "Theirs"})
    replaced.account.forget()

    result = undo(replaced, "--recreate")

    assert (result.code, replaced.account.writes) == (3, [])
    assert "/document_name was edited since" in result.out


def test_two_replacements_of_one_run_are_reversed_together(applied: Project) -> None:
    """The persona is pointed to both old versions in one step."""
    applied.account.switch(processing_seconds=0)
    terms = {"document_name": "Terms", "document_url": "https://example.com/terms.pdf"}
    both = {"document_ids": ["${ref:document/prices}", "${ref:document/terms}"]}
    applied.manifest("document", "terms", terms)
    applied.manifest("persona", "coach", {**COACH, "guardrails_id": "${ref:guardrails/rules}", **both})
    applied.apply()
    applied.manifest("document", "prices", NEW_PRICES)
    applied.manifest("document", "terms", {**terms, "document_url": "https://example.com/new-terms.pdf"})
    applied.apply()

    result = undo(applied, "--recreate")

    urls = {key: one["document_url"] for key, one in applied.account.objects("documents").items()}
    (persona,) = applied.account.objects("personas").values()
    assert result.code == 0, result.out + result.err
    assert [urls[key] for key in persona["document_ids"]] == [PRICES["document_url"], terms["document_url"]]
    assert len(urls) == 2


def test_other_edits_of_that_run_are_reversed_with_the_replacement(applied: Project) -> None:
    applied.account.switch(processing_seconds=0)
    applied.manifest("document", "prices", NEW_PRICES)
    refers = {"guardrails_id": "${ref:guardrails/rules}", "document_ids": ["${ref:document/prices}"]}
    applied.manifest("persona", "coach", {**COACH, **refers, "system_prompt": "You shout."})
    applied.apply()

    result = undo(applied, "--recreate")

    (persona,) = applied.account.objects("personas").values()
    assert (result.code, persona["system_prompt"]) == (0, COACH["system_prompt"]), result.out + result.err
    assert persona["document_ids"] == [applied.bound("document/prices")]
    assert len(applied.account.objects("documents")) == 1


@pytest.mark.parametrize("run", ["0123456789ab", "../../etc", "x", ""])
def test_an_unknown_run_is_refused(project: Project, run: str) -> None:
    project.manifest("persona", "coach", COACH)

    result = project.run("undo", run, "--yes")

    assert (result.code, project.account.writes) == (9, [])
    assert "run `tavusctl undo` to list the runs" in result.err


def test_a_run_of_another_state_is_refused(applied: Project) -> None:
    edit_everything(applied)
    (applied.root / ".tavusctl/state.json").unlink()

    assert undo(applied).code == 9
    assert applied.run("undo").out == "no run to undo\n"
    assert applied.account.writes == []


def test_records_that_were_tampered_with_are_refused(applied: Project) -> None:
    edit_everything(applied)
    path = records(applied)
    path.write_text(path.read_text().replace('"action":"update"', '"action":"conquer"', 1))

    assert undo(applied).code == 9
    assert applied.account.writes == []


def test_only_the_newest_runs_are_kept(project: Project) -> None:
    folder = project.root / ".tavusctl/runs"
    for number in range(23):
        project.manifest("persona", "coach", {**COACH, "greeting": f"Hello {number}."})
        project.apply()

    assert len(list(folder.iterdir())) == 20
    assert len(runs(project)) == 20


def test_what_was_deleted_a_month_ago_is_kept_no_longer(applied: Project) -> None:
    old, young = (applied.root / f".tavusctl/trash/{name}" for name in ("0" * 12, "1" * 12))
    for folder, days in ((old, 31), (young, 29)):
        folder.mkdir(parents=True)
        (folder / "persona-coach-p1.json").write_text("{}")
        then = time.time() - days * 24 * 3600
        os.utime(folder / "persona-coach-p1.json", (then, then))

    edit_everything(applied)

    assert (old.exists(), young.exists()) == (False, True)


def test_a_clock_that_shows_a_later_month_for_once_ends_nothing(applied: Project) -> None:
    """What was deleted an hour ago looks two months old on such a machine, and undo needs it tomorrow."""
    applied.account.advance(-60 * 24 * 3600)
    body = applied.root / f".tavusctl/trash/{'0' * 12}/persona-coach-p1.json"
    body.parent.mkdir(parents=True)
    body.write_text("{}")
    then = time.time() - 60 * 24 * 3600
    os.utime(body, (then, then))

    edit_everything(applied)

    assert body.exists()


def test_an_apply_is_done_also_when_its_records_cannot_be_kept(project: Project) -> None:
    project.manifest("persona", "coach", COACH)
    (project.root / ".tavusctl").mkdir()
    (project.root / ".tavusctl/runs").write_text("in the way")

    said = project.apply()

    assert "undo with" not in said.err
    assert project.plan()["changes"] == []


def test_an_apply_of_which_every_step_failed_names_no_run_to_undo(applied: Project) -> None:
    before = last(applied)
    applied.account.fault(match="PATCH *", kind="status", status=403, times=None)
    applied.manifest("persona", "coach", {**COACH, "system_prompt": "You coach kindly."})

    failed = applied.run("apply", "--yes")

    assert (failed.code, "undo with" in failed.out + failed.err) == (5, False), failed.err
    assert last(applied) == before


@pytest.mark.parametrize("with_failure", [False, True])
def test_an_apply_that_has_only_imported_can_be_undone(project: Project, *, with_failure: bool) -> None:
    project.account.seed(personas=[COACH])
    project.manifest("persona", "coach", COACH)
    if with_failure:
        project.manifest("document", "prices", PRICES)
        project.account.fault(match="POST *", kind="status", status=402)
    command = named_undo(project.run("apply", "--yes", "--adopt"))

    listed = project.run("undo").out
    undone = project.run(*command, "--yes")

    assert listed.endswith("  1 adopt\n"), listed
    assert (undone.code, project.run("state", "list").out) == (0, ""), undone.err
    assert len(project.account.objects("personas")) == 1


def test_applies_that_change_nothing_do_not_push_out_the_last_one_that_did(applied: Project) -> None:
    """As a job on a clock, whose create the API refuses: the last 20 runs are kept."""
    before = last(applied)
    applied.account.fault(match="POST *", kind="status", status=402, times=None)
    applied.manifest("document", "refused", {"document_url": "https://example.com/refused.pdf"})
    for _ in range(21):
        applied.expect(5, "apply", "--yes")

    assert applied.run("undo").out.startswith(before)


def test_a_lost_answer_in_an_undo_is_settled_by_look(applied: Project) -> None:
    before = account(applied)
    edit_everything(applied)
    applied.account.fault(match="PATCH *", kind="drop", phase="after", skip=1, times=2)
    run = last(applied)

    applied.run("undo", run, "--yes", TAVUSCTL_SETTLE="0.2")
    applied.account.control("DELETE", "faults")
    again = applied.run("undo", run, "--yes")

    assert (again.code, account(applied)) == (0, before), again.out


def test_an_undo_that_is_not_finished_is_continued_by_the_same_undo(applied: Project) -> None:
    before = account(applied)
    edit_everything(applied)
    applied.account.fault(match="PATCH /v2/documents/*", kind="status", status=403, times=1)

    result = applied.run("undo", last(applied), "--yes")

    told = re.search(r"^next: run `tavusctl (undo \w+)` again to continue$", result.err, re.MULTILINE)
    assert (result.code, bool(told)) == (5, True), result.err
    assert told
    applied.expect(0, *told[1].split(), "--yes")
    assert account(applied) == before


def test_undo_asks_and_needs_a_terminal_for_it(applied: Project) -> None:
    edit_everything(applied)

    result = applied.run("undo", last(applied))

    assert (result.code, applied.account.writes) == (12, [])


def test_the_document_of_an_undo_is_that_of_an_apply(applied: Project) -> None:
    edit_everything(applied)

    document = json.loads(undo(applied, "--format", "json").out)

    assert {one["status"] for one in document["outcomes"]} == {"done"}
    assert document["summary"]["update"] == 4


LLM: Body = {"model": "gpt-4o", "base_url": "https://llm.example.com/v1", "api_key": "${secret:KEY}"}


@pytest.fixture
def keyed(project: Project) -> Project:
    """An applied persona with a model of its own, whose manifest is gone and whose delete is applied."""
    project.write("tavusctl.yaml", "{version: 1, secrets: [KEY]}")
    project.environment["KEY"] = "canary-of-the-undo"
    project.manifest("persona", "coach", {**COACH, "layers": {"llm": LLM}})
    project.manifest("document", "prices", PRICES)
    project.apply()
    project.remove("persona", "coach")
    return project.apply_and_forget("--allow-deletes", "1")


def test_a_secret_that_the_manifest_names_is_sent_again(keyed: Project) -> None:
    keyed.manifest("persona", "coach", {**COACH, "layers": {"llm": LLM}})

    result = undo(keyed, "--recreate")

    (sent,) = [body for method, _, body in keyed.account.sent if method == "POST"]
    assert (result.code, "api_key" in sent["layers"]["llm"]) == (0, True), result.out + result.err
    assert "canary" not in result.out + result.err
    assert "the manifests still contain the changes of that run" not in result.err  # they say the same
    assert keyed.plan()["changes"] == []


def test_without_a_manifest_nothing_is_sent_and_the_way_is_told(keyed: Project) -> None:
    result = undo(keyed, "--recreate")

    assert (result.code, keyed.account.writes) == (4, [])
    assert "the secret at `/layers/llm/api_key` is not stored anywhere" in result.out
    assert "restore the manifest and run `tavusctl apply`" in result.out


def test_a_variable_that_is_not_set_is_named(keyed: Project) -> None:
    keyed.manifest("persona", "coach", {**COACH, "layers": {"llm": LLM}})

    result = keyed.run("undo", last(keyed), "--yes", "--recreate", KEY=None)

    assert (result.code, keyed.account.writes) == (4, [])
    assert "KEY of its manifest is not set" in result.out


def test_a_model_that_was_taken_away_comes_back_with_its_key(project: Project) -> None:
    """The API takes an address and a key together, or none of them."""
    project.write("tavusctl.yaml", "{version: 1, secrets: [KEY]}")
    project.environment["KEY"] = "canary-of-the-undo"
    project.manifest("persona", "coach", {**COACH, "layers": {"llm": LLM}})
    project.apply()
    project.manifest("persona", "coach", {**COACH, "layers": {"llm": {"model": "tavus-gpt-oss"}}})
    project.apply_and_forget()

    refused = undo(project)
    project.manifest("persona", "coach", {**COACH, "layers": {"llm": LLM}})
    done = undo(project)

    (persona,) = project.account.objects("personas").values()
    assert (refused.code, done.code) == (4, 0), done.out + done.err
    assert "the secret at `/layers/llm/api_key` is not stored anywhere" in refused.out
    assert persona["layers"]["llm"]["base_url"] == LLM["base_url"]
    assert project.plan()["changes"] == []


def test_what_refers_to_an_object_that_is_not_made_anew_is_not_made_either(keyed: Project) -> None:
    """One refusal leads to another, and not to a call that cannot be right."""
    result = keyed.run("undo", last(keyed), "--yes", "--recreate", "--format", "json")

    assert [one["code"] for one in result.document["refused"]] == ["E309"]
    assert result.document["changes"] == []


def test_the_list_of_runs_is_a_document(applied: Project) -> None:
    result = applied.run("undo", "--format", "json")

    (one,) = result.document["runs"]
    assert (result.code, result.document["format_version"]) == (0, "1.0")
    assert (one["run"], one["actions"]) == (last(applied), {"create": 4})
    assert one["time"].startswith("20")


@pytest.mark.parametrize("time", ["noon", "0001-01-01T00:00:00+14:00"])
def test_a_run_whose_time_cannot_be_read_is_listed(applied: Project, time: str) -> None:
    path = records(applied)
    path.write_text(re.sub(r'"time":"[^"]*"', f'"time":"{time}"', path.read_text(), count=1))

    result = applied.run("undo")

    assert (result.code, result.out) == (0, f"{last(applied)}  (time unknown)  4 create\n")


@pytest.mark.parametrize("format_", ["markdown", "html", "comment", "github", "sarif"])
def test_the_list_of_runs_has_no_other_format(project: Project, format_: str) -> None:
    result = project.run("undo", "--format", format_)

    assert (result.code, result.out) == (12, "")
    assert f"no format `{format_}`" in result.err


def test_an_empty_list_of_runs_is_a_document_too(project: Project) -> None:
    assert project.run("undo", "--format", "json").document == {"format_version": "1.0", "runs": []}


def test_what_an_undo_does_is_asked_for_and_no_edit(applied: Project) -> None:
    edit_everything(applied)
    applied.apply()

    changes = json.loads(applied.run("undo", last(applied), "--yes", "--format", "json").out)["changes"]

    assert {one["cause"] for one in changes} == {"asked"}


def test_an_undo_tells_what_it_records_besides(project: Project) -> None:
    project.manifest("persona", "coach", COACH)
    project.apply()
    project.manifest("persona", "coach", {**COACH, "system_prompt": "Others."})
    project.apply()
    project.write("tavusctl.yaml", "environments: {default: {account: acme}}\n")

    asked = project.run("undo", last(project))
    done = project.run("undo", last(project), "--yes", TAVUSCTL_FINGERPRINT_KEY="of-the-team-0123456789")

    assert "To be recorded in the state: the account label acme." in asked.out
    assert "To be recorded in the state: which keys open it, the account label acme." in done.out
    assert "To be recorded" not in project.run("plan").out


@pytest.mark.newer_api
@pytest.mark.parametrize("deletes", [False, True])
def test_an_undo_lists_deployments_only_if_it_may_delete_what_they_refer_to(project: Project, deletes: bool) -> None:
    project.manifest("persona", "coach", COACH)
    project.apply()
    if deletes:
        project.manifest("persona", "other", {**COACH, "persona_name": "Other"})
    else:
        project.manifest("persona", "coach", {**COACH, "system_prompt": "You coach."})
    project.apply_and_forget()

    assert undo(project, "--allow-deletes", str(int(deletes))).code == 0
    assert ("/v2/deployments" in [one["path"] for one in project.account.requests]) is deletes


def test_a_run_without_a_record_says_that_it_cannot_be_undone(coach: Project) -> None:
    """Such as on a disk that has become full, or in a folder of another user: all else is done."""
    coach.manifest("persona", "coach", {"persona_name": "Coach", "system_prompt": "You listen."})
    runs = coach.root / ".tavusctl/runs"
    runs.chmod(0o500)

    applied = coach.run_restricted("apply", "--yes")
    runs.chmod(0o700)

    assert (applied.code, "undo with" in applied.out + applied.err) == (0, False), applied.err
    assert "`undo` cannot undo this run, because it has no record: cannot keep" in applied.out + applied.err
    assert coach.plan()["changes"] == []
