"""Renaming a manifest with `moved_from`: the object stays, and only the state learns its new address."""

from __future__ import annotations

import json

import pytest

from tests.scenarios.project import PLACE, Body, Project

COACH: Body = {
    "persona_name": "Coach",
    "system_prompt": "You coach.",
    "document_ids": ["${ref:document/prices}"],
}
PRICES: Body = {"document_name": "Prices", "document_url": "https://example.com/prices.pdf"}


@pytest.fixture
def applied(project: Project) -> Project:
    """A persona and the document that it refers to, applied."""
    project.manifest("document", "prices", PRICES)
    project.manifest("persona", "coach", COACH)
    return project.apply_and_forget()


def rename(project: Project, kind: str, old: str, new: str, spec: Body, **envelope: object) -> None:
    project.remove(kind, old)
    project.manifest(kind, new, spec, **{"moved_from": f"{kind}/{old}", **envelope})


def test_a_rename_is_shown_and_recorded_and_nothing_is_sent(applied: Project) -> None:
    bound = applied.bound("persona/coach")
    rename(applied, "persona", "coach", "sales-coach", COACH)

    shown = applied.run("plan", "--detailed-exitcode")
    document = applied.plan()
    comment = applied.run("plan", "--format", "markdown").out
    page = applied.run("plan", "--format", "html").out
    applied.apply()

    assert "Renamed, without a request to the API:\n\n- <code>persona&#47;sales&#45;coach</code>" in comment
    assert "<li><b>persona/sales-coach</b>, which was persona/coach</li>" in page
    assert shown.code == 2
    assert shown.out.splitlines() == [
        f"> persona/sales-coach: renamed from persona/coach ({bound}) by apply",
        PLACE.rstrip(),
        "Plan: 0 to create, 0 to update, 0 to replace, 0 to delete, 1 to rename",
    ]
    assert document["moved"] == [{"address": "persona/sales-coach", "from": "persona/coach", "id": bound}]
    assert document["changes"] == []
    assert applied.account.writes == []
    assert applied.bound("persona/sales-coach") == bound
    assert "persona/coach " not in applied.run("state", "list").out


def test_a_rename_that_is_done_may_stay_in_the_file(applied: Project) -> None:
    rename(applied, "persona", "coach", "sales-coach", COACH)
    applied.apply()

    again = applied.run("plan", "--detailed-exitcode")

    assert (again.code, again.out) == (0, PLACE + "No changes. 2 objects up to date.\n")
    assert "moved" not in applied.plan()


def test_what_others_refer_to_is_renamed_without_touching_them(applied: Project) -> None:
    rename(applied, "document", "prices", "price-list", PRICES)
    applied.manifest("persona", "coach", {**COACH, "document_ids": ["${ref:document/price-list}"]})

    assert applied.plan()["changes"] == []
    applied.apply()

    assert applied.account.writes == []
    assert applied.run("plan").out == PLACE + "No changes. 2 objects up to date.\n"


def test_a_rename_with_an_edit_is_an_update_of_the_same_object(applied: Project) -> None:
    bound = applied.bound("persona/coach")
    rename(applied, "persona", "coach", "sales-coach", {**COACH, "system_prompt": "You sell."})

    (change,) = applied.plan()["changes"]
    applied.apply()

    assert (change["address"], change["action"], change["id"]) == ("persona/sales-coach", "update", bound)
    assert [(method, path) for method, path, _ in applied.account.sent] == [("PATCH", f"/v2/personas/{bound}")]


def test_the_new_address_is_on_disk_before_anything_is_sent(applied: Project) -> None:
    bound = applied.bound("persona/coach")
    rename(applied, "persona", "coach", "sales-coach", {**COACH, "system_prompt": "You sell."})
    applied.account.fault(match=f"PATCH /v2/personas/{bound}", kind="status", status=400, times=None)

    applied.expect(5, "apply", "--yes")

    assert json.loads(applied.run("state", "list", "--format", "json").out).keys() == {
        "document/prices",
        "persona/sales-coach",
    }
    applied.account.control("DELETE", "faults")
    applied.apply()
    assert applied.account.objects("personas")[bound]["system_prompt"] == "You sell."


@pytest.mark.parametrize(("name", "told"), [("Coach", True), ("Trainer", False), ("Prices", False)])
def test_a_delete_beside_a_create_with_its_name_leads_to_moved_from(applied: Project, name: str, told: bool) -> None:
    """Who has only changed `name:` would lose the object and its id."""
    applied.remove("persona", "coach")
    applied.manifest("persona", "trainer", {**COACH, "persona_name": name})

    plan = applied.plan()
    (delete,) = [one for one in plan["changes"] if one["action"] == "delete"]

    assert ("persona/trainer gets its name" in delete["reason"]) is told
    assert ("write `moved_from: persona/coach` in the new manifest" in delete["reason"]) is told
    applied.apply("--allow-deletes", "1")


def test_several_older_addresses_may_be_named(applied: Project) -> None:
    bound = applied.bound("persona/coach")
    rename(applied, "persona", "coach", "closer", COACH, moved_from=["persona/coach-1", "persona/coach"])
    applied.apply()
    assert applied.bound("persona/closer") == bound


def test_a_reference_to_the_old_address_is_told_the_new_one(applied: Project) -> None:
    rename(applied, "document", "prices", "price-list", PRICES)

    result = applied.expect(10, "validate")

    assert (
        "`persona/coach` refers to `document/prices`, which is `document/price-list` now [TV121 undeclared-reference]"
        in result.out
    )
    assert "write `${ref:document/price-list}`" in result.out


def test_an_address_cannot_get_two_objects(applied: Project) -> None:
    first = applied.bound("persona/coach")
    applied.manifest("persona", "sales-coach", {**COACH, "persona_name": "Sales coach"})
    applied.apply()
    second = applied.bound("persona/sales-coach")
    rename(applied, "persona", "coach", "sales-coach", COACH)

    result = applied.expect(9, "plan")

    assert (
        f"several objects into one address: persona/sales-coach ({second}) and persona/coach ({first}) [E905]"
        in result.err
    )
    assert "run `tavusctl state rm ADDRESS` for one of them" in result.err
    applied.run("state", "rm", "persona/sales-coach")
    assert applied.plan()["moved"] == [{"address": "persona/sales-coach", "from": "persona/coach", "id": first}]


def test_drift_is_seen_under_the_new_address(applied: Project) -> None:
    bound = applied.bound("persona/coach")
    rename(applied, "persona", "coach", "sales-coach", COACH)
    applied.account.portal("personas", bound, {"op": "replace", "path": "/persona_name", "value": "Hacked"})

    (drift,) = applied.run("drift", "--format", "json").document["drift"]

    assert (drift["address"], drift["id"]) == ("persona/sales-coach", bound)


def test_a_protected_object_can_be_renamed(applied: Project) -> None:
    applied.manifest("persona", "coach", COACH, lifecycle={"prevent_destroy": True})
    applied.apply()
    rename(applied, "persona", "coach", "sales-coach", COACH, lifecycle={"prevent_destroy": True})

    applied.expect(0, "plan")
    applied.apply()
    applied.remove("persona", "sales-coach")

    result = applied.run("apply", "--yes", "--allow-deletes", "1")
    assert (result.code, "prevent_destroy" in result.out) == (4, True)


def test_ids_for_applications_follow_a_rename_at_once(applied: Project) -> None:
    bound = applied.bound("persona/coach")
    rename(applied, "persona", "coach", "sales-coach", COACH)
    assert f"PERSONA_SALES_COACH_ID={bound}" in applied.run("output").out
    assert f"persona/sales-coach ({bound})" in applied.run("verify").out

    applied.write("tavusctl.yaml", "outputs: {COACH_ID: persona/coach}")
    result = applied.expect(10, "output")
    assert "write `persona/sales-coach`, its new address" in result.err


def test_a_reviewed_rename_is_applied_from_its_plan_file(applied: Project) -> None:
    rename(applied, "persona", "coach", "sales-coach", COACH)
    applied.run("plan", "--out", "plan.json")
    applied.expect(0, "apply", "plan.json")
    assert applied.bound("persona/sales-coach")

    rename(applied, "persona", "sales-coach", "closer", COACH)
    applied.run("plan", "--out", "plan.json")
    applied.manifest("persona", "closer", COACH, moved_from="persona/closed")
    applied.expect(3, "apply", "plan.json")
    assert applied.account.writes == []


def test_an_earlier_run_is_undone_under_the_new_address(applied: Project) -> None:
    bound = applied.bound("persona/coach")
    applied.manifest("persona", "coach", {**COACH, "system_prompt": "You shout."})
    applied.apply()
    run = applied.run("undo").out.split()[0]
    rename(applied, "persona", "coach", "sales-coach", {**COACH, "system_prompt": "You shout."})
    applied.apply()

    result = applied.expect(0, "undo", run, "--yes")

    assert "persona/sales-coach" in result.out
    assert applied.account.objects("personas")[bound]["system_prompt"] == "You coach."
    assert applied.bound("persona/sales-coach") == bound


def test_a_created_object_is_undone_after_it_was_renamed(applied: Project) -> None:
    run = applied.run("undo").out.split()[0]
    rename(applied, "persona", "coach", "sales-coach", COACH)
    rename(applied, "document", "prices", "price-list", PRICES)
    applied.manifest(
        "persona",
        "sales-coach",
        {**COACH, "document_ids": ["${ref:document/price-list}"]},
        moved_from="persona/coach",
    )
    applied.apply()

    applied.expect(0, "undo", run, "--yes", "--allow-deletes", "2")
    assert applied.account.objects("personas") == applied.account.objects("documents") == {}


def test_everything_is_destroyed_whether_the_rename_is_recorded_or_not(applied: Project) -> None:
    rename(applied, "persona", "coach", "sales-coach", COACH)
    applied.expect(0, "destroy", "--yes", "--allow-deletes", "2")
    assert applied.account.objects("personas") == {}


def test_what_was_renamed_is_not_looked_for_by_name(applied: Project) -> None:
    rename(applied, "persona", "coach", "sales-coach", COACH)
    result = applied.run("import", "--match-names")
    assert (result.code, result.out) == (0, "")


def test_an_interrupted_run_is_finished_under_the_new_address(applied: Project) -> None:
    applied.manifest("persona", "twin", {"persona_name": "Twin", "system_prompt": "Hi."})
    applied.account.fault(match="POST /v2/personas", kind="drop", phase="after")
    applied.run("apply", "--yes", TAVUSCTL_SETTLE="0")
    rename(applied, "persona", "twin", "brother", {"persona_name": "Twin", "system_prompt": "Hi."})

    applied.apply()

    assert len(applied.account.objects("personas")) == 2
    assert applied.bound("persona/brother") in applied.account.objects("personas")


def test_a_live_edit_is_adopted_into_the_renamed_manifest(applied: Project) -> None:
    rename(applied, "persona", "coach", "sales-coach", COACH)
    applied.edit_in_portal("persona/coach", "/persona_name", "Sales coach")

    applied.expect(0, "adopt", "persona/sales-coach")
    assert "Sales coach" in (applied.root / "manifests/persona-sales-coach.yaml").read_text("utf-8")
    assert [one["address"] for one in applied.plan()["moved"]] == ["persona/sales-coach"]
    assert applied.plan()["changes"] == []


def test_references_to_the_old_address_are_put_right_by_fix(applied: Project) -> None:
    rename(applied, "document", "prices", "price-list", PRICES)

    applied.expect(0, "validate", "--fix")
    assert "${ref:document/price-list}" in (applied.root / "manifests/persona-coach.yaml").read_text("utf-8")
    assert applied.plan()["changes"] == []
