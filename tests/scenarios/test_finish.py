"""`--finish`: what ends a replacement that an earlier apply has begun, and nothing that is for people to see first."""

from __future__ import annotations

import json

import pytest

from tests.scenarios.project import Project

READY = 7200.0  # seconds after which a document is ready


@pytest.fixture
def begun(project: Project) -> Project:
    """A document that two personas use is being replaced; the new version is not ready."""
    says(project, "prices", 1)
    for name in ("coach", "guide"):
        persona(project, name)
    project.apply()
    project.account.advance(READY)
    says(project, "prices", 2)
    return project.apply_and_forget()


def says(project: Project, name: str, number: int) -> None:
    project.manifest("document", name, {"document_url": f"https://acme.example/{name}-{number}.pdf"})


def persona(project: Project, name: str, prompt: str = "You help.") -> None:
    spec = {"persona_name": name.title(), "system_prompt": prompt, "document_ids": ["${ref:document/prices}"]}
    project.manifest("persona", name, spec)


def steps(project: Project, *options: str) -> list[tuple[str, str]]:
    return [(one["action"], one["address"]) for one in project.plan(*options)["changes"]]


def test_it_is_no_way_to_delete(project: Project) -> None:
    project.manifest("persona", "coach", {"persona_name": "Coach", "system_prompt": "You coach."})
    project.apply()
    both = project.run("plan", "--finish", "--destroy")
    assert (both.code, both.out) == (12, "")
    assert "`--finish` and `--destroy` exclude each other" in both.err
    project.account.forget()

    project.run("plan", "--destroy", "--out", "plan.json")
    document = project.root / "plan.json"
    made = json.loads(document.read_text())
    document.write_text(json.dumps({**made, "options": {**made["options"], "finish": True}}))
    applied = project.run("apply", "plan.json", "--yes", "--allow-deletes", "1")
    assert (applied.code, project.account.writes) == (12, [])
    assert "exclude each other" in applied.err


def test_a_replacement_is_carried_to_its_end(begun: Project) -> None:
    early = begun.run("apply", "--yes", "--finish")
    assert (early.code, begun.account.writes) == (0, []), early.err
    assert "deferred replace document/prices" in early.out

    begun.account.advance(READY)
    begun.apply("--finish")
    (document,) = begun.account.objects("documents")
    assert [one["document_ids"] for one in begun.account.objects("personas").values()] == [[document], [document]]
    assert steps(begun) == []


def test_no_protection_is_lowered_on_the_way(project: Project) -> None:
    project.account.switch(processing_seconds=100)
    spec = {"document_url": "https://acme.example/prices-1.pdf"}
    project.manifest("document", "prices", spec, lifecycle={"on_remove": "retain"})
    persona(project, "coach")
    project.apply()
    project.account.advance(READY)
    spec = {"document_url": "https://acme.example/prices-2.pdf"}
    project.manifest("document", "prices", spec, lifecycle={"on_remove": "retain"})
    project.apply()
    project.manifest("document", "prices", spec)  # lowered, and not agreed to
    project.account.advance(96)

    ended = project.run("apply", "--yes", "--finish", "--wait", "1m")

    assert "done     replace document/prices" in ended.err
    assert ("unprotect", "document/prices") in steps(project)
    project.expect(4, "apply", "--yes")


def test_nothing_else_is_done_however_much_is_due(begun: Project) -> None:
    """Edits, new and dropped objects and drift are for an apply that somebody has seen."""
    begun.edit_in_portal("persona/guide", "/persona_name", "Edited")
    begun.manifest("persona", "new", {"persona_name": "New", "system_prompt": "You are new."})
    begun.manifest("document", "more", {"document_url": "https://acme.example/more.pdf"})
    persona(begun, "coach", "You coach.")
    begun.account.advance(READY)
    begun.account.forget()
    ended = begun.run("apply", "--yes", "--finish")

    assert (ended.code, begun.account.writes) == (0, []), ended.out
    assert len(begun.account.objects("documents")) == 2


def test_users_without_other_changes_are_pointed_to_the_new_version(begun: Project) -> None:
    persona(begun, "guide", "You guide.")
    begun.account.advance(READY)

    assert steps(begun, "--finish") == [("update", "persona/coach")]
    begun.run("apply", "--yes", "--finish")
    begun.account.forget()
    begun.apply()

    assert {one["method"] for one in begun.account.writes} == {"PATCH", "DELETE"}
    assert len(begun.account.objects("documents")) == 1
    assert steps(begun) == []


def test_an_edit_that_needs_nothing_of_the_new_version_does_not_wait_for_it(project: Project) -> None:
    says(project, "prices", 1)
    persona(project, "coach")
    project.apply()
    project.account.advance(READY)
    says(project, "prices", 2)
    persona(project, "coach", "You coach.")

    project.apply()

    (coach,) = project.account.objects("personas").values()
    assert (coach["system_prompt"], coach["document_ids"]) == ("You coach.", [project.bound("document/prices")])
    project.account.advance(READY)
    project.apply("--finish")
    (document,) = project.account.objects("documents")
    (coach,) = project.account.objects("personas").values()
    assert (coach["system_prompt"], coach["document_ids"]) == ("You coach.", [document])
    assert steps(project) == []


def test_a_replacement_that_nobody_has_applied_is_not_begun(begun: Project) -> None:
    begun.account.advance(READY)
    begun.apply()
    says(begun, "prices", 3)
    begun.account.forget()
    ended = begun.run("apply", "--yes", "--finish")

    assert (ended.code, begun.account.writes, steps(begun, "--finish")) == (0, [], []), ended.out


@pytest.mark.parametrize("ready", [True, False])
def test_a_replacement_that_was_taken_back_leaves_the_document_that_is_in_use(begun: Project, *, ready: bool) -> None:
    old = begun.bound("document/prices")
    says(begun, "prices", 1)
    begun.account.advance(READY if ready else 0)

    begun.apply()
    assert [one["method"] for one in begun.account.writes] == ["DELETE"]
    assert set(begun.account.objects("documents")) == {old}
    assert [one["document_ids"] for one in begun.account.objects("personas").values()] == [[old], [old]]
    assert steps(begun) == []


def test_what_has_failed_is_told(begun: Project) -> None:
    begun.account.control("POST", "outcomes", {"kind": "documents", "error": "invalid_file_url"})
    says(begun, "prices", 3)
    begun.apply()
    begun.account.advance(READY)

    ended = begun.expect(5, "apply", "--yes", "--finish")

    assert "E406" in ended.out + ended.err


def test_where_nothing_is_under_way_nothing_is_locked(begun: Project) -> None:
    """A job by the clock must not fail because an apply waits for something."""
    begun.account.advance(READY)
    begun.apply()
    lock = begun.root / ".tavusctl/state.json.lock"
    lock.unlink(missing_ok=True)

    ended = begun.run("apply", "--yes", "--finish")

    assert (ended.code, lock.exists()) == (0, False), ended.err
    assert "No changes." in ended.out


def test_a_plan_file_says_that_it_only_finishes(begun: Project) -> None:
    begun.account.advance(READY)
    file = str(begun.root / "plan.json")
    begun.run("plan", "--finish", "--out", file)
    persona(begun, "coach", "You coach.")
    stale = begun.run("apply", file)
    persona(begun, "coach")
    ended = begun.run("apply", file)

    assert (stale.code, ended.code) == (3, 0), ended.err
    assert len(begun.account.objects("documents")) == 1
