"""The outcome of a step that fails: it names the object that the failure is about, and what exists already."""

from __future__ import annotations

from tests.scenarios.project import Body, Project

COACH: Body = {"persona_name": "Coach", "system_prompt": "You coach."}
VIDEO: Body = {"replica_name": "Anna", "train_video_url": "https://example.com/anna.mp4"}
NO: Body = {"kind": "status", "status": 400, "body": {"error": "Bad Request. No."}}
TRAINING = 5 * 3600


def failed(project: Project, *args: str) -> tuple[int, str | None, str]:
    """Apply; the exit code, and the id and the reason of the only outcome."""
    result = project.run("apply", "--yes", "--format", "json", *args)
    (outcome,) = result.document["outcomes"]
    assert outcome["status"] == "failed"
    return result.code, outcome["id"], outcome["reason"]


def test_a_refused_create_in_place_of_a_deleted_object_has_created_nothing(project: Project) -> None:
    project.manifest("persona", "coach", COACH)
    project.manifest("persona", "other", {**COACH, "persona_name": "Other"})
    project.apply()
    old = project.bound("persona/coach")
    project.account.portal_delete("persona", old)
    project.account.fault(match="POST /v2/*", **NO)

    code, _, reason = failed(project)

    assert (code, "created" in reason, old in reason) == (5, False, False), reason
    project.apply()
    assert project.bound("persona/coach") != old


def test_a_replacement_that_fails_after_its_create_names_the_new_version(project: Project) -> None:
    """A training has begun, which costs money."""
    project.manifest("replica", "anna", VIDEO)
    project.apply()
    project.account.advance(TRAINING)
    old = project.bound("replica/anna")
    project.manifest("replica", "anna", {**VIDEO, "train_video_url": "https://example.com/new.mp4"})
    project.account.fault(match="PATCH /v2/*", **NO)

    code, remote_id, reason = failed(project, "--allow-replace", "replica/anna")

    (new,) = project.account.objects("replicas").keys() - {old}
    assert (code, remote_id, f"created as {new};" in reason) == (5, new, True), reason


def test_a_create_that_is_refused_for_a_missing_reference_is_not_said_to_have_disappeared(project: Project) -> None:
    project.manifest("persona", "coach", {**COACH, "default_replica_id": "r0123456789a"})
    project.account.fault(match="POST /v2/*", kind="status", status=404, body={"error": "Invalid replica_id"})

    code, remote_id, reason = failed(project)

    assert (code, remote_id, "disappeared" in reason) == (5, None, False), reason
    assert "POST /v2/p" in reason
    assert "was refused with 404: Invalid replica_id" in reason
