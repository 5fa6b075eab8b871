"""What earlier runs have read from manifests, so that this one need not: one file for each environment.

An entry holds for exactly the bytes of its file, of the overlays laid over it and of all texts that it brings, and for
what the whole cache holds for: code, settings, variables.  A file of which there is something to say has none.  Brought
texts are not copied, and what has the value of a secret in it is not kept.  The cache is signed with a key that only
its user has: one that came with the files of a project could make a plan say what is not so.  Whatever is not as it
should be is an empty cache.
"""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct, field

from tavusctl.config.cache.disk_answers import Disk, DiskAnswers
from tavusctl.config.cache.entry import Entry
from tavusctl.lib import atomic_files
from tavusctl.secrets import redaction

_MAGIC: Final = b"tavusctl manifests 1\n"
_SIGNED: Final = len(_MAGIC) + hashlib.sha256().digest_size
_IGNORED: Final = b"*\n"  # nothing in the folder is for git
_OWNER: Final = 0o700
_MAX_BYTES: Final = 1024**3


class Silence(Struct, frozen=True, array_like=True):
    """That rules had nothing to say of manifests."""

    about: str  # digest of all that they looked at
    disk: DiskAnswers  # and what the disk has answered them


class _Content(Struct, array_like=True):
    holds_for: str
    entries: dict[str, msgspec.Raw]  # by what people call the file
    silences: dict[str, Silence]  # by what the rules were asked


class ManifestCache(Struct):
    """The cache of one environment."""

    path: Path
    key: bytes
    holds_for: str  # digest of what all entries depend on
    _known: dict[str, msgspec.Raw] = field(default_factory=dict)
    _silences: dict[str, Silence] = field(default_factory=dict)
    _kept: dict[str, msgspec.Raw] = field(default_factory=dict)
    _read: list[str] = field(default_factory=list)  # files and digests of what was read, in its order
    _is_whole: bool = True  # whether all of that is known by its digest
    _is_changed: bool = False

    @classmethod
    def opened(cls, path: Path, key: bytes, holds_for: str) -> ManifestCache:
        """A cache as it was saved; an empty one where that holds for something else, is damaged or somebody else's."""
        found = _content(path, key)
        if found is None or found.holds_for != holds_for:
            return cls(path, key, holds_for, _is_changed=True)
        return cls(path, key, holds_for, found.entries, found.silences)

    def find(self, file: str, content: str) -> Entry | None:
        """What was read from a file with this digest; none of it counts before `keep` is told."""
        raw = self._known.get(file)
        with contextlib.suppress(msgspec.MsgspecError):
            entry = msgspec.msgpack.decode(raw, type=Entry) if raw is not None else None
            return entry if entry and entry.content == content else None
        return None

    def keep(self, file: str, entry: Entry, *, is_new: bool) -> None:
        """Keep what was read from a file, unless it cannot be stored, or the value of a secret is in it."""
        overlays = (text for pair in sorted(entry.overlays.items()) for text in pair)
        brought = (text for one in entry.brought for text in (one.name, one.digest))
        self._read += [file, entry.content, *overlays, *brought]
        with contextlib.suppress(TypeError, ValueError, OverflowError):
            raw = msgspec.Raw(msgspec.msgpack.encode(entry)) if is_new else self._known[file]
            if not (redaction.knows_any() and redaction.is_written_in(bytes(raw).decode("utf-8", "replace"))):
                self._kept[file] = raw
                self._is_changed |= is_new
                return
        self.pass_over()

    def pass_over(self) -> None:
        """A file was read of which nothing is kept."""
        self._is_whole = False

    def is_silent(self, asked: str, about: str, disk: Disk) -> bool:
        """Whether rules had nothing to say of what was read, and the disk answers all that they ask as it did."""
        known = self._silences.get(asked)
        if known is None or not self._is_whole or known.about != self._digest(about):
            return False
        return disk.answers_alike(known.disk)

    def keep_silence(self, asked: str, about: str, disk: Disk) -> None:
        """Keep that rules have nothing to say of what was read."""
        if self._is_whole:
            self._silences[asked] = Silence(self._digest(about), disk.answers)
            self._is_changed = True

    def save(self) -> None:
        """Write what was kept, if it is other than what is there; a disk that does not take it costs time only."""
        if not self._is_changed and self._kept.keys() == self._known.keys():
            return
        # What rules have asked stands in manifests: without all of them it is of no use, and may have a secret in it.
        silences = self._silences if self._is_whole else {}
        content = msgspec.msgpack.encode(_Content(self.holds_for, self._kept, silences))
        with contextlib.suppress(OSError), _folder(self.path, make=True) as folder:
            atomic_files.replace(self.path.with_name(".gitignore"), _IGNORED, folder=folder)
            atomic_files.replace(self.path, _MAGIC + _signature(content, self.key) + content, folder=folder)

    def _digest(self, about: str) -> str:
        text = "\0".join([self.holds_for, about, *self._read])
        return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


@contextlib.contextmanager
def _folder(path: Path, *, make: bool) -> Iterator[int]:
    """The folder of a cache, opened from that of the project without following a link."""
    with atomic_files.opened(path.parents[2]) as project, contextlib.ExitStack() as steps:
        folder = project
        for name in (path.parents[1].name, path.parent.name):
            if make:
                with contextlib.suppress(FileExistsError):
                    os.mkdir(name, _OWNER, dir_fd=folder)
            folder = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=folder)
            steps.callback(os.close, folder)
        yield folder


def _content(path: Path, key: bytes) -> _Content | None:
    """The content of a cache that is whole and signed with the key."""
    try:
        with _folder(path, make=False) as folder:
            # Without O_NONBLOCK, opening a named pipe would wait for someone to write into it.
            flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
            with os.fdopen(os.open(path.name, flags, dir_fd=folder), "rb") as file:
                status = os.fstat(file.fileno())
                if not stat.S_ISREG(status.st_mode) or status.st_size > _MAX_BYTES:
                    return None
                found = file.read(status.st_size)
        content = memoryview(found)[_SIGNED:]
        good = hmac.compare_digest(found[:_SIGNED], _MAGIC + _signature(content, key))
        return msgspec.msgpack.decode(content, type=_Content) if good else None
    except (OSError, msgspec.MsgspecError):
        return None


def _signature(content: bytes | memoryview, key: bytes) -> bytes:
    return hmac.digest(key, content, "sha256")
