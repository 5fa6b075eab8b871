"""Protection that is lowered is a change: shown first, judged by what was applied before, done with consent."""

from __future__ import annotations

import html
import json

import pytest

from tavusctl.reports.formats import REPORTS
from tests.scenarios.everykind import SPECS, actions, each_kind
from tests.scenarios.project import Project

COACH = {"persona_name": "Coach", "system_prompt": "You coach."}
PROTECTED = {"prevent_destroy": True}
RETAINED = {"on_remove": "retain"}
# Annotations have counts and places only.
FORMATS = [name for name in REPORTS if name not in {"github", "sarif"}]


@pytest.fixture
def kept(project: Project) -> Project:
    """A persona that is protected, applied."""
    project.manifest("persona", "coach", COACH, lifecycle=PROTECTED)
    project.manifest("persona", "other", {**COACH, "persona_name": "Other"})
    return project.apply_and_forget()


def protection(project: Project, address: str) -> bool:
    """What the state remembers."""
    state = json.loads((project.root / ".tavusctl/state.json").read_text())
    return bool(state["resources"][address].get("prevent_destroy"))


@each_kind
@pytest.mark.parametrize(
    ("before", "word"), [(PROTECTED, "prevent_destroy: true -> false"), (RETAINED, "on_remove: retain -> delete")]
)
def test_it_is_a_change_of_its_own(project: Project, kind: str, before: dict[str, object], word: str) -> None:
    project.manifest(kind, "it", SPECS[kind], lifecycle=before)
    project.apply()
    project.expect(0, "plan", "--detailed-exitcode")
    project.manifest(kind, "it", SPECS[kind])

    result = project.run("plan", "--detailed-exitcode", "--format", "json")

    (change,) = result.document["changes"]
    assert (result.code, change["action"], change["patch"]) == (2, "unprotect", [])
    assert [one["id"] for one in change["risks"]] == ["unprotect"]
    assert change["reason"] == f"lifecycle.{word}"


@pytest.mark.parametrize("format_", FORMATS)
def test_every_report_shows_it(kept: Project, format_: str) -> None:
    kept.manifest("persona", "coach", COACH)

    shown = kept.run("plan", "--format", format_).out

    assert "prevent" in shown
    assert "removes protection" in shown or format_ == "text"
    assert "protection to lower" in shown or format_ == "json"


def test_it_wants_consent(kept: Project) -> None:
    kept.manifest("persona", "coach", COACH)

    kept.expect(4, "apply", "--yes")
    assert "E411" in kept.run("apply", "--yes").err
    kept.expect(4, "apply", "--yes", "--allow-lowered", "2")
    assert protection(kept, "persona/coach")
    kept.apply("--allow-lowered", "1")
    assert not protection(kept, "persona/coach")
    assert kept.account.writes == []
    assert actions(kept) == {}


def test_a_plan_file_that_shows_it_agrees(kept: Project) -> None:
    kept.manifest("persona", "coach", COACH)
    kept.expect(0, "plan", "--out", "plan.json")
    kept.expect(0, "apply", "plan.json")
    assert not protection(kept, "persona/coach")


def test_with_another_edit_nothing_is_written_without_consent(kept: Project) -> None:
    kept.manifest("persona", "coach", {**COACH, "system_prompt": "Anew."})

    kept.expect(4, "apply", "--yes")
    assert (kept.account.writes, protection(kept, "persona/coach")) == ([], True)
    kept.apply("--allow-lowered", "1")
    assert not protection(kept, "persona/coach")


def test_with_the_other_as_target_it_stays(kept: Project) -> None:
    kept.manifest("persona", "coach", COACH)
    kept.manifest("persona", "other", {**COACH, "persona_name": "Other", "system_prompt": "Anew."})

    kept.apply("--target", "persona/other")

    assert protection(kept, "persona/coach")


def test_a_state_that_is_written_for_another_reason_does_not_lower_it(kept: Project) -> None:
    kept.manifest("persona", "coach", {**COACH, "context": "new"}, lifecycle={})
    kept.edit_in_portal("persona/coach", "/context", "new", op="add")

    kept.expect(4, "apply", "--yes")
    kept.apply("--target", "persona/other")
    assert protection(kept, "persona/coach")


def test_a_removed_manifest_of_a_protected_object_is_to_be_put_back(kept: Project) -> None:
    (kept.root / "manifests/persona-coach.yaml").unlink()
    told = kept.run("plan").out
    assert "put the manifest back with `prevent_destroy: false`, apply, and remove it then" in told


def test_a_replacement_in_the_same_plan_is_judged_by_what_was_applied(project: Project) -> None:
    project.manifest("document", "it", SPECS["document"], lifecycle=PROTECTED)
    project.apply()
    project.manifest("document", "it", {**SPECS["document"], "document_url": "https://example.com/new.pdf"})

    result = project.run("apply", "--yes", "--allow-lowered", "1")

    assert (result.code, "E403" in result.out) == (4, True)
    assert len(project.account.objects("documents")) == 1
    project.apply()
    assert actions(project) == {"document/it": "replace"} or len(project.account.objects("documents")) == 2


def test_what_is_raised_needs_no_consent(kept: Project) -> None:
    kept.manifest("persona", "other", {**COACH, "persona_name": "Other"}, lifecycle={**PROTECTED, **RETAINED})

    kept.apply()

    assert protection(kept, "persona/other")


@pytest.fixture
def ten(project: Project) -> Project:
    """Ten objects under the usual limits, applied."""
    project.write("tavusctl.yaml", "version: 1\n")
    for number in range(10):
        project.manifest("persona", f"p{number}", {**COACH, "persona_name": f"P{number}"})
    return project.apply_and_forget()


def lift(project: Project) -> None:
    """Raise both limits."""
    project.write("tavusctl.yaml", "safety: {max_deletes: 1000, max_delete_ratio: 1}\n")


@pytest.mark.parametrize("format_", FORMATS)
def test_a_raised_limit_is_shown_in_every_report(ten: Project, format_: str) -> None:
    lift(ten)

    result = ten.expect(2, "plan", "--format", format_, "--detailed-exitcode")

    assert "safety.max_deletes is raised from 5 to 1000" in html.unescape(result.out)


def test_a_change_does_not_profit_from_the_limit_that_it_raises(ten: Project) -> None:
    lift(ten)
    for number in range(9):
        ten.remove("persona", f"p{number}")
    ten.expect(0, "plan", "--out", "plan.json")

    result = ten.run("apply", "plan.json")

    assert (result.code, "a raised limit counts from the next run" in result.err) == (4, True)
    assert len(ten.account.objects("personas")) == 10
    ten.apply("--allow-deletes", "9", "--allow-lowered", "2")
    assert len(ten.account.objects("personas")) == 1


def test_a_raised_limit_wants_consent_and_counts_from_then_on(ten: Project) -> None:
    lift(ten)
    ten.expect(4, "apply", "--yes")
    ten.apply("--allow-lowered", "2")
    ten.expect(0, "plan", "--detailed-exitcode")
    for number in range(9):
        ten.remove("persona", f"p{number}")
    ten.expect(0, "plan", "--out", "plan.json")

    ten.expect(0, "apply", "plan.json")
    assert len(ten.account.objects("personas")) == 1


def test_a_limit_that_is_lowered_counts_at_once_and_is_remembered(ten: Project) -> None:
    ten.write("tavusctl.yaml", "safety: {max_deletes: 0}\n")
    planned = ten.run("plan", "--detailed-exitcode")
    assert (planned.code, "To be recorded in the state: the limits of `safety:`." in planned.out) == (2, True)
    ten.apply()
    ten.write("tavusctl.yaml", "version: 1\n")

    assert "safety.max_deletes is raised from 0 to 5" in ten.run("plan").out


def test_the_plan_file_of_another_limit_is_stale(ten: Project) -> None:
    lift(ten)
    ten.expect(0, "plan", "--out", "plan.json")
    ten.write("tavusctl.yaml", "safety: {max_deletes: 2000, max_delete_ratio: 1}\n")

    stale = ten.run("apply", "plan.json")
    assert (stale.code, "the limits of `safety:` in tavusctl.yaml have changed" in stale.err) == (3, True)


def test_a_state_of_before_is_read_and_learns_the_limits(ten: Project) -> None:
    state = json.loads((ten.root / ".tavusctl/state.json").read_text())
    assert state["safety"] == {"max_deletes": 5, "max_delete_ratio": 0.3}


def test_a_protection_counts_for_a_replacement_in_the_same_change(project: Project) -> None:
    document = {"document_name": "Prices", "document_url": "https://example.com/old.pdf"}
    project.manifest("document", "prices", document)
    project.apply()
    project.account.advance(3600)
    project.account.forget()
    new = {**document, "document_url": "https://example.com/new.pdf"}
    project.manifest("document", "prices", new, lifecycle=PROTECTED)

    refused = project.run("apply", "--yes")

    assert (refused.code, "E403" in refused.out, project.account.writes) == (4, True, []), refused.out


def test_a_replacement_that_has_begun_is_finished_under_a_new_protection(project: Project) -> None:
    document = {"document_name": "Prices", "document_url": "https://example.com/old.pdf"}
    project.manifest("document", "prices", document)
    project.apply()
    project.account.advance(3600)
    new = {**document, "document_url": "https://example.com/new.pdf"}
    project.manifest("document", "prices", new)
    project.apply()
    project.account.advance(3600)
    project.manifest("document", "prices", new, lifecycle=PROTECTED)

    project.apply()

    (current,) = project.account.objects("documents").values()
    assert current["document_url"] == new["document_url"]
    assert protection(project, "document/prices")
