"""The terminal: 80 columns, colour only where it can be seen, progress that goes away again, and pipes that break."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import click
import pytest

from tavusctl.reports.terminal.line_wrapping import columns
from tests.scenarios.project import TAVUSCTL, Project
from tests.scenarios.terminals import environment, in_a_pipe, on_a_terminal, terminal

PROMPT = (
    "You keep to the point, you are friendly, and you never promise anything that the price list does not say.\n"
    "When somebody is in a hurry, offer to call back, name a time, and write down which questions are still open."
)
COACH: dict[str, Any] = {
    "persona_name": "Coach",
    "system_prompt": PROMPT,
    "greeting": "Hello and welcome to this rather long greeting, which nobody would read aloud.",
    "layers": {"tts": {"tts_engine": "cartesia", "voice_settings": {"speed": "normal"}}},
}
GOALS: dict[str, Any] = {
    "name": "Call",
    "data": [
        {
            "objective_name": "find_out_the_budget",
            "objective_prompt": "Ask.",
            "next_conditional_objectives": {"say_goodbye_for_now": "if there is no budget at all for this year"},
        },
        {"objective_name": "say_goodbye_for_now", "objective_prompt": "Say goodbye."},
    ],
}
COLOUR = re.compile(r"\x1b\[[0-9;]*m")
CURSOR = re.compile(r"\x1b(?!\[[0-9;]*m)|[\r\b\x07]|\x1b\[[0-9;]*[A-HJKSTfsu]")


@pytest.fixture
def changed(project: Project) -> Project:
    """Applied, then changed in long values."""
    project.manifest("persona", "coach", COACH)
    project.manifest("objectives", "call", GOALS)
    project.manifest("document", "prices", {"document_url": "https://example.com/prices.pdf"})
    project.apply()
    goal = {**GOALS["data"][0], "next_conditional_objectives": {"say_goodbye_for_now": "otherwise, whatever is said"}}
    prompt = PROMPT.replace("friendly", "kind") + "\nAnd you say so whenever somebody asks you for it."
    project.manifest("persona", "coach", {**COACH, "system_prompt": prompt, "greeting": "Hello."})
    project.manifest("objectives", "call", {**GOALS, "data": [goal, GOALS["data"][1]]})
    project.remove("document", "prices")
    return project


def slow(project: Project, seconds: float) -> None:
    """The next look at personas takes its time."""
    project.account.fault(match="GET /v2/personas*", kind="delay", seconds=seconds)


def test_a_plan_fits_80_columns_in_colour(changed: Project) -> None:
    shown = on_a_terminal(changed, "plan")

    assert shown.code == 0
    assert [line for line in shown.said.splitlines() if columns(line) > 80] == []
    assert COLOUR.search(shown.said)
    assert CURSOR.findall(shown.said) == []
    assert all(line.count("\x1b[0m") for line in shown.said.splitlines() if COLOUR.search(line))


def test_a_plan_without_colour_says_the_same(changed: Project) -> None:
    coloured = on_a_terminal(changed, "plan").said

    plain = [
        on_a_terminal(changed, "plan", "--no-color").said,
        on_a_terminal(changed, "plan", NO_COLOR="1").said,
        on_a_terminal(changed, "plan", TERM="dumb").said,
    ]

    assert "\x1b" not in "".join(plain)
    assert set(plain) == {click.unstyle(coloured)}


@pytest.mark.parametrize(
    "wrong", ["plan --env nope", "validate --env nope", "github plan --env nope", "github link nowhere"]
)
def test_an_error_is_without_colour_where_a_plan_is(project: Project, wrong: str) -> None:
    args = shlex.split(wrong)

    assert COLOUR.search(on_a_terminal(project, *args).said)
    for plain in (
        on_a_terminal(project, *args, "--no-color"),
        on_a_terminal(project, *args, NO_COLOR="1"),
        on_a_terminal(project, *args, TERM="dumb"),
    ):
        assert "error:" in plain.said
        assert "\x1b" not in plain.said


def test_complaints_about_manifests_are_without_colour_where_a_plan_is(project: Project) -> None:
    project.write("manifests/coach.yaml", "kind: Persona\nname: coach\nsepc: {}\n")

    assert COLOUR.search(on_a_terminal(project, "plan").said)
    assert "\x1b" not in on_a_terminal(project, "plan", NO_COLOR="1").said


@pytest.mark.parametrize(
    "command",
    [
        "plan --env nope",
        "plan --format nope",
        "adopt persona/coach",
        "import persona/coach p123456789012",
        "doctor",
        "explain persona.layers.tts",
        "explain persona/coach",
        "validate --rules",
    ],
)
def test_errors_hints_and_findings_break_between_words(project: Project, command: str) -> None:
    project.manifest("persona", "coach", COACH)
    args, variables = shlex.split(command), {"TAVUS_API_KEY": "", "NO_COLOR": "1"}
    piped = in_a_pipe(project, *args, **variables)

    shown = on_a_terminal(project, *args, columns=60, **variables)

    whole = piped.stdout + piped.stderr
    assert max(map(columns, whole.splitlines())) > 60
    assert [line for line in shown.said.splitlines() if columns(line) > 60] == []
    assert shown.said.split() == whole.split()


def test_what_to_type_is_on_a_line_of_its_own_if_the_question_is_long(project: Project) -> None:
    project.write("tavusctl.yaml", "environments: {production: {account: acme-production}}\n")
    project.manifest("persona", "coach", COACH)

    with terminal([*TAVUSCTL, "apply"], project.root, environment(project)) as (_, outer):
        said = b""
        while not said.endswith(b"confirm: "):
            said += os.read(outer, 65536)
        os.write(outer, b"no\n")

    assert b"environment production (account acme-production)?\r\nType yes to confirm: " in said


@pytest.mark.sweep
def test_lines_are_whole_where_they_are_searched_and_on_wide_terminals(changed: Project) -> None:
    piped = in_a_pipe(changed, "plan").stdout

    assert "\x1b" not in piped
    assert max(map(columns, piped.splitlines())) in range(81, 121)
    assert on_a_terminal(changed, "plan", columns=120, NO_COLOR="1").said == piped
    assert on_a_terminal(changed, "plan", NO_COLOR="1").said.split() == piped.split()


def test_what_changed_in_long_values_is_there_to_the_last_word(changed: Project) -> None:
    words = " ".join(changed.run("plan").out.split())

    for text in (
        "[-friendly-]",
        "{+kind+}",
        "And you say so whenever somebody asks you for it.",
        "otherwise, whatever",
    ):
        assert text in words
    assert COACH["greeting"] in words
    assert "if there is no budget at all for this year" in words


def test_whoever_waits_on_a_terminal_sees_counts_and_time_and_then_nothing_of_it(changed: Project) -> None:
    slow(changed, 2.5)

    shown = on_a_terminal(changed, "plan", NO_COLOR="1").said

    beats = re.findall(r"reading the account: (\d+) answers?; (\d:\d\d)", shown)
    assert len(beats) >= 2
    assert beats[0][1] == "0:01"
    progress, _, report = shown.rpartition("\r")
    assert "reading" not in report
    assert re.search(r"\r +$", progress)
    assert report.startswith("- document/prices: delete")
    assert "\x1b" not in shown


def test_nobody_who_waits_less_than_a_second_sees_progress(changed: Project) -> None:
    assert "reading the account" not in on_a_terminal(changed, "plan").said


@pytest.mark.sweep
def test_a_log_has_plain_lines(changed: Project) -> None:
    slow(changed, 11)

    run = in_a_pipe(changed, "plan", CI="true")

    assert re.fullmatch(r"reading the account: \d+ answers?; 0:10\n", run.stderr)
    assert CURSOR.findall(run.stdout + run.stderr) == []


def test_git_that_takes_its_time_is_waited_for_with_counts(changed: Project, tmp_path: Path) -> None:
    git, slow_git = shutil.which("git"), tmp_path / "bin/git"
    slow_git.parent.mkdir()
    slow_git.write_text(f'#!/bin/sh\ncase "$*" in *cat-file*) sleep 1 ;; esac\nexec {git} "$@"\n')
    slow_git.chmod(0o755)
    for args in ("init -q", "add manifests", "-c user.name=A -c user.email=a@example.com commit -qm one"):
        subprocess.run(["git", *args.split()], cwd=changed.root, check=True)

    shown = on_a_terminal(changed, "plan", "--blame", PATH=f"{slow_git.parent}:{os.environ['PATH']}", NO_COLOR="1").said

    assert re.search(r"asking git who wrote what: [01] of 2 files; 0:01\r", shown)
    assert "last written by A on " in shown


@pytest.mark.parametrize("command", ["drift", "verify", "export --dry-run"])
def test_every_command_that_reads_the_account_says_so(project: Project, command: str) -> None:
    project.manifest("persona", "coach", COACH)
    project.apply()
    slow(project, 2)

    assert "reading the account: " in on_a_terminal(project, *shlex.split(command)).said


def test_quiet_is_quiet(changed: Project) -> None:
    slow(changed, 1.6)

    shown = on_a_terminal(changed, "plan", "--quiet", NO_COLOR="1").said
    applied = in_a_pipe(changed, "apply", "--yes", "--quiet", "--allow-deletes", "1")

    assert shown == in_a_pipe(changed, "plan", "--destroy", "--quiet").stdout or shown.startswith("- document/prices")
    assert CURSOR.findall(shown) == []
    assert (applied.returncode, applied.stderr) == (0, "")


def test_verbose_says_what_is_done_and_twice_every_request(changed: Project) -> None:
    once, twice = in_a_pipe(changed, "plan", "-v"), in_a_pipe(changed, "plan", "-vv")

    assert re.search(r"^done reading the account: \d+ answers; 0:\d\d$", once.stderr, re.MULTILINE)
    assert "GET /v2/" not in once.stderr
    assert re.search(r"^GET /v2/personas\S* -> 200, \d+ bytes, \d+ ms$", twice.stderr, re.MULTILINE)
    assert once.stdout == twice.stdout
    assert changed.account.key not in twice.stderr


def test_progress_and_a_log_do_not_share_a_line(changed: Project) -> None:
    slow(changed, 2)

    shown = on_a_terminal(changed, "plan", "-vv", NO_COLOR="1").said

    assert "\r" not in shown
    assert shown.count("reading the account") == 1  # that it is done


READERS = {
    "a reader of one line": "head -1",
    "a reader of nothing": "true",
    "a reader who is gone": "exec 0<&-; sleep 0.2",
}


@pytest.mark.parametrize("reader", READERS.values(), ids=READERS)
@pytest.mark.parametrize("command", ["plan", "plan --format json", "plan --format html", "drift", "validate", "--help"])
def test_a_broken_pipe_is_no_news(changed: Project, command: str, reader: str) -> None:
    for name in range(150):  # more than a pipe holds
        changed.manifest("persona", f"p{name}", {**COACH, "persona_name": f"P{name}"})
    told = f"set -o pipefail; {shlex.join(TAVUSCTL)} {command} | ({reader})"

    run = subprocess.run(
        ["bash", "-c", told], cwd=changed.root, env=environment(changed), capture_output=True, text=True, check=False
    )

    assert "Traceback" not in run.stderr
    assert "Exception ignored" not in run.stderr
    assert "BrokenPipe" not in run.stderr
    assert run.returncode == 0


def test_an_apply_whose_reader_is_gone_is_carried_out(changed: Project) -> None:
    told = f"{shlex.join(TAVUSCTL)} apply --yes --allow-deletes 1 2>&1 | true; exit ${{PIPESTATUS[0]}}"

    run = subprocess.run(["bash", "-c", told], cwd=changed.root, env=environment(changed), check=False)

    assert run.returncode == 0
    assert changed.plan()["changes"] == []


def test_closed_streams_stop_nothing(changed: Project) -> None:
    for closed in ("2>&-", ">&- 2>&-"):
        told = f"exec {shlex.join(TAVUSCTL)} plan --detailed-exitcode {closed} </dev/null"
        run = subprocess.run(
            ["bash", "-c", told],
            cwd=changed.root,
            env=environment(changed),
            capture_output=True,
            text=True,
            check=False,
        )
        assert (run.returncode, run.stderr) == (2, ""), closed


@pytest.mark.parametrize("command", [["apply", "--yes", "--allow-deletes", "1"], ["list"], ["verify"], ["drift"]])
def test_without_threads_a_command_does_one_thing_after_the_other(changed: Project, command: list[str]) -> None:
    """As in a container that allows few processes: a stack larger than the memory lets no thread start."""
    script = "import threading; threading.stack_size(1 << 46); from tavusctl.cli import main; main()"
    program = [sys.executable, "-c", script, *command]

    run = subprocess.run(
        program, cwd=changed.root, env=environment(changed), capture_output=True, text=True, check=False
    )

    assert run.returncode == 0, run.stderr
    if command[0] == "apply":
        assert changed.plan()["changes"] == []
