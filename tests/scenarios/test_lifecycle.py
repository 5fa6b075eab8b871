"""The life of a resource, from the first apply to its deletion."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.scenarios.project import PLACE, Project

COACH = {
    "persona_name": "Coach",
    "system_prompt": "You coach.\nYou are kind.",
    "layers": {"llm": {"model": "tavus-gpt-oss"}},
}
RULES = {"name": "Rules", "data": [{"guardrail_name": "no_promises", "guardrail_prompt": "Promises a price."}]}
GOALS = {
    "name": "Goals",
    "data": [
        {"objective_name": "greet", "objective_prompt": "Greet.", "next_required_objective": "part"},
        {"objective_name": "part", "objective_prompt": "Part."},
    ],
}
PRICES = {"document_name": "Prices", "document_url": "https://example.com/prices.pdf", "tags": ["b", "a"]}
VIDEO = {"replica_name": "Anna", "train_video_url": "https://example.com/anna.mp4"}


@pytest.fixture
def full(project: Project) -> Project:
    """A project with one of each kind, applied."""
    project.manifest("guardrails", "rules", RULES)
    project.manifest("objectives", "goals", GOALS)
    project.manifest("document", "prices", PRICES)
    project.manifest("replica", "anna", VIDEO)
    refers: dict[str, Any] = {
        "guardrails_id": "${ref:guardrails/rules}",
        "objectives_id": "${ref:objectives/goals}",
        "document_ids": ["${ref:document/prices}"],
        "default_replica_id": "${ref:replica/anna}",
    }
    project.manifest("persona", "coach", {**COACH, **refers})
    return project.apply_and_forget()


def test_the_second_plan_is_empty_and_the_second_apply_makes_no_write(full: Project) -> None:
    """What was applied is as the manifests say."""
    plan = full.run("plan", "--detailed-exitcode")
    again = full.run("apply", "--yes")

    assert (plan.code, plan.out) == (0, PLACE + "No changes. 5 objects up to date.\n")
    assert (again.code, full.account.writes) == (0, [])


def test_references_become_the_ids_of_what_was_created(full: Project) -> None:
    """Ids are nowhere in the manifests and right in the account."""
    (persona,) = full.account.objects("personas").values()

    assert persona["guardrails_id"] == full.bound("guardrails/rules")
    assert persona["objectives_id"] == full.bound("objectives/goals")
    assert persona["document_ids"] == [full.bound("document/prices")]
    assert persona["default_replica_id"] == full.bound("replica/anna")


def test_an_edit_in_a_prompt_is_one_operation_in_one_request(full: Project) -> None:
    """Nothing but the edited field is sent."""
    path = full.root / "manifests/persona-coach.yaml"
    path.write_text(path.read_text().replace("kind.", "strict."))

    shown = full.run("plan").out
    full.apply()

    expected = [{"op": "replace", "path": "/system_prompt", "value": "You coach.\nYou are strict."}]
    assert full.account.sent == [("PATCH", f"/v2/personas/{full.bound('persona/coach')}", expected)]
    assert "- You are [-kind-]." in shown
    assert "+ You are {+strict+}." in shown


def test_a_portal_edit_is_drift_of_its_field_and_not_an_edit_of_the_file(full: Project) -> None:
    """Which side moved is told, by field."""
    full.edit_in_portal("persona/coach", "/persona_name", "C.")

    drift = full.run("drift", "--format", "json", "--detailed-exitcode")
    (change,) = full.plan()["changes"]

    (entry,) = drift.document["drift"]
    assert (drift.code, entry["address"], entry["cause"]) == (2, "persona/coach", "drifted")
    assert [(one["path"], one["base"], one["live"]) for one in entry["fields"]] == [("/persona_name", "Coach", "C.")]
    assert drift.document["changes"] == []
    assert (change["cause"], change["patch"]) == (
        "drifted",
        [{"op": "replace", "path": "/persona_name", "value": "Coach"}],
    )


def test_both_sides_moved_differently_is_a_conflict_that_is_not_written(full: Project) -> None:
    """The portal edit stays until somebody decides; other objects are not held up."""
    full.edit_in_portal("guardrails/rules", "/name", "Theirs")
    full.manifest("guardrails", "rules", {**RULES, "name": "Ours"})
    full.manifest("document", "prices", {**PRICES, "document_name": "New prices"})

    stopped = full.run("apply", "--yes")
    kept = full.account.objects("guardrails")[full.bound("guardrails/rules")]["name"]
    forced = full.run("apply", "--yes", "--overwrite", "guardrails/rules")

    assert (stopped.code, kept) == (3, "Theirs")
    assert "last applied" in stopped.out
    assert full.account.objects("documents")[full.bound("document/prices")]["document_name"] == "New prices"
    assert forced.code == 0
    assert full.account.objects("guardrails")[full.bound("guardrails/rules")]["name"] == "Ours"


def test_both_sides_moved_alike_is_nothing(full: Project) -> None:
    """Somebody has made the very change already."""
    full.edit_in_portal("persona/coach", "/persona_name", "C.")
    document = full.root / "manifests/persona-coach.yaml"
    document.write_text(document.read_text().replace('"Coach"', '"C."'))

    assert full.plan()["changes"] == []
    full.apply()
    assert full.account.writes == []
    assert full.plan()["drift"] == []


def test_a_key_that_is_absent_is_not_managed(full: Project) -> None:
    """The live value stays, whoever set it."""
    full.edit_in_portal("persona/coach", "/greeting", "Hi!")

    assert full.plan()["changes"] == []
    assert full.plan()["drift"] == []


def test_a_key_set_to_null_is_removed_and_one_that_was_dropped_too(full: Project) -> None:
    """The rule of absence, null and dropped keys."""
    everything = json.loads((full.root / "manifests/persona-coach.yaml").read_text())["spec"]
    full.manifest(
        "persona", "coach", {**everything, "layers": {"stt": {"stt_engine": "tavus-auto", "hotwords": "Ann"}}}
    )
    full.apply()
    full.manifest("persona", "coach", {**COACH, "layers": {"stt": {"hotwords": None}}, "guardrails_id": None})

    (change,) = full.plan()["changes"]
    full.apply()

    (persona,) = full.account.objects("personas").values()
    paths = {operation["path"] for operation in change["patch"]}
    assert paths == {
        *("/guardrails_id", "/objectives_id", "/document_ids", "/default_replica_id"),
        *("/layers/stt/hotwords", "/layers/stt/stt_engine"),
    }
    assert (persona["guardrails_id"], persona["objectives_id"], persona["document_ids"]) == (None, None, [])
    assert persona["layers"]["stt"]["hotwords"] == ""
    assert full.plan()["changes"] == []


@pytest.mark.parametrize("change", [{}, {"document_name": None}])
def test_a_document_keeps_its_name_when_the_manifest_drops_it(full: Project, change: dict[str, Any]) -> None:
    """A document always has a name, by which it is found if the state is lost."""
    left = {key: value for key, value in PRICES.items() if key != "document_name"}
    full.manifest("document", "prices", {**left, **change})

    planned, applied = full.plan(), full.run("apply", "--yes")

    assert (planned["changes"], applied.code, full.account.writes) == ([], 0, [])


def test_a_name_that_was_null_gets_another_value_without_a_conflict(full: Project) -> None:
    full.manifest("document", "prices", {**PRICES, "document_name": None})
    full.apply()
    full.manifest("document", "prices", {**PRICES, "document_name": "Rates"})
    full.apply()

    assert [body for _, _, body in full.account.sent] == [{"document_name": "Rates"}]


def test_a_removed_manifest_is_a_delete_and_refused_without_consent(full: Project) -> None:
    """The exact number of deletes has to be said."""
    full.remove("persona", "coach")

    refused = full.run("apply", "--yes")
    wrong = full.run("apply", "--yes", "--allow-deletes", "2")
    untouched = full.account.writes
    agreed = full.run("apply", "--yes", "--allow-deletes", "1")

    assert (refused.code, wrong.code, untouched) == (4, 4, [])
    assert "- persona/coach: delete" in refused.out
    assert agreed.code == 0
    assert full.account.objects("personas") == {}
    assert full.plan()["changes"] == []


def test_a_plan_without_deletes_needs_no_number_of_deletes(full: Project) -> None:
    full.manifest("persona", "coach", {**COACH, "persona_name": "New"})

    refused = full.run("apply", "--yes", "--allow-deletes", "1")

    assert (refused.code, full.account.writes) == (4, [])
    assert "E410" in refused.err
    assert "run again without `--allow-deletes`" in refused.err


def test_deletes_go_from_what_refers_to_what_is_referred_to(full: Project) -> None:
    """Nothing is deleted while something still points to it."""
    for kind, name in (("persona", "coach"), ("guardrails", "rules"), ("document", "prices"), ("objectives", "goals")):
        full.remove(kind, name)

    full.apply("--allow-deletes", "4")

    deleted = [entry["path"].split("/")[2] for entry in full.account.writes]
    assert deleted[0] == "personas"
    assert sorted(deleted[1:]) == ["documents", "guardrails", "objectives"]


def test_on_remove_retain_forgets_without_deleting(full: Project) -> None:
    """The object stays in the account and is managed no more."""
    full.manifest("objectives", "goals", GOALS, lifecycle={"on_remove": "retain"})
    full.manifest("persona", "coach", COACH)
    full.apply()
    full.remove("objectives", "goals")

    result = full.apply()

    assert "forget" in result.out
    assert len(full.account.objects("objectives")) == 1
    assert "objectives/goals" not in full.run("state", "list").out


def test_prevent_destroy_holds_after_the_manifest_is_gone(full: Project) -> None:
    """Leaving the protection out together with the manifest does not lift it."""
    full.manifest("persona", "coach", COACH, lifecycle={"prevent_destroy": True})
    full.apply()
    full.remove("persona", "coach")

    result = full.run("apply", "--yes", "--allow-deletes", "0")

    assert (result.code, "prevent_destroy" in result.out) == (4, True)
    assert len(full.account.objects("personas")) == 1


def test_ignore_changes_leaves_a_field_to_the_portal(full: Project) -> None:
    """A field that others own is created as the manifest says, and then left alone."""
    full.manifest("persona", "coach", COACH, lifecycle={"ignore_changes": ["/persona_name"]})
    full.apply()
    full.edit_in_portal("persona/coach", "/persona_name", "C.")

    assert full.plan()["changes"] == []


def test_a_managed_object_deleted_in_the_portal_is_planned_as_a_create(full: Project) -> None:
    """Its absence is drift, and apply brings it back."""
    full.account.portal_delete("persona", full.bound("persona/coach"))

    plan = full.plan()
    full.apply()

    assert [(one["action"], one["cause"]) for one in plan["changes"]] == [("create", "drifted")]
    assert [one["cause"] for one in plan["drift"]] == ["missing"]
    assert len(full.account.objects("personas")) == 1
    assert full.plan()["changes"] == []


def test_a_replica_is_renamed_in_place_and_never_trained_again_by_mistake(full: Project) -> None:
    """Everything but the name needs a new training, which has to be named."""
    full.manifest("replica", "anna", {**VIDEO, "replica_name": "Anne"})
    full.apply()
    renamed = [(entry["method"], entry["path"]) for entry in full.account.writes]
    full.manifest(
        "replica", "anna", {**VIDEO, "train_video_url": "https://example.com/new.mp4", "replica_name": "Anne"}
    )
    full.account.forget()

    refused = full.run("apply", "--yes")

    assert renamed == [("PATCH", f"/v2/replicas/{full.bound('replica/anna')}/name")]
    assert (refused.code, full.account.writes) == (4, [])
    assert "--allow-replace replica/anna" in refused.out


def test_a_replaced_document_leaves_no_gap(full: Project) -> None:
    """New first, usable next, every persona after it, the old one last."""
    old = full.bound("document/prices")
    full.manifest("document", "prices", {**PRICES, "document_url": "https://example.com/new.pdf"})

    first = full.run("apply", "--yes")
    waiting = full.account.objects("personas")[full.bound("persona/coach")]["document_ids"]
    full.account.advance(3600)
    second = full.run("apply", "--yes")

    new = full.bound("document/prices")
    (persona,) = full.account.objects("personas").values()
    assert (first.code, waiting) == (0, [old])
    assert "deferred" in first.out
    assert (second.code, persona["document_ids"]) == (0, [new])
    assert set(full.account.objects("documents")) == {new}
    assert full.plan()["changes"] == []


def test_an_external_object_is_verified_and_never_written(project: Project) -> None:
    """A stock replica is referred to by address."""
    project.write("manifests/stock.yaml", "{kind: replica, name: stock, external: true, id: rfe12d8b9597}")
    project.manifest("persona", "coach", {**COACH, "default_replica_id": "${ref:replica/stock}"})
    project.apply()

    (persona,) = project.account.objects("personas").values()
    assert persona["default_replica_id"] == "rfe12d8b9597"
    assert {entry["path"] for entry in project.account.writes} == {"/v2/personas"}


def test_a_stranger_with_the_same_name_is_refused_until_it_is_adopted(project: Project) -> None:
    """Never duplicated, never adopted silently."""
    (theirs,) = project.account.seed(personas=[{"persona_name": "Coach", "system_prompt": "Hello."}])["personas"]
    project.manifest("persona", "coach", COACH)

    refused = project.run("apply", "--yes")
    untouched = project.account.writes
    adopted = project.run("apply", "--yes", "--adopt")

    assert (refused.code, untouched) == (4, [])
    assert theirs in refused.out
    assert (adopted.code, project.bound("persona/coach")) == (0, theirs)
    assert project.account.objects("personas")[theirs]["system_prompt"] == COACH["system_prompt"]
    assert project.plan()["changes"] == []


def test_a_stranger_that_would_have_to_be_replaced_is_not_imported_by_an_apply(project: Project) -> None:
    """Whoever asks for an import has not asked for a replacement; `import` and the next plan are two steps."""
    there = {"document_name": "Prices", "document_url": "https://example.com/old.pdf"}
    (theirs,) = project.account.seed(documents=[there])["documents"]
    project.manifest("document", "prices", {**there, "document_url": "https://example.com/new.pdf"})

    refused = project.run("apply", "--yes", "--import-existing")
    untouched = project.account.writes
    hint = f"tavusctl import document/prices {theirs}"
    imported = project.run(*hint.split()[1:])

    assert (refused.code, untouched) == (4, [])
    assert f"run `{hint}`; the next plan shows the replacement" in refused.out
    assert imported.code == 0
    assert [one["action"] for one in project.plan()["changes"]] == ["replace", "retire"]


def test_import_binds_and_changes_nothing(project: Project) -> None:
    """What apply would change is then for plan to show."""
    (theirs,) = project.account.seed(personas=[{"persona_name": "Coach", "system_prompt": "Hello."}])["personas"]
    project.manifest("persona", "coach", COACH)

    result = project.run("import", "persona/coach", theirs)

    assert (result.code, project.account.writes, project.bound("persona/coach")) == (0, [], theirs)
    (change,) = project.plan()["changes"]
    assert (change["action"], change["cause"]) == ("update", "edited")


def test_a_reference_to_the_old_half_of_a_replacement_is_not_called_drift(full: Project) -> None:
    """The persona is behind because of us, and nobody edited it."""
    full.manifest("document", "prices", {**PRICES, "document_url": "https://example.com/new.pdf"})
    full.apply()
    full.account.advance(3600)

    plan = full.plan()

    assert plan["drift"] == []
    assert [(one["action"], one["cause"]) for one in plan["changes"]] == [("update", "edited"), ("retire", "due")]


@pytest.mark.parametrize("with_manifest", [True, False])
def test_a_reference_to_what_was_deleted_in_the_account_is_removed_without_a_conflict(
    project: Project, *, with_manifest: bool
) -> None:
    """Somebody deletes a document in the portal, and then takes it out of the files: nobody has edited the persona."""
    project.manifest("document", "prices", PRICES)
    project.manifest("document", "other", {"document_url": "https://example.com/other.pdf"})
    refers = ["${ref:document/other}", "${ref:document/prices}"]
    project.manifest("persona", "coach", {**COACH, "document_ids": refers})
    project.apply()
    project.account.portal_delete("document", project.bound("document/prices"))
    if not with_manifest:
        project.remove("document", "prices")
    project.manifest("persona", "coach", {**COACH, "document_ids": refers[:1]})

    (update,) = (one for one in project.plan()["changes"] if one["address"] == "persona/coach")
    project.apply()

    assert (update["action"], update["cause"]) == ("update", "edited")
    (coach,) = project.account.objects("personas").values()
    assert coach["document_ids"] == [project.bound("document/other")]
    assert (project.plan()["changes"], project.plan()["drift"]) == ([], [])


def test_only_what_was_deleted_in_the_account_drifted_and_not_what_refers_to_it(project: Project) -> None:
    project.manifest("document", "prices", PRICES)
    project.manifest("guardrails", "rules", {"name": "R", "data": [{"guardrail_name": "x", "guardrail_prompt": "X."}]})
    refers = {"document_ids": ["${ref:document/prices}"], "guardrails_id": "${ref:guardrails/rules}"}
    project.manifest("persona", "coach", {**COACH, **refers})
    for name in ("a", "b", "c"):
        project.manifest("persona", name, {**COACH, "persona_name": name})
    project.apply()
    for kind, address in (("document", "document/prices"), ("guardrails", "guardrails/rules")):
        project.account.portal_delete(kind, project.bound(address))

    drift = project.run("drift", "--format", "json").document["drift"]
    planned = project.plan()["changes"]
    project.edit_in_portal("persona/coach", "/document_ids", [])
    edited = project.run("drift", "--format", "json").document["drift"]

    assert [(one["address"], one["cause"]) for one in drift] == [
        ("document/prices", "missing"),
        ("guardrails/rules", "missing"),
    ]
    assert ("persona/coach", "drifted") in [(one["address"], one["cause"]) for one in planned]
    assert [field["path"] for field in edited[-1]["fields"]] == ["/document_ids"]
