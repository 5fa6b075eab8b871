"""The machine: versions, and git."""

from __future__ import annotations

import platform
from collections.abc import Iterator
from pathlib import Path

from tavusctl import __version__
from tavusctl.app.doctor.finding import Finding, failed, ok, warning
from tavusctl.core.errors import StateError
from tavusctl.integrations.git.process import Git, GitError
from tavusctl.state.scheme import is_git


def versions() -> Iterator[Finding]:
    """What a bug report needs."""
    system = f"{platform.system()} {platform.machine()}"
    yield ok("versions", f"tavusctl {__version__}, Python {platform.python_version()}, {system}")


def git(folder: Path, state: str) -> Iterator[Finding]:
    """Git and the repository around a folder: without them, a state in git is out of reach, and nothing else."""
    process = Git(folder, 10.0)
    needed = is_git(state)
    try:
        version = process.line("version").removeprefix("git version ")
    except GitError as error:
        told = f"git cannot be run: {error}"
        hint = "install git"
        yield (
            failed("git", StateError(f"{told}, and the state is in git", hint))
            if needed
            else warning("git", told, hint)
        )
        return
    try:
        top = process.line("rev-parse", "--show-toplevel")
    except GitError:
        told = f"git {version}; the folder is in no git repository"
        yield (
            failed("git", StateError(told, "run `git init`"))
            if state.startswith("git") and "+" not in state.partition("?")[0]
            else ok("git", told)
        )
        return
    yield ok("git", f"git {version}, repository {top}")
