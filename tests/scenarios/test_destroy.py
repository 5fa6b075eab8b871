"""Destroy: everything that is managed, and nothing else, once somebody has said so."""

from __future__ import annotations

import pytest

from tests.scenarios.project import Project
from tests.scenarios.terminals import answered

COACH = {"persona_name": "Coach", "system_prompt": "You coach."}
RULES = {"name": "Rules", "data": [{"guardrail_name": "no_promises", "guardrail_prompt": "Promises a price."}]}
VIDEO = {"replica_name": "Anna", "train_video_url": "https://example.com/anna.mp4"}


@pytest.fixture
def applied(project: Project) -> Project:
    """Two objects of ours and one of somebody else."""
    project.account.seed(personas=[{"persona_name": "Theirs", "system_prompt": "Hi."}])
    project.manifest("guardrails", "rules", RULES)
    project.manifest("persona", "coach", {**COACH, "guardrails_id": "${ref:guardrails/rules}"})
    return project.apply_and_forget()


def test_everything_of_ours_goes_in_the_order_of_references(applied: Project) -> None:
    applied.expect(0, "destroy", "--yes", "--allow-deletes", "2")
    assert [path.split("/")[2] for _, path, _ in applied.account.sent] == ["personas", "guardrails"]
    assert [one["persona_name"] for one in applied.account.objects("personas").values()] == ["Theirs"]
    assert applied.run("state", "list").out == ""


def test_where_no_manifest_is_left_it_is_named_and_works(applied: Project) -> None:
    bare = applied.run("plan")
    assert "tavusctl destroy" not in bare.err
    for kind, name in (("guardrails", "rules"), ("persona", "coach")):
        applied.remove(kind, name)
    for command in (("plan",), ("apply", "--yes"), ("drift",)):
        calls = len(applied.account.sent)
        left = applied.run(*command)
        assert (left.code, len(applied.account.sent)) == (4, calls)
        assert "run `tavusctl init`" in left.err
        assert "`tavusctl destroy` deletes all 2 managed objects" in left.err

    applied.expect(0, "destroy", "--yes", "--allow-deletes", "2")
    assert [one["persona_name"] for one in applied.account.objects("personas").values()] == ["Theirs"]
    assert "tavusctl destroy" not in applied.run("plan").err


@pytest.mark.parametrize(
    ("args", "code"),
    [((), 12), (("--yes",), 4), (("--yes", "--allow-deletes", "1"), 4), (("--allow-deletes", "2"), 12)],
)
def test_without_a_terminal_it_needs_both_words(applied: Project, args: tuple[str, ...], code: int) -> None:
    assert (applied.run("destroy", *args).code, applied.account.writes) == (code, [])


def test_a_destroy_that_is_not_finished_is_continued_by_a_destroy(applied: Project) -> None:
    applied.account.fault(match="DELETE /v2/guardrails/*", kind="status", status=403, times=1)

    result = applied.expect(5, "destroy", "--yes", "--allow-deletes", "2")

    assert "next: run `tavusctl destroy` again to continue\n" in result.err
    applied.expect(0, "destroy", "--yes", "--allow-deletes", "1")
    assert applied.run("state", "list").out == ""


def test_what_is_protected_stays(applied: Project) -> None:
    applied.manifest("guardrails", "rules", RULES, lifecycle={"prevent_destroy": True})
    applied.manifest("replica", "anna", VIDEO)
    applied.apply()

    result = applied.expect(4, "destroy", "--yes", "--allow-deletes", "1")

    assert sorted(applied.run("state", "list").out.split()[::2]) == ["guardrails/rules", "replica/anna"]
    assert "prevent_destroy" in result.out
    assert "--allow-replica-delete replica/anna" in result.out


def test_an_object_that_somebody_else_uses_stays(applied: Project) -> None:
    rules = applied.bound("guardrails/rules")
    applied.account.seed(personas=[{"persona_name": "User", "system_prompt": "Hi.", "guardrails_id": rules}])

    result = applied.run("destroy", "--yes", "--allow-deletes", "1")

    assert (result.code, list(applied.account.objects("guardrails"))) == (4, [rules])


def test_a_name_typed_right_agrees(applied: Project) -> None:
    applied.write("tavusctl.yaml", "{version: 1, environments: {default: {account: acme}}}")

    wrong = answered(applied, "yes\n", "destroy")
    kept = applied.account.writes
    right = answered(applied, "acme\n", "destroy")

    assert "Delete 2 objects in the environment default (account acme)? Type acme to confirm: " in wrong.said
    assert "expected the full word `acme`, found `yes`; nothing was changed" in wrong.said
    assert (wrong.code, kept) == (4, [])
    assert right.code == 0, right.said
    assert applied.run("state", "list").out == ""


def test_a_destroy_can_be_undone_but_for_the_ids(applied: Project) -> None:
    applied.run("destroy", "--yes", "--allow-deletes", "2")
    run = applied.run("undo").out.split()[0]

    applied.expect(0, "undo", run, "--yes", "--recreate")
    assert applied.plan()["changes"] == []


@pytest.mark.parametrize("command", ["destroy", "plan --destroy", "undo"])
def test_a_protection_of_a_manifest_counts_before_an_apply_has_recorded_it(applied: Project, command: str) -> None:
    applied.manifest("guardrails", "rules", RULES, lifecycle={"prevent_destroy": True})
    run = applied.run("undo").out.split()[0]
    line = {
        "destroy": ("destroy", "--yes", "--allow-deletes", "1"),
        "plan --destroy": ("plan", "--destroy"),
        "undo": ("undo", run, "--yes", "--allow-deletes", "1"),
    }[command]

    result = applied.run(*line)

    assert (result.code, "E403" in result.out) == (4, True), result.out
    assert len(applied.account.objects("guardrails")) == 1


def test_a_renamed_manifest_protects_its_object_too(applied: Project) -> None:
    applied.remove("guardrails", "rules")
    moved = {"lifecycle": {"prevent_destroy": True}, "moved_from": "guardrails/rules"}
    applied.manifest("guardrails", "laws", RULES, **moved)
    applied.manifest("persona", "coach", {**COACH, "guardrails_id": "${ref:guardrails/laws}"})

    result = applied.run("destroy", "--yes", "--allow-deletes", "1")

    assert (result.code, len(applied.account.objects("guardrails"))) == (4, 1), result.out


def test_what_a_manifest_retains_stays(applied: Project) -> None:
    applied.manifest("guardrails", "rules", RULES, lifecycle={"on_remove": "retain"})

    result = applied.run("destroy", "--yes", "--allow-deletes", "1")

    assert (result.code, len(applied.account.objects("guardrails"))) == (0, 1), result.out + result.err
    assert applied.run("state", "list").out == ""
