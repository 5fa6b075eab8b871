"""The host that a command runs on: proxies, streams that are closed or full, locales, an optimising interpreter."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.scenarios.project import Body, Project

PROGRAM = "from tavusctl.cli import main; main()"
COACH: Body = {"persona_name": "Coäch ✓ 教练", "system_prompt": "You coach: ä, ✓.\nYou are kind."}
GARBAGE = "http://127.0.0.1:1/not a proxy\x7f"


@pytest.fixture
def new(project: Project) -> Project:
    """Three personas that are not applied yet, with names that ASCII lacks."""
    for number in range(3):
        project.manifest("persona", f"p{number}", {**COACH, "persona_name": f"{COACH['persona_name']} {number}"})
    return project


def tavusctl(
    project: Project,
    *args: str,
    python: tuple[str, ...] = (),
    environment: dict[str, str] | None = None,
    **streams: Any,
) -> subprocess.CompletedProcess[bytes]:
    """A command in a process of its own."""
    known = {**project.account.variables, "TAVUSCTL_SETTLE": "0.1"}
    return subprocess.run(
        [sys.executable, *python, "-c", PROGRAM, *args],
        check=False,
        cwd=project.root,
        env={**os.environ, **known, **(environment or {})},
        timeout=60,
        **{"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **streams},
    )


def applied(project: Project) -> bool:
    """Whether everything is there once, and another plan is empty."""
    names = sorted(body["persona_name"] for body in project.account.objects("personas").values())
    return names == [f"{COACH['persona_name']} {n}" for n in range(3)] and project.plan()["changes"] == []


@pytest.mark.parametrize(
    "variable", ["HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"]
)
def test_fm_064_s45_a_proxy_of_the_environment_is_not_used_and_that_is_told(new: Project, variable: str) -> None:
    notice = f"{variable} is ignored"

    quiet = new.run("plan", **{variable: "http://127.0.0.1:1/"})
    loud = tavusctl(new, "plan", "-v", environment={variable: GARBAGE})

    assert (quiet.code, loud.returncode) == (0, 0)
    assert notice not in quiet.err
    assert loud.stderr.decode().count(notice) == 1
    assert b"127.0.0.1:1" not in loud.stderr


@pytest.mark.parametrize(
    "variable", ["SSLKEYLOGFILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "HTTPX_LOG_LEVEL", "NETRC"]
)
def test_fm_064_s45_other_variables_of_other_tools_do_nothing(new: Project, tmp_path: Path, variable: str) -> None:
    target = tmp_path / "other"

    ended = tavusctl(new, "plan", "-vv", environment={variable: str(target)})

    assert ended.returncode == 0
    assert not target.exists()


@contextlib.contextmanager
def closed_pipe() -> Iterator[int]:
    """The end of a pipe that nobody reads."""
    reading, writing = os.pipe()
    os.close(reading)
    try:
        yield writing
    finally:
        os.close(writing)


@pytest.mark.parametrize("stream", ["stdout", "stderr"])
def test_fm_067_an_apply_comes_to_its_end_when_nobody_listens(new: Project, stream: str) -> None:
    """`apply | head -1` must not leave half of it undone, and a command that did it all has succeeded."""
    with closed_pipe() as gone:
        streams: dict[str, Any] = {stream: gone}
        ended = tavusctl(new, "apply", "--yes", **streams)

    assert ended.returncode == 0, ended
    assert b"Traceback" not in (ended.stderr or b"") + (ended.stdout or b"")
    assert b"Exception ignored" not in (ended.stderr or b"")
    assert applied(new)


def test_fm_067_a_full_disk_behind_stdout_is_told_after_the_work(new: Project) -> None:
    with Path("/dev/full").open("wb") as full:
        ended = tavusctl(new, "apply", "--yes", stdout=full)

    assert ended.returncode == 12
    assert b"standard output is incomplete: No space left on device" in ended.stderr
    assert b"Traceback" not in ended.stderr
    assert b"Exception ignored" not in ended.stderr
    assert applied(new)


def test_fm_067_a_full_disk_behind_both(new: Project) -> None:
    with Path("/dev/full").open("wb") as full:
        ended = tavusctl(new, "apply", "--yes", stdout=full, stderr=full)

    assert ended.returncode == 12
    assert applied(new)


def test_fm_067_streams_that_were_never_open(new: Project) -> None:
    """Files that are opened meanwhile get the numbers of the streams, and nothing must be written into those."""
    command = f'exec "{sys.executable}" -c "{PROGRAM}" apply --yes >&- 2>&-'
    environment = {**os.environ, **new.account.variables}
    ended = subprocess.run(["sh", "-c", command], check=False, cwd=new.root, env=environment, timeout=60)

    assert ended.returncode == 12  # as on a full disk: its report is lost
    assert applied(new)


@pytest.mark.parametrize(
    "environment",
    [
        {"LANG": "C", "LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
        {"PYTHONIOENCODING": "ascii"},
        {"PYTHONIOENCODING": "ascii:strict", "TERM": "dumb"},
        {"LC_ALL": "tr_TR.UTF-8"},
        {"PYTHONWARNINGS": "error"},
    ],
    ids=",".join,
)
def test_fm_067_068_any_locale_and_encoding(new: Project, environment: dict[str, str]) -> None:
    """What the encoding lacks is escaped; what is stored is right all the same."""
    shown = tavusctl(new, "plan", "--format", "text", environment=environment)
    ended = tavusctl(new, "apply", "--yes", environment=environment)

    assert (shown.returncode, ended.returncode) == (0, 0), ended.stderr
    assert b"persona/p0: create" in shown.stdout
    assert b"UnicodeEncodeError" not in shown.stderr + ended.stderr
    assert applied(new)


def test_fm_068_an_interpreter_without_assertions_is_as_careful(new: Project) -> None:
    """Safety does not rest on `assert`."""
    assert tavusctl(new, "apply", "--yes", python=("-OO",)).returncode == 0
    assert applied(new)
    for number in range(3):
        new.remove("persona", f"p{number}")
    new.manifest("persona", "other", {"persona_name": "Other", "system_prompt": "Hi."})
    new.account.forget()

    refused = tavusctl(new, "apply", "--yes", python=("-OO",))

    assert refused.returncode == 4
    assert new.account.writes == []
