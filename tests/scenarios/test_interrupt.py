"""Signals in the middle of an apply: nothing new starts, everything is on record, and the next run goes on."""

from __future__ import annotations

import fcntl
import json
import os
import signal
import subprocess
import sys
import time
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.scenarios.project import TAVUSCTL, Project

SIGNALS = {signal.SIGINT: 130, signal.SIGTERM: 143, signal.SIGHUP: 129}
COUNT = 8


@contextmanager
def applying(project: Project) -> Iterator[subprocess.Popen[str]]:
    """An apply in a process of its own, once its first write has arrived."""
    known = {**project.account.variables, "TAVUSCTL_SETTLE": "0.3"}
    command = [*TAVUSCTL, "apply", "--yes", "--parallel", "2"]
    with subprocess.Popen(
        command,
        cwd=project.root,
        env={**os.environ, **known},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            deadline = time.monotonic() + 20
            while not _calls_under_way(project) and time.monotonic() < deadline:
                time.sleep(0.02)
            assert process.poll() is None
            yield process
        finally:
            process.kill()


@contextmanager
def inherited(number: signal.Signals, handler: Any) -> Iterator[None]:
    """What new processes do at a signal: they inherit that it is ignored."""
    before = signal.signal(number, handler)
    try:
        yield
    finally:
        signal.signal(number, before)


def test_an_apply_that_nohup_has_started_outlives_the_terminal(slow: Project) -> None:
    slow.account.control("DELETE", "faults")
    slow.account.fault(match="POST /v2/personas", kind="delay", seconds=0.3, times=None)
    with inherited(signal.SIGHUP, signal.SIG_IGN), applying(slow) as process:
        process.send_signal(signal.SIGHUP)
        code, out, err = ended(process, 20.0)

    assert code == 0, out + err
    assert len(slow.account.objects("personas")) == COUNT


def test_a_crawl_that_has_begun_is_no_unchanged_account(project: Project) -> None:
    site = {"document_url": "https://acme.example", "crawl": {"depth": 1, "max_pages": 5}}
    project.manifest("document", "site", site, recrawl={"every": "1d"})
    project.account.switch(processing_seconds=0)
    project.apply_and_forget("--wait", "1m")
    project.account.advance(2 * 86_400)
    project.account.fault(match="GET /v2/documents/*", kind="delay", seconds=2.0, times=None)

    command = [*TAVUSCTL, "recrawl", "--all", "--wait", "5m"]
    environment = {**os.environ, **project.account.variables}
    with (
        inherited(signal.SIGINT, signal.default_int_handler),  # also if the tests run in the background
        subprocess.Popen(command, cwd=project.root, env=environment, stderr=subprocess.PIPE, text=True) as process,
    ):
        deadline = time.monotonic() + 20
        while not project.account.writes and time.monotonic() < deadline:
            time.sleep(0.02)
        process.send_signal(signal.SIGINT)
        code, _, err = ended(process, 7.0)

    assert (code, len(project.account.writes)) == (130, 1)
    assert "interrupted" in err
    assert "nothing was changed" not in err


@pytest.mark.parametrize("command", [("verify",), ("plan", "--watch")])
def test_a_command_that_reads_does_not_wait_for_answers_after_ctrl_c(
    project: Project, command: tuple[str, ...]
) -> None:
    """Whether the account does not answer, or the address of a watched document; in JSON, it is an error document."""
    for number in range(3):
        spec = {"document_name": f"D{number}", "document_url": f"{project.account.url}/v2/sources/{number}"}
        project.manifest("document", f"d{number}", spec, watch=True)
    project.apply("--no-watch")
    hanging = "GET /v2/documents/*" if command == ("verify",) else "GET /v2/sources/*"

    code, out, err = interrupted_at(project, hanging, *command, "--format", "json")

    document = json.loads(out)["error"]
    assert (code, "interrupted" in err) == (130, True), err
    assert (document["exit_code"], [one["message"] for one in document["complaints"]]) == (130, ["interrupted"])


def _console_script() -> list[str]:
    """The program that pip writes for the entry point."""
    project_file = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text(encoding="utf-8"))
    module, function = project_file["project"]["scripts"]["tavusctl"].split(":")
    return [sys.executable, "-c", f"from {module} import {function}; {function}()"]


@pytest.mark.parametrize("program", [_console_script(), [sys.executable, "-m", "tavusctl"]], ids=["script", "module"])
def test_ctrl_c_while_modules_are_imported_prints_no_traceback(tmp_path: Path, program: list[str]) -> None:
    imported = tmp_path / "imported"
    # Short sleeps: a signal that comes just before one is noticed after it only.
    slow_module = (
        f"import pathlib, time\npathlib.Path({str(imported)!r}).touch()\nfor _ in range(400): time.sleep(0.05)\n"
    )
    (tmp_path / "click.py").write_text(slow_module, encoding="utf-8")
    with (
        inherited(signal.SIGINT, signal.default_int_handler),  # also if the tests run in the background
        subprocess.Popen(
            [*program, "version"],
            env={**os.environ, "PYTHONPATH": str(tmp_path)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as process,
    ):
        deadline = time.monotonic() + 20
        while not imported.exists() and time.monotonic() < deadline:
            time.sleep(0.02)
        process.send_signal(signal.SIGINT)
        assert ended(process, 7.0) == (130, "", "")


@pytest.fixture
def host(project: Project) -> Project:
    """A persona with a stock replica."""
    project.write("manifests/anna.yaml", "kind: replica\nname: anna\nexternal: true\nid: rfe12d8b9597\n")
    spec = {"persona_name": "Host", "system_prompt": "Hi.", "default_replica_id": "${ref:replica/anna}"}
    project.manifest("persona", "host", spec)
    project.apply()
    return project


def test_ctrl_c_in_the_call_that_starts_a_conversation_names_what_may_cost_minutes(host: Project) -> None:
    code, out, err = interrupted_at(host, "POST /v2/conversations", "talk", "persona/host", "--yes", phase="after")

    (begun,) = [one["body"] for one in host.account.writes if one["path"] == "/v2/conversations"]
    assert (code, out) == (130, "")
    assert f"a conversation may have been started: its name is `{begun['conversation_name']}`" in err
    assert "it costs minutes until it is ended" in err


def test_ctrl_c_in_the_check_of_a_conversation_ends_within_seconds(host: Project) -> None:
    """Although it has to be deleted, and the server does not answer; if it answers, the conversation is deleted."""
    check = "verify", "--conversation", "persona/host"
    silent = interrupted_at(host, "GET /v2/conversations/*", *check)
    left = set(host.account.objects("conversations"))
    host.account.control("DELETE", "faults")
    answering = interrupted_at(host, "GET /v2/conversations/*", *check, times=1)

    assert (silent[0], answering[0]) == (130, 130)
    assert "could not be deleted" in silent[2]
    assert "could not be deleted" not in answering[2]
    assert set(host.account.objects("conversations")) <= left


def interrupted_at(
    project: Project, hanging: str, *command: str, phase: str = "before", times: int | None = None
) -> tuple[int, str, str]:
    """Exit code and output of a command that gets Ctrl-C while the server does not answer a request."""
    project.account.forget()
    project.account.fault(match=hanging, kind="delay", seconds=11.0, times=times, phase=phase)
    known = {**project.account.variables, "TAVUSCTL_TEST_SOURCES": project.account.url}
    program = [*TAVUSCTL, *command]
    with (
        inherited(signal.SIGINT, signal.default_int_handler),  # also if the tests run in the background
        subprocess.Popen(
            program,
            cwd=project.root,
            env={**os.environ, **known},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as process,
    ):
        try:
            deadline = time.monotonic() + 20
            while not _asked(project, hanging) and time.monotonic() < deadline:
                time.sleep(0.02)
            process.send_signal(signal.SIGINT)
            return ended(process, 7.0)
        finally:
            process.kill()


def _asked(project: Project, pattern: str) -> bool:
    """Whether a request that a pattern matches has arrived."""
    method, path = pattern.split()
    everything = project.account.control("GET", "requests")["requests"]
    return any(one["method"] == method and one["path"].startswith(path.removesuffix("*")) for one in everything)


def _calls_under_way(project: Project) -> bool:
    """Whether a write has arrived; its answer is slow."""
    return bool(project.account.writes)


def ended(process: subprocess.Popen[str], within: float) -> tuple[int, str, str]:
    """How it ended; it does so in time."""
    out, err = process.communicate(timeout=within)
    return process.returncode, out, err


def lock_is_free(project: Project) -> bool:
    with (project.root / ".tavusctl/state.json.lock").open("r+b") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True


def converges(project: Project) -> None:
    """At most three runs without faults, and there is one object per address."""
    project.account.control("DELETE", "faults")
    codes = [project.run("apply", "--yes", TAVUSCTL_SETTLE="0.3").code for _ in range(3)]
    assert codes[-1] == 0
    assert project.plan()["changes"] == []
    names = [one["persona_name"] for one in project.account.objects("personas").values()]
    assert sorted(names) == [f"Persona {number}" for number in range(COUNT)]


@pytest.fixture
def slow(project: Project) -> Project:
    """Eight personas to create, each of which takes a while."""
    for number in range(COUNT):
        project.manifest("persona", f"p{number}", {"persona_name": f"Persona {number}", "system_prompt": "Hi."})
    project.account.fault(match="POST /v2/personas", kind="delay", seconds=1.0, times=None)
    return project


@pytest.mark.parametrize(("number", "code"), SIGNALS.items())
def test_fm_013_015_the_first_signal_ends_a_run_in_good_order(slow: Project, number: signal.Signals, code: int) -> None:
    with inherited(number, signal.SIG_DFL), applying(slow) as process:  # also if the tests run under `nohup`
        process.send_signal(number)
        started = time.monotonic()
        found, out, err = ended(process, 7.0)

    assert time.monotonic() - started < 7
    assert found == code
    assert f"skipped  create persona/p{COUNT - 1}: interrupted" in out, err
    assert "done" in out.splitlines()[-1]
    assert "skipped" in out.splitlines()[-1]
    assert len(slow.account.objects("personas")) <= 4
    assert lock_is_free(slow)
    assert not (slow.root / ".tavusctl/state.json.wal").exists()
    converges(slow)


def test_fm_013_a_call_without_answer_is_unknown_and_stays_on_record(slow: Project) -> None:
    slow.account.control("DELETE", "faults")
    slow.account.fault(match="POST /v2/personas", kind="delay", seconds=15.0, times=2, phase="after")

    with applying(slow) as process:
        process.send_signal(signal.SIGINT)
        found, out, err = ended(process, 7.0)

    assert found == 130
    assert "unknown  create persona/p0: interrupted during a call" in out, err
    assert (slow.root / ".tavusctl/state.json.wal").exists()
    assert lock_is_free(slow)
    converges(slow)


@pytest.mark.parametrize("second", [signal.SIGINT, signal.SIGTERM])
def test_fm_014_the_second_signal_ends_it_at_once(slow: Project, second: signal.Signals) -> None:
    slow.account.control("DELETE", "faults")
    slow.account.fault(match="POST /v2/personas", kind="delay", seconds=15.0, times=2, phase="after")

    with applying(slow) as process:
        process.send_signal(signal.SIGINT)
        time.sleep(0.3)
        started = time.monotonic()
        process.send_signal(second)
        found = process.wait(timeout=2)
        took = time.monotonic() - started

    assert found in (130, SIGNALS[second])
    assert took < 0.5
    assert lock_is_free(slow)
    converges(slow)
