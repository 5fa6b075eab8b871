"""State in git by URL: `git` or `git+URL`, optionally with `?ref=NAME`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from tavusctl.integrations.git.process import Git, GitError
from tavusctl.state.scheme import is_file

if TYPE_CHECKING:
    from tavusctl.state.shared.store import SharedStore

_HEAD: Final = "refs/tavusctl"


def open_git_store(url: str, root: Path, environment: str) -> SharedStore:
    """The state in a git repository; nothing is read yet."""
    from tavusctl.state.git.folder import GitFolder  # noqa: PLC0415 - only needed for state in git
    from tavusctl.state.git.journal import GitJournal  # noqa: PLC0415 - as above
    from tavusctl.state.git.repository import Repository  # noqa: PLC0415 - as above
    from tavusctl.state.shared.lease import timing_from  # noqa: PLC0415 - as above
    from tavusctl.state.shared.store import SharedStore  # noqa: PLC0415 - as above

    address, _, ref = url.partition("?ref=")
    folder = GitFolder(
        Repository(root, address.removeprefix("git").removeprefix("+")), ref or ref_of(root, environment)
    )
    return SharedStore(folder, GitJournal(folder), timing_from(os.environ))


def suits_git(folder: Path) -> bool:
    """Whether `state: git` works in a folder, which need not exist yet: with a remote `origin`, or with no remote."""
    try:
        remotes = Git(_existing(folder), 10.0).text("remote").split()
    except GitError:
        return False
    return not remotes or "origin" in remotes


def is_on_this_machine(url: str, root: Path) -> bool:
    """Whether a state is a local file, or in the repository of a project that has no remote."""
    from tavusctl.state.git.repository import own_repository  # noqa: PLC0415 - only needed for state in git

    is_own = url.partition("?")[0] == "git"
    return is_file(url) or (is_own and bool(own_repository(root)))


def _inside(root: Path) -> str:
    """The path of a project inside its repository; empty at the top of it, or without a repository."""
    try:
        top = Path(Git(_existing(root), 10.0).line("rev-parse", "--show-toplevel"))
    except GitError:
        return ""  # the state is in another repository, where `?ref=` tells projects apart
    inner = root.resolve().relative_to(top.resolve()).as_posix()
    return "" if inner == "." else inner


def _existing(folder: Path) -> Path:
    """A folder, or its nearest ancestor that exists."""
    full = folder.resolve()
    return next(candidate for candidate in (full, *full.parents) if candidate.is_dir())


def ref_of(root: Path, environment: str) -> str:
    """The default ref of an environment, which contains the folder of a project inside a larger repository."""
    inner = _inside(root)
    # Each pair of folder and environment has its own ref, because names of environments have no dot.
    folder = quote(inner, safe="").replace(".", "%2E").replace("~", "%7E")
    return f"{_HEAD}/folder.{folder}/{environment}" if inner else f"{_HEAD}/{environment}"
