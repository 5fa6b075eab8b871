"""Counts the points at which a kill can leave work half done, and kills this process at one of them.

There is a point before every call that writes below `.tavusctl` or to a temporary file that takes the place of another,
in the middle of every write, before and in the middle of every `send` of a request, and before every `recv` of a
response.  The disk can fail instead of a kill: then
only calls that write are points.  Only the standard library is wrapped, before the product is imported.
"""

from __future__ import annotations

import errno
import mmap
import os
import re
import signal
import socket
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

FOLDER = ".tavusctl"
TEMPORARY = re.compile(r"\..+\.[0-9]+\.[0-9a-f]{16}", re.DOTALL)
_WRITES = ("send POST", "send PATCH", "send DELETE")
_METHODS = (b"GET ", b"POST ", b"PATCH ", b"PUT ", b"DELETE ")
_PASSED, _AFTER, _LABEL = slice(0, 8), slice(8, 16), slice(16, 256)


class Counter:
    """Counts the points passed so far, in shared memory that outlives a killed child process."""

    def __init__(self) -> None:
        self._shared = mmap.mmap(-1, 256)
        self._guard = threading.Lock()
        self._at = 0
        self._error = 0
        self._lasting = False

    def arm(self, at: int, error: int = 0, *, lasting: bool = False) -> None:
        """Reset the counter, and set the point to kill at; 0: never.

        With an errno in `error`, the disk fails at that point instead; with `lasting`, also at every later point.
        """
        self._at, self._error, self._lasting = at, error, lasting
        self._shared[:] = bytes(256)

    def point(self, label: str, half: Callable[[], object] | None = None, *, disk: bool = True) -> None:
        """Count a point; at the armed one, do `half` of the call, then kill the process or raise the disk error.

        Points with `disk=False` do not count while a disk error is armed.
        """
        with self._guard:
            if self._error and not disk:
                self._note_sent(label)
                return
            passed = self.passed + 1
            self._shared[_PASSED] = passed.to_bytes(8, "little")
            if passed != self._at and not (self._lasting and self._at and passed > self._at):
                return
            if not self.label:
                self._shared[_LABEL] = label.encode()[:240].ljust(240, b"\0")
            if half:
                half()
            if self._error:
                raise OSError(self._error, os.strerror(self._error))
            os.kill(os.getpid(), signal.SIGKILL)
            signal.pause()

    def _note_sent(self, label: str) -> None:
        if self.label and label.startswith(_WRITES):
            self._shared[_AFTER] = (self.after + 1).to_bytes(8, "little")

    @property
    def passed(self) -> int:
        """The number of points passed."""
        return int.from_bytes(self._shared[_PASSED], "little")

    @property
    def after(self) -> int:
        """The number of POST, PATCH and DELETE requests sent after the disk had failed."""
        return int.from_bytes(self._shared[_AFTER], "little")

    @property
    def label(self) -> str:
        """The label of the point of the kill or the disk error; empty if there was none."""
        return self._shared[_LABEL].rstrip(b"\0").decode()


def wrap(counter: Counter) -> None:
    """Wrap the functions of the standard library with which the product writes files and sends requests."""
    _wrap_paths(counter)
    _wrap_descriptors(counter)
    _wrap_sockets(counter)


def _is_watched(path: Any) -> bool:
    if not isinstance(path, str | os.PathLike):
        return False
    return FOLDER in Path(path).parts or bool(TEMPORARY.fullmatch(Path(path).name))


def _path_of(descriptor: int) -> str:
    try:
        return str(Path(f"/proc/self/fd/{descriptor}").readlink())
    except OSError as error:
        if error.errno in (errno.ENOENT, errno.EBADF):
            return ""
        raise


def _wrap_paths(counter: Counter) -> None:
    original_open = os.open

    def open_(path: Any, flags: int, *args: Any, **named: Any) -> int:
        may_create = bool(flags & os.O_CREAT) and _is_watched(path)
        is_new = may_create and not os.path.lexists(path)
        if may_create:
            counter.point(f"open {Path(path).name}")
        descriptor = original_open(path, flags, *args, **named)
        if is_new:
            counter.point(f"opened {Path(path).name}", disk=False)
        return descriptor

    os.open = open_
    for name in ("replace", "unlink", "mkdir", "rename"):
        setattr(os, name, _counting_path(counter, name, getattr(os, name)))


def _counting_path(counter: Counter, name: str, call: Callable[..., Any]) -> Callable[..., Any]:
    def counted(path: Any, *args: Any, **named: Any) -> Any:
        if _is_watched(path):
            # A failing `mkdir` of an existing folder would not be noticed: the folder exists all the same.
            counter.point(f"{name} {Path(path).name}", disk=name != "mkdir" or not Path(path).is_dir())
        return call(path, *args, **named)

    return counted


def _wrap_descriptors(counter: Counter) -> None:
    write = os.write

    def write_(descriptor: int, content: Any) -> int:
        path = _path_of(descriptor)
        if _is_watched(path):
            counter.point(f"write {Path(path).name}")
            middle = memoryview(content)[: len(content) // 2]
            counter.point(f"in the middle of a write of {Path(path).name}", lambda: write(descriptor, middle))
        return write(descriptor, content)

    os.write = write_
    for name in ("fsync", "ftruncate", "pwrite"):
        setattr(os, name, _counting_descriptor(counter, name, getattr(os, name)))


def _counting_descriptor(counter: Counter, name: str, call: Callable[..., Any]) -> Callable[..., Any]:
    def counted(descriptor: int, *args: Any) -> Any:
        path = _path_of(descriptor)
        if _is_watched(path):
            counter.point(f"{name} {Path(path).name}")
        return call(descriptor, *args)

    return counted


def _wrap_sockets(counter: Counter) -> None:
    send, receive = socket.socket.send, socket.socket.recv

    def send_(this: socket.socket, content: Any, flags: int = 0) -> int:
        whole = bytes(content)
        sent, label = _with_pid(whole), whole.split(b"\r\n", 1)[0][:60].decode("latin-1")
        counter.point(f"send {label}", disk=False)
        half = sent[: len(sent) // 2]
        counter.point(f"in the middle of sending {label}", lambda: send(this, half, flags), disk=False)
        this.sendall(sent)
        return len(whole)

    def receive_(this: socket.socket, *args: Any) -> bytes:
        counter.point("receive", disk=False)
        return receive(this, *args)

    setattr(socket.socket, "send", send_)  # noqa: B010 - types forbid the assignment
    setattr(socket.socket, "recv", receive_)  # noqa: B010 - as above


def _with_pid(content: bytes) -> bytes:
    """The head of a request with the id of this process in a header, so that the emulator can kill the process."""
    if not content.startswith(_METHODS):
        return content
    line, rest = content.split(b"\r\n", 1)
    return b"\r\n".join((line, b"x-tavusctl-pid: %d" % os.getpid(), rest))
