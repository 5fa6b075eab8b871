from __future__ import annotations

import pytest

from tests.scenarios.project import Project


@pytest.fixture
def applied(project: Project) -> Project:
    """A persona with a replica that exists already and one document, all of them ready."""
    (replica,) = project.account.seed(replicas=[{"replica_name": "Anna"}])["replicas"]
    project.write("manifests/anna.yaml", f"kind: replica\nname: anna\nexternal: true\nid: {replica}\n")
    project.manifest("document", "prices", {"document_url": "https://example.com/prices.pdf"})
    spec = {
        "persona_name": "Coach",
        "system_prompt": "You coach.",
        "default_replica_id": "${ref:replica/anna}",
        "document_ids": ["${ref:document/prices}"],
    }
    project.manifest("persona", "coach", spec)
    project.apply()
    project.account.advance(3600)
    project.account.forget()
    return project


def unusable(project: Project, *arguments: str) -> list[tuple[str, str, str]]:
    """Address, check and reason of what cannot be used; the exit codes have to agree."""
    result = project.run("verify", "--format", "json", *arguments)
    checks = result.document["checks"]
    found = [(c["address"], c["check"], c["reason"]) for c in checks if not c["usable"]]
    if not arguments:
        strict = project.run("verify", "--strict")
        assert strict.code == (5 if found else 0), strict.out + strict.err
    broken = [c for c in checks if not c["usable"] and not c["pending"]]
    assert result.code == (5 if broken else 0), result.out + result.err
    return found


def test_what_is_there_and_ready_is_ok_and_nothing_is_written(applied: Project) -> None:
    result = applied.expect(0, "verify")
    assert [line.split(" (")[0] for line in result.out.splitlines()] == [
        "ok       document/prices",
        "ok       persona/coach",
        "ok       replica/anna",
        "Verify: 3 ok",
    ]
    assert applied.account.writes == []


def test_a_document_still_processed_or_failed_is_unusable_and_so_is_who_refers_to_it(applied: Project) -> None:
    applied.account.control("POST", "outcomes", {"kind": "documents", "error": "invalid_file_url"})
    applied.manifest("document", "bad", {"document_url": "https://example.com/bad.pdf"})
    spec = {"persona_name": "Other", "system_prompt": "You too.", "document_ids": ["${ref:document/bad}"]}
    applied.manifest("persona", "other", spec)
    applied.run("apply", "--yes")
    (bad, _, reason), *_ = unusable(applied)
    assert (bad, reason) == ("document/bad", "started, not usable yet")
    applied.account.advance(3600)
    applied.run("apply", "--yes")
    bad, failed = applied.bound("document/bad"), "error, needs a change to become usable: invalid_file_url"
    assert unusable(applied) == [
        ("document/bad", "object", failed),
        ("persona/other", "reference", f"it refers to the document {bad}: {failed}"),
    ]


def test_a_replica_in_training_is_unusable_for_hours(applied: Project) -> None:
    spec = {"replica_name": "Ben", "train_video_url": "https://example.com/ben.mp4"}
    applied.manifest("replica", "ben", spec)
    applied.run("apply", "--yes")
    assert [(address, check) for address, check, _ in unusable(applied)] == [("replica/ben", "object")]
    applied.account.advance(5 * 3600)
    assert unusable(applied) == []


def test_what_the_server_still_works_on_is_pending_and_no_failure(applied: Project) -> None:
    """With all that waits for it, be it made yet or not."""
    applied.manifest("document", "new", {"document_url": "https://example.com/new.pdf"})
    spec = {"persona_name": "Other", "system_prompt": "You too.", "document_ids": ["${ref:document/new}"]}
    applied.manifest("persona", "other", spec)
    applied.apply()
    early = applied.run("verify")
    applied.run("state", "rm", "persona/other")
    applied.account.portal_delete(
        "personas", next(iter(set(applied.account.objects("personas")) - {applied.bound("persona/coach")}))
    )
    unmade = applied.run("verify")
    strict = applied.run("verify", "--strict")

    assert early.code == 0
    assert early.out.endswith("Verify: 4 ok, 2 pending\n"), early.out
    assert "pending  document/new" in early.out
    assert (unmade.code, strict.code) == (0, 5)
    assert (
        "pending  persona/other: not in the account yet; it waits for document/new; run `tavusctl apply` when"
        in unmade.out
    )


def test_what_was_deleted_in_the_portal_is_told_with_who_needs_it(applied: Project) -> None:
    document = applied.bound("document/prices")
    applied.account.portal_delete("document", document)
    gone = f"the account has no document {document}: Document not found"
    assert unusable(applied) == [
        ("document/prices", "object", gone),
        ("persona/coach", "reference", f"it refers to the document {document}: {gone}"),
    ]


def test_a_reference_set_in_the_portal_is_followed(applied: Project) -> None:
    applied.edit_in_portal("persona/coach", "/document_ids/-", "d8-000000000000", op="add")
    (found,) = unusable(applied)
    assert found[:2] == ("persona/coach", "reference")
    assert "d8-000000000000" in found[2]


def test_what_was_never_applied_and_what_another_account_has_is_unusable(applied: Project) -> None:
    applied.manifest("persona", "new", {"persona_name": "New", "system_prompt": "You are new."})
    applied.write("manifests/ben.yaml", "kind: replica\nname: ben\nexternal: true\nid: r000000000000\n")
    assert [(address, check) for address, check, _ in unusable(applied)] == [
        ("persona/new", "object"),
        ("replica/ben", "object"),
    ]


@pytest.mark.parametrize("partner", ["persona/coach", "replica/anna"])
def test_a_conversation_is_begun_looked_at_and_deleted(applied: Project, partner: str) -> None:
    assert unusable(applied, "--conversation", partner) == []
    begun, ended, deleted = applied.account.writes
    assert begun["body"]["test_mode"] is True
    assert (ended["path"].rsplit("/", 1)[1], ended["status"]) == ("end", 400)
    assert (deleted["method"], deleted["status"]) == ("DELETE", 204)
    assert applied.account.objects("conversations") == {}


def test_a_persona_without_a_replica_cannot_converse(applied: Project) -> None:
    applied.manifest("persona", "voice", {"persona_name": "Voice", "system_prompt": "You speak."})
    applied.apply()
    (found,) = unusable(applied, "--conversation", "persona/voice")
    assert found == ("persona/voice", "conversation", "a conversation cannot be started: Invalid replica_id")
    assert applied.account.objects("conversations") == {}


@pytest.mark.parametrize("phase", ["after", "before"])
def test_a_conversation_whose_answer_is_lost_leaves_nothing_behind(applied: Project, phase: str) -> None:
    applied.account.fault(match="POST /v2/conversations", kind="drop", phase=phase)
    result = applied.run("verify", "--conversation", "persona/coach", "--format", "json")
    assert result.code == (0 if phase == "after" else 6), result.out
    assert applied.account.objects("conversations") == {}
    assert sum(1 for one in applied.account.writes if one["path"] == "/v2/conversations") == 1


def test_a_conversation_that_cannot_be_deleted_is_told(applied: Project) -> None:
    applied.account.fault(match="DELETE /v2/conversations/*", kind="status", status=500, times=None)
    ((address, check, reason),) = unusable(applied, "--conversation", "persona/coach")
    assert (address, check) == ("persona/coach", "conversation")
    assert reason.endswith("could not be deleted")


@pytest.mark.parametrize("partner", ["document/prices", "persona/nobody", "coach"])
def test_a_conversation_needs_a_persona_or_a_replica_of_the_project(applied: Project, partner: str) -> None:
    applied.expect(12, "verify", "--conversation", partner)
    assert applied.account.requests == []


def test_a_refused_key_is_an_error_of_its_own(applied: Project) -> None:
    applied.account.switch(unknown_keys="refuse")
    applied.expect(8, "verify")


@pytest.mark.parametrize("status", [429, 403])
def test_a_conversation_that_was_refused_after_it_began_is_deleted(applied: Project, status: int) -> None:
    refusal = {"status": status, "headers": {"retry-after": "0"}, "body": {"message": "slow down"}}
    applied.account.fault(match="POST /v2/conversations", kind="status", phase="after", **refusal)
    applied.expect(0, "verify", "--conversation", "persona/coach")
    assert applied.account.objects("conversations") == {}
    assert sum(1 for one in applied.account.writes if one["path"] == "/v2/conversations") == 1
