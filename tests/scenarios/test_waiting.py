"""Work that takes minutes to hours: waited for when asked, left to the next run otherwise, never begun twice."""

from __future__ import annotations

import io
import os
import re
import signal
import subprocess
import sys
import threading
import time
from datetime import UTC, datetime

import pytest

from tavusctl.cli.status_line import TerminalProgress, WaitingLine
from tavusctl.core.address import Address
from tests.scenarios.project import PLACE, TAVUSCTL, Project

pytestmark = pytest.mark.waits

PRICES = {"document_name": "Prices", "document_url": "https://example.com/prices.pdf"}
NEWER = {**PRICES, "document_url": "https://example.com/newer.pdf"}
ANNA = {"replica_name": "Anna", "train_video_url": "https://example.com/anna.mp4"}


def created(project: Project) -> int:
    return sum(method == "POST" for method, _, _ in project.account.sent)


def outcome(project: Project, kind: str, error: str) -> None:
    """How the next processing or training ends."""
    project.account.control("POST", "outcomes", {"kind": kind, "error": error})


def test_an_apply_ends_when_ids_are_kept_and_says_when_to_come_back(project: Project) -> None:
    project.manifest("document", "prices", PRICES)
    project.manifest("replica", "anna", ANNA)
    begun = datetime.now(UTC)

    result = project.apply()

    assert (datetime.now(UTC) - begun).total_seconds() < 30
    assert re.search(r"document/prices \(.*\): started: processing takes 5 to 15 minutes, so until", result.out)
    assert re.search(r"replica/anna \(.*\): started: training takes 4 to 6 hours, so until about \d{4}", result.out)
    assert project.plan()["changes"] == []


def test_a_wait_goes_on_until_all_is_ready_and_tells_counts_and_time(project: Project) -> None:
    project.account.switch(processing_seconds=2, training_seconds=1)
    project.manifest("document", "prices", PRICES)
    project.manifest("replica", "anna", ANNA)

    result = project.apply("--wait", "60s")

    assert re.search(r"document/prices \(.*\): ready", result.out)
    assert re.search(r"replica/anna \(.*\): completed", result.out)
    assert re.search(r"waiting: [01] of 2 ended; [12] \w+", result.err)


def test_a_wait_that_ends_early_leaves_the_rest_to_the_next_run_and_repeats_no_create(project: Project) -> None:
    project.manifest("document", "prices", PRICES)
    new = project.apply("--wait", "1s")
    project.account.advance(900)
    project.manifest("document", "prices", NEWER)
    replaced = [project.apply("--wait", "1s") for _ in range(3)]
    made = created(project)
    project.account.advance(900)
    project.apply("--wait", "1s")

    assert re.search(r"deferred create document/prices .*stopped waiting", new.out)
    assert all("the old version stays in use" in one.out for one in replaced)
    assert "next: run `tavusctl apply` when that is ready, or with `--wait 15m` to wait for it" in replaced[-1].err
    assert (made, created(project)) == (2, 2)
    assert project.plan()["changes"] == []


def test_a_later_run_waits_for_what_an_earlier_one_made(project: Project) -> None:
    project.account.switch(processing_seconds=5)
    project.manifest("document", "prices", PRICES)
    project.manifest("replica", "anna", {**ANNA, "replica_name": "Anna"})
    project.apply_and_forget()
    plan = project.run("plan", "--detailed-exitcode")

    result = project.apply("--wait", "60s", "--target", "document/prices")

    remote_id = project.bound("document/prices")
    assert (plan.code, plan.out) == (0, PLACE + "No changes. 2 objects up to date.\n")
    assert result.out.splitlines() == [
        PLACE.rstrip(),
        "Only document/prices and what it refers to was planned.",
        "No changes. 2 objects up to date.",
        f"done     wait document/prices ({remote_id}): ready",
        "Apply: 1 done",
    ]
    assert re.search(r"^waiting: 0 of 1 ended; 1 (started|processing); 0:0\d$", result.err, re.MULTILINE)
    assert project.account.writes == []


def test_a_wait_for_an_earlier_run_changes_no_byte_of_the_state(project: Project) -> None:
    project.account.switch(processing_seconds=3)
    project.manifest("document", "prices", PRICES)
    project.apply()
    state = (project.root / ".tavusctl/state.json").read_bytes()

    result = project.run("apply", "--yes", "--wait", "60s", "--format", "json")

    outcome = {"action": "wait", "status": "done", "reason": "ready", "unkept": []}
    found = {"address": "document/prices", "id": project.bound("document/prices")}
    assert (result.code, result.document["changes"], result.document["outcomes"]) == (0, [], [{**found, **outcome}])
    assert (project.root / ".tavusctl/state.json").read_bytes() == state


def test_what_an_earlier_run_made_fails_while_it_is_waited_for(project: Project) -> None:
    outcome(project, "documents", "file_empty")
    project.account.switch(processing_seconds=3)
    project.manifest("document", "prices", PRICES)
    project.apply()

    result = project.expect(5, "apply", "--yes", "--wait", "60s")

    assert re.search(
        r"^failed   wait document/prices \(.*\): its processing failed: file_empty .*not retried automatically",
        result.out,
        re.MULTILINE,
    )
    assert created(project) == 1


def test_a_wait_for_an_earlier_run_that_is_too_short_is_no_failure(project: Project) -> None:
    project.manifest("document", "prices", PRICES)
    project.apply()

    short = project.apply("--wait", "1s")
    none = project.apply()

    assert re.search(
        r"^deferred wait document/prices \(.*\): stopped waiting: \w+: processing takes 5",
        short.out,
        re.MULTILINE,
    )
    assert "next: run `tavusctl apply` when that is ready, or with `--wait 15m` to wait for it" in short.err
    assert none.out == PLACE + "No changes. 1 object up to date.\n"


def test_an_edit_of_what_is_still_worked_on_is_made_and_the_work_waited_for(project: Project) -> None:
    project.account.switch(processing_seconds=5)
    project.manifest("document", "prices", PRICES)
    project.apply()
    project.manifest("document", "prices", {**PRICES, "tags": ["sales"]})

    result = project.apply("--wait", "60s")

    assert re.search(r"^done     wait document/prices \(.*\): ready$", result.out, re.MULTILINE)
    assert "Apply: 2 done" in result.out
    assert created(project) == 1


def test_what_is_deleted_while_it_is_waited_for_is_told_at_once(project: Project) -> None:
    project.manifest("document", "prices", PRICES)
    project.apply()
    remote_id = project.bound("document/prices")
    path = f"/v2/documents/{remote_id}"
    project.account.fault(match=f"GET {path}", kind="status", status=404, body={"message": "Document not found"})
    begun = time.monotonic()

    result = project.run("apply", "--yes", "--wait", "10m")

    assert (result.code, time.monotonic() - begun < 60) == (3, True)
    assert "the object disappeared from the account while tavusctl waited for it" in result.out


@pytest.mark.parametrize(("status", "wait", "code", "reason"), [(401, "10m", 8, ""), (503, "1s", 11, " .*503")])
def test_a_wait_ends_when_the_key_is_revoked_or_nothing_is_ever_seen(
    project: Project, status: int, wait: str, code: int, reason: str
) -> None:
    project.manifest("document", "prices", PRICES)
    project.apply()
    path = f"/v2/documents/{project.bound('document/prices')}"
    body = {"message": "Invalid access token"}
    project.account.fault(match=f"GET {path}", kind="status", status=status, body=body, times=None)

    result = project.expect(code, "apply", "--yes", "--wait", wait, TAVUSCTL_MAX_WAIT="0.1")

    assert re.search(rf"^failed   wait document/prices{reason}", result.out, re.MULTILINE)


def test_replacements_are_begun_together_whatever_the_number_of_calls_at_a_time(project: Project) -> None:
    """Waiting takes no turn of those who call: five in processing take the time of one."""
    for number in range(5):
        project.manifest("document", f"d{number}", {**PRICES, "document_name": f"D{number}"})
    project.account.switch(processing_seconds=0)
    project.apply()
    project.account.switch(processing_seconds=4)
    for number in range(5):
        project.manifest("document", f"d{number}", {**NEWER, "document_name": f"D{number}"})
    begun = time.monotonic()

    project.apply("--wait", "2m", "--parallel", "1")

    assert time.monotonic() - begun < 16
    assert len(project.account.objects("documents")) == 5
    assert project.plan()["changes"] == []


@pytest.mark.parametrize(
    ("kind", "spec", "error", "told"),
    [
        ("document", PRICES, "file_format_unsupported", "unsupported format: use pdf, txt"),
        (
            "replica",
            ANNA,
            "There was an issue processing your training file: Your consent phrase does not match our requirements.",
            "say the consent phrase word for word",
        ),
        ("document", PRICES, "\x1b[2Jsomething new", "\\u{1b}[2Jsomething new"),
    ],
)
def test_failed_work_is_told_with_its_cause_and_not_tried_again_unless_asked(
    project: Project, kind: str, spec: dict[str, str], error: str, told: str
) -> None:
    outcome(project, f"{kind}s", error)
    project.manifest(kind, "one", spec)
    project.apply()
    project.account.advance(6 * 3600)

    plan, again = project.run("plan"), project.apply()
    made = created(project)
    asked = project.apply("--allow-replace", f"{kind}/one")

    assert (plan.code, made, created(project)) == (0, 1, 2)
    work = "training" if kind == "replica" else "processing"
    assert f"`{kind}/one` ({project.bound(f'{kind}/one')}) cannot be used: its {work} failed: " in plan.out
    assert told in plan.out
    assert "[TV302 failed-object]" in again.out
    assert "± " in asked.out


def test_a_wait_for_work_that_fails_ends_with_its_cause(project: Project) -> None:
    outcome(project, "documents", "file_empty")
    project.account.switch(processing_seconds=1)
    project.manifest("document", "prices", PRICES)

    result = project.expect(5, "apply", "--yes", "--wait", "60s")

    assert "created, but its processing failed: file_empty (the file contains no text" in result.out
    assert created(project) == 1


def test_a_replacement_that_fails_leaves_the_old_version_in_use(project: Project) -> None:
    project.manifest("document", "prices", PRICES)
    project.apply()
    project.account.advance(900)
    old = project.bound("document/prices")
    outcome(project, "documents", "chunking_failed")
    project.manifest("document", "prices", NEWER)
    project.apply()
    project.account.advance(900)

    failed = [project.run("apply", "--yes") for _ in range(2)]
    made = created(project)
    project.apply("--allow-replace", "document/prices")
    project.account.advance(900)
    project.apply()

    assert [one.code for one in failed] == [5, 5]
    assert "chunking_failed (an error of Tavus" in failed[0].out
    assert made == 2
    assert old not in project.account.objects("documents")
    assert list(project.account.objects("documents")) == [project.bound("document/prices")]
    assert project.plan()["changes"] == []


def test_an_interrupt_ends_a_wait_at_once_and_what_was_made_is_kept(project: Project) -> None:
    project.manifest("document", "prices", PRICES)
    environment = {**os.environ, **project.account.variables}
    command = [*TAVUSCTL, "apply", "--yes", "--wait", "10m"]
    with subprocess.Popen(command, cwd=project.root, env=environment, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr
        for line in process.stderr:
            if line.startswith("waiting:"):
                break
        begun = time.monotonic()
        process.send_signal(signal.SIGINT)
        code = process.wait(timeout=20)

    assert code == 130
    assert time.monotonic() - begun < 7
    assert project.plan()["changes"] == []


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def progress(monkeypatch: pytest.MonkeyPatch, stream: io.StringIO) -> tuple[WaitingLine, list[float]]:
    """Progress on a stream, and the hand of its clock."""
    monkeypatch.setattr(sys, "stderr", stream)
    monkeypatch.setenv("TERM", "xterm")
    hand = [0.0]
    return WaitingLine(TerminalProgress(), lambda: hand[0]), hand


ONE, TWO = Address("document", "one"), Address("document", "two")


def test_on_a_terminal_one_line_is_rewritten_and_gives_way_to_others(monkeypatch: pytest.MonkeyPatch) -> None:
    shown, hand = progress(monkeypatch, stream := Terminal())

    shown.note(ONE, "started", False)
    hand[0] = 75
    shown.note(TWO, "processing", False)
    shown.say("done     create document/three")
    shown.note(ONE, "ready", True)
    shown.close()

    assert re.split(r"\r *\r", stream.getvalue()) == [
        "waiting: 0 of 1 ended; 1 started; 0:00",
        "waiting: 0 of 2 ended; 1 processing, 1 started; 1:15",
        "done     create document/three\nwaiting: 1 of 2 ended; 1 processing; 1:15",
        "",
    ]


def test_elsewhere_lines_come_when_something_ends_and_once_a_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    shown, hand = progress(monkeypatch, stream := io.StringIO())

    for second in range(0, 3700, 5):
        hand[0] = second
        shown.note(ONE, "training", False)
        if second == 30:
            shown.note(TWO, "started", False)
            shown.note(TWO, "ready", True)

    lines = stream.getvalue().splitlines()
    assert lines[:3] == [
        "waiting: 0 of 1 ended; 1 training; 0:00",
        "waiting: 1 of 2 ended; 1 training; 0:30",
        "waiting: 1 of 2 ended; 1 training; 1:30",
    ]
    assert lines[-1] == "waiting: 1 of 2 ended; 1 training; 1:01:30"
    assert len(lines) == 63


def test_many_threads_may_tell_progress(monkeypatch: pytest.MonkeyPatch) -> None:
    shown, _ = progress(monkeypatch, stream := Terminal())

    def wait_for(address: Address) -> None:
        shown.note(address, "started", False)
        shown.note(address, "ready", True)

    threads = [threading.Thread(target=wait_for, args=(Address("document", f"d{n}"),)) for n in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert (shown.ended, shown.waiting) == (20, {})
    assert stream.getvalue().endswith(" \r")
