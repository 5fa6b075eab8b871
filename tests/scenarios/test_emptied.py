"""Accounts without what the state knows, and states older than what was done: nothing is made until somebody agrees."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tavusctl.state.object_store.urls import open_bucket
from tests.scenarios.project import Project
from tests.stores.servers import BUCKET, variables

pytest_plugins = ["tests.stores.fixtures"]

COACH = {"persona_name": "Coach", "system_prompt": "You coach."}
PRICES = {"document_name": "Prices", "document_url": "https://example.com/prices.pdf"}
VIDEO = {"replica_name": "Anna", "train_video_url": "https://example.com/anna.mp4"}


@pytest.fixture
def two(project: Project) -> Project:
    """A persona and a document, applied."""
    project.manifest("persona", "coach", COACH)
    project.manifest("document", "prices", PRICES)
    return project.apply_and_forget()


def empty(project: Project, *but: str) -> None:
    """Delete all that the state knows, in the portal."""
    known = project.run("state", "list", "--format", "json").document
    for address, remote_id in known.items():
        if address not in but:
            project.account.portal_delete(address.split("/")[0], remote_id)


@pytest.mark.parametrize(
    "command", [["plan"], ["drift"], ["apply", "--yes"], ["destroy", "--yes", "--allow-deletes", "0"]]
)
def test_fm_053_an_account_that_was_emptied_is_refused_by_everything(two: Project, command: list[str]) -> None:
    empty(two)

    ended = two.run(*command)

    assert (ended.code, two.account.writes) == (9, []), ended.out
    assert "none of the 2 managed objects exists" in ended.err
    assert "--allow-recreate 2" in ended.err
    assert len(two.run("state", "list").out.splitlines()) == 2


@pytest.mark.parametrize("number", ["1", "3"])
def test_fm_053_another_number_agrees_to_nothing(two: Project, number: str) -> None:
    empty(two)

    two.expect(9, "apply", "--yes", "--allow-recreate", number)
    assert two.account.writes == []


def test_fm_053_whoever_says_the_number_gets_everything_anew(two: Project) -> None:
    empty(two)
    planned = two.run("plan", "--allow-recreate", "2", "--format", "json").document

    two.apply("--allow-recreate", "2")

    assert {one["cause"] for one in planned["changes"]} == {"drifted"}
    assert [method for method, _, _ in two.account.sent] == ["POST", "POST"]
    assert two.plan()["changes"] == []


def test_ids_that_are_given_out_again_are_of_something_new(project: Project) -> None:
    """As by an emulator that was started anew: each object is made once."""
    names = ["a", "b"]
    for name in names:
        project.manifest("persona", name, {**COACH, "persona_name": name})
    project.apply()
    known = set(project.account.objects("personas"))
    project.account.control("POST", "reset")

    project.apply("--allow-recreate", "2")

    now = project.account.objects("personas")
    assert sorted(one["persona_name"] for one in now.values()) == names
    assert set(now) == known, "the emulator no longer gives ids out again: find another way to show this"
    assert project.plan()["changes"] == []


def test_what_refers_to_a_deleted_object_is_pointed_to_the_new_one_at_once(two: Project) -> None:
    """The second apply makes no call."""
    two.manifest("persona", "coach", {**COACH, "document_ids": ["${ref:document/prices}"]})
    two.apply()
    two.account.portal_delete("document", two.bound("document/prices"))

    two.apply()

    (persona,) = two.account.objects("personas").values()
    assert persona["document_ids"] == [two.bound("document/prices")]
    two.account.forget()
    two.apply()
    assert (two.account.writes, two.plan()["drift"]) == ([], [])


def test_fm_053_or_forgets_them(two: Project) -> None:
    empty(two)

    two.expect(0, "state", "rm", "persona/coach", "document/prices")
    two.apply()

    assert two.plan()["changes"] == []


def test_fm_053_one_object_left_is_account_enough(two: Project) -> None:
    """So is one that was the only one: somebody has deleted it."""
    empty(two, "document/prices")
    left = two.plan()["changes"]
    two.run("state", "rm", "document/prices")
    alone = two.plan()

    assert [(one["address"], one["cause"]) for one in left] == [("persona/coach", "drifted")]
    assert [one["address"] for one in alone["changes"]] == ["persona/coach"]


def test_fm_051_a_replica_that_is_gone_is_trained_anew_only_when_named(two: Project) -> None:
    two.manifest("replica", "anna", VIDEO)
    two.apply()
    two.account.portal_delete("replica", two.bound("replica/anna"))
    two.account.forget()

    refused = two.run("apply", "--yes")
    sent = two.account.writes
    agreed = two.run("apply", "--yes", "--allow-replace", "replica/anna")

    assert (refused.code, sent, agreed.code) == (4, [], 0)
    assert "[E402]" in refused.out
    renamed = f"/v2/replicas/{two.bound('replica/anna')}/name"  # once its id is on record
    assert [path for _, path, _ in two.account.sent] == ["/v2/replicas", renamed]


@pytest.mark.parametrize("page", ["<!DOCTYPE html><h1>Not Found</h1>", "404 page not found", "", "null", "[]"])
def test_fm_051_a_404_that_is_not_the_apis_is_no_proof(two: Project, page: str) -> None:
    """A proxy that knows no such page does not make an object disappear."""
    two.account.fault(match="GET /v2/*", kind="status", status=404, body=page, times=None)
    lists_too = two.run("apply", "--yes")
    two.account.control("DELETE", "faults")
    two.account.fault(match="GET /v2/personas", kind="status", status=200, body={"data": [], "total_count": 0})
    two.account.fault(match="GET /v2/personas/*", kind="status", status=404, body=page, times=None)
    one_by_one = two.run("apply", "--yes")

    assert (lists_too.code, one_by_one.code, two.account.writes) == (11, 11, [])


@pytest.fixture(params=["file", "s3"])
def kept(request: pytest.FixtureRequest, two: Project) -> Iterator[tuple[Project, Any]]:
    """The project with its state in a file or on S3, and what puts an old state back, past all commands."""
    if request.param == "file":
        yield two, (two.root / ".tavusctl/state.json").write_bytes
        return
    empty(two)
    (two.root / ".tavusctl/state.json").unlink()
    place = f"{BUCKET}/{two.root.parent.name}/{two.root.name}"
    two.write("tavusctl.yaml", f"{{version: 1, environments: {{default: {{state: 's3://{place}'}}}}}}")
    with variables(request.getfixturevalue("s3_variables")):
        two.apply()
        bucket = open_bucket("s3", place)

        def put_back(content: bytes) -> None:
            found = bucket.get("state.json")
            assert found
            bucket.put("state.json", content, found.version)

        yield two, put_back


def test_fm_090_a_state_put_back_from_a_backup_is_refused(kept: tuple[Project, Any]) -> None:
    project, put_back = kept
    backup = project.run("state", "pull").out
    project.manifest("persona", "coach", {**COACH, "greeting": "Hi."})
    project.manifest("persona", "other", {**COACH, "persona_name": "Other"})
    project.apply()
    newer = project.run("state", "pull").out
    put_back(backup.encode())
    project.account.forget()

    ends = [project.run(*words) for words in (["plan"], ["apply", "--yes"], ["state", "list"], ["state", "pull"])]

    assert [one.code for one in ends] == [9] * 4
    assert all("is outdated: it has serial" in one.err and "[E914]" in one.err for one in ends)
    assert project.account.writes == []
    put_back(newer.encode())
    assert project.plan()["changes"] == []


def test_fm_090_a_backup_that_is_agreed_to_costs_work_and_no_object(kept: tuple[Project, Any]) -> None:
    project, put_back = kept
    backup = project.run("state", "pull").out
    project.manifest("persona", "other", {**COACH, "persona_name": "Other"})
    project.apply()
    other = project.bound("persona/other")
    put_back(backup.encode())
    Path(project.root / "backup.json").write_text(project.run("state", "pull", "--allow-older").out)
    project.account.forget()

    pushed = project.run("state", "push", "--allow-older", "backup.json")
    refused = project.run("apply", "--yes")

    assert (pushed.code, refused.code, project.account.writes) == (0, 4, []), pushed.err
    assert f"import persona/other {other}" in refused.out
    project.apply("--adopt")
    assert project.plan()["changes"] == []
    assert json.loads(project.run("state", "pull").out)["serial"] > json.loads(backup)["serial"]


def test_an_older_state_is_pushed_only_when_somebody_says_so(two: Project) -> None:
    two.write("old.json", two.run("state", "pull").out)
    two.run("state", "rm", "persona/coach")

    refused = two.run("state", "push", "old.json")
    agreed = two.run("state", "push", "old.json", "--allow-older")

    assert (refused.code, agreed.code) == (9, 0)
    assert "--allow-older" in refused.err
    assert two.plan()["changes"] == []
