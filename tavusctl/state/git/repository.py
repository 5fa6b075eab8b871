"""Refs of a remote repository, read and written with git's plumbing commands.

Objects go through a bare repository of our own, in a private temporary folder: work tree, index, branches, settings and
objects of the project are never touched, and its hooks never run.  Only the settings by which the project's git reaches
its remote (`credential.*`, `http.*`, `url.*`, `core.sshCommand`) are read, and passed on in the environment.
"""

from __future__ import annotations

import base64
import contextlib
import os
import shutil
import tempfile
import weakref
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from msgspec import Struct

from tavusctl.core.errors import StateError, UsageError
from tavusctl.integrations.git.process import Git, GitError
from tavusctl.secrets.url_credentials import without_credentials

_TIMEOUT: Final = 60.0  # seconds of one command
_SETTINGS: Final = r"^(credential|http|url|core\.sshcommand)(\.|$)"
_LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1"})
_PUSH: Final = ("--quiet", "--porcelain", "--no-verify", "--atomic", "--no-signed", "--recurse-submodules=no")
# The other end of a push into the project's own repository: it runs no hook, and packs nothing.
_RECEIVE: Final = f"--receive-pack=git -c core.hooksPath={os.devnull} -c receive.autogc=false receive-pack"
_AUTHOR: Final = "tavusctl <tavusctl@localhost>"


@contextlib.contextmanager
def _local() -> Iterator[None]:
    """Turn a GitError in the block, or in a function that it decorates, into a StateError about this machine."""
    try:
        yield
    except GitError as error:
        message = f"git cannot keep the state: {error}"
        raise StateError(message, "install git 2.31 or newer, and check the temporary folder", id="E912") from None


class Update(Struct, frozen=True):
    """A ref to move from one commit ("" for none) to another; if they are equal, the push only verifies the ref."""

    ref: str
    before: str
    after: str


class Repository:
    """A repository at a URL; if that is empty, the remote `origin` of the project, or its own without any remote."""

    def __init__(self, root: Path, url: str) -> None:
        self._clone = None if url else root
        own = "" if url else own_repository(root)
        self._push_options = (*_PUSH, _RECEIVE) if own else _PUSH
        self.url = url or own or _origin(root)
        self.shown = without_credentials(self.url)
        self._folder = Path(tempfile.mkdtemp(prefix="tavusctl-git-"))
        weakref.finalize(self, shutil.rmtree, self._folder, ignore_errors=True)
        self._variables = _variables([*_settings(root), *_token(self.url)])
        with _local():
            self._git().text("init", "--quiet", "--bare", "--template=", ".")

    def tips(self, refs: Sequence[str]) -> dict[str, str]:
        """The commits of refs, "" for those that do not exist; StateError if the repository cannot be read."""
        with self._readable():
            listing = self._git(network=True).text("ls-remote", "--quiet", "--", self.url, *refs)
        tips_by_ref = {ref: tip for tip, _, ref in (line.partition("\t") for line in listing.splitlines())}
        return {ref: tips_by_ref.get(ref, "") for ref in refs}

    def fetch(self, ref: str, commit: str) -> None:
        """Fetch a commit with its content, unless it is in the local repository already."""
        if self.has(commit):
            return
        options = ("--quiet", "--no-tags", "--no-write-fetch-head", "--no-auto-maintenance", "--refmap=")
        with self._readable():
            self._git(network=True).text("fetch", *options, "--", self.url, f"+{ref}:{_local_ref(commit)}")

    @_local()
    def has(self, commit: str) -> bool:
        """Whether the local repository has a commit."""
        return bool(self._git().object(f"{commit}^{{commit}}"))

    @_local()
    def files(self, commit: str) -> dict[str, str]:
        """The ids of the blobs of a commit, by file name."""
        entries = self._git().nul_separated("ls-tree", "-r", "-z", commit) if commit else []
        return {name: head.split()[2] for head, _, name in (entry.partition("\t") for entry in entries)}

    @_local()
    def content(self, blob: str) -> bytes:
        """The content of a blob."""
        return self._git().content("cat-file", "blob", blob)

    @_local()
    def time_of(self, commit: str) -> int:
        """The time of a commit, in seconds since the epoch, by the clock of the committer."""
        return int(self._git().line("show", "--no-patch", "--format=%ct", commit))

    @_local()
    def age(self, commit: str) -> int:
        """The number of commits in the history of a commit, itself included."""
        return int(self._git().line("rev-list", "--count", commit))

    @_local()
    def commit(self, base: str, changes: Mapping[str, bytes | None], now: int, *, root: bool = False) -> str:
        """Create a commit: the files of `base` with changes (None: deleted); without a parent if `root`.  Its id."""
        lines = [f"commit refs/made\ncommitter {_AUTHOR} {now} +0000\ndata 0\n".encode()]
        if base:
            tree = self._git().line("rev-parse", f"{base}^{{tree}}")
            lines.append(f'M 040000 {tree} ""\n'.encode() if root else f"from {base}\n".encode())
        for name, content in changes.items():
            lines += [f"D {name}\n".encode()] if content is None else [_import_file(name, content)]
        self._git().line_with_input(b"".join(lines), "fast-import", "--quiet", "--force")
        return self._git().object("refs/made^{commit}")

    def push(self, updates: Sequence[Update]) -> str:
        """Move all refs or none, each only if it is at the expected commit; "" if it succeeded, else the reason."""
        leases = [f"--force-with-lease={update.ref}:{update.before}" for update in updates]
        moves = [f"{update.after}:{update.ref}" for update in updates]
        try:
            self._git(network=True).text("push", *self._push_options, *leases, "--", self.url, *moves)
        except GitError as error:
            return without_credentials(str(error)) or "the push was refused"
        return ""

    def foreign_files_error(self, ref: str, name: str) -> StateError:
        """The error if a ref has files that are not of a state: its history would be dropped with that of the state."""
        message = f"`{ref}` of {self.shown} is not a state: it holds `{name}`"
        return StateError(message, "choose a ref of its own with `?ref=`, or leave `?ref=` out", id="E912")

    def check_unwritten(self, ref: str) -> None:
        """StateError if a ref that the remote lacks is in the project's repository, from when that had no remote."""
        with self._readable():
            is_here = self._clone and Git(self._clone, 10.0).object(ref)
        if is_here:
            message = f"the state is in this repository only, not in its remote `origin` ({self.shown})"
            raise StateError(message, f"run `git push origin {ref}`", id="E912")

    def moving_refs_error(self) -> StateError:
        """The error if refs move faster than they can be fetched."""
        return self._unreadable("it changes faster than it can be fetched")

    def push_refused_error(self, reason: str) -> StateError:
        """The error if a push was refused although no other run has moved the ref."""
        message = f"cannot push the state to {self.shown}: {reason}"
        return StateError(message, "give the credentials that git finds here the right to push", id="E912")

    def _unreadable(self, error: object) -> StateError:
        message = f"cannot read the state in {self.shown}: {without_credentials(str(error))}"
        return StateError(message, "check the network, and the credentials that git finds for it", id="E912")

    @contextlib.contextmanager
    def _readable(self) -> Iterator[None]:
        """Turn a GitError in the block into a StateError about the remote repository."""
        try:
            yield
        except GitError as error:
            raise self._unreadable(error) from None

    def _git(self, *, network: bool = False) -> Git:
        protocols = (
            f"https:ssh:file{':http' if urlsplit(self.url).hostname in _LOOPBACK else ''}" if network else "none"
        )
        variables = self._variables if network else {}
        return Git(self._folder, _TIMEOUT, ("--git-dir=.",), variables, protocols)


def _local_ref(commit: str) -> str:
    return f"refs/fetched/{commit}"


def _import_file(name: str, content: bytes) -> bytes:
    return f"M 100644 inline {name}\ndata {len(content)}\n".encode() + content + b"\n"


def own_repository(root: Path) -> str:
    """The folder of the project's repository if it has no remote, so that it holds the state itself; else empty."""
    with contextlib.suppress(GitError):
        git = Git(root, 10.0)
        if not git.text("remote"):
            return git.line("rev-parse", "--path-format=absolute", "--git-common-dir")
    return ""


def _origin(root: Path) -> str:
    """The URL of the project's remote `origin`; a path becomes absolute, relative to the top of the repository."""
    try:
        git = Git(root, 10.0)
        url = git.line("remote", "get-url", "origin")
        is_path = ":" not in url.partition("/")[0]
        return os.path.normpath(Path(git.line("rev-parse", "--show-toplevel"), url)) if is_path else url
    except GitError as error:
        message = f"`state: git` needs a git repository with a remote `origin`: {without_credentials(str(error))}"
        hint = "add it with `git remote add origin URL`, or write `state: git+URL`"
        raise UsageError(message, hint, id="E1203") from None


def _settings(root: Path) -> list[tuple[str, str]]:
    """The settings by which the project's own git reaches its remote, as pairs of key and value."""
    try:
        entries = Git(root, 10.0).nul_separated("config", "--local", "--null", "--get-regexp", _SETTINGS)
    except GitError:
        return []  # not a repository, or no such setting
    return [(key, value) for key, separator, value in (entry.partition("\n") for entry in entries) if separator]


def _token(url: str) -> list[tuple[str, str]]:
    """The setting that sends the token of a GitHub Actions job to GitHub only; empty elsewhere."""
    server, token = os.environ.get("GITHUB_SERVER_URL", ""), os.environ.get("GITHUB_TOKEN", "")
    is_private = server.startswith("https://") or urlsplit(server).hostname in _LOOPBACK
    if not token or os.environ.get("GITHUB_ACTIONS") != "true" or not is_private or not url.startswith(f"{server}/"):
        return []
    key = f"http.{server}/.extraheader"
    credential = base64.b64encode(f"x-access-token:{token}".encode()).decode()
    return [(key, ""), (key, f"AUTHORIZATION: basic {credential}")]  # the empty value removes earlier ones


def _variables(settings: Sequence[tuple[str, str]]) -> dict[str, str]:
    """The environment variables that pass settings to git, after those that the environment has already."""
    count = os.environ.get("GIT_CONFIG_COUNT", "0")
    first = int(count) if count.isdigit() else 0
    names = [f"GIT_CONFIG_{part}_{index}" for index in range(first) for part in ("KEY", "VALUE")]
    variables = {name: os.environ.get(name, "") for name in names}
    for index, (key, value) in enumerate(settings, first):
        variables |= {f"GIT_CONFIG_KEY_{index}": key, f"GIT_CONFIG_VALUE_{index}": value}
    return {**variables, "GIT_CONFIG_COUNT": str(first + len(settings))}
