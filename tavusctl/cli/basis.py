"""The manifests of another commit, for `plan --base`: checked out aside; index and working tree stay as they are."""

from __future__ import annotations

import contextlib
import os
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

from msgspec import Struct

from tavusctl.errors import UsageError


class Basis(Struct, frozen=True):
    """The project's folder as it was where a branch began."""

    root: Path
    name: str  # the reference and the commit, for people: "origin/main (1a2b3c4)"


@contextlib.contextmanager
def basis(root: Path, reference: str) -> Iterator[Basis]:
    """The project at the merge base of HEAD and a reference; UsageError when git does not know it."""
    commit = merge_base(root, reference)
    inside = git(root, "rev-parse", "--show-prefix")
    tree = f"{commit}:{inside}"
    with tempfile.TemporaryDirectory(prefix="tavusctl-base-") as folder:
        made = Path(folder) / "project"
        made.mkdir()
        if _git_knows(root, "rev-parse", "--verify", "--quiet", tree):
            _check_out(root, tree, Path(folder) / "index", made)
        yield Basis(made, f"{reference} ({commit[:7]})")


def merge_base(root: Path, reference: str) -> str:
    """The commit where HEAD left a reference; UsageError when git does not know it."""
    if not reference or reference.startswith("-"):
        message = f"--base {reference!r} is not the name of a commit"
        raise UsageError(message, "write --base origin/main", id="E1206")
    if not _git_knows(root, "rev-parse", "--verify", "--quiet", f"{reference}^{{commit}}"):
        message = f"--base {reference}: git knows no such commit in {root}"
        raise UsageError(message, "fetch it first (in GitHub Actions: checkout with fetch-depth: 0)", id="E1206")
    found = _run(root, "merge-base", reference, "HEAD")
    if found.returncode:
        message = f"--base {reference}: it has no commit in common with HEAD here"
        raise UsageError(message, "fetch the whole history (in GitHub Actions: fetch-depth: 0)", id="E1206")
    return found.stdout.strip()


def _check_out(root: Path, tree: str, index: Path, target: Path) -> None:
    """The files of a tree, by way of an index of their own."""
    top = Path(git(root, "rev-parse", "--show-toplevel"))
    git(top, "read-tree", tree, index=index)
    git(top, "checkout-index", "--all", f"--prefix={target}/", index=index)


def git(folder: Path, *args: str, index: Path | None = None) -> str:
    """What a command of git says; UsageError with its words when it fails."""
    found = _run(folder, *args, index=index)
    if found.returncode:
        message = f"git {args[0]} failed: {found.stderr.strip()[:300]}"
        raise UsageError(message, id="E1206")
    return found.stdout.strip()


def _git_knows(folder: Path, *args: str) -> bool:
    return _run(folder, *args).returncode == 0


def _run(folder: Path, *args: str, index: Path | None = None) -> subprocess.CompletedProcess[str]:
    variables = {**os.environ, **({"GIT_INDEX_FILE": str(index)} if index else {}), "LC_ALL": "C"}
    try:
        return subprocess.run(  # noqa: S603 - fixed verbs; a reference that looks like an option was refused
            ["git", "-C", str(folder), *args],  # noqa: S607 - the user's own git
            capture_output=True,
            text=True,
            errors="replace",
            env=variables,
            check=False,
        )
    except OSError as error:
        message = f"git cannot be run: {error.strerror}"
        raise UsageError(message, "--base needs git", id="E1206") from None
