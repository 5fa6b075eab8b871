"""The one way in which git is run: it runs nothing that a checkout or its settings name.

No hook, monitor, filter, converter or pager; no repository that is no more than a folder of the checkout; no other
machine, for objects that a partial clone has left there neither; none of our secrets in its environment; never longer
and never more than it may.  Files are read from blobs and never checked out.  What a person wrote is looked up as one
name, and never stands where an option could.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from msgspec import Struct

from tavusctl.secrets.redaction import shortened

_OPTIONS: Final = (
    *("--no-pager", "--no-optional-locks", "--literal-pathspecs"),
    *("-c", "safe.bareRepository=explicit", "-c", "protocol.allow=never"),
    *("-c", f"core.hooksPath={os.devnull}", "-c", "core.fsmonitor=false", "-c", "blame.ignoreRevsFile="),
)
_KEPT: Final = ("HOME", "USERPROFILE", "XDG_CONFIG_HOME", "SYSTEMROOT", "TMPDIR", "TEMP", "TMP")
_REACHING: Final = (  # how a person's git reaches other machines: keys, agents, proxies, certificates
    *("SSH_AUTH_SOCK", "SSH_ASKPASS", "GIT_ASKPASS", "GIT_SSH", "GIT_SSH_COMMAND", "GIT_SSL_CAINFO", "SSL_CERT_FILE"),
    *("http_proxy", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY", "no_proxy", "NO_PROXY", "USER", "LOGNAME"),
)
_SET: Final = {
    "LC_ALL": "C",
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_NO_LAZY_FETCH": "1",
}
_LIMIT: Final = 64 * 1024 * 1024  # bytes that one command may say
_COMPLAINT: Final = 300  # characters of what it says when it fails


class GitError(Exception):
    """Git does not do what was asked, and why."""


class UnknownCommitError(GitError):
    """Git has ended with a word that it is not so."""


class MissingObjectError(GitError):
    """An object is not in the repository, and is not fetched."""

    def __init__(self, id_: str) -> None:
        super().__init__(f"the clone has no object {id_[:7]}; fetch the whole history (no partial clone)")


class Git(Struct):
    """Git in a folder, for so many seconds in all."""

    folder: Path
    seconds: float = 60.0
    options: tuple[str, ...] = ()
    variables: Mapping[str, str] = {}
    protocols: str = "none"  # by which other machines are reached, as GIT_ALLOW_PROTOCOL has them
    _ends: float = 0.0

    def __post_init__(self) -> None:
        self._ends = time.monotonic() + self.seconds

    @property
    def is_late(self) -> bool:
        """Whether the time is used up."""
        return time.monotonic() >= self._ends

    def text(self, verb: str, *args: str) -> str:
        """What a command says, as text; GitError when it fails."""
        return self._said(verb, args).decode("utf-8", "replace")

    def line(self, verb: str, *args: str) -> str:
        """What a command says, as one line; GitError when it fails."""
        return self.text(verb, *args).removesuffix("\n")

    def names(self, verb: str, *args: str) -> list[str]:
        """What a command says between NULs; names of files are what the system takes them for."""
        return [os.fsdecode(one) for one in self._said(verb, args).split(b"\0") if one]

    def object(self, name: str) -> str:
        """The id of what a name stands for, such as `main^{commit}`; an empty string when there is no such thing."""
        return self.known("rev-parse", "--verify", "--quiet", "--end-of-options", name)

    def fed(self, given: bytes, verb: str, *args: str) -> str:
        """What a command says of its standard input, as one line; GitError when it fails."""
        return self._said(verb, args, given).decode("utf-8", "replace").removesuffix("\n")

    def content(self, verb: str, *args: str) -> bytes:
        """What a command says, as bytes; GitError when it fails."""
        return self._said(verb, args)

    def known(self, verb: str, *args: str) -> str:
        """What a command says, as one line; an empty string when it ends without a word because there is nothing."""
        try:
            return self.line(verb, *args)
        except UnknownCommitError:
            return ""

    def blobs(self, sizes: Mapping[str, int]) -> Iterator[tuple[str, bytes]]:
        """The contents of blobs by id, given how long each is: as they are kept, unfiltered."""
        for batch in _batches(sizes):
            said = memoryview(self._said("cat-file", ("--batch",), "".join(f"{one}\n" for one in batch).encode()))
            for one in batch:
                head = f"{one} blob {sizes[one]}\n".encode()
                if said[: len(head)] != head:
                    raise MissingObjectError(one)
                end = len(head) + sizes[one]
                yield one, bytes(said[len(head) : end])
                said = said[end + 1 :]

    def _said(self, verb: str, args: tuple[str, ...], given: bytes = b"") -> bytes:
        with tempfile.TemporaryFile() as told, tempfile.TemporaryFile() as diagnostic:
            told.write(given)
            told.seek(0)
            command = [_program(), *_OPTIONS, "-C", str(self.folder), *self.options, verb, *args]
            said, code = self._run(command, verb, told.fileno(), diagnostic.fileno())
            diagnostic.seek(0)
            words = diagnostic.read(10 * _COMPLAINT).decode("utf-8", "replace").strip()
        if code:
            said_once = "; ".join(filter(None, map(str.strip, words.removeprefix("fatal: ").splitlines())))
            message = shortened(said_once, _COMPLAINT) or f"git {verb} ended with {code}"
            raise (GitError if words else UnknownCommitError)(message)
        return said

    def _run(self, command: list[str], verb: str, told: int, diagnostic: int) -> tuple[bytes, int]:
        with _started(command, told, diagnostic, self._environment()) as process:
            late = threading.Timer(max(self._ends - time.monotonic(), 0.01), _end, [process])
            late.start()
            try:
                assert process.stdout  # noqa: S101 - for the type checker
                said = process.stdout.read(_LIMIT + 1)
                if len(said) > _LIMIT:
                    message = f"git {verb} printed more than {_LIMIT // 1024**2} MiB"
                    raise GitError(message)
                code = process.wait()
            finally:
                late.cancel()
                _end(process)
        if self.is_late:
            message = f"git {verb} took longer than {self.seconds:.0f} s"
            raise GitError(message)
        return said, code

    def _environment(self) -> dict[str, str]:
        names = _KEPT if self.protocols == "none" else (*_KEPT, *_REACHING)
        kept = {name: os.environ[name] for name in names if name in os.environ}
        return {**kept, **_SET, "GIT_ALLOW_PROTOCOL": self.protocols, **self.variables, "PATH": _path()}


def head(folder: Path) -> str:
    """The commit that is checked out; an empty string where git knows none."""
    try:
        return Git(folder, 10.0).object("HEAD^{commit}")
    except GitError:
        return ""


def _batches(sizes: Mapping[str, int]) -> Iterator[list[str]]:
    """Ids in groups whose contents git may say at once."""
    batch: list[str] = []
    room = _LIMIT
    for one, size in sizes.items():
        needs = size + 100  # for what stands before and behind it
        if batch and needs > room:
            yield batch
            batch, room = [], _LIMIT
        batch.append(one)
        room -= needs
    if batch:
        yield batch


def _path() -> str:
    """Where programs are; a folder that depends on where we stand could be one of the checkout."""
    return os.pathsep.join(one for one in os.get_exec_path() if Path(one).is_absolute())


def _program() -> str:
    found = shutil.which("git", path=_path())
    if found is None or not Path(found).is_absolute():
        message = "git cannot be run: No such file or directory"
        raise GitError(message)
    return found


def _started(command: list[str], told: int, diagnostic: int, environment: Mapping[str, str]) -> subprocess.Popen[bytes]:
    try:
        return subprocess.Popen(  # noqa: S603 - fixed verbs; names of people are looked up behind --end-of-options
            command,
            stdin=told,
            stdout=subprocess.PIPE,
            stderr=diagnostic,
            env=environment,
            start_new_session=True,
        )
    except OSError as error:
        message = f"git cannot be run: {error.strerror}"
        raise GitError(message) from None


def _end(process: subprocess.Popen[bytes]) -> None:
    """End a command, and whatever it has begun."""
    if hasattr(os, "killpg"):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
    elif process.poll() is None:
        process.kill()
