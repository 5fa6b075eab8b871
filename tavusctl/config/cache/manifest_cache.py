"""The cache of parsed manifests between runs: one file for each environment.

An entry is valid for exactly the bytes of its file, of the overlays merged into it and of all texts that it includes,
and for what the whole cache depends on: code, settings, variables.  A file with diagnostics has no entry.  Included
texts are not copied, and entries that contain the value of a secret are not stored.  A cache file that is damaged,
outdated or not signed by this user counts as empty.
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
    """A record that lint rules reported nothing about manifests."""

    about: str  # digest of all that the rules read
    disk: DiskAnswers  # the answers of the disk to the rules


class _Content(Struct, array_like=True):
    holds_for: str
    entries: dict[str, msgspec.Raw]  # by shown path of the file
    silences: dict[str, Silence]  # by the set of rules


class ManifestCache(Struct):
    """The cache of one environment."""

    path: Path
    key: bytes
    holds_for: str  # digest of what all entries depend on
    _known: dict[str, msgspec.Raw] = field(default_factory=dict)  # entries as saved, by shown path
    _silences: dict[str, Silence] = field(default_factory=dict)
    _entries: dict[str, msgspec.Raw] = field(default_factory=dict)  # entries of this run, by shown path
    _read: list[str] = field(default_factory=list)  # names and digests of all that was read, in order
    _is_complete: bool = True  # whether `_read` has all that was read
    _is_changed: bool = False
    _files: dict[str, str] = field(default_factory=dict)  # digests of the manifest files read, by path
    _texts: dict[str, str] = field(default_factory=dict)  # digests of the included texts, by path
    _disk: DiskAnswers | None = None  # answers to rules, if these reported nothing

    @classmethod
    def opened(cls, path: Path, key: bytes, holds_for: str) -> ManifestCache:
        """Load a saved cache; empty if it is missing, damaged, signed with another key or of another `holds_for`."""
        saved = signed_file.read(path, key, _Content)
        if saved is None or saved.holds_for != holds_for:
            return cls(path, key, holds_for, _is_changed=True)
        return cls(path, key, holds_for, saved.entries, saved.silences)

    @property
    def files_read(self) -> FilesRead | None:
        """What was read; None unless all of it has a digest and rules reported nothing about it."""
        return FilesRead(self._files, self._texts, self._disk) if self._is_complete and self._disk is not None else None

    def note_file(self, path: Path, digest: str) -> None:
        """Record that a manifest file was read."""
        self._files[os.fspath(path)] = digest

    def note_text(self, path: Path, digest: str) -> None:
        """Record that an included text was read."""
        self._texts[os.fspath(path)] = digest

    def find(self, file: str, content: str) -> Entry | None:
        """The entry of a file with this digest, or None; it counts as used only once it is passed to `keep`."""
        raw = self._known.get(file)
        with contextlib.suppress(msgspec.MsgspecError):
            entry = msgspec.msgpack.decode(raw, type=Entry) if raw is not None else None
            return entry if entry and entry.content == content else None
        return None

    def keep(self, file: str, entry: Entry, *, is_new: bool) -> None:
        """Store the entry of a file, unless it cannot be serialised or contains the value of a secret."""
        overlays = (text for pair in sorted(entry.overlays.items()) for text in pair)
        included = (text for one in entry.brought for text in (one.name, one.digest))
        self._read += [file, entry.content, *overlays, *included]
        with contextlib.suppress(TypeError, ValueError, OverflowError):
            raw = msgspec.Raw(msgspec.msgpack.encode(entry)) if is_new else self._known[file]
            if not (redaction.knows_any() and redaction.is_written_in(bytes(raw).decode("utf-8", "replace"))):
                self._entries[file] = raw
                self._is_changed |= is_new
                return
        self.pass_over()

    def pass_over(self) -> None:
        """Record that a file was read without an entry for it."""
        self._is_complete = False

    def is_silent(self, asked: str, about: str, disk: Disk) -> bool:
        """Whether rules reported nothing about what was read, and the disk still answers their questions the same."""
        record = self._silences.get(asked)
        if record is None or not self._is_complete or record.about != self._digest(about):
            return False
        if not disk.answers_alike(record.disk):
            return False
        self._disk = record.disk
        return True

    def keep_silence(self, asked: str, about: str, disk: Disk) -> None:
        """Record that rules reported nothing about what was read."""
        if self._is_complete:
            self._disk = disk.answers
            self._silences[asked] = Silence(self._digest(about), self._disk)
            self._is_changed = True

    def save(self) -> None:
        """Write the cache if it has changed; errors of the disk are ignored, since they only cost time later."""
        if not self._is_changed and self._entries.keys() == self._known.keys():
            return
        # Questions of rules quote manifests.  If an entry is missing, they are of no use, and they may contain the
        # secret because of which that entry was not stored.
        silences = self._silences if self._is_complete else {}
        signed_file.write(self.path, self.key, _Content(self.holds_for, self._entries, silences))

    def _digest(self, about: str) -> str:
        text = "\0".join([self.holds_for, about, *self._read])
        return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
