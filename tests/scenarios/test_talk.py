"""`talk`: a conversation with a persona begins, is paid for only after a yes, and ends."""

from __future__ import annotations

import re
from typing import Any

import pytest

from tests.scenarios.project import Project
from tests.scenarios.terminals import answered

PROMPT = {"persona_name": "Coach", "system_prompt": "You coach."}


@pytest.fixture
def applied(project: Project) -> Project:
    """A persona with a stock replica, and one without."""
    project.write("manifests/anna.yaml", "kind: replica\nname: anna\nexternal: true\nid: rfe12d8b9597\n")
    project.manifest("persona", "coach", {**PROMPT, "default_replica_id": "${ref:replica/anna}"})
    project.manifest("persona", "voice", {"persona_name": "Voice", "system_prompt": "You speak."})
    return project.apply_and_forget()


def conversation_sent(project: Project) -> dict[str, Any]:
    """The body of the one conversation that was begun."""
    (write,) = [one for one in project.account.writes if one["path"] == "/v2/conversations"]
    body: dict[str, Any] = write["body"]
    return body


def test_a_conversation_begins_and_ends(applied: Project) -> None:
    result = applied.expect(0, "talk", "persona/coach", "--minutes", "7", "--yes")
    url, conversation = result.out.splitlines()
    assert url.startswith("https://")
    assert applied.account.objects("conversations")[conversation]["status"] == "active"
    assert conversation_sent(applied)["persona_id"] == applied.bound("persona/coach")
    assert conversation_sent(applied)["properties"] == {"max_call_duration": 420}
    assert "up to 7 minutes of the account, and ends after 5 minutes when nobody joins" in result.err
    assert f"tavusctl talk --end {conversation}" in result.err

    ended = applied.run("talk", "--end", conversation)
    assert (ended.code, ended.out) == (0, f"{conversation} ended\n")
    assert applied.account.objects("conversations")[conversation]["status"] == "ended"
    assert applied.run("talk", "--end", conversation).out == f"{conversation} had ended already\n"


def test_in_one_of_several_environments_it_tells_how_to_end_it_there(applied: Project) -> None:
    applied.write("tavusctl.yaml", "environments: {staging: {}, prod: {}}\n")
    applied.run("apply", "--yes", "--env", "prod", "--adopt")

    said = applied.run("talk", "persona/coach", "--yes", "--env", "prod")

    told = re.search(r"^end it with: tavusctl (talk --end \w+ --env prod)$", said.err, re.MULTILINE)
    assert told, said.err
    applied.expect(0, *told[1].split())


def test_as_json(applied: Project) -> None:
    found = applied.run("talk", "persona/coach", "--yes", "--format", "json").document
    assert set(found) == {"format_version", "id", "url", "status", "address", "minutes"}
    assert (found["address"], found["minutes"], found["status"]) == ("persona/coach", 10, "active")
    ended = applied.run("talk", "--end", found["id"], "--format", "json").document
    assert (ended["id"], ended["status"], ended["was_active"]) == (found["id"], "ended", True)


def test_by_the_newer_names_of_kinds(applied: Project) -> None:
    applied.expect(0, "talk", "pal/voice", "--replica", "face/anna", "--yes")
    assert conversation_sent(applied)["replica_id"] == "rfe12d8b9597"


def test_nothing_begins_without_a_yes(applied: Project) -> None:
    result = applied.run("talk", "persona/coach")
    assert (result.code, applied.account.writes) == (12, [])
    assert "--yes" in result.err
    said = answered(applied, "no\n", "talk", "persona/coach")
    assert (said.code, applied.account.writes) == (4, [])
    assert "costs up to 10 minutes" in said.said
    assert "environment default" in said.said
    assert answered(applied, "yes\n", "talk", "persona/coach").code == 0
    assert len(applied.account.writes) == 1


def test_a_conversation_in_test_mode_is_free_and_is_not_asked_about(applied: Project) -> None:
    applied.account.switch(credits=False)
    result = applied.run("talk", "persona/coach", "--test", "--format", "json")
    assert (result.code, result.document["status"], result.document["minutes"]) == (0, "ended", 0)
    assert conversation_sent(applied)["test_mode"] is True
    refused = applied.expect(5, "talk", "persona/coach", "--yes")
    assert "out of conversational credits" in refused.err


@pytest.mark.parametrize("replica", ["replica/anna", "rfe12d8b9597"])
def test_another_replica(applied: Project, replica: str) -> None:
    applied.expect(0, "talk", "persona/voice", "--replica", replica, "--yes")
    assert conversation_sent(applied)["replica_id"] == "rfe12d8b9597"


def refused(project: Project, *args: str) -> str:
    """What a refusal says; nothing has begun."""
    result = project.expect(4, "talk", *args, "--yes")
    assert project.account.writes == []
    return result.err


@pytest.mark.parametrize(
    ("replica", "said"),
    [
        ("persona/coach", ["`--replica persona/coach` is not a replica", "help: known: `replica/anna`"]),
        ("persona/ana", ["`--replica persona/ana` is not a replica", "help: did you mean `replica/anna`?"]),
        ("replica/none", ["`replica/none` is not in the manifests", "help: known: `replica/anna`"]),
    ],
)
def test_only_a_replica_is_taken_for_one(applied: Project, replica: str, said: list[str]) -> None:
    result = applied.run("talk", "persona/voice", "--replica", replica, "--yes")

    assert (result.code, applied.account.writes) == (12, [])
    assert [text for text in said if text not in result.err] == []


def test_a_persona_that_is_not_applied_has_no_replica_or_is_gone(applied: Project) -> None:
    applied.manifest("persona", "new", {"persona_name": "New", "system_prompt": "You are new."})
    said = refused(applied, "persona/new")
    assert "`persona/new` is not in the account yet" in said
    assert "run `tavusctl apply` first" in said
    said = refused(applied, "persona/voice")
    assert "has no replica, so nobody could be seen or heard" in said
    assert "`default_replica_id`" in said
    applied.account.portal_delete("persona", applied.bound("persona/coach"))
    assert "run `tavusctl plan`" in refused(applied, "persona/coach")


def test_a_replica_that_is_still_trained_or_has_failed(applied: Project) -> None:
    applied.manifest("replica", "ben", {"replica_name": "Ben", "train_video_url": "https://example.com/ben.mp4"})
    applied.run("apply", "--yes")
    applied.account.forget()
    said = refused(applied, "persona/coach", "--replica", "replica/ben")
    assert "`replica/ben`" in said
    assert "is not ready: its training has the status started" in said
    said = refused(applied, "persona/coach", "--replica", applied.bound("replica/ben"))
    assert "is not ready" in said
    applied.account.advance(24 * 3600)
    applied.expect(0, "talk", "persona/coach", "--replica", "replica/ben", "--yes")


def test_a_replica_that_does_not_exist(applied: Project) -> None:
    said = refused(applied, "persona/coach", "--replica", "r000000000000")
    assert "has no replica r000000000000" in said
    assert "is bound" not in said


@pytest.mark.parametrize("phase", ["after", "before"])
def test_a_lost_answer_never_leaves_a_conversation_unnamed(applied: Project, phase: str) -> None:
    applied.account.fault(match="POST /v2/conversations", kind="drop", phase=phase)
    result = applied.run("talk", "persona/coach", "--yes", "--format", "json")
    there = applied.account.objects("conversations")
    if phase == "after":
        assert (result.code, [result.document["id"]]) == (0, [*there])
    else:
        assert (result.code, there) == (6, {})
        assert "it costs minutes until it is ended" in result.document["error"]["complaints"][0]["hint"]


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ({"kind": "status", "status": 500, "body": {"message": "out of order"}}, "out of order"),
        ({"kind": "status", "status": 200, "body": {}}, "no id of a conversation"),
    ],
)
def test_an_answer_that_does_not_tell_is_quoted(applied: Project, fault: dict[str, Any], words: str) -> None:
    applied.account.fault(match="POST /v2/conversations", **fault)
    result = applied.run("talk", "persona/coach", "--yes")
    assert (result.code, words in result.err) == (6, True), result.err


@pytest.mark.parametrize(
    "args",
    [(), ("persona/coach", "--end", "c1"), ("document/prices",), ("coach",), ("persona/nobody",), ("--end", "c0")],
)
def test_a_command_line_that_names_nothing_to_do(applied: Project, args: tuple[str, ...]) -> None:
    applied.expect(12, "talk", *args)
    assert applied.account.writes == []


@pytest.mark.parametrize(
    ("status", "headers"), [(429, {"retry-after": "0"}), (429, {}), (402, {}), (400, {}), (403, {}), (409, {})]
)
@pytest.mark.parametrize("message", ["slow down", "the limit of conversations per hour"])
def test_a_conversation_that_was_refused_after_it_began_is_the_only_one(
    applied: Project, status: int, headers: dict[str, str], message: str
) -> None:
    refusal = {"status": status, "headers": headers, "body": {"message": message}}
    applied.account.fault(match="POST /v2/conversations", kind="status", phase="after", **refusal)
    said = applied.expect(0, "talk", "persona/coach", "--yes")
    assert list(applied.account.objects("conversations")) == said.out.split()[1:]


def test_a_conversation_that_was_really_refused_is_a_refusal(applied: Project) -> None:
    applied.account.fault(match="POST /v2/conversations", kind="status", status=403, body={"message": "not you"})
    said = applied.run("talk", "persona/coach", "--yes")
    assert (said.code, applied.account.objects("conversations")) == (5, {})
    assert "not you" in said.err
