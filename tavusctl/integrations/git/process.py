"""The only way in which git is run: it starts no program that a checkout or its settings name.

There is no hook, monitor, filter, converter or pager, and no bare repository inside a checkout.  git contacts another
machine only if `Git.protocols` allows it, and never for the missing objects of a partial clone.  Its environment has
none of our secrets; its time and its output are limited.  Files are read from blobs and never checked out.  A name that
a user typed is resolved as one revision, and never passed where git accepts options.
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

from tavusctl.secrets.redaction import redacted_words, shortened
from tavusctl.secrets.url_credentials import without_credentials

_OPTIONS: Final = (
    *("--no-pager", "--no-optional-locks", "--literal-pathspecs"),
    *("-c", "safe.bareRepository=explicit", "-c", "protocol.allow=never"),
    *("-c", f"core.hooksPath={os.devnull}", "-c", "core.fsmonitor=false", "-c", "blame.ignoreRevsFile="),
)
_KEPT: Final = (
    *("HOME", "USERPROFILE", "XDG_CONFIG_HOME", "SYSTEMROOT", "TMPDIR", "TEMP", "TMP"),
    *("GIT_CONFIG_GLOBAL", "GIT_CONFIG_SYSTEM", "GIT_CONFIG_NOSYSTEM"),
)
_REACHING: Final = (  # how the user's git reaches other machines: keys, agents, proxies, certificates, key rings
    *("SSH_AUTH_SOCK", "SSH_ASKPASS", "GIT_ASKPASS", "GIT_SSH", "GIT_SSH_COMMAND", "GIT_SSH_VARIANT", "SSL_CERT_FILE"),
    *("GIT_SSL_CAINFO", "GIT_SSL_CAPATH", "GIT_SSL_CERT", "GIT_SSL_KEY", "SSL_CERT_DIR", "USER", "LOGNAME"),
    *("http_proxy", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY", "no_proxy", "NO_PROXY"),
    *("DBUS_SESSION_BUS_ADDRESS", "XDG_RUNTIME_DIR", "DISPLAY", "WAYLAND_DISPLAY", "KRB5CCNAME", "GNUPGHOME"),
)
_SET: Final = {"LC_ALL": "C", "GIT_TERMINAL_PROMPT": "0", "GIT_NO_LAZY_FETCH": "1"}
_ADVICE: Final = {
    "dubious ownership": "run that command, as the folder belongs to another user (in a container job of GitHub: in a "
    "step after the checkout)",
    "not a git repository": "check the project out with git (in GitHub Actions, it must be on the machine)",
    "git cannot be run": "install git, and put it on PATH",
}
_LIMIT: Final = 64 * 1024 * 1024  # bytes of the output of one command
_COMPLAINT: Final = 300  # characters of its error output that a message quotes


class GitError(Exception):
    """A git command failed; the message is the reason, `lines` is all of its error output that was read."""

    def __init__(self, message: str, lines: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.lines = lines

    @property
    def advice(self) -> str:
        """What makes git work in a folder in which it does not; empty if this is not the fault."""
        return next((advice for words, advice in _ADVICE.items() if words in str(self)), "")


class UnknownCommitError(GitError):
    """A git command ended with 1 and without an error message: the requested thing does not exist."""


class MissingObjectError(GitError):
    """An object is not in the local repository; it is not fetched."""

    def __init__(self, id_: str) -> None:
        super().__init__(f"the clone has no object {id_[:7]}; fetch the whole history (no partial clone)")


class Git(Struct):
    """Runs git in a folder, for at most `seconds` in total."""

    folder: Path
    seconds: float = 60.0
    options: tuple[str, ...] = ()
    variables: Mapping[str, str] = {}
    protocols: str = "none"  # allowed for other machines, in the form of GIT_ALLOW_PROTOCOL
    _ends: float = 0.0

    def __post_init__(self) -> None:
        self._ends = time.monotonic() + self.seconds

    @property
    def is_late(self) -> bool:
        """Whether the time is used up."""
        return time.monotonic() >= self._ends

    def text(self, verb: str, *args: str) -> str:
        """The output of a command as text; GitError if it fails."""
        return self.content(verb, *args).decode("utf-8", "replace")

    def line(self, verb: str, *args: str, given: bytes = b"") -> str:
        """The output of a command, with `given` as its input, without the newline at its end; GitError if it fails."""
        return self.content(verb, *args, given=given).decode("utf-8", "replace").removesuffix("\n")

    def path(self, verb: str, *args: str) -> str:
        """The output of a command without the newline at its end, decoded as a file name; GitError if it fails."""
        return os.fsdecode(self.content(verb, *args).removesuffix(b"\n"))

    def nul_separated(self, verb: str, *args: str) -> list[str]:
        """The NUL-separated output of a command, decoded as file names; GitError if it fails."""
        return [os.fsdecode(name) for name in self.content(verb, *args).split(b"\0") if name]

    def object(self, name: str) -> str:
        """The id of the object that a name stands for, such as `main^{commit}`; empty if it does not exist."""
        return self.line_or_empty("rev-parse", "--verify", "--quiet", "--end-of-options", name)

    def line_or_empty(self, verb: str, *args: str) -> str:
        """As `line`, but empty if the command fails without an error message, because the thing does not exist."""
        try:
            return self.line(verb, *args)
        except UnknownCommitError:
            return ""

    def blobs(self, sizes: Mapping[str, int]) -> Iterator[tuple[str, bytes]]:
        """The ids and unfiltered contents of blobs, given their sizes by id; MissingObjectError if one is missing."""
        for batch in _batches(sizes):
            ids = "".join(f"{id_}\n" for id_ in batch).encode()
            output = memoryview(self.content("cat-file", "--batch", given=ids))
            for id_ in batch:
                head = f"{id_} blob {sizes[id_]}\n".encode()
                if output[: len(head)] != head:
                    raise MissingObjectError(id_)
                end = len(head) + sizes[id_]
                yield id_, bytes(output[len(head) : end])
                output = output[end + 1 :]

    def content(self, verb: str, *args: str, given: bytes = b"") -> bytes:
        """The output of a command, with `given` as its input; GitError if it fails."""
        try:
            with tempfile.TemporaryFile() as stdin, tempfile.TemporaryFile() as stderr:
                stdin.write(given)
                stdin.seek(0)
                stderr.write(bytes(_COMPLAINT))  # so that git finds room for its error message on a full disk
                stderr.seek(0)
                command = [_program(), *_OPTIONS, "-C", str(self.folder), *self.options, verb, *args]
                output, code = self._run(command, verb, stdin.fileno(), stderr.fileno())
                stderr.seek(0)
                error_text = stderr.read(10 * _COMPLAINT).rstrip(b"\0").decode("utf-8", "replace").strip()
        except OSError as error:  # of git, or of a file with its input or output
            message = f"git cannot be run: {error.strerror}"
            raise GitError(message) from None
        if code:
            # Redacted before it is cut: half of a password in an address would look like a port.
            safe_text = redacted_words(without_credentials(error_text))
            lines = tuple(filter(None, map(str.strip, safe_text.removeprefix("fatal: ").splitlines())))
            message = shortened("; ".join(lines), _COMPLAINT) or f"git {verb} ended with {code} and printed no reason"
            raise (UnknownCommitError if code == 1 and not error_text else GitError)(message, lines)
        return output

    def _run(self, command: list[str], verb: str, stdin: int, stderr: int) -> tuple[bytes, int]:
        with subprocess.Popen(  # noqa: S603 - fixed verbs; names that users typed come after --end-of-options
            command, stdin=stdin, stdout=subprocess.PIPE, stderr=stderr, env=self._environment(), start_new_session=True
        ) as process:
            timer = threading.Timer(max(self._ends - time.monotonic(), 0.01), _end, [process])
            timer.start()
            try:
                assert process.stdout  # noqa: S101 - for the type checker
                output = process.stdout.read(_LIMIT + 1)
                if len(output) > _LIMIT:
                    message = f"git {verb} printed more than {_LIMIT // 1024**2} MiB"
                    raise GitError(message)
                _await_end(process)
            finally:
                timer.cancel()
                timer.join()
                _end(process)
            code = process.wait()
        if self.is_late:
            message = f"git {verb} took longer than {self.seconds:.0f} s"
            raise GitError(message)
        return output, code

    def _environment(self) -> dict[str, str]:
        names = _KEPT if self.protocols == "none" else (*_KEPT, *_REACHING)
        inherited = {name: os.environ[name] for name in names if name in os.environ}
        return {**inherited, **_SET, "GIT_ALLOW_PROTOCOL": self.protocols, **self.variables, "PATH": _path()}


def head(folder: Path) -> str:
    """The id of the checked-out commit; empty if there is none, or no git."""
    try:
        return Git(folder, 10.0).object("HEAD^{commit}")
    except GitError:
        return ""


def _batches(sizes: Mapping[str, int]) -> Iterator[list[str]]:
    """The ids in groups; the contents of a group fit into the output limit of one command."""
    batch: list[str] = []
    room = _LIMIT
    for id_, size in sizes.items():
        needed = size + 100  # for the header and the newline
        if batch and needed > room:
            yield batch
            batch, room = [], _LIMIT
        batch.append(id_)
        room -= needed
    if batch:
        yield batch


def _path() -> str:
    """The absolute folders of PATH; a relative one could be a folder of the checkout."""
    return os.pathsep.join(folder for folder in os.get_exec_path() if Path(folder).is_absolute())


def _program() -> str:
    program = shutil.which("git", path=_path())
    if program is None or not Path(program).is_absolute():
        message = "git cannot be run: No such file or directory"
        raise GitError(message)
    return program


def _await_end(process: subprocess.Popen[bytes]) -> None:
    """Wait until a command has ended; its id stays taken, so that `_end` cannot kill a new process that gets it."""
    if hasattr(os, "waitid"):
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    else:
        process.wait()


def _end(process: subprocess.Popen[bytes]) -> None:
    """Kill a command and its child processes."""
    if hasattr(os, "killpg"):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
    elif process.poll() is None:
        process.kill()
