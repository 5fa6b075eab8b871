"""Calls that a server confirms and does not carry out: none of them is taken for done."""

from __future__ import annotations

from typing import Any

import pytest

from tests.scenarios.project import Body, Project

COACH = {"persona_name": "Coach", "system_prompt": "You coach."}
PDF = {"document_name": "Prices", "document_url": "https://a.example.com/a.pdf"}
RULES = {"name": "Rules", "data": [{"guardrail_name": "calm", "guardrail_prompt": "Stay calm."}]}


@pytest.fixture
def quick(project: Project) -> Project:
    """A project whose looks come soon after one another."""
    project.environment["TAVUSCTL_SETTLE"] = "0.1"
    return project


def outcomes(result: Any) -> list[tuple[str, str, str]]:
    return [(one["action"], one["status"], one["reason"]) for one in result.document["outcomes"]]


def confirm_without_effect(project: Project, match: str, status: int = 200, **more: Any) -> None:
    project.account.fault(match=match, kind="status", status=status, **{"body": "", **more})


@pytest.mark.parametrize("status", [200, 204])
@pytest.mark.parametrize(("kind", "spec"), [("persona", COACH), ("document", PDF), ("guardrails", RULES)])
def test_a_delete_that_did_nothing_is_made_again(quick: Project, status: int, kind: str, spec: Body) -> None:
    plural = f"{kind.rstrip('s')}s"
    quick.manifest("persona", "other", {**COACH, "persona_name": "Other"})
    quick.manifest(kind, "x", spec)
    quick.apply()
    remote_id = quick.bound(f"{kind}/x")
    quick.remove(kind, "x")
    confirm_without_effect(quick, f"DELETE /v2/{plural}/*", status)

    ended = quick.run("apply", "--yes", "--allow-deletes", "1", "--format", "json")

    reason = f"the API confirmed the delete, but {remote_id} is still in the account; it stays in the plan"
    assert (ended.code, outcomes(ended)) == (5, [("delete", "failed", reason)])
    assert quick.bound(f"{kind}/x") == remote_id
    assert [change["action"] for change in quick.plan()["changes"]] == ["delete"]
    quick.apply("--allow-deletes", "1")
    assert remote_id not in quick.account.objects(plural)


def test_destroy_and_undo_confirm_their_deletes_too(quick: Project) -> None:
    quick.manifest("persona", "coach", COACH)
    quick.apply()
    run = quick.run("undo").out.split()[0]
    confirm_without_effect(quick, "DELETE /v2/personas/*", times=2)

    assert quick.run("undo", run, "--yes", "--allow-deletes", "1").code == 5
    assert quick.run("destroy", "--yes", "--allow-deletes", "1").code == 5
    assert len(quick.account.objects("personas")) == 1
    assert quick.run("destroy", "--yes", "--allow-deletes", "1").code == 0
    assert quick.account.objects("personas") == {}


def test_an_old_version_whose_delete_did_nothing_is_deleted_later(quick: Project) -> None:
    quick.manifest("document", "prices", PDF)
    quick.apply()
    quick.account.advance(3600)
    quick.manifest("document", "prices", {**PDF, "document_url": "https://a.example.com/b.pdf"})
    confirm_without_effect(quick, "DELETE /v2/documents/*")

    assert quick.run("apply", "--yes").code == 0, "the new version is still being processed"
    quick.account.advance(3600)
    first = quick.run("apply", "--yes")
    assert (first.code, len(quick.account.objects("documents"))) == (5, 2), first.out + first.err
    quick.apply()
    assert len(quick.account.objects("documents")) == 1


def test_a_read_may_still_show_what_was_just_deleted(quick: Project) -> None:
    quick.manifest("persona", "other", {**COACH, "persona_name": "Other"})
    quick.manifest("persona", "x", COACH)
    quick.apply()
    remote_id = quick.bound("persona/x")
    shown = quick.account.objects("personas")[remote_id]
    quick.remove("persona", "x")
    quick.account.fault(match=f"GET /v2/personas/{remote_id}", kind="status", status=200, body=shown, times=2)
    assert quick.apply("--allow-deletes", "1").code == 0
    assert len(quick.account.objects("personas")) == 1


@pytest.mark.parametrize("mark", [{"is_deleted": True}, {"status": "deleted"}])
def test_an_object_that_is_marked_as_deleted_is_gone(quick: Project, mark: Body) -> None:
    quick.manifest("persona", "other", {**COACH, "persona_name": "Other"})
    quick.manifest("persona", "x", COACH)
    quick.apply()
    remote_id = quick.bound("persona/x")
    shown = {**quick.account.objects("personas")[remote_id], **mark}
    quick.remove("persona", "x")
    quick.account.fault(
        match=f"GET /v2/personas/{remote_id}", kind="status", status=200, body=shown, skip=1, times=1000
    )
    assert quick.apply("--allow-deletes", "1").code == 0
    shown_as_coach = f"GET /v2/personas/{quick.bound('persona/other')}"
    quick.account.fault(match=shown_as_coach, kind="status", status=200, body={**shown, "persona_id": ""}, times=1000)
    assert quick.run("verify").code == 5
