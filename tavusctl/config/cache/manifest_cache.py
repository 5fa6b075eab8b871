"""What earlier runs have read from manifests, so that this one need not: one file for each environment.

An entry holds for exactly the bytes of its file, of the overlays laid over it and of all texts that it brings, and for
what the whole cache holds for: code, settings, variables.  A file of which there is something to say has none.  Brought
texts are not copied, and what has the value of a secret in it is not kept.  Whatever is not as it should be is an empty
cache.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
from pathlib import Path

import msgspec
from msgspec import Struct, field

from tavusctl.config.cache import signed_file
from tavusctl.config.cache.disk_answers import Disk, DiskAnswers
from tavusctl.config.cache.entry import Entry
from tavusctl.config.cache.trace import FilesRead
from tavusctl.secrets import redaction


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
    _files: dict[str, str] = field(default_factory=dict)  # digests of the files that were read, by path
    _texts: dict[str, str] = field(default_factory=dict)  # the same of texts
    _disk: DiskAnswers | None = None  # what rules have asked that had nothing to say

    @classmethod
    def opened(cls, path: Path, key: bytes, holds_for: str) -> ManifestCache:
        """A cache as it was saved; an empty one where that holds for something else, is damaged or somebody else's."""
        found = signed_file.read(path, key, _Content)
        if found is None or found.holds_for != holds_for:
            return cls(path, key, holds_for, _is_changed=True)
        return cls(path, key, holds_for, found.entries, found.silences)

    @property
    def files_read(self) -> FilesRead | None:
        """What was read, where all of it is known by its digest and rules have nothing to say of it."""
        return FilesRead(self._files, self._texts, self._disk) if self._is_whole and self._disk is not None else None

    def note_file(self, path: Path, digest: str) -> None:
        """A file was read."""
        self._files[os.fspath(path)] = digest

    def note_text(self, path: Path, digest: str) -> None:
        """A text was read, as a manifest brings it from a file."""
        self._texts[os.fspath(path)] = digest

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
        if not disk.answers_alike(known.disk):
            return False
        self._disk = known.disk
        return True

    def keep_silence(self, asked: str, about: str, disk: Disk) -> None:
        """Keep that rules have nothing to say of what was read."""
        if self._is_whole:
            self._disk = disk.answers
            self._silences[asked] = Silence(self._digest(about), self._disk)
            self._is_changed = True

    def save(self) -> None:
        """Write what was kept, if it is other than what is there; a disk that does not take it costs time only."""
        if not self._is_changed and self._kept.keys() == self._known.keys():
            return
        # What rules have asked stands in manifests: without all of them it is of no use, and may have a secret in it.
        silences = self._silences if self._is_whole else {}
        signed_file.write(self.path, self.key, _Content(self.holds_for, self._kept, silences))

    def _digest(self, about: str) -> str:
        text = "\0".join([self.holds_for, about, *self._read])
        return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
