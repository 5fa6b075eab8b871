"""State in git by URL: `git` or `git+URL`, optionally with `?ref=NAME`."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from tavusctl.config.project_file.state_scheme import is_file, is_git
from tavusctl.core.errors import UsageError
from tavusctl.integrations.git.checkout import checkout_around
from tavusctl.integrations.git.process import Git, GitError
from tavusctl.state.git.project_repository import local_path, own_repository, remotes

if TYPE_CHECKING:
    from tavusctl.state.shared.store import SharedStore

_HEAD: Final = "refs/tavusctl"
_MAX_NAME: Final = 255  # bytes of a part of a ref, which is the name of a file or folder


def open_git_store(url: str, root: Path, environment: str) -> SharedStore:
    """The state in a git repository; nothing is read yet."""
    from tavusctl.state.git.folder import GitFolder  # noqa: PLC0415 - only needed for state in git
    from tavusctl.state.git.journal import GitJournal  # noqa: PLC0415 - as above
    from tavusctl.state.git.repository import Repository  # noqa: PLC0415 - as above
    from tavusctl.state.shared.lease import timing_from  # noqa: PLC0415 - as above
    from tavusctl.state.shared.store import SharedStore  # noqa: PLC0415 - as above

    address, ref = _parts(url)
    folder = GitFolder(Repository(_existing(root), address), ref or ref_of(root, environment))
    return SharedStore(folder, GitJournal(folder), timing_from(os.environ))


def suits_git(folder: Path) -> bool:
    """Whether `state: git` works in a folder, which need not exist yet: with a remote `origin`, or with no remote."""
    try:
        return "origin" in remotes(_existing(folder)) or bool(own_repository(_existing(folder)))
    except GitError:
        return False


def is_on_this_machine(url: str, root: Path) -> bool:
    """Whether a state is a local file, or in a repository on this machine that is not the remote of the project."""
    if not is_git(url):
        return is_file(url)
    address, _ = _parts(url)
    return bool(local_path(address) if address else own_repository(root))


def _parts(url: str) -> tuple[str, str]:
    """The address of the repository and the ref; both may be empty."""
    address, _, ref = url.partition("?ref=")
    return address.removeprefix("git").removeprefix("+"), ref


def _inside(root: Path) -> str:
    """The path of a project inside its repository; empty at the top of it, or without a repository.

    UsageError if git cannot read the repository: without the path, the ref could be that of another project.
    """
    folder = _existing(root)
    try:
        top = Path(Git(folder, 10.0).path("rev-parse", "--show-toplevel")).resolve()
    except GitError as error:
        if checkout_around(folder):
            raise _unreadable(str(error)) from None
        return ""  # the state is in another repository, where `?ref=` tells projects apart
    if not root.resolve().is_relative_to(top):
        reason = f"the project is outside of its work tree, {top}"
        raise _unreadable(reason)
    inner = root.resolve().relative_to(top).as_posix()
    return "" if inner == "." else inner


def _unreadable(reason: str) -> UsageError:
    message = f"the ref of the state is not known, because git cannot read the repository of the project: {reason}"
    return UsageError(message, "make `git status` work here, or name the ref with `?ref=`", id="E1203")


def _existing(folder: Path) -> Path:
    """A folder, or its nearest ancestor that exists."""
    full = folder.resolve()
    return next(candidate for candidate in (full, *full.parents) if candidate.is_dir())


def ref_of(root: Path, environment: str) -> str:
    """The default ref of an environment, which contains the folder of a project inside a larger repository."""
    inner = _inside(root)
    return f"{_HEAD}/{_part(inner)}/{environment}" if inner else f"{_HEAD}/{environment}"


def _part(folder: str) -> str:
    """The part of a ref that stands for a folder; no two folders have the same.

    Each pair of folder and environment has its own ref, because names of environments have no dot.
    """
    quoted = quote(os.fsencode(folder), safe="").replace(".", "%2E").replace("~", "%7E")
    name = f"folder.{'%6Cock' if quoted == 'lock' else quoted}"  # git allows no part that ends with `.lock`
    return name if len(name) <= _MAX_NAME else f"folder.={hashlib.sha256(os.fsencode(folder)).hexdigest()}"
