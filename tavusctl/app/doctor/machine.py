"""Check the machine: versions, and git."""

from __future__ import annotations

import platform
from collections.abc import Iterator
from pathlib import Path

from tavusctl import __version__
from tavusctl.app.doctor.finding import Finding, failed, ok, warning
from tavusctl.config.project_file.state_scheme import is_git
from tavusctl.core.errors import StateError
from tavusctl.integrations.git.checkout import checkout_around
from tavusctl.integrations.git.process import Git, GitError


def versions() -> Iterator[Finding]:
    """The versions that a bug report needs."""
    system = f"{platform.system()} {platform.machine()}"
    yield ok("versions", f"tavusctl {__version__}, Python {platform.python_version()}, {system}")


def git(folder: Path, state: str) -> Iterator[Finding]:
    """Whether git runs, and whether the folder is in a repository; a failure only if the state is in git.

    If git cannot read the repository, the check of the state shows whether that matters.
    """
    process = Git(folder, 10.0)
    state_needs_git = is_git(state)
    try:
        version = process.line("version").removeprefix("git version ")
    except GitError as error:
        message = f"git cannot be run: {error}"
        hint = "install git"
        yield (
            failed("git", StateError(f"{message}, and the state is in git", hint))
            if state_needs_git
            else warning("git", message, hint)
        )
        return
    try:
        top = process.path("rev-parse", "--show-toplevel")
    except GitError as error:
        if checkout_around(folder):
            yield warning("git", f"git {version} cannot read the repository: {error}", "make `git status` work here")
            return
        message = f"git {version}; the folder is in no git repository"
        yield (
            failed("git", StateError(message, "run `git init`"))
            if state_needs_git and not state.startswith("git+")
            else ok("git", message)
        )
        return
    yield ok("git", f"git {version}, repository {top}")
