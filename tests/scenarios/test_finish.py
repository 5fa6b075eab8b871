"""`--finish`: what ends a replacement that an earlier apply has begun, and nothing that is for people to see first."""

from __future__ import annotations

import json

import pytest

from tests.scenarios.project import Project

READY = 7200.0  # seconds after which a document is ready


@pytest.fixture
def replacing(project: Project) -> Project:
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


def test_a_replacement_is_carried_to_its_end(replacing: Project) -> None:
    early = replacing.run("apply", "--yes", "--finish")
    assert (early.code, replacing.account.writes) == (0, []), early.err
    assert "deferred replace document/prices" in early.out

    replacing.account.advance(READY)
    replacing.apply("--finish")
    (document,) = replacing.account.objects("documents")
    assert [one["document_ids"] for one in replacing.account.objects("personas").values()] == [
        [document],
        [document],
    ]
    assert steps(replacing) == []


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


def test_nothing_else_is_done_however_much_is_due(replacing: Project) -> None:
    """Edits, new and dropped objects and drift are for an apply that somebody has seen."""
    replacing.edit_in_portal("persona/guide", "/persona_name", "Edited")
    replacing.manifest("persona", "new", {"persona_name": "New", "system_prompt": "You are new."})
    replacing.manifest("document", "more", {"document_url": "https://acme.example/more.pdf"})
    persona(replacing, "coach", "You coach.")
    replacing.account.advance(READY)
    replacing.account.forget()
    ended = replacing.run("apply", "--yes", "--finish")

    assert (ended.code, replacing.account.writes) == (0, []), ended.out
    assert len(replacing.account.objects("documents")) == 2


def test_users_without_other_changes_are_pointed_to_the_new_version(replacing: Project) -> None:
    persona(replacing, "guide", "You guide.")
    replacing.account.advance(READY)

    assert steps(replacing, "--finish") == [("update", "persona/coach")]
    replacing.run("apply", "--yes", "--finish")
    replacing.account.forget()
    replacing.apply()

    assert {one["method"] for one in replacing.account.writes} == {"PATCH", "DELETE"}
    assert len(replacing.account.objects("documents")) == 1
    assert steps(replacing) == []


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


def test_a_replacement_that_nobody_has_applied_is_not_begun(replacing: Project) -> None:
    replacing.account.advance(READY)
    replacing.apply()
    says(replacing, "prices", 3)
    replacing.account.forget()
    ended = replacing.run("apply", "--yes", "--finish")

    assert (ended.code, replacing.account.writes, steps(replacing, "--finish")) == (0, [], []), ended.out


@pytest.mark.parametrize("ready", [True, False])
def test_a_replacement_that_was_taken_back_leaves_the_document_that_is_in_use(
    replacing: Project, *, ready: bool
) -> None:
    old = replacing.bound("document/prices")
    says(replacing, "prices", 1)
    replacing.account.advance(READY if ready else 0)

    replacing.apply()
    assert [one["method"] for one in replacing.account.writes] == ["DELETE"]
    assert set(replacing.account.objects("documents")) == {old}
    assert [one["document_ids"] for one in replacing.account.objects("personas").values()] == [[old], [old]]
    assert steps(replacing) == []


def test_what_has_failed_is_told(replacing: Project) -> None:
    replacing.account.control("POST", "outcomes", {"kind": "documents", "error": "invalid_file_url"})
    says(replacing, "prices", 3)
    replacing.apply()
    replacing.account.advance(READY)

    ended = replacing.expect(5, "apply", "--yes", "--finish")

    assert "E406" in ended.out + ended.err


def test_where_nothing_is_under_way_nothing_is_locked(replacing: Project) -> None:
    """A job by the clock must not fail because an apply waits for something."""
    replacing.account.advance(READY)
    replacing.apply()
    lock = replacing.root / ".tavusctl/state.json.lock"
    lock.unlink(missing_ok=True)

    ended = replacing.run("apply", "--yes", "--finish")

    assert (ended.code, lock.exists()) == (0, False), ended.err
    assert "No changes." in ended.out


def test_a_plan_file_says_that_it_only_finishes(replacing: Project) -> None:
    replacing.account.advance(READY)
    file = str(replacing.root / "plan.json")
    replacing.run("plan", "--finish", "--out", file)
    persona(replacing, "coach", "You coach.")
    stale = replacing.run("apply", file)
    persona(replacing, "coach")
    ended = replacing.run("apply", file)

    assert (stale.code, ended.code) == (3, 0), ended.err
    assert len(replacing.account.objects("documents")) == 1
