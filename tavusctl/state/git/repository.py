"""Refs of a repository somewhere else, read and written with git's plumbing.

Objects go through a bare repository of our own, in a private temporary folder: work tree, index, branches, settings and
objects of the project are never touched, and its hooks never run.  Only the settings by which the project's git reaches
its remote (`credential.*`, `http.*`, `url.*`, `core.sshCommand`) are read, and passed on by environment.
"""

from __future__ import annotations

import base64
import os
import shutil
import tempfile
import weakref
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from msgspec import Struct

from tavusctl.core.errors import StateError, UsageError
from tavusctl.integrations.git.process import Git, GitError
from tavusctl.secrets.url_credentials import veiled

_SECONDS: Final = 60.0  # of one command
_SETTINGS: Final = r"^(credential|http|url|core\.sshcommand)(\.|$)"
_LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1"})
_AUTHOR: Final = "tavusctl <tavusctl@localhost>"


class Update(Struct, frozen=True):
    """A ref that is to move: from a commit ("" for none), to a commit; the same for both only asks."""

    ref: str
    before: str
    after: str


class Repository:
    """A repository at a URL, or the remote `origin` of the project."""

    def __init__(self, root: Path, url: str) -> None:
        self.url = url or _origin(root)
        self.shown = veiled(self.url)
        self._folder = Path(tempfile.mkdtemp(prefix="tavusctl-git-"))
        weakref.finalize(self, shutil.rmtree, self._folder, ignore_errors=True)
        self._variables = _variables([*_settings(root), *_token(self.url)])
        self._run("init", "--quiet", "--bare", "--template=", ".")

    def tips(self, refs: Sequence[str]) -> dict[str, str]:
        """The commits at refs; "" where there is none.  StateError when the repository is out of reach."""
        try:
            said = self._git(network=True).text("ls-remote", "--quiet", "--", self.url, *refs)
        except GitError as error:
            raise self._unreadable(error) from None
        found = {ref: tip for tip, _, ref in (line.partition("\t") for line in said.splitlines())}
        return {ref: found.get(ref, "") for ref in refs}

    def fetch(self, ref: str, commit: str) -> None:
        """Bring a commit and what it holds here, if it is not."""
        if self.has(commit):
            return
        words = ("--quiet", "--no-tags", "--no-write-fetch-head", "--no-auto-maintenance", "--refmap=")
        try:
            self._git(network=True).text("fetch", *words, "--", self.url, f"+{ref}:{_kept(commit)}")
        except GitError as error:
            raise self._unreadable(error) from None

    def has(self, commit: str) -> bool:
        """Whether a commit is here."""
        return bool(self._git().object(f"{commit}^{{commit}}"))

    def files(self, commit: str) -> dict[str, str]:
        """The files of a commit by name, each with the id of its content."""
        entries = self._git().names("ls-tree", "-r", "-z", commit) if commit else []
        return {name: head.split()[2] for head, _, name in (entry.partition("\t") for entry in entries)}

    def content(self, blob: str) -> bytes:
        """The content that has an id."""
        return self._git().content("cat-file", "blob", blob)

    def time_of(self, commit: str) -> int:
        """When a commit was made, in seconds since the epoch, by the clock of who made it."""
        return int(self._git().line("show", "--no-patch", "--format=%ct", commit))

    def age(self, commit: str) -> int:
        """How many commits there are up to one, itself included."""
        return int(self._git().line("rev-list", "--count", commit))

    def commit(self, base: str, changes: Mapping[str, bytes | None], now: int, *, root: bool = False) -> str:
        """A commit with the files of another one and changes (None: without it); as a root it has no history."""
        lines = [f"commit refs/made\ncommitter {_AUTHOR} {now} +0000\ndata 0\n".encode()]
        if base:
            tree = self._git().line("rev-parse", f"{base}^{{tree}}")
            lines.append(f'M 040000 {tree} ""\n'.encode() if root else f"from {base}\n".encode())
        for name, content in changes.items():
            lines += [f"D {name}\n".encode()] if content is None else [_file(name, content)]
        self._git().fed(b"".join(lines), "fast-import", "--quiet", "--force")
        return self._git().object("refs/made^{commit}")

    def push(self, updates: Sequence[Update]) -> str:
        """Move refs, all or none, each only from where it is expected; "" when that was done, else why not."""
        leases = [f"--force-with-lease={one.ref}:{one.before}" for one in updates]
        moves = [f"{one.after}:{one.ref}" for one in updates]
        words = ("--quiet", "--porcelain", "--no-verify", "--atomic", "--no-signed", "--recurse-submodules=no")
        try:
            self._git(network=True).text("push", *words, *leases, "--", self.url, *moves)
        except GitError as error:
            return veiled(str(error)) or "the push was refused"
        return ""

    def foreign(self, ref: str, name: str) -> StateError:
        """The error of a ref that holds something else, whose history would be cut with that of the state."""
        message = f"`{ref}` of {self.shown} is not a state: it holds `{name}`"
        return StateError(message, "choose a ref of its own with `?ref=`, or leave `?ref=` out", id="E912")

    def restless(self) -> StateError:
        """The error of refs that move faster than they can be read."""
        return self._unreadable("it changes faster than it can be fetched")

    def refused(self, reason: str) -> StateError:
        """The error of a push that was refused though nobody else has moved the ref."""
        message = f"cannot push the state to {self.shown}: {reason}"
        return StateError(message, "give the credentials that git finds here the right to push", id="E912")

    def _unreadable(self, error: object) -> StateError:
        message = f"cannot read the state in {self.shown}: {veiled(str(error))}"
        return StateError(message, "check the network, and the credentials that git finds for it", id="E912")

    def _run(self, verb: str, *args: str) -> None:
        try:
            self._git().text(verb, *args)
        except GitError as error:
            message = f"git cannot keep the state: {error}"
            raise StateError(message, "install git 2.31 or newer", id="E912") from None

    def _git(self, *, network: bool = False) -> Git:
        protocols = (
            f"https:ssh:file{':http' if urlsplit(self.url).hostname in _LOOPBACK else ''}" if network else "none"
        )
        variables = self._variables if network else {}
        return Git(self._folder, _SECONDS, ("--git-dir=.",), variables, protocols)


def _kept(commit: str) -> str:
    return f"refs/fetched/{commit}"


def _file(name: str, content: bytes) -> bytes:
    return f"M 100644 inline {name}\ndata {len(content)}\n".encode() + content + b"\n"


def _origin(root: Path) -> str:
    """The URL of the project's remote `origin`."""
    try:
        return Git(root, 10.0).line("remote", "get-url", "origin")
    except GitError as error:
        message = f"`state: git` needs a git repository with a remote `origin`: {veiled(str(error))}"
        hint = "add it with `git remote add origin URL`, or write `state: git+URL`"
        raise UsageError(message, hint, id="E1203") from None


def _settings(root: Path) -> list[tuple[str, str]]:
    """How the project's own git reaches its remote."""
    try:
        said = Git(root, 10.0).names("config", "--local", "--null", "--get-regexp", _SETTINGS)
    except GitError:
        return []  # no repository, or nothing set there
    return [(key, value) for key, separator, value in (one.partition("\n") for one in said) if separator]


def _token(url: str) -> list[tuple[str, str]]:
    """In a step of GitHub, the token of the job, for GitHub alone."""
    server, token = os.environ.get("GITHUB_SERVER_URL", ""), os.environ.get("GITHUB_TOKEN", "")
    is_private = server.startswith("https://") or urlsplit(server).hostname in _LOOPBACK
    if not token or os.environ.get("GITHUB_ACTIONS") != "true" or not is_private or not url.startswith(f"{server}/"):
        return []
    key = f"http.{server}/.extraheader"
    word = base64.b64encode(f"x-access-token:{token}".encode()).decode()
    return [(key, ""), (key, f"AUTHORIZATION: basic {word}")]  # the empty one drops what was set before


def _variables(settings: Sequence[tuple[str, str]]) -> dict[str, str]:
    """Settings as git takes them from its environment, behind those that are there already."""
    given = os.environ.get("GIT_CONFIG_COUNT", "0")
    first = int(given) if given.isdigit() else 0
    names = [f"GIT_CONFIG_{part}_{at}" for at in range(first) for part in ("KEY", "VALUE")]
    found = {name: os.environ.get(name, "") for name in names}
    for at, (key, value) in enumerate(settings, first):
        found |= {f"GIT_CONFIG_KEY_{at}": key, f"GIT_CONFIG_VALUE_{at}": value}
    return {**found, "GIT_CONFIG_COUNT": str(first + len(settings))}
