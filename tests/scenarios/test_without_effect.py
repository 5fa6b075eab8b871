"""Calls that a server confirms and does not carry out: none of them is taken for done."""

from __future__ import annotations

from typing import Any

import pytest

from tests.scenarios.everykind import exists, managed
from tests.scenarios.project import Body, Project

COACH = {"persona_name": "Coach", "system_prompt": "You coach."}
PDF = {"document_name": "Prices", "document_url": "https://a.example.com/a.pdf"}
RULES = {"name": "Rules", "data": [{"guardrail_name": "calm", "guardrail_prompt": "Stay calm."}]}
NEWER = pytest.mark.newer_api


def outcomes(result: Any) -> list[tuple[str, str, str]]:
    return [(one["action"], one["status"], one["reason"]) for one in result.document["outcomes"]]


def confirm_without_effect(project: Project, match: str, status: int = 200, **more: Any) -> None:
    project.account.fault(match=match, kind="status", status=status, **{"body": "", **more})


@pytest.mark.parametrize("status", [200, 204, 404])
@pytest.mark.parametrize(("kind", "spec"), [("persona", COACH), ("document", PDF), ("guardrails", RULES)])
def test_a_delete_that_did_nothing_is_made_again(quick: Project, status: int, kind: str, spec: Body) -> None:
    plural = f"{kind.rstrip('s')}s"
    quick.manifest("persona", "other", {**COACH, "persona_name": "Other"})
    quick.manifest(kind, "x", spec)
    quick.apply()
    remote_id = quick.bound(f"{kind}/x")
    quick.remove(kind, "x")
    more = {"body": {"message": "no such object"}} if status == 404 else {}
    confirm_without_effect(quick, f"DELETE /v2/{plural}/*", status, **more)

    ended = quick.run("apply", "--yes", "--allow-deletes", "1", "--format", "json")

    answer = "found nothing to delete" if status == 404 else "confirmed the delete"
    reason = f"the API {answer}, but {remote_id} is still in the account; it stays in the plan"
    assert (ended.code, outcomes(ended)) == (5, [("delete", "failed", reason)])
    assert quick.bound(f"{kind}/x") == remote_id
    assert [change["action"] for change in quick.plan()["changes"]] == ["delete"]
    quick.apply("--allow-deletes", "1")
    assert remote_id not in quick.account.objects(plural)


@pytest.mark.parametrize("command", [("apply",), ("destroy",)])
def test_one_read_without_the_object_does_not_make_a_delete_unnecessary(quick: Project, command: tuple[str]) -> None:
    """Otherwise the object would stay in the account, and no binding would record it."""
    quick.manifest("persona", "x", COACH)
    quick.apply()
    (remote_id,) = quick.account.objects("personas")
    if command == ("apply",):
        quick.manifest("persona", "other", {**COACH, "persona_name": "Other"})
        quick.remove("persona", "x")
    confirm_without_effect(quick, f"GET /v2/personas/{remote_id}", 404, body={"message": "no such object"})

    quick.expect(0, *command, "--yes", "--allow-deletes", "1")
    assert remote_id not in quick.account.objects("personas")


@pytest.mark.parametrize(
    ("kind", "path", "reads_of_the_plan"),
    [("persona", "personas", 0), pytest.param("dictionary", "pronunciation-dictionaries", 1, marks=NEWER)],
)
def test_an_object_that_is_listed_is_deleted_whatever_its_reads_say(
    quick: Project, kind: str, path: str, reads_of_the_plan: int
) -> None:
    """A wrong 404 may come again and again, such as from a cache in between."""
    remote_id = managed(quick, kind)
    quick.remove(kind, "it")
    wrong = {"kind": "status", "status": 404, "body": {"message": "no such object"}, "times": None}
    quick.account.fault(match=f"GET /v2/{path}/{remote_id}", skip=reads_of_the_plan, **wrong)

    ended = quick.run("apply", "--yes", "--allow-deletes", "1", "--format", "json")

    reason = f"no read finds {remote_id}, but /v2/{path} lists it"
    assert (ended.code, outcomes(ended)) == (11, [("delete", "failed", reason)])
    quick.account.control("DELETE", "faults")
    quick.apply("--allow-deletes", "1")
    assert not exists(quick, kind, remote_id)


@pytest.mark.parametrize("kind", ["persona", pytest.param("tool", marks=NEWER)])
def test_an_object_stays_bound_where_nothing_is_found_any_more(quick: Project, kind: str) -> None:
    """A gateway that answers 404 to reads and to the listing says nothing of one object."""
    remote_id, path = managed(quick, kind), f"{kind}s"
    quick.remove(kind, "it")
    wrong = {"kind": "status", "status": 404, "body": {"message": "no such route"}, "times": None}
    quick.account.fault(match=f"GET /v2/{path}/{remote_id}", **wrong)
    quick.account.fault(match=f"GET /v2/{path}", skip=1, **wrong)

    ended = quick.run("apply", "--yes", "--allow-deletes", "1", "--format", "json")

    reason = f"no read finds {remote_id}, and /v2/{path} is not found either"
    assert (ended.code, outcomes(ended)) == (11, [("delete", "failed", reason)])
    assert quick.bound(f"{kind}/it") == remote_id
    quick.account.control("DELETE", "faults")
    quick.apply("--allow-deletes", "1")
    assert not exists(quick, kind, remote_id)


@pytest.mark.parametrize("kind", ["persona", pytest.param("tool", marks=NEWER)])
def test_a_delete_that_finds_nothing_is_believed_only_if_no_listing_has_the_object(quick: Project, kind: str) -> None:
    """The object has been read before it, and all later reads are as wrong as the answer."""
    remote_id, path = managed(quick, kind), f"{kind}s"
    quick.remove(kind, "it")
    wrong = {"kind": "status", "status": 404, "body": {"message": "no such object"}, "times": None}
    quick.account.fault(match=f"DELETE /v2/{path}/{remote_id}", **wrong)
    quick.account.fault(match=f"GET /v2/{path}/{remote_id}", skip=2, **wrong)  # it is read before the delete

    ended = quick.run("apply", "--yes", "--allow-deletes", "1", "--format", "json")

    reason = f"no read finds {remote_id}, but /v2/{path} lists it"
    ((_, status, told),) = outcomes(ended)
    assert (ended.code, status, told.endswith(reason)) == (6, "unknown", True)
    assert quick.bound(f"{kind}/it") == remote_id
    quick.account.control("DELETE", "faults")
    quick.apply("--allow-deletes", "1")
    assert not exists(quick, kind, remote_id)


@pytest.mark.parametrize("fault", ["the read after it", "the second delete"])
def test_a_lost_delete_that_was_not_carried_out_is_made(quick: Project, fault: str) -> None:
    """One wrong 404 after it does not show that it was."""
    remote_id = managed(quick, "persona")
    quick.remove("persona", "it")
    wrong = {"kind": "status", "status": 404, "body": {"message": "no such object"}}
    quick.account.fault(match="DELETE /v2/personas/*", kind="drop")
    if fault == "the read after it":
        quick.account.fault(match=f"GET /v2/personas/{remote_id}", skip=1, **wrong)
    else:
        quick.account.fault(match="DELETE /v2/personas/*", **wrong)

    first = quick.run("apply", "--yes", "--allow-deletes", "1")

    assert [one["struck"] for one in quick.account.control("GET", "faults")["faults"]] == [1, 1]
    assert first.code == (0 if fault == "the read after it" else 5), first.out + first.err
    if first.code:
        assert quick.bound("persona/it") == remote_id
        quick.apply("--allow-deletes", "1")
    assert not exists(quick, "persona", remote_id)


def test_an_edit_after_a_lost_delete_keeps_the_object(quick: Project) -> None:
    """The read that shows whether the delete was carried out also shows the edit."""
    remote_id = managed(quick, "persona")
    quick.remove("persona", "it")
    quick.account.fault(match="DELETE /v2/personas/*", kind="drop")
    read = f"GET /v2/personas/{remote_id}"
    quick.edit_in_portal("persona/it", "/system_prompt", "Edited there.", before=read, skip=1)

    ended = quick.run("apply", "--yes", "--allow-deletes", "1")

    assert (ended.code, "was edited in the account during this run" in ended.out) == (6, True), ended.out + ended.err
    assert exists(quick, "persona", remote_id)
    quick.apply("--allow-deletes", "1")
    assert not exists(quick, "persona", remote_id)


def test_destroy_and_undo_confirm_their_deletes_too(quick: Project) -> None:
    quick.manifest("persona", "coach", COACH)
    quick.apply()
    run = quick.run("undo").out.split()[0]
    confirm_without_effect(quick, "DELETE /v2/personas/*", times=2)

    quick.expect(5, "undo", run, "--yes", "--allow-deletes", "1")
    quick.expect(5, "destroy", "--yes", "--allow-deletes", "1")
    assert len(quick.account.objects("personas")) == 1
    quick.expect(0, "destroy", "--yes", "--allow-deletes", "1")
    assert quick.account.objects("personas") == {}


def test_an_old_version_whose_delete_did_nothing_is_deleted_later(quick: Project) -> None:
    quick.manifest("document", "prices", PDF)
    quick.apply()
    quick.account.advance(3600)
    quick.manifest("document", "prices", {**PDF, "document_url": "https://a.example.com/b.pdf"})
    confirm_without_effect(quick, "DELETE /v2/documents/*")

    quick.apply()
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
    quick.expect(5, "verify")


@pytest.mark.parametrize("status", [200, 202])
@pytest.mark.parametrize("gone", [404, 400])
def test_a_create_that_was_never_made_is_unknown_and_then_made_once(quick: Project, status: int, gone: int) -> None:
    quick.manifest("persona", "coach", COACH)
    answer = {"persona_id": "p0123456789a", "persona_name": "Coach"}
    quick.account.fault(match="POST /v2/personas", kind="status", status=status, body=answer)
    refusal = {"message": "Invalid persona_id"} if gone == 400 else {"message": "not found"}
    quick.account.fault(match="GET /v2/personas/p0123456789a", kind="status", status=gone, body=refusal, times=1000)

    ended = quick.run("apply", "--yes", "--format", "json")

    assert (ended.code, outcomes(ended)[0][1]) == (6, "unknown")
    assert "has the id p0123456789a, and no read shows it" in outcomes(ended)[0][2]
    quick.apply()
    assert [one["persona_name"] for one in quick.account.objects("personas").values()] == ["Coach"]
    quick.expect(0, "plan", "--detailed-exitcode")


def test_a_create_that_shows_late_is_found_by_the_next_run(quick: Project) -> None:
    quick.manifest("persona", "coach", COACH)
    quick.account.fault(match="GET /v2/personas/*", kind="status", status=404, body={"message": "no"}, times=8)
    quick.expect(6, "apply", "--yes")
    quick.account.control("DELETE", "faults")
    plan = quick.run("plan")
    assert "was deleted in the account" not in plan.out + plan.err
    quick.apply()
    assert list(quick.account.objects("personas")) == [quick.bound("persona/coach")]
    assert [method for method, _, _ in quick.account.sent].count("POST") == 1


def test_a_replacement_that_was_never_made_is_made_once(quick: Project) -> None:
    quick.manifest("document", "prices", PDF)
    quick.apply()
    first = quick.bound("document/prices")
    quick.account.advance(3600)
    quick.manifest("document", "prices", {**PDF, "document_url": "https://a.example.com/b.pdf"})
    answer = {"document_id": "d8-000000000000", "document_name": "Prices", "status": "started"}
    confirm_without_effect(quick, "POST /v2/documents", body=answer)
    quick.expect(6, "apply", "--yes")
    assert quick.bound("document/prices") == first
    for _ in range(3):
        quick.run("apply", "--yes")
        quick.account.advance(3600)
    assert [one["document_url"] for one in quick.account.objects("documents").values()] == [
        "https://a.example.com/b.pdf"
    ]


@pytest.mark.parametrize("status", [404, 500])
@pytest.mark.parametrize("carried_out", [True, False])
def test_an_update_that_no_read_confirms_is_unknown(quick: Project, status: int, carried_out: bool) -> None:
    quick.manifest("persona", "coach", COACH)
    quick.apply()
    quick.manifest("persona", "coach", {**COACH, "system_prompt": "Never give advice."})
    path = f"/v2/personas/{quick.bound('persona/coach')}"
    if not carried_out:
        confirm_without_effect(quick, f"PATCH {path}", body={}, skip=3)  # after the probe of tests
    quick.account.fault(match=f"GET {path}", kind="status", status=status, body={"message": "no"}, times=1000)
    ended = quick.run("apply", "--yes", "--format", "json")
    quick.account.control("DELETE", "faults")
    assert (ended.code, outcomes(ended)[0][1]) == (6, "unknown"), ended.out
    quick.apply()
    (held,) = quick.account.objects("personas").values()
    assert held["system_prompt"] == "Never give advice."


@pytest.mark.parametrize("status", [200, 202, 204, 304])
def test_a_changed_crawl_that_was_not_started_stays_in_the_plan(quick: Project, status: int) -> None:
    site = {"document_name": "Site", "document_url": "https://a.example.com", "crawl": {"depth": 1, "max_pages": 3}}
    quick.manifest("document", "site", site)
    quick.apply()
    quick.account.advance(30 * 3600)
    quick.apply()
    quick.manifest("document", "site", {**site, "crawl": {"depth": 2, "max_pages": 9}})
    confirm_without_effect(quick, "POST /v2/documents/*/recrawl", status, body="" if status in (204, 304) else {})

    ended = quick.run("apply", "--yes", "--format", "json")

    assert (ended.code, outcomes(ended)[0][:2]) == (5, ("recrawl", "failed"))
    assert [change["action"] for change in quick.plan()["changes"]] == ["recrawl"]
    quick.apply()
    quick.expect(0, "plan", "--detailed-exitcode")
    assert [body for method, path, body in quick.account.sent if path.endswith("/recrawl")][-1] == {
        "crawl": {"depth": 2, "max_pages": 9}
    }


def test_a_recrawl_that_was_not_started_has_failed(quick: Project) -> None:
    site = {"document_name": "Site", "document_url": "https://a.example.com", "crawl": {"depth": 1, "max_pages": 3}}
    quick.manifest("document", "site", site)
    quick.apply()
    quick.account.advance(30 * 3600)
    confirm_without_effect(quick, "POST /v2/documents/*/recrawl", body={})

    first, second = quick.run("recrawl", "--all", "--format", "json"), quick.run("recrawl", "--all")

    assert (first.code, second.code) == (5, 0), first.out + first.err + second.out
    assert "has not started it" in first.out
