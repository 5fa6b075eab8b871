"""A journal in a local file: every line is on disk before `append` returns."""

from __future__ import annotations

import contextlib
import os
import threading
from pathlib import Path

from tavusctl.core.errors import StateError
from tavusctl.lib.atomic_files import remedy, sync_directory
from tavusctl.lib.private_files import read_private
from tavusctl.state.hash_chain import Chain, follow, link


class JournalFile:
    """A journal in a file that only its owner can read."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._guard = threading.Lock()
        self._known: Chain | None = None  # of the file, without records: an append needs head and size
        self._distrusted = False  # after a failed fsync, reads may return data that is not on disk

    def records(self) -> list[bytes]:
        """The records in order, without a last line that was cut off during its write."""
        with self._guard:
            return list(self._read().records)

    def append(self, record: bytes) -> None:
        """Add a record and wait for the disk."""
        with self._guard:
            if self._distrusted:
                raise _unusable(self.path, "append to", OSError(0, "an earlier write did not reach the disk"))
            chain = self._known or self._read()
            line, head = link(chain.head, record)
            self._write(chain, line if chain.complete else b"\n" + line)
            size = chain.size + len(line) + (not chain.complete)
            self._known = Chain((), head, size)

    def clear(self) -> None:
        """Remove the file."""
        with self._guard:
            self._known = None
            try:
                self.path.unlink()
                sync_directory(self.path.parent)
            except FileNotFoundError:
                pass  # there was never a journal
            except OSError as error:
                raise _unusable(self.path, "clear", error) from None

    def _read(self) -> Chain:
        try:
            content = read_private(self.path)
        except FileNotFoundError:
            content = b""
        except OSError as error:
            raise _unusable(self.path, "read", error) from None
        return follow(content, f"the journal {self.path}")

    def _write(self, chain: Chain, line: bytes) -> None:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_NONBLOCK
            descriptor = os.open(self.path, flags, 0o600)
        except OSError as error:
            raise _unusable(self.path, "append to", error) from None
        try:
            self._write_line(descriptor, chain, line)
        finally:
            os.close(descriptor)

    def _write_line(self, descriptor: int, chain: Chain, line: bytes) -> None:
        try:
            size = os.fstat(descriptor).st_size
            if size != chain.size:
                if self._known is not None:
                    raise _unusable(self.path, "append to", OSError(0, "another process has changed it"))
                os.ftruncate(descriptor, chain.size)  # remove a torn last line, which was never acknowledged
            _write_all(descriptor, line)
        except OSError as error:
            with contextlib.suppress(OSError):
                os.ftruncate(descriptor, chain.size)
            raise _unusable(self.path, "append to", error) from None
        try:
            os.fsync(descriptor)
            if chain.size == 0:
                sync_directory(self.path.parent)
        except OSError as error:
            self._distrusted = True
            with contextlib.suppress(OSError):
                os.ftruncate(descriptor, chain.size)
            raise _unusable(self.path, "append to", error) from None


def _write_all(descriptor: int, content: bytes) -> None:
    remaining = memoryview(content)
    while remaining:
        remaining = remaining[os.write(descriptor, remaining) :]


def _unusable(path: Path, verb: str, error: OSError) -> StateError:
    message = f"cannot {verb} the journal {path}: {error.strerror}"
    return StateError(message, remedy(error, "check its folder and the disk"), id="E903")
