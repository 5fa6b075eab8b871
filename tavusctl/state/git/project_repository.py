"""The repository of a project: its remotes, its settings for reaching them, and the states that it has itself.

A repository without any remote has the state in its own refs.  The first run that writes the state in a remote `origin`
moves such a ref aside, to `moved.NAME` beside it: other clones change the state from then on, so this copy must not
become the current one when the remote is removed again.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final
from urllib.parse import quote, unquote

from tavusctl.core.errors import StateError, UsageError
from tavusctl.integrations.git.process import Git, GitError, UnknownCommitError

_TIMEOUT: Final = 10.0  # seconds of one command
_REMOTE_URL: Final = r"^remote\..*\.url$"
_SETTINGS: Final = r"^(credential|http|url|core\.(sshcommand|askpass)|ssh\.variant)(\.|$)"
_LISTS: Final = (".helper", ".extraheader")  # settings with several values; an empty value removes earlier ones
_BRANCHES: Final = "refs/heads/"
_PLAIN: Final = "/!$&'()*+,:;=@~"  # characters that need no escape in the path of a URL


def remotes(folder: Path) -> frozenset[str]:
    """The names of the remotes with a URL; GitError if the folder is in no repository."""
    git = Git(folder, _TIMEOUT)
    git.line("rev-parse", "--git-dir")
    names = (key.removeprefix("remote.").removesuffix(".url") for key, url in _entries(git, _REMOTE_URL) if url)
    return frozenset(names)


def own_repository(folder: Path) -> str:
    """The folder of the repository that a folder is in, if it has and had no remote, so that it has the state itself.

    Else empty.
    """
    with contextlib.suppress(GitError):
        git = Git(folder, _TIMEOUT)
        if not remotes(folder) and not _had_remote(git):
            return _folder_of(git)
    return ""


def location(root: Path) -> tuple[str, bool]:
    """The URL of the repository with the state of a project, and whether it is the project's own, as above.

    Otherwise it is the remote `origin`; a path becomes absolute, relative to the top of the project's repository.
    """
    hint = "add it with `git remote add origin URL`, or write `state: git+URL`"
    try:
        git = Git(root, _TIMEOUT)
        names = remotes(root)
        if "origin" in names:
            top = Path(git.path("rev-parse", "--show-toplevel"))
            return absolute(git.path("remote", "get-url", "origin"), top), False
        if not names and not _had_remote(git):
            return _folder_of(git), True
        had = "this one has had a remote, which may have the state, and has none now"
        reason = "no such remote" if names else had
    except GitError as error:
        reason, hint = str(error), error.advice or hint
    message = f"`state: git` needs a git repository with a remote `origin`: {reason}"
    raise UsageError(message, hint, id="E1203")


def local_path(url: str) -> str:
    """The path of a repository on this machine; empty for one on another machine.

    A host in a `file:` URL has no meaning, and git ignores it.
    """
    if url.startswith("file://"):
        path = url.removeprefix("file://").partition("/")[2]
        return "/" + unquote(path, errors="surrogateescape").lstrip("/")
    return "" if ":" in url.partition("/")[0] else url


def absolute(url: str, folder: Path) -> str:
    """The URL of a repository; a path is relative to a folder.

    A `file:` URL is written anew from its path, so that git opens the repository that was checked.
    """
    path = local_path(url)
    if url.startswith("file://"):
        return "file://" + quote(os.fsencode(path), safe=_PLAIN)
    return os.path.normpath(folder / path) if path else url


def is_own(url: str, root: Path) -> bool:
    """Whether a URL is of the repository that the project is in.

    UsageError if it is of another one among the files of the project: whoever writes these would write its settings.
    """
    path = local_path(url)
    if not path:
        return False
    real, top, git_folder = Path(os.path.realpath(path)), Path(os.path.realpath(root)), None
    with contextlib.suppress(GitError):
        git = Git(root, _TIMEOUT)
        git_folder = Path(os.path.realpath(_folder_of(git)))
        top = Path(os.path.realpath(git.path("rev-parse", "--show-toplevel")))
    if git_folder and (real in (top, git_folder) or real == top / ".git"):
        return True
    if real.is_relative_to(top) and not (git_folder and real.is_relative_to(git_folder)):
        message = f"the repository {path} of the state is among the files of the project"
        raise UsageError(message, "write `state: git`, or move that repository out of the project", id="E1203")
    return False


def settings(root: Path) -> list[tuple[str, str]]:
    """The settings by which the project's git reaches a remote, as pairs of key and value, of all its files.

    Some depend on the repository (`includeIf`).  git reads the user's own files as well, so lists begin anew.
    """
    try:
        entries = list(_entries(Git(root, _TIMEOUT), _SETTINGS))
    except GitError:
        return []
    return [(key, "") for key in dict.fromkeys(key for key, _ in entries) if key.endswith(_LISTS)] + entries


def object_format(root: Path) -> str:
    """The object format of the project's repository, `sha1` or `sha256`."""
    with contextlib.suppress(GitError):
        return Git(root, _TIMEOUT).line("rev-parse", "--show-object-format")
    return "sha1"


def beside(ref: str, prefix: str) -> str:
    """The name of a ref beside another one.  Git allows no name that ends with `.lock`."""
    folder, _, name = ref.rpartition("/")
    return f"{folder}/{prefix}.{'%6Cock' if name == 'lock' else name}"


def moved(ref: str) -> str:
    """The name of a ref after the state has moved to a remote."""
    return beside(ref, "moved")


class OwnRefs:
    """The refs of a repository with a remote `origin`, which may have had the state before that."""

    def __init__(self, root: Path, shown: str) -> None:
        self._git_of_project, self._shown = root, shown

    def check(self, ref: str, tip: str) -> None:
        """StateError if the state, at commit `tip` in the remote, is here only, or newer; `tip` may be empty."""
        with self._usable():
            git = self._git()
            lines = git.line("for-each-ref", "--format=%(objectname) %(refname)", ref, moved(ref)).splitlines()
            ids = {name: id_ for id_, _, name in (line.partition(" ") for line in lines)}
            here, aside = ids.get(ref, ""), ids.get(moved(ref), "")
            if here and (not tip or (here != tip and _contains(git, here, tip))):
                where = "in this repository only, not in" if not tip else "newer in this repository than in"
                message = f"the state is {where} its remote `origin` ({self._shown})"
                mark = f"git update-ref {moved(ref)} {ref}"
                raise StateError(message, f"run `git push origin {ref}` and, as a mark of it, `{mark}`", id="E912")
        if aside and not tip:
            message = f"the state has moved to a remote, and is not in the remote `origin` ({self._shown})"
            hint = f"fetch it from the earlier remote, and push it: `git push origin COMMIT:{ref}`"
            raise StateError(message, hint, id="E912")

    def move_aside(self, ref: str) -> None:
        """Rename a ref to `moved(ref)`, if it exists and is no branch of the user."""
        if ref.startswith(_BRANCHES):
            return
        with self._usable():
            git = self._git()
            if here := git.object(ref):
                lines = ("start", f"update {moved(ref)} {here}", f"delete {ref} {here}", "commit\n")
                git.line("update-ref", "--stdin", given="\n".join(lines).encode())

    @contextlib.contextmanager
    def _usable(self) -> Iterator[None]:
        try:
            yield
        except GitError as error:
            message = f"cannot tell whether the state is in this repository too: {error}"
            raise StateError(message, "check the folder `.git`", id="E912") from None

    def _git(self) -> Git:
        return Git(self._git_of_project, _TIMEOUT)


def moved_error(ref: str) -> UsageError:
    """The error if a repository without a remote had one, which has the state."""
    message = f"the state has moved to a remote `origin`, which this repository no longer has (`{moved(ref)}`)"
    hint = (
        "add the remote again with `git remote add origin URL`; if the state shall be here again, run "
        f"`git fetch URL +{ref}:{ref}` and `git update-ref -d {moved(ref)}`"
    )
    return UsageError(message, hint, id="E1203")


def _entries(git: Git, names: str) -> Iterator[tuple[str, str]]:
    """The settings whose names match, in the order in which git reads them; a name alone means `true`."""
    with contextlib.suppress(UnknownCommitError):
        for entry in git.nul_separated("config", "--includes", "--null", "--get-regexp", names):
            key, separator, value = entry.partition("\n")
            yield key, value if separator else "true"


def _folder_of(git: Git) -> str:
    return git.path("rev-parse", "--path-format=absolute", "--git-common-dir")


def _had_remote(git: Git) -> bool:
    return bool(git.line("for-each-ref", "--count=1", "--format=%(refname)", "refs/remotes"))


def _contains(git: Git, commit: str, ancestor: str) -> bool:
    """Whether the history of a commit has another one; False if that is not in the repository."""
    if not git.object(f"{ancestor}^{{commit}}"):
        return False
    try:
        git.line("merge-base", "--is-ancestor", ancestor, commit)
    except UnknownCommitError:
        return False
    return True
