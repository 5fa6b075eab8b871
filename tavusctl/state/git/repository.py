"""Refs of a remote repository, read and written with git's plumbing commands.

Objects go through a bare repository of our own, in a private temporary folder: work tree, index, branches, settings and
objects of the project are never touched, and its hooks never run.  Only the settings by which the project's git reaches
its remote (`credential.*`, `http.*`, `url.*`, `core.sshCommand` and the like) are read, and passed on as variables.
"""

from __future__ import annotations

import base64
import contextlib
import os
import re
import shutil
import tempfile
import weakref
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from msgspec import Struct

from tavusctl.core.errors import StateError
from tavusctl.integrations.git.process import Git, GitError
from tavusctl.lib.patterns import pattern
from tavusctl.secrets.redaction import shortened
from tavusctl.secrets.url_credentials import without_credentials
from tavusctl.state.git import passwords, project_repository

_TIMEOUT: Final = 60.0  # seconds of one command
_REASON: Final = 300  # characters of the reason for a refused push that a message quotes
_LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1"})
_PUSH: Final = ("--quiet", "--no-verify", "--atomic", "--no-signed", "--recurse-submodules=no")
# The other end of a push into the project's own repository: it runs no program of its settings, and packs nothing.
_RECEIVE: Final = " ".join(
    (
        f"--receive-pack=git -c core.hooksPath={os.devnull} -c core.alternateRefsCommand=true",
        "-c receive.autogc=false -c receive.denyCurrentBranch=refuse -c receive.advertisePushOptions=true receive-pack",
    )
)
_UNAUTHORISED: Final = pattern(r"error: 40[134]\b|Authentication failed|Permission to .* denied|not found|Username")
_REJECTED: Final = pattern(r"! \[(?:remote )?(?:rejected|failure)\] .*\((.+)\)")
_TRANSIENT: Final = ("atomic transaction failed", "failed to update ref", "cannot lock ref")
_OTHER_FORMAT: Final = "does not support this repository's hash algorithm"
_TOKENS: Final = ("GITHUB_TOKEN", "GH_TOKEN")  # from which credential helpers of GitHub take the password
_SHA256: Final = 64  # digits of an id
_OLDEST: Final = (2, 31)  # of git: older ones ignore the settings in GIT_CONFIG_COUNT
_FETCHED: Final = "refs/fetched"  # before the names of refs, in the local repository
_AUTHOR: Final = "tavusctl <tavusctl@localhost>"


@contextlib.contextmanager
def _local() -> Iterator[None]:
    """Turn an error of git or of the temporary folder into a StateError about this machine.

    It is for a block, or decorates a function.
    """
    try:
        yield
    except (GitError, OSError) as error:
        message = f"git cannot keep the state: {error.strerror if isinstance(error, OSError) else error}"
        hint = f"install git {_OLDEST[0]}.{_OLDEST[1]} or newer, and check the temporary folder"
        raise StateError(message, hint, id="E912") from None


class Update(Struct, frozen=True):
    """A ref to move from one commit ("" for none) to another; if they are equal, the push only verifies the ref."""

    ref: str
    before: str
    after: str


class Refusal(Struct, frozen=True):
    """Why a push failed; `final` if it would fail again."""

    reason: str
    final: bool = False


class Repository:
    """A repository at a URL; if that is empty, the remote `origin` of the project, or its own without any remote."""

    def __init__(self, root: Path, url: str) -> None:
        _check_version(root)
        if url:
            self.url, self._has_no_remote = project_repository.absolute(url, root.resolve()), False
        else:
            self.url, self._has_no_remote = project_repository.location(root)
        self.is_own = self._has_no_remote or (bool(url) and project_repository.is_own(self.url, root))
        self.shown = without_credentials(self.url)
        self.own_refs = None if url or self._has_no_remote else project_repository.OwnRefs(root, self.shown)
        self._push_options = (*_PUSH, _RECEIVE) if self.is_own else _PUSH
        self._times: dict[str, int] = {}  # of the commits that the local repository has: none is ever removed
        self._listed: tuple[str, dict[str, str]] = "", {}  # a commit and its files
        self._counted: tuple[str, int] = "", 0  # a commit and its age
        self._temporary = _temporary_folder()
        weakref.finalize(self, shutil.rmtree, self._temporary, ignore_errors=True)
        self._token = _token(self.url)
        inherited = _inherited()
        # Settings of the environment come after those of files, as in git.
        own = [*project_repository.settings(root), *inherited, *passwords.rewrites(self.url)]
        password = passwords.header(self.url, root, _numbered(inherited))
        self.url = passwords.without_password(self.url)
        self._variables = _variables([*own, *self._token, *password], self.url)
        self._without_token = _variables(own, self.url) if self._token else None
        self._begin("sha1" if url and not self.is_own else project_repository.object_format(root))

    def tips(self, refs: Sequence[str]) -> dict[str, str]:
        """The commits of refs, "" for those that do not exist; StateError if the repository cannot be read."""
        also = [project_repository.moved(ref) for ref in refs] if self._has_no_remote else ["HEAD"]
        with self._readable():
            listing = self._reach("ls-remote", "--quiet", "--", self.url, *refs, *also)
        tips_by_ref = {ref: tip for tip, _, ref in (line.partition("\t") for line in listing.splitlines())}
        for ref in refs:
            if self._has_no_remote and project_repository.moved(ref) in tips_by_ref:
                raise project_repository.moved_error(ref)
        if any(len(tip) == _SHA256 for tip in tips_by_ref.values()):
            self._begin("sha256")
        return {ref: tips_by_ref.get(ref, "") for ref in refs}

    @_local()
    def _begin(self, object_format: str) -> None:
        """Make the local repository, whose objects have the format of those in the other one."""
        self._folder = self._temporary / object_format
        if not self._folder.exists():
            self._folder.mkdir()
            self._git().text("init", "--quiet", "--bare", "--template=", f"--object-format={object_format}", ".")

    def uses_other_format(self, refusal: Refusal | None) -> bool:
        """Whether a push failed because an empty repository has ids of SHA-256; commits are made with such ids now."""
        if refusal is None or _OTHER_FORMAT not in refusal.reason or self._folder.name == "sha256":
            return False
        self._begin("sha256")
        return True

    def fetch(self, tips: Mapping[str, str]) -> dict[str, str]:
        """The given commits of refs, fetched with their content in one call; newer ones if a ref has moved since."""
        refs = [ref for ref, commit in tips.items() if commit and commit not in self._times]
        if not refs:
            return dict(tips)
        options = ("--quiet", "--no-tags", "--no-write-fetch-head", "--no-auto-maintenance", "--refmap=")
        with self._readable():
            self._reach("fetch", *options, "--", self.url, *(f"+{ref}:{_FETCHED}/{ref}" for ref in refs))
        return {**tips, **self._fetched(refs)}

    @_local()
    def _fetched(self, refs: Sequence[str]) -> dict[str, str]:
        """The commits of refs that were just fetched; StateError if one is no commit."""
        form = "--format=%(objecttype) %(committerdate:unix) %(objectname) %(refname)"
        fetched: dict[str, str] = {}
        for line in self._git().line("for-each-ref", form, _FETCHED).splitlines():
            kind, seconds, commit, name = line.split(" ")
            ref = name.removeprefix(f"{_FETCHED}/")
            if ref in refs and kind != "commit":
                raise self.no_state_error(ref, "a state: it is no commit")
            if ref in refs:
                fetched[ref], self._times[commit] = commit, int(seconds or 0)
        return fetched

    @_local()
    def files(self, commit: str) -> dict[str, str]:
        """The ids of the blobs of a commit, by file name; none without a commit."""
        if commit and commit != self._listed[0]:
            entries = self._git().nul_separated("ls-tree", "-r", "-z", commit)
            self._listed = commit, {name: head.split()[2] for head, _, name in (one.partition("\t") for one in entries)}
        return self._listed[1] if commit else {}

    @_local()
    def content(self, blob: str) -> bytes:
        """The content of a blob."""
        return self._git().content("cat-file", "blob", blob)

    def time_of(self, commit: str) -> int:
        """The time of a commit, in seconds since the epoch, by the clock of the committer."""
        return self._times[commit]

    @_local()
    def age(self, commit: str) -> int:
        """The number of commits in the history of a commit, itself included."""
        if commit != self._counted[0]:
            self._counted = commit, int(self._git().line("rev-list", "--count", commit))
        return self._counted[1]

    @_local()
    def commit(self, base: str, changes: Mapping[str, bytes | None], now: int, *, root: bool = False) -> str:
        """Create a commit: the files of `base` with changes (None: deleted); without a parent if `root`.  Its id."""
        lines = [f"commit refs/made\nmark :1\ncommitter {_AUTHOR} {now} +0000\ndata 0\n".encode()]
        if base and root:
            lines.append(f'M 040000 {self._git().line("rev-parse", f"{base}^{{tree}}")} ""\n'.encode())
        elif base:
            lines.append(f"from {base}\n".encode())
        for name, content in changes.items():
            lines += [f"D {name}\n".encode()] if content is None else [_import_file(name, content)]
        kept = [name for name, content in changes.items() if content is not None]
        given = b"".join([*lines, b"\n", *(f"ls :1 {name}\n".encode() for name in kept), b"get-mark :1\n"])
        *shown, commit = self._git().line("fast-import", "--quiet", "--force", given=given).splitlines()
        files = {name: id_ for name, id_ in self.files(base).items() if name not in changes}
        if base == self._counted[0]:
            self._counted = commit, 1 if root else self._counted[1] + 1
        self._listed = commit, files | {name: line.split()[2] for name, line in zip(kept, shown, strict=True)}
        self._times[commit] = now
        return commit

    def push(self, updates: Sequence[Update]) -> Refusal | None:
        """Move all refs or none, each only if it is at the expected commit; None if it succeeded."""
        leases = [f"--force-with-lease={update.ref}:{update.before}" for update in updates]
        moves = [f"{update.after}:{update.ref}" for update in updates]
        try:
            self._reach("push", *self._push_options, *leases, "--", self.url, *moves)
        except GitError as error:
            return _refusal(error)
        return None

    def foreign_files_error(self, ref: str, name: str) -> StateError:
        """The error if a ref has files that are not of a state: its history would be dropped with that of the state."""
        message = f"`{ref}` of {self.shown} is not a state: it holds `{name}`"
        return StateError(message, "choose a ref of its own with `?ref=`, or leave `?ref=` out", id="E912")

    def no_state_error(self, ref: str, what: str) -> StateError:
        """The error if a ref holds something that no state has, so that it cannot be read or written."""
        message = f"`{ref}` of {self.shown} is not {what}"
        command = f"git update-ref -d {ref}" if self.is_own else f"git push {self.shown} :{ref}"
        return StateError(message, f"if nothing else uses it, delete it when no run is active: `{command}`", id="E912")

    def push_refused_error(self, refusal: Refusal | None, ref: str) -> StateError:
        """The error if a push was refused although no other run has moved the ref of the state, `ref`."""
        reason = refusal.reason if refusal else "the push was refused"
        message = f"cannot push the state to {self.shown}: {reason}"
        if ".lock'" in reason:
            hint = "if no git process is at work there, remove that file"
        elif refusal and refusal.final:
            # Not the same branch for all: each project and environment needs one of its own.
            branch = "" if ref.startswith("refs/heads/") else f"refs/heads/{ref.removeprefix('refs/')}"
            hint = f"let the repository accept this ref, or choose another one with `?ref={branch}`"
        else:
            job = " (`permissions:` of the job: `contents: write`)" if self._token else ""
            hint = f"give the credentials that git finds here the right to push{job}"
        return StateError(message, hint, id="E912")

    def unreadable_error(self, error: object) -> StateError:
        """The error if the repository cannot be read, for the reason in `error`."""
        message = f"cannot read the state in {self.shown}: {error}"
        hint = "check the network, the temporary folder, and the credentials that git finds for it"
        return StateError(message, hint, id="E912")

    @contextlib.contextmanager
    def _readable(self) -> Iterator[None]:
        """Turn a GitError in the block into a StateError about the remote repository."""
        try:
            yield
        except GitError as error:
            raise self.unreadable_error(error) from None

    def _reach(self, verb: str, *args: str) -> str:
        """The output of a command that reaches the repository; GitError if it fails.

        If the server refuses the token of the job, the credentials count that git finds without it.
        """
        try:
            return self._git(network=True).text(verb, *args)
        except GitError as error:
            if self._without_token is None or not _UNAUTHORISED.search(str(error)):
                raise
            refused, with_token = error, self._variables
        self._variables, self._without_token = self._without_token, None
        try:
            return self._git(network=True).text(verb, *args)
        except GitError:
            self._variables, self._without_token = with_token, self._variables
            raise refused from None

    def _git(self, *, network: bool = False) -> Git:
        protocols = (
            f"https:ssh:file{':http' if urlsplit(self.url).hostname in _LOOPBACK else ''}" if network else "none"
        )
        variables = self._variables if network else {}
        return Git(self._folder, _TIMEOUT, ("--git-dir=.",), variables, protocols)


@_local()
def _check_version(root: Path) -> None:
    """StateError if git is missing or too old."""
    version = re.match(r"git version (\d+)\.(\d+)", Git(root, _TIMEOUT).line("version"))
    if version and (int(version[1]), int(version[2])) < _OLDEST:
        message = f"it has version {version[1]}.{version[2]}, which is too old"
        raise GitError(message)


@_local()
def _temporary_folder() -> Path:
    return Path(tempfile.mkdtemp(prefix="tavusctl-git-"))


def _import_file(name: str, content: bytes) -> bytes:
    return f"M 100644 inline {name}\ndata {len(content)}\n".encode() + content + b"\n"


def _refusal(error: GitError) -> Refusal:
    """Why a push failed: what git says about the refs, and what the server says; else all that git says."""
    stated = dict.fromkeys(match[1] for match in map(_REJECTED.search, error.lines) if match)
    server = [line.removeprefix("remote:").strip() for line in error.lines if line.startswith("remote:")]
    reason = "; ".join(filter(None, (*stated, *server))) if stated else str(error)
    is_final = _OTHER_FORMAT in reason or (bool(stated) and not any(one in reason for one in _TRANSIENT))
    return Refusal(shortened(reason, _REASON) or "the push was refused", is_final)


def _token(url: str) -> list[tuple[str, str]]:
    """The setting that sends the token of a job to GitHub only; empty elsewhere, and for a URL with a password."""
    server, token = os.environ.get("GITHUB_SERVER_URL", ""), os.environ.get("GITHUB_TOKEN", "")
    is_private = server.startswith("https://") or urlsplit(server).hostname in _LOOPBACK
    if not token or os.environ.get("GITHUB_ACTIONS") != "true" or not is_private or not url.startswith(f"{server}/"):
        return []
    key = f"http.{server}/.extraheader"
    credential = base64.b64encode(f"x-access-token:{token}".encode()).decode()
    return [(key, ""), (key, f"AUTHORIZATION: basic {credential}")]  # the empty value removes earlier ones


def _inherited() -> list[tuple[str, str]]:
    """The settings of git in the environment."""
    count = os.environ.get("GIT_CONFIG_COUNT", "0")
    return [
        (os.environ.get(f"GIT_CONFIG_KEY_{index}", ""), os.environ.get(f"GIT_CONFIG_VALUE_{index}", ""))
        for index in range(int(count) if count.isdigit() else 0)
    ]


def _numbered(settings: Sequence[tuple[str, str]]) -> dict[str, str]:
    """The environment variables with settings of git."""
    variables = {"GIT_CONFIG_COUNT": str(len(settings))}
    for index, (key, value) in enumerate(settings):
        variables |= {f"GIT_CONFIG_KEY_{index}": key, f"GIT_CONFIG_VALUE_{index}": value}
    return variables


def _variables(settings: Sequence[tuple[str, str]], url: str) -> dict[str, str]:
    """The environment variables for git's way to a repository: settings, and the tokens that its helpers may use."""
    is_web = urlsplit(url).scheme in ("https", "http")
    return {name: os.environ[name] for name in _TOKENS if is_web and name in os.environ} | _numbered(settings)
