"""Clocks that are wrong by hours, or jump: that of the server counts; where it tells no time, no harm is done."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from tests.scenarios.project import Account, Project, Result

PROGRAM = Path(__file__).with_name("wrongclock.py")
HUGE = "9" * 20  # more than a number of C
HOURS = 10 * 3600
CLOCKS = {"ahead": (HOURS, "no"), "behind": (-HOURS, "no"), "jumping": (HOURS, "yes")}
COACH = {"persona_name": "Coach", "system_prompt": "You coach."}
SITE = {"document_url": "https://example.com/", "crawl": {"depth": 1, "max_pages": 5}}


def run(project: Project, clock: tuple[int, str], *args: str, **environment: str) -> Result:
    """A command on a machine with a wrong clock."""
    known = {**project.account.variables, "NO_COLOR": "1"}
    command = [sys.executable, str(PROGRAM), str(clock[0]), clock[1], *args]
    ended = subprocess.run(
        command,
        cwd=project.root,
        env={**os.environ, **known, **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return Result(ended.returncode, ended.stdout, ended.stderr)


def crawls(account: Account) -> int:
    return sum(one["path"].endswith("/recrawl") for one in account.writes)


def crawled(result: Result) -> dict[str, Any]:
    (entry,) = json.loads(result.out)["recrawls"]
    return dict(entry)


@pytest.fixture
def site(project: Project) -> Project:
    """A crawled document, just ready."""
    project.account.switch(processing_seconds=0)
    project.manifest("document", "site", SITE, recrawl={"every": "1h"})
    return project.apply_and_forget()


@pytest.mark.parametrize("clock", CLOCKS.values(), ids=CLOCKS)
def test_fm_065_a_plan_file_expires_by_the_clock_of_the_server(project: Project, clock: tuple[int, str]) -> None:
    project.manifest("persona", "coach", COACH)
    project.expect(0, "plan", "--out", "plan.json")

    fresh = run(project, clock, "plan", "--out", "other.json")
    applied = run(project, clock, "apply", "plan.json")
    project.manifest("persona", "coach", {**COACH, "greeting": "Hi."})
    project.expect(0, "plan", "--out", "plan.json")
    project.account.advance(24 * 3600 + 60)
    late = run(project, clock, "apply", "plan.json")

    assert (fresh.code, applied.code, late.code) == (0, 0, 3), applied.err + late.err
    assert "it has expired" in late.err


@pytest.mark.parametrize("clock", CLOCKS.values(), ids=CLOCKS)
def test_fm_065_a_crawl_is_due_by_the_clock_of_the_server(site: Project, clock: tuple[int, str]) -> None:
    site.account.advance(1800)
    early = crawled(run(site, clock, "recrawl", "--all", "--format", "json"))
    before = crawls(site.account)
    site.account.advance(1800 + 120)
    due = crawled(run(site, clock, "recrawl", "--all", "--format", "json"))

    assert (early["status"], before) == ("deferred", 0), early
    assert (due["status"], crawls(site.account)) == ("done", 1), due


@pytest.mark.parametrize(("back", "status", "code"), [(HOURS, "deferred", 0), (365 * 24 * 3600, "failed", 11)])
def test_a_crawl_of_the_future_is_an_error_and_not_a_wait_of_a_year(
    site: Project, back: int, status: str, code: int
) -> None:
    """The clock of the server may be set, but nobody would notice documents that are never crawled again."""
    site.account.advance(-back)

    result = site.run("recrawl", "--all", "--format", "json")

    assert (result.code, crawled(result)["status"], crawls(site.account)) == (code, status, 0)
    assert ("when it is due is not known" in crawled(result)["reason"]) == bool(code)


@pytest.mark.parametrize("clock", CLOCKS.values(), ids=CLOCKS)
def test_fm_065_a_lost_create_gets_its_time_by_the_clock_of_the_server(
    project: Project, clock: tuple[int, str]
) -> None:
    """Not ten hours more, and not less either."""
    project.manifest("persona", "coach", COACH)
    project.account.fault(match="POST /v2/personas", kind="late", seconds=1.5)
    project.account.fault(match="GET /v2/personas*", kind="status", status=503, skip=1, times=20)
    first = run(project, clock, "apply", "--yes", TAVUSCTL_SETTLE="3", TAVUSCTL_MAX_WAIT="0")
    project.account.control("DELETE", "faults")

    begun = time.monotonic()
    second = run(project, clock, "apply", "--yes", TAVUSCTL_SETTLE="3")

    assert (first.code, second.code) == (6, 0), first.out + second.err
    assert time.monotonic() - begun < 15
    assert len(project.account.objects("personas")) == 1


def test_fm_065_a_clock_that_is_wrong_is_told_to_who_wants_to_know(project: Project) -> None:
    project.manifest("persona", "coach", COACH)

    told = run(project, CLOCKS["ahead"], "plan", "-v")
    quiet = run(project, CLOCKS["ahead"], "plan")

    assert "local clock is off by 10:00:0" in told.err
    assert "clock" not in quiet.err


def test_fm_066_without_a_date_the_clock_of_this_machine_counts(site: Project) -> None:
    site.account.fault(match="*", kind="undated", times=None)

    early = crawled(site.run("recrawl", "--all", "--format", "json"))
    site.manifest("persona", "coach", COACH)
    site.apply()

    assert (early["status"], crawls(site.account)) == ("deferred", 0)
    assert site.plan()["changes"] == []


@pytest.mark.parametrize(
    "date",
    [
        "Fri, 31 Dec 9999 23:59:59 GMT",
        f"Fri, 31 Dec {HUGE} 23:59:59 GMT",
        f"Fri, {HUGE} Dec 2026 23:59:59 GMT",
        f"Fri, 31 Dec 2026 23:59:59 +{HUGE}",
    ],
)
def test_fm_066_a_date_beyond_the_calendar_counts_as_none(project: Project, date: str) -> None:
    empty = json.dumps({"data": [], "total_count": 0})
    head = f"HTTP/1.1 200 OK\r\nDate: {date}\r\nContent-Length: {len(empty)}\r\n\r\n"
    project.account.fault(match="GET /v2/*", kind="raw", raw=head + empty, times=None)
    project.manifest("persona", "coach", COACH)

    planned = project.run("plan", "--out", "plan.json")

    assert planned.code == 0, planned.err
    assert json.loads((project.root / "plan.json").read_text())["bound"]["expires"] < "9"


@pytest.mark.parametrize("wrong", [HOURS, -HOURS])
def test_fm_066_without_a_date_a_clock_that_was_set_makes_nobody_wait_for_hours(project: Project, wrong: int) -> None:
    """It was right when a create was lost, and is wrong when the next run looks for it."""
    project.manifest("persona", "coach", COACH)
    project.account.fault(match="POST /v2/personas", kind="drop", phase="after")
    project.account.fault(match="GET /v2/personas*", kind="status", status=503, skip=1, times=20)
    first = project.run("apply", "--yes", TAVUSCTL_SETTLE="1", TAVUSCTL_MAX_WAIT="0")
    project.account.control("DELETE", "faults")
    project.account.fault(match="*", kind="undated", times=None)

    begun = time.monotonic()
    second = run(project, (wrong, "no"), "apply", "--yes", TAVUSCTL_SETTLE="1")

    assert (first.code, second.code) == (6, 0), first.out + second.err
    assert time.monotonic() - begun < 15
    assert len(project.account.objects("personas")) == 1


@pytest.mark.parametrize("status", ["processing", "recrawling", "started"])
def test_fm_054_a_document_that_has_just_become_busy_is_deferred(site: Project, status: str) -> None:
    """It was ready when it was looked at, and is not when the request arrives."""
    site.account.advance(3 * 3600)
    words = f"Document must be in 'ready' or 'error' state to recrawl, current status: {status}"
    site.account.fault(match="POST /v2/documents/*/recrawl", kind="status", status=409, body={"error": words})

    first = site.run("recrawl", "--all", "--format", "json")
    second = site.run("recrawl", "--all", "--format", "json")

    assert (first.code, crawled(first)["status"]) == (0, "deferred")
    assert status in crawled(first)["reason"]
    assert crawled(second)["status"] == "done"
