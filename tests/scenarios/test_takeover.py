"""Two runs on one shared state: who was taken over sends nothing more, wherever in a call that happens."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.scenarios.project import TAVUSCTL, Account, Body, Project
from tests.stores.fake_s3 import FakeS3

pytest_plugins = ["tests.stores.fixtures"]

pytestmark = pytest.mark.waits

TEAM = "version: 1\nenvironments:\n  default:\n    state: s3://states/team\n"
SITE = {"document_name": "Site", "document_url": "https://example.com/site", "crawl": {"depth": 1, "max_pages": 3}}
ANNA = {"replica_name": "Anna", "train_video_url": "https://example.com/anna.mp4"}
COACH = "manifests/persona-coach.yaml"
TOLD = "was lost to"


def coach(prompt: str = "You coach.") -> Body:
    return {"persona_name": "Coach", "system_prompt": prompt}


def create(project: Project) -> None:
    project.manifest("persona", "new", {"persona_name": "New", "system_prompt": "You are new."})


def patch(project: Project) -> None:
    project.manifest("persona", "coach", coach("A wants this."))


def delete(project: Project) -> None:
    project.remove("persona", "coach")


def members(project: Project) -> None:
    project.manifest("document", "site", {**SITE, "document_name": "A's site"})


def rename(project: Project) -> None:
    project.manifest("replica", "anna", {**ANNA, "replica_name": "A's Anna"})


def recrawl(project: Project) -> None:
    project.manifest("document", "site", {**SITE, "crawl": {"depth": 2, "max_pages": 5}})


CALLS: list[tuple[Callable[[Project], None], str, int]] = [
    (create, "POST /v2/personas", 0),
    (patch, "PATCH /v2/personas/*", 0),  # the question whether tests are obeyed
    (patch, "PATCH /v2/personas/*", 3),
    (members, "PATCH /v2/documents/*", 0),
    (rename, "PATCH /v2/replicas/*/name", 0),
    (delete, "DELETE /v2/personas/*", 0),
    (recrawl, "POST /v2/documents/*/recrawl", 0),
]
every_call = pytest.mark.parametrize(("change", "match", "skip"), CALLS, ids=[f"{c.__name__}{n}" for c, _, n in CALLS])


@pytest.fixture
def team(faulty: FakeS3, account: Account, tmp_path: Path) -> tuple[Project, Project]:
    """Two checkouts of a project that was applied, with its state in a bucket."""
    del faulty
    both = Project(tmp_path / "a", account), Project(tmp_path / "b", account)
    for project in both:
        project.write("tavusctl.yaml", TEAM)
        project.manifest("persona", "coach", coach())
        project.manifest("document", "site", SITE)
        project.manifest("replica", "anna", ANNA)
    both[0].apply()
    account.advance(24 * 3600)
    account.forget()
    return both


def start(project: Project) -> subprocess.Popen[str]:
    """An apply in a process of its own, which can be stopped."""
    environment = {**os.environ, **project.account.variables}
    environment["TAVUSCTL_SETTLE"] = "0.2"  # so long it looks for what was refused, before it asks for its lock again
    command = [*TAVUSCTL, "apply", "--yes", "--allow-deletes", str(int(not (project.root / COACH).exists()))]
    return subprocess.Popen(
        [*command, "--format", "json"],
        cwd=project.root,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def refuse_for_now(account: Account, match: str, skip: int, seconds: int) -> None:
    wait = {"Retry-After": str(seconds)}
    account.fault(match=match, skip=skip, kind="status", status=429, body={"message": "slow down"}, headers=wait)


def wait_until(true: Callable[[], Any]) -> None:
    ends = time.monotonic() + 40
    while not true():
        assert time.monotonic() < ends
        time.sleep(0.05)


def refused(account: Account) -> bool:
    return any(one["status"] == 429 for one in account.requests)


def outcome(process: subprocess.Popen[str]) -> tuple[int, Body]:
    out, _ = process.communicate(timeout=60)
    (found,) = json.loads(out)["outcomes"]
    return process.returncode, found


@every_call
def test_a_run_that_was_taken_over_during_a_pause_sends_nothing_more(
    team: tuple[Project, Project], change: Callable[[Project], None], match: str, skip: int
) -> None:
    ours, theirs = team
    account = ours.account
    change(ours)
    refuse_for_now(account, match, skip, 3)
    run = start(ours)
    wait_until(lambda: refused(account))
    run.send_signal(signal.SIGSTOP)
    theirs.manifest("persona", "coach", coach("B was here."))
    # A create that was refused may have been carried out all the same: whoever comes next waits until it would show.
    done = theirs.run("apply", "--yes", "--lock-timeout", "30s", TAVUSCTL_SETTLE="0.2")
    before, sent = account.objects("personas"), len(account.writes)
    run.send_signal(signal.SIGCONT)
    code, told = outcome(run)

    assert done.code == 0, done.out + done.err
    assert (code, told["status"]) == (7, "failed")
    assert TOLD in told["reason"]
    assert account.writes[sent:] == []
    assert account.objects("personas") == before
    assert [body["system_prompt"] for body in before.values()] == ["B was here."]


@every_call
def test_a_run_that_still_holds_its_lock_goes_on_after_a_pause(
    team: tuple[Project, Project], change: Callable[[Project], None], match: str, skip: int
) -> None:
    ours, _ = team
    change(ours)
    refuse_for_now(ours.account, match, skip, 3)
    code, told = outcome(start(ours))

    assert (code, told["status"]) == (0, "done")
    assert ours.run("plan", "--detailed-exitcode").code == 0


def test_a_call_under_way_when_a_run_is_taken_over_has_an_unknown_outcome(team: tuple[Project, Project]) -> None:
    """The answer comes, and cannot be put on record any more: the run that took over looks."""
    ours, theirs = team
    account = ours.account
    create(ours)
    account.fault(match="POST /v2/personas", kind="delay", phase="after", seconds=2.0)
    run = start(ours)
    wait_until(lambda: len(account.objects("personas")) == 2)
    run.send_signal(signal.SIGSTOP)
    create(theirs)
    done = theirs.run("apply", "--yes", "--lock-timeout", "30s", TAVUSCTL_SETTLE="0.2")
    sent = len(account.writes)
    run.send_signal(signal.SIGCONT)
    code, told = outcome(run)

    assert done.code == 0, done.out + done.err
    assert (code, told["status"]) == (7, "unknown")
    assert told["reason"].startswith("sent, but the outcome could not be recorded: ")
    assert account.writes[sent:] == []
    names = sorted(body["persona_name"] for body in account.objects("personas").values())
    assert names == ["Coach", "New"]
