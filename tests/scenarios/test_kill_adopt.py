"""A kill, or a full disk, anywhere in an `adopt` that writes several files: the next one completes it.

The default run samples the points while files are written; TAVUSCTL_KILL=all (make crash) takes every one.
"""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from tests.crash.boundaries import TEMPORARY
from tests.crash.rig import KILLED, QUICK, Break, KillableProject, Launcher
from tests.scenarios.project import Account, Body

pytestmark = pytest.mark.newer_api

WRITING, STEP = 22, 8  # the last points of an adopt, and how many of them one sample stands for
ALL = os.environ.get("TAVUSCTL_KILL") == "all"
KEY = "0f1e2d3c4b5a69788796a5b4"
NAME = "TOOL_BOOK_API_AUTH_TOKEN"
FILES = {
    "tavusctl.yaml": "manifests: manifests\nsecrets: [OTHER]  # keys\n",
    "manifests/a-coach.yaml": """\
kind: persona
name: coach
spec:
  persona_name: Coach  # what people see
  system_prompt: ${file:prompts/coach.md}
  context: Before. ${file:prompts/shop.md} After.
""",
    "manifests/book.yaml": """\
kind: tool
name: book
spec:
  name: book
  description: Books a table.
  delivery: {app_message: true}
""",
    "manifests/prompts/coach.md": "You coach.\n",
    "manifests/prompts/shop.md": "A shop.\n",
}
EDITS: dict[str, list[Body]] = {
    "persona/coach": [
        {"op": "replace", "path": "/persona_name", "value": "Coach Ann"},
        {"op": "replace", "path": "/system_prompt", "value": "You coach people."},
        {"op": "replace", "path": "/context", "value": "Before. A large shop. After."},
    ],
    "tool/book": [
        {
            "op": "replace",
            "path": "/delivery",
            "value": {"api": {"url": "https://hooks.example.com", "auth": {"type": "bearer", "token": KEY}}},
        }
    ],
}


def begin(root: Path, account: Account, runner: Launcher) -> KillableProject:
    """A persona and a tool, both edited in the account: five files differ."""
    account.reset()
    project = KillableProject(root, account, dict(QUICK), runner)
    for name, text in FILES.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    first = project.run("apply", "--yes")
    assert first.code == 0, first.out + first.err
    for address, edit in EDITS.items():
        account.portal(address.partition("/")[0], project.bound(address), *edit)
    return project


def contents(project: KillableProject) -> dict[str, str]:
    """Every file of the project but the state, the cache, and what a killed run has left of a temporary file."""
    paths = [path for path in project.root.rglob("*") if path.is_file() and not TEMPORARY.fullmatch(path.name)]
    names = {path: str(path.relative_to(project.root)) for path in paths}
    return {name: path.read_text() for path, name in names.items() if not name.startswith(".tavusctl")}


@pytest.fixture(params=["kill", "disk"])
def breaking(request: pytest.FixtureRequest) -> tuple[int, int]:
    """An errno, 0 for a kill, and the exit code."""
    return (0, KILLED) if request.param == "kill" else (errno.ENOSPC, 0)


def test_an_adopt_that_was_broken_is_completed_by_the_next_one(
    account: Account, tmp_path: Path, runner: Launcher, breaking: tuple[int, int]
) -> None:
    error, code = breaking
    whole = begin(tmp_path / "0", account, runner)
    before = contents(whole)
    ended = whole.run("adopt", "--all")
    after, total = contents(whole), ended.passed
    assert (ended.code, len([name for name in before if before[name] != after[name]])) == (0, 5), ended.out
    for at in range(1, total + 1) if ALL else range(total - WRITING, total, STEP):
        project = begin(tmp_path / str(at), account, runner)
        broken = project.breaking(Break(at, error), "adopt", "--all")
        where = f"at point {at} of {total}, {broken.label}: {broken.err}"
        assert error or broken.code == code, where
        left = contents(project)
        assert all(left[name] in (before[name], after[name]) for name in after), where
        planned = project.run("plan")
        assert planned.code in (0, 3), where + planned.err
        again = project.run("adopt", "--all")
        assert again.code == 0, where + again.out + again.err
        assert contents(project) == after, where
