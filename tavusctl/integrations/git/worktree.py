"""The files of a project at another commit, for `plan --base`, in a temporary folder; the checkout is unchanged."""

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

_LARGEST: Final = 50 * 1024 * 1024  # bytes of one file: the API accepts no larger one
_IN_ALL: Final = 1024 * 1024 * 1024  # bytes of all files
_LINK: Final = "120000"  # the mode of a symbolic link
_FILES: Final = ("100644", "100755", "100664", _LINK)


class BaseTree(Struct, frozen=True):
    """A temporary copy of the project folder at the merge base of a branch."""

    root: Path
    name: str  # the reference and the commit, for messages: "origin/main (1a2b3c4)"


class Entry(Struct, frozen=True):
    """A file or a symbolic link in a git tree."""

    mode: str
    id: str
    size: int
    name: str


@contextlib.contextmanager
def base_tree(root: Path, reference: str, commit: str) -> Iterator[BaseTree]:
    """The project at `commit`, the merge base of HEAD and a reference; UsageError if git cannot read it."""
    with tempfile.TemporaryDirectory(prefix="tavusctl-base-") as folder:
        project = Path(folder) / "project"
        project.mkdir()
        with _usage_errors():
            git = Git(root)
            if tree := git.object(f"{commit}:./"):  # relative to the folder of the project
                _write(git, entries(git, tree), project)
        yield BaseTree(project, f"{reference} ({commit[:7]})")


def merge_base(root: Path, reference: str) -> str:
    """The merge base of HEAD and a reference; UsageError if git does not know one."""
    if not reference or reference.startswith("-") or ".." in reference:
        message = f"`--base {reference}` is not a valid name of a commit" if reference else "`--base` is empty"
        raise UsageError(message, "write for example `--base origin/main`", id="E1206")
    with _usage_errors():
        git = Git(root)
        base, head = git.object(f"{reference}^{{commit}}"), git.object("HEAD^{commit}")
        common = git.line_or_empty("merge-base", base, head) if base and head else ""
        if not head and not git.object("HEAD"):
            message = "the repository has no commit yet, so there is nothing to compare with"
            raise UsageError(f"`--base {reference}`: {message}", "commit the project first", id="E1206")
        if not base and (known := git.object(reference)):
            _refuse_other_object(git, reference, known)
    if not base:
        message = f"`--base {reference}`: no such commit in {root}"
        raise UsageError(message, "fetch it first (in GitHub Actions: checkout with `fetch-depth: 0`)", id="E1206")
    if not common:
        message = f"`--base {reference}`: no common ancestor with HEAD in this clone"
        raise UsageError(message, "fetch the whole history (in GitHub Actions: `fetch-depth: 0`)", id="E1206")
    return common


def _refuse_other_object(git: Git, reference: str, id_: str) -> None:
    """Say why a name that git knows stands for no commit."""
    try:
        kind = git.line("cat-file", "-t", id_)
    except GitError:
        raise MissingObjectError(id_) from None
    message = f"`--base {reference}` is not the name of a commit, but of a {'file' if kind == 'blob' else 'folder'}"
    raise UsageError(message, "write for example `--base origin/main`", id="E1206")


@contextlib.contextmanager
def _usage_errors() -> Iterator[None]:
    """Turn a GitError in the block into a UsageError about `--base`."""
    try:
        yield
    except GitError as error:
        hint = error.advice or "run in a git repository with its whole history, which `--base` needs"
        raise UsageError(f"`--base`: {error}", hint, id="E1206") from None


def repository_fault(root: Path) -> GitError | None:
    """The reason why git knows no repository around a folder; None if it knows one."""
    try:
        Git(root).line("rev-parse", "--git-dir")
    except GitError as error:
        return error
    return None


def entries(git: Git, tree: str) -> Iterator[Entry]:
    """The files and links of a tree, named relative to it; paths that are unsafe to write are left out."""
    for line in git.nul_separated("ls-tree", "-r", "-z", "-l", "--full-tree", tree):
        metadata, _, name = line.partition("\t")
        mode, _, id_, size = metadata.split()
        if mode not in _FILES:
            continue  # a submodule, which is another repository
        if not size.isdigit():
            raise MissingObjectError(id_)
        if not set(name.lower().split("/")) & {"", ".", "..", ".git"}:
            yield Entry(mode, id_, int(size), name)


def _write(git: Git, tree_entries: Iterator[Entry], target: Path) -> None:
    """Write the entries to a folder; files before links, so that no file is written through a link."""
    selected = [entry for entry in tree_entries if entry.size <= _LARGEST]
    if sum(entry.size for entry in selected) > _IN_ALL:
        message = f"the files of the project at that commit are larger than {_IN_ALL // 1024**3} GiB"
        raise GitError(message)
    entries_by_id: dict[str, list[Entry]] = {}
    for entry in selected:
        entries_by_id.setdefault(entry.id, []).append(entry)
    links: dict[str, str] = {}
    for id_, content in git.blobs({entry.id: entry.size for entry in selected}):
        for entry in entries_by_id[id_]:
            if entry.mode == _LINK:
                links[entry.name] = os.fsdecode(content)
            else:
                _write_file(target / entry.name, content)
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
    """Create the links whose targets are inside the folder; other links would not be followed anyway."""
    for name, leads_to in links.items():
        steps = leads_to.split("/")
        down = list(itertools.dropwhile("..".__eq__, steps))
        if not Path(leads_to).is_absolute() and ".." not in down and len(steps) - len(down) <= name.count("/"):
            path = target / name
            path.parent.mkdir(parents=True, exist_ok=True)
            with contextlib.suppress(OSError):  # where links cannot be made, the file is absent
                path.symlink_to(leads_to)
