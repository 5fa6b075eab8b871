"""The manifests of another commit, for `plan --base`: written aside; index and working tree stay as they are."""

from __future__ import annotations

import contextlib
import itertools
import os
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from msgspec import Struct

from tavusctl.core.errors import UsageError
from tavusctl.integrations.git.process import Git, GitError, MissingObjectError

_LARGEST: Final = 50 * 1024 * 1024  # bytes of a file: the API takes no larger one
_IN_ALL: Final = 1024 * 1024 * 1024  # bytes of all files
_LINK: Final = "120000"  # the mode of a symbolic link
_FILES: Final = ("100644", "100755", "100664", _LINK)


class BaseTree(Struct, frozen=True):
    """The project's folder as it was where a branch began."""

    root: Path
    name: str  # the reference and the commit, for people: "origin/main (1a2b3c4)"


class Entry(Struct, frozen=True):
    """A file or a link of a tree."""

    mode: str
    id: str
    size: int
    name: str


@contextlib.contextmanager
def base_tree(root: Path, reference: str) -> Iterator[BaseTree]:
    """The project at the merge base of HEAD and a reference; UsageError when git does not know it."""
    commit = merge_base(root, reference)
    with tempfile.TemporaryDirectory(prefix="tavusctl-base-") as folder:
        made = Path(folder) / "project"
        made.mkdir()
        with _told():
            git = Git(root)
            tree = git.object(f"{commit}:{git.line('rev-parse', '--show-prefix')}")
            if tree:
                _write(git, entries(git, tree), made)
        yield BaseTree(made, f"{reference} ({commit[:7]})")


def merge_base(root: Path, reference: str) -> str:
    """The commit where HEAD left a reference; UsageError when git does not know it."""
    if not reference or reference.startswith("-"):
        message = f"`--base {reference}` is not a valid name of a commit"
        raise UsageError(message, "write for example `--base origin/main`", id="E1206")
    with _told():
        git = Git(root)
        git.line("rev-parse", "--git-dir")  # what is no repository says so itself
        named, here = git.object(f"{reference}^{{commit}}"), git.object("HEAD^{commit}")
        shared = git.known("merge-base", named, here) if named and here else ""
    if not named:
        message = f"`--base {reference}`: no such commit in {root}"
        raise UsageError(message, "fetch it first (in GitHub Actions: checkout with `fetch-depth: 0`)", id="E1206")
    if not shared:
        message = f"`--base {reference}`: no common ancestor with HEAD in this clone"
        raise UsageError(message, "fetch the whole history (in GitHub Actions: `fetch-depth: 0`)", id="E1206")
    return shared


@contextlib.contextmanager
def _told() -> Iterator[None]:
    """What git says is told as an error of the call."""
    try:
        yield
    except GitError as error:
        message = f"`--base`: {error}"
        raise UsageError(
            message, "run in a git repository with its whole history, which `--base` needs", id="E1206"
        ) from None


def entries(git: Git, tree: str) -> Iterator[Entry]:
    """The files and links of a tree, by their names from there; only what is safe to write anywhere."""
    for one in git.names("ls-tree", "-r", "-z", "-l", "--full-tree", tree):
        about, _, name = one.partition("\t")
        mode, _, id_, size = about.split()
        if mode not in _FILES:
            continue  # another repository
        if not size.isdigit():
            raise MissingObjectError(id_)
        if not set(name.lower().split("/")) & {"", ".", "..", ".git"}:
            yield Entry(mode, id_, int(size), name)


def _write(git: Git, found: Iterator[Entry], target: Path) -> None:
    """Files first: none is written through a link."""
    wanted = [one for one in found if one.size <= _LARGEST]
    if sum(one.size for one in wanted) > _IN_ALL:
        message = f"the files of the project at that commit are larger than {_IN_ALL // 1024**3} GiB"
        raise GitError(message)
    places: dict[str, list[Entry]] = {}
    for one in wanted:
        places.setdefault(one.id, []).append(one)
    links: dict[str, str] = {}
    for id_, content in git.blobs({one.id: one.size for one in wanted}):
        for one in places[id_]:
            if one.mode == _LINK:
                links[one.name] = os.fsdecode(content)
            else:
                _write_file(target / one.name, content)
    _link(links, target)


def _write_file(path: Path, content: bytes) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("xb") as file:
            file.write(content)
    except OSError as error:
        message = f"cannot write `{path.name}`: {error.strerror}"
        raise GitError(message) from None


def _link(links: Mapping[str, str], target: Path) -> None:
    """Links that stay in the folder; a link that leads out of a project is not followed anyway."""
    for name, leads_to in links.items():
        steps = leads_to.split("/")
        down = list(itertools.dropwhile("..".__eq__, steps))
        if not Path(leads_to).is_absolute() and ".." not in down and len(steps) - len(down) <= name.count("/"):
            path = target / name
            path.parent.mkdir(parents=True, exist_ok=True)
            with contextlib.suppress(OSError):  # where links cannot be made, the file is absent
                path.symlink_to(leads_to)
