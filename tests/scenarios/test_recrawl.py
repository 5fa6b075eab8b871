from __future__ import annotations

import errno
import fcntl
import os
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from tests.scenarios.project import TAVUSCTL, Account, Body, Project, Result

pytestmark = pytest.mark.waits

DAY = 86400.0
ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(autouse=True)
def at_a_desk(monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs on CI machines step back for a moment, and there are many here."""
    monkeypatch.delenv("CI", raising=False)


@pytest.fixture
def stopped(account: Account) -> Account:
    """An account whose clock moves only when it is told to."""
    account.control("POST", "clock", {"freeze": True})
    return account


@pytest.fixture
def sites(stopped: Account, project: Project) -> Project:
    """Two documents that were crawled at the same moment, one due daily and one due at three in Berlin."""
    stopped.control("POST", "clock", {"set": "2026-01-05T12:00:00Z"})
    add(project, "daily", recrawl={"every": "24h"})
    add(project, "nightly", recrawl={"cron": "0 3 * * *", "timezone": "Europe/Berlin"})
    project.apply()
    stopped.advance(3600)
    stopped.forget()
    return project


def add(project: Project, name: str, max_pages: int = 25, **envelope: object) -> None:
    spec = {"document_url": f"https://example.com/{name}", "crawl": {"depth": 9, "max_pages": max_pages}}
    project.manifest("document", name, spec, **envelope)


def imported(project: Project, name: str, **envelope: object) -> str:
    """The id of a managed document whose status and times only the portal changes."""
    body = {"document_name": name, "document_url": "https://example.com/", "crawl": {"depth": 1, "max_pages": 5}}
    (known,) = project.account.seed(documents=[body])["documents"]
    project.manifest("document", name, body, **envelope)
    project.expect(0, "import", f"document/{name}", known)
    return known


def crawls(account: Account) -> list[str]:
    """Paths of requests for a crawl."""
    return [one["path"] for one in account.writes if one["path"].endswith("/recrawl")]


def recrawl(project: Project, *arguments: str, code: int = 0) -> dict[str, Body]:
    """What became of each document, by its name."""
    result = project.expect(code, "recrawl", "--format", "json", *arguments)
    return {one["address"].removeprefix("document/"): one for one in result.document["recrawls"]}


def statuses(project: Project, *arguments: str, code: int = 0) -> dict[str, str]:
    return {name: one["status"] for name, one in recrawl(project, *arguments, code=code).items()}


def test_what_is_not_due_is_deferred_with_the_time_when_it_will_be(sites: Project) -> None:
    found = recrawl(sites)
    assert [(name, one["status"], one["reason"], one["next"], one["last"]) for name, one in found.items()] == [
        ("daily", "deferred", "not due", "2026-01-06T12:05:00Z", "2026-01-05T12:05:00Z"),
        ("nightly", "deferred", "not due", "2026-01-06T02:00:00Z", "2026-01-05T12:05:00Z"),
    ]
    assert sites.account.writes == []


def test_each_is_crawled_when_its_schedule_says_so_and_once(sites: Project) -> None:
    sites.account.control("POST", "clock", {"set": "2026-01-06T02:01:00Z"})
    assert statuses(sites) == {"daily": "deferred", "nightly": "done"}
    assert statuses(sites) == {"daily": "deferred", "nightly": "deferred"}
    sites.account.control("POST", "clock", {"set": "2026-01-06T12:05:00Z"})
    assert statuses(sites) == {"daily": "done", "nightly": "deferred"}
    assert [path.split("/")[3] for path in crawls(sites.account)] == [
        sites.bound("document/nightly"),
        sites.bound("document/daily"),
    ]
    assert all(one["body"] is None for one in sites.account.writes)


def test_a_dry_run_shows_what_is_due_and_starts_nothing(sites: Project) -> None:
    sites.account.advance(DAY)
    found = recrawl(sites, "--dry-run")
    assert {(one["status"], one["reason"]) for one in found.values()} == {("due", "due by its schedule")}
    assert sites.account.writes == []


def test_addresses_choose_and_all_ignores_schedules(sites: Project) -> None:
    add(sites, "unscheduled")
    sites.manifest("document", "file", {"document_url": "https://example.com/file.pdf"})
    sites.apply()
    sites.account.advance(2 * 3600)
    assert statuses(sites, "--dry-run") == {"daily": "deferred", "nightly": "deferred"}
    assert statuses(sites, "document/daily", "--dry-run") == {"daily": "deferred"}
    assert statuses(sites, "document/unscheduled", "--dry-run") == {"unscheduled": "due"}
    assert statuses(sites, "document/daily", "--all", "--dry-run") == {"daily": "due"}
    assert statuses(sites, "--all", "--dry-run") == {"daily": "due", "nightly": "due", "unscheduled": "due"}
    assert statuses(sites, "document/file", code=5) == {"file": "failed"}
    assert crawls(sites.account) == []


@pytest.mark.parametrize("address", ["document/nobody", "persona/coach", "daily"])
def test_an_address_that_cannot_be_crawled_is_a_mistake_of_the_command_line(sites: Project, address: str) -> None:
    sites.manifest("persona", "coach", {"persona_name": "Coach", "system_prompt": "You coach."})
    sites.expect(12, "recrawl", address)
    assert sites.account.requests == []


def test_the_cooldown_is_an_hour_and_a_minute_by_the_clock_of_the_server(sites: Project) -> None:
    sites.account.control("POST", "clock", {"set": "2026-01-05T13:05:59Z"})
    found = recrawl(sites, "document/daily", "--all")
    assert (found["daily"]["status"], found["daily"]["next"]) == ("deferred", "2026-01-05T13:06:00Z")
    assert sites.account.writes == []
    sites.account.control("POST", "clock", {"set": "2026-01-05T13:06:00Z"})
    assert statuses(sites, "document/daily", "--all") == {"daily": "done"}


def test_an_external_document_is_never_crawled(sites: Project) -> None:
    """It belongs to others: a crawl replaces what their personas know, and takes its crawl of this hour."""
    body = {"document_url": "https://example.com/", "crawl": {"depth": 1, "max_pages": 5}}
    (known,) = sites.account.seed(documents=[body])["documents"]
    sites.write("manifests/theirs.yaml", f"kind: document\nname: theirs\nexternal: true\nid: {known}\n")
    sites.account.advance(2 * 3600)

    sites.expect(12, "recrawl", "document/theirs")
    assert sites.account.requests == []
    assert "theirs" not in recrawl(sites, "--all")
    assert f"/v2/documents/{known}/recrawl" not in crawls(sites.account)


def test_what_is_not_in_the_account_yet_waits_for_apply(sites: Project) -> None:
    add(sites, "new", recrawl={"every": "24h"})
    found = recrawl(sites, "document/new")
    assert (found["new"]["status"], found["new"]["id"]) == ("deferred", None)


def test_what_was_deleted_in_the_portal_fails_and_the_others_are_crawled(sites: Project) -> None:
    sites.account.portal_delete("document", sites.bound("document/daily"))
    sites.account.advance(DAY)
    assert statuses(sites, code=5) == {"daily": "failed", "nightly": "done"}


def test_crawls_of_others_count_and_a_slot_is_left_for_people(sites: Project) -> None:
    sites.account.advance(DAY)
    for index in range(3):
        body = {"document_url": f"https://example.com/{index}", "crawl": {"depth": 1, "max_pages": 5}}
        assert sites.account.call("POST", "/v2/documents", body).status_code == 200
    assert sorted(statuses(sites).values()) == ["deferred", "done"]
    assert sorted(statuses(sites, "--reserve", "0").values()) == ["deferred", "done"]
    assert len(crawls(sites.account)) == 2
    assert all(one["status"] == 202 for one in sites.account.writes if one["path"].endswith("/recrawl"))


def test_a_document_crawled_by_hand_is_busy_and_then_not_due(sites: Project) -> None:
    sites.account.advance(DAY)
    daily = sites.bound("document/daily")
    sites.account.call("POST", f"/v2/documents/{daily}/recrawl")
    assert recrawl(sites, "document/daily")["daily"]["reason"] == "busy: recrawling"
    sites.account.advance(3 * 3600)
    assert recrawl(sites, "document/daily")["daily"]["reason"] == "not due"
    assert len(crawls(sites.account)) == 1


def test_a_crawl_begun_between_look_and_call_is_found_out(sites: Project) -> None:
    """The document is read again right before its crawl is asked for."""
    known = imported(sites, "old")
    sites.account.advance(2 * 3600)
    edit = {"op": "replace", "path": "/status", "value": "recrawling"}
    change = {"kind": "document", "id": known, "account": sites.account.key, "patch": [edit]}
    sites.account.control("POST", "portal", {**change, "when": {"before": f"GET /v2/documents/{known}"}})
    assert statuses(sites, "document/old") == {"old": "deferred"}
    assert sites.account.writes == []


def test_a_time_is_read_in_either_form_of_the_api_and_one_that_is_none_defers_no_other(sites: Project) -> None:
    """What is crawled without knowing when it was crawled last is crawled by every job."""
    times = {
        "old": "Sat, 03 Jan 2026 12:00:00 GMT",
        "young": "Tue, 06 Jan 2026 12:00:00 GMT",
        "odd": "yesterday",
        "early": "0001-01-01T00:00:00+05:00",
        "never": "0001-01-01T00:00:00Z",
        "always": "9999-12-31T23:59:59Z",
    }
    for name, text in times.items():
        schedule = {"cron": "0 3 29 2 *", "timezone": "America/New_York"} if name == "never" else {"every": "24h"}
        known = imported(sites, name, recrawl=schedule)
        edit = {"op": "replace", "path": "/last_crawled_at", "value": text}
        sites.account.portal("document", known, edit, {**edit, "path": "/created_at", "value": times["old"]})
    sites.account.control("POST", "clock", {"set": "2026-01-06T12:30:00Z"})

    shown = sites.run("recrawl", "--dry-run", "--format", "json")
    found = {one["address"].removeprefix("document/"): one for one in shown.document["recrawls"]}

    assert shown.code == 11
    assert {name: one["status"] for name, one in found.items()} == {
        "always": "failed",
        "daily": "due",
        "early": "failed",
        "never": "failed",
        "nightly": "due",
        "odd": "failed",
        "old": "due",
        "young": "deferred",
    }
    assert {one["address"] for one in shown.document["warnings"]} == {"document/old"}  # due for two days
    assert found["young"]["next"] == "2026-01-07T12:00:00Z"
    assert found["odd"]["reason"] == "when it is due is not known: `last_crawled_at: yesterday` is not a valid time"
    sites.expect(0, "plan")


@pytest.mark.parametrize("begun", [True, False])
def test_a_pause_is_followed_by_another_look(sites: Project, begun: bool) -> None:
    """The API asks to wait, and what was seen before is old then: nobody is asked for a crawl that somebody began."""
    sites.account.advance(DAY)
    known = sites.bound("document/daily")
    wait = {"Retry-After": "6"}
    sites.account.fault(
        match="POST /v2/documents/*/recrawl", kind="status", status=429, body={"message": "slow down"}, headers=wait
    )
    with ThreadPoolExecutor(1) as pool:
        run = pool.submit(recrawl, sites, "document/daily")
        while not crawls(sites.account):
            time.sleep(0.05)
        if begun:
            sites.account.call("POST", f"/v2/documents/{known}/recrawl")
        found = run.result()["daily"]
    ours = len(crawls(sites.account)) - begun
    assert (found["status"], ours) == (("deferred", 1) if begun else ("done", 2))


@pytest.mark.parametrize("fault", [{"kind": "drop"}, {"kind": "status", "status": 502}, {"kind": "truncate"}])
def test_a_lost_answer_to_a_crawl_that_began_is_not_asked_for_again(sites: Project, fault: Body) -> None:
    sites.account.advance(DAY)
    sites.account.fault(match="POST /v2/documents/*/recrawl", phase="after", **fault)
    assert statuses(sites, "document/daily") == {"daily": "done"}
    assert len(crawls(sites.account)) == 1


def test_a_lost_request_is_sent_once_more(sites: Project) -> None:
    sites.account.advance(DAY)
    sites.account.fault(match="POST /v2/documents/*/recrawl", kind="drop", phase="before")
    assert statuses(sites, "document/daily") == {"daily": "done"}
    assert [one["committed"] for one in sites.account.writes] == [False, True]


def test_a_crawl_of_which_nothing_can_be_learnt_is_unknown(sites: Project) -> None:
    sites.account.advance(DAY)
    sites.account.fault(match="POST /v2/documents/*/recrawl", kind="drop", phase="before", times=None)
    assert statuses(sites, "document/daily", code=6) == {"daily": "unknown"}
    assert len(crawls(sites.account)) == 2


def test_refusals_that_time_will_settle_are_deferred(sites: Project) -> None:
    sites.account.advance(DAY)
    sites.account.switch(crawl_cooldown=30 * DAY)
    found = recrawl(sites, "document/daily")
    assert found["daily"]["status"] == "deferred"
    assert "Recrawl cooldown: please wait" in found["daily"]["reason"]
    waits = datetime.fromisoformat(found["daily"]["next"]) - datetime.fromisoformat(found["daily"]["last"])
    assert waits >= timedelta(days=30)
    sites.account.switch(crawl_cooldown=3600, crawls_at_once=0)
    sites.account.forget()
    found = recrawl(sites)
    assert {one["status"] for one in found.values()} == {"deferred"}
    assert len(crawls(sites.account)) == 1  # what one was told holds for the other


def test_a_key_that_is_refused_is_an_error(sites: Project) -> None:
    sites.account.switch(unknown_keys="refuse")
    sites.expect(8, "recrawl")


def test_a_failed_crawl_is_retried_with_the_stored_configuration_once_the_cooldown_is_over(sites: Project) -> None:
    sites.account.advance(2 * 3600)
    sites.account.control("POST", "outcomes", {"kind": "documents", "error": "website_processing_failed"})
    assert statuses(sites, "document/daily", "--all") == {"daily": "done"}
    sites.account.advance(1800)
    found = recrawl(sites, "document/daily")
    assert found["daily"]["reason"] == "too soon after its last crawl"
    sites.account.advance(3600)
    assert recrawl(sites, "document/daily", "--dry-run")["daily"]["reason"] == (
        "its last crawl failed: website_processing_failed"
    )
    assert statuses(sites, "document/daily") == {"daily": "done"}
    sites.account.advance(1800)
    assert sites.account.objects("documents")[sites.bound("document/daily")]["status"] == "ready"
    assert all(one["body"] is None for one in sites.account.writes)


def warnings(result: Result) -> list[tuple[str, str]]:
    return [(one["id"], one["address"]) for one in result.document["warnings"]]


def test_documents_overdue_by_two_periods_are_warned_about(sites: Project) -> None:
    sites.account.control("POST", "clock", {"set": "2026-01-08T12:04:59Z"})
    result = sites.run("recrawl", "--dry-run", "--format", "json")
    assert warnings(result) == [("TV601", "document/nightly")]
    sites.account.control("POST", "clock", {"set": "2026-01-08T12:05:00Z"})
    result = sites.run("recrawl", "--format", "json")
    assert warnings(result) == [("TV601", "document/daily"), ("TV601", "document/nightly")]
    assert result.code == 0


def test_a_crawl_that_never_ends_is_warned_about(sites: Project) -> None:
    sites.account.switch(processing_seconds=30 * DAY)
    sites.account.advance(DAY)
    sites.run("recrawl", "document/daily")
    sites.account.advance(3 * 3600)
    assert warnings(sites.run("recrawl", "document/daily", "--format", "json")) == [("TV602", "document/daily")]


def test_waiting_goes_on_to_the_end_of_every_crawl(account: Account, project: Project) -> None:
    account.switch(processing_seconds=0.1)
    for index in range(7):
        add(project, f"site-{index}", recrawl={"every": "24h"})
        project.apply()  # one by one: the account crawls five at a time
        account.advance(1)
    account.advance(2 * DAY)
    account.switch(processing_seconds=1)
    result = project.run("recrawl", "--wait", "60s", "--format", "json")
    assert {(one["status"], one["reason"]) for one in result.document["recrawls"]} == {("done", "crawled, 25 pages")}
    assert len(crawls(account)) == 7
    assert sum("crawl started" in line for line in result.err.splitlines()) == 7
    assert all(one["status"] == 202 for one in account.writes if one["path"].endswith("/recrawl"))


def test_a_wait_that_is_over_leaves_the_rest_to_the_next_run(sites: Project) -> None:
    sites.account.advance(DAY)
    found = recrawl(sites, "document/daily", "--wait", "1s")
    assert (found["daily"]["status"], found["daily"]["reason"]) == (
        "deferred",
        "the crawl was started and has not finished yet",
    )
    assert statuses(sites, "document/daily") == {"daily": "deferred"}
    assert len(crawls(sites.account)) == 1


def test_a_crawl_that_fails_or_shrinks_is_told_when_waited_for(account: Account, project: Project) -> None:
    account.switch(processing_seconds=0)
    add(project, "shrinks", recrawl={"every": "24h"})
    add(project, "fails", recrawl={"every": "24h"})
    project.apply()
    shrinks = project.bound("document/shrinks")
    many = [f"https://example.com/{index}" for index in range(80)]
    account.portal("document", shrinks, {"op": "replace", "path": "/crawled_urls", "value": many})
    account.advance(2 * DAY)
    account.switch(processing_seconds=1)
    result = project.run("recrawl", "document/shrinks", "--wait", "20s", "--format", "json")
    assert (result.code, warnings(result)) == (0, [("TV603", "document/shrinks")])
    account.control("POST", "outcomes", {"kind": "documents", "error": "website_processing_failed"})
    found = recrawl(project, "document/fails", "--wait", "20s", code=5)
    assert "website_processing_failed" in found["fails"]["reason"]


def test_a_disabled_document_is_not_crawled_and_not_waited_for(sites: Project) -> None:
    """Nor is the job blamed for it that runs `recrawl`, however long ago its last crawl was."""
    sites.account.advance(3 * DAY)
    sites.edit_in_portal("document/daily", "/status", "disabled")
    result = sites.run("recrawl", "--wait", "3s", "--format", "json")
    found = {one["address"]: (one["status"], one["reason"]) for one in result.document["recrawls"]}
    assert found["document/daily"] == ("failed", "disabled, needs a change to become usable")
    assert (result.code, warnings(result), len(crawls(sites.account))) == (5, [("TV601", "document/nightly")], 1)


def test_two_runs_at_once_on_one_machine_are_never_refused(sites: Project) -> None:
    for index in range(4):
        add(sites, f"site-{index}", recrawl={"every": "24h"})
        sites.apply()
        sites.account.advance(400)
    sites.account.advance(DAY)
    sites.account.forget()
    # Time enough for each run to look before another's request has arrived.
    sites.account.fault(match="POST /v2/documents/*/recrawl", kind="delay", seconds=0.3, phase="before", times=None)
    environment = {**os.environ, **sites.account.variables}
    environment["PYTHONPATH"] = str(ROOT)
    program = [*TAVUSCTL, "recrawl"]
    runs = [subprocess.Popen(program, cwd=sites.root, env=environment, stdout=subprocess.DEVNULL) for _ in range(3)]
    assert [one.wait(60) for one in runs] == [0, 0, 0]
    posts = [one for one in sites.account.writes if one["path"].endswith("/recrawl")]
    assert [one["status"] for one in posts] == [202] * 4
    assert len({one["path"] for one in posts}) == 4


def test_a_disk_without_locks_does_not_matter(sites: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    def flock(_descriptor: int, _how: int) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    sites.account.advance(DAY)
    monkeypatch.setattr(fcntl, "flock", flock)
    sites.expect(0, "recrawl", "document/daily")
    assert len(crawls(sites.account)) == 1


def test_text_says_what_became_of_each_and_sums_up(sites: Project) -> None:
    sites.account.control("POST", "clock", {"set": "2026-01-06T02:01:00Z"})
    result = sites.run("recrawl")
    daily, nightly = sites.bound("document/daily"), sites.bound("document/nightly")
    assert result.out.splitlines() == [
        f"deferred document/daily ({daily}): not due; next 2026-01-06 12:05 UTC",
        f"done     document/nightly ({nightly}): crawl started; next 2026-01-07 02:00 UTC",
        "Recrawl: 1 done, 1 deferred",
    ]


def test_a_project_without_crawled_documents_has_nothing_to_do(project: Project) -> None:
    project.manifest("persona", "coach", {"persona_name": "Coach", "system_prompt": "You coach."})
    result, every = project.run("recrawl"), project.run("recrawl", "--all")
    assert (result.code, result.out) == (every.code, every.out) == (0, "Recrawl: nothing to do\n")
    assert "no document has `recrawl:`; name a document, or use `--all`" in result.err
    assert "there is no document to crawl\n" in every.err
    assert project.account.requests == []
