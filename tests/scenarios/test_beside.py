"""Reads beside a run that is under way, and two runs that know nothing of each other."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.scenarios.project import Account, Project

RULES = {"data": [{"guardrail_name": "no_promises", "guardrail_prompt": "Promises a price."}]}
COACH = {"persona_name": "Coach", "system_prompt": "You coach."}


def start(project: Project, *args: str) -> subprocess.Popen[bytes]:
    """A command in a process of its own."""
    known = {
        **os.environ,
        **project.account.variables,
        "TAVUSCTL_SETTLE": "2",
        "PYTHONPATH": str(Path.cwd()),
    }
    command = [sys.executable, "-m", "tavusctl", *args]
    return subprocess.Popen(command, cwd=project.root, env=known, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def await_writes(account: Account, count: int) -> None:
    ends = time.monotonic() + 20
    while len(account.writes) < count and time.monotonic() < ends:
        time.sleep(0.02)
    assert len(account.writes) >= count


@pytest.mark.parametrize("command", ["plan", "drift", "export"])
def test_what_a_run_under_way_has_made_is_no_strangers(project: Project, command: str) -> None:
    """State and account are read at two moments; the list is slow, and the run goes on meanwhile."""
    for number in range(6):
        project.manifest("guardrails", f"g{number}", {"name": f"Rules {number}", **RULES})
    account = project.account
    account.fault(match="GET /v2/guardrails", kind="delay", seconds=0.8, skip=2, times=None)
    account.fault(match="POST /v2/guardrails", kind="delay", seconds=0.3, times=None)
    run = start(project, "apply", "--yes", "--parallel", "1")
    await_writes(account, 2)

    args = [command, "--out", "exported"] if command == "export" else [command]
    seen = project.run(*args)
    out, err = run.communicate(timeout=60)

    assert run.returncode == 0, out + err
    assert "E401" not in seen.out + seen.err
    assert seen.code == 0 or (seen.code, "[E70" in seen.err) == (7, True), seen.err
    if command == "export" and seen.code == 0:
        assert not list((project.root / "exported").rglob("*rules*"))


def test_what_a_run_under_way_has_deleted_is_not_deleted_in_the_account(project: Project) -> None:
    for number in range(6):
        project.manifest("guardrails", f"g{number}", {"name": f"Rules {number}", **RULES})
    project.apply()
    account = project.account
    account.forget()
    account.fault(match="GET /v2/guardrails", kind="delay", seconds=0.8, skip=1, times=None)
    account.fault(match="DELETE /v2/guardrails/*", kind="delay", seconds=0.2, times=None)
    run = start(project, "destroy", "--yes", "--allow-deletes", "6")
    await_writes(account, 1)

    seen = project.run("drift", "--format", "json")
    run.communicate(timeout=60)
    assert run.returncode == 0

    assert seen.code == 7 or seen.document["drift"] == [], seen.out + seen.err


def test_of_two_checkouts_at_once_the_later_gives_way(project: Project, tmp_path: Path) -> None:
    """Each has a state of its own; what the first object of a kind shows stops one of them."""
    other = Project(tmp_path / "other", project.account)
    other.root.mkdir()
    for checkout in (project, other):
        for number in range(4):
            spec = {**COACH, "persona_name": f"Coach {number}"}
            checkout.manifest("persona", f"p{number}", spec)
    project.account.fault(match="POST /v2/personas", kind="delay", seconds=0.5, times=2)
    runs = [start(one, "apply", "--yes") for one in (project, other)]
    said = [one.communicate(timeout=60) for one in runs]

    codes = sorted(one.returncode for one in runs)
    assert codes[0] == 0 or codes[1] != 0, said
    assert codes[1] in (4, 6), said
    assert len(project.account.objects("personas")) < 8


def test_a_create_beside_one_of_the_same_name_and_content_stops_the_run(project: Project) -> None:
    """Made after our plan and before our create: it is older, and this run gives way with both ids."""
    project.manifest("persona", "coach", COACH)
    project.manifest("persona", "other", {**COACH, "persona_name": "Other"})
    project.account.fault(match="POST /v2/personas", kind="delay", seconds=1.0)
    run = start(project, "apply", "--yes")
    ends = time.monotonic() + 20
    while not [one for one in project.account.requests if one["method"] == "POST"] and time.monotonic() < ends:
        time.sleep(0.02)
    (theirs,) = project.account.seed(personas=[COACH])["personas"]
    out, _ = run.communicate(timeout=60)

    (mine,) = project.account.objects("personas").keys() - {theirs}
    assert run.returncode == 6, out
    assert f"another run with a state of its own has just created the same object, {theirs}" in out.decode()
    assert mine in out.decode()


def test_records_of_a_run_under_way_are_not_told_as_those_of_an_interrupted_one(project: Project) -> None:
    for number in range(3):
        project.manifest("guardrails", f"g{number}", {"name": f"Rules {number}", **RULES})
    project.account.fault(match="POST /v2/guardrails", kind="delay", seconds=1.0, times=None)
    run = start(project, "apply", "--yes", "--parallel", "1")
    await_writes(project.account, 2)

    beside = project.plan()
    run.kill()
    run.communicate()
    told = project.run("plan").out

    assert f"process {run.pid} on " in beside["running"]
    assert "(tavusctl apply), for " in beside["running"]
    assert beside["recovered"] is True
    assert "An interrupted run left records; the next run that writes merges them into the state." in told
    assert "running" not in project.plan()
