"""The cache of parsed manifests between runs: one file for each environment.

An entry is valid for exactly the bytes of its file, of the overlays merged into it and of all texts that it includes,
and for what the whole cache depends on: code, settings, variables.  A file with diagnostics has no entry.  Included
texts are not copied, pointers that many files have are stored once (`Shape`), and entries that contain the value of a
secret are not stored.  A cache file that is damaged, outdated or not signed by this user counts as empty.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct, field

from tavusctl.config.cache import signed_file
from tavusctl.config.cache.disk_answers import Disk, DiskAnswers
from tavusctl.config.cache.document_digests import Digests
from tavusctl.config.cache.entry import Entry, Shape
from tavusctl.config.cache.trace import FilesRead
from tavusctl.secrets import redaction

_ARRAY: Final = 0x90  # of MessagePack, with the length added
_ENCODER: Final = msgspec.msgpack.Encoder()
_MAP: Final = b"\xdf"  # of the length in the next four bytes
_Stored = tuple[Shape, msgspec.Raw]


class CleanLintRun(Struct, frozen=True, array_like=True):
    """A record that lint rules reported nothing about manifests."""

    inputs_digest: bytes  # digest of all that the rules read
    disk: DiskAnswers  # the answers of the disk to the rules


class _Content(Struct, array_like=True):
    dependency_digest: bytes
    entries: dict[str, tuple[int, msgspec.Raw]]  # the number of its shape and the entry, by shown path of the file
    clean_runs: dict[str, CleanLintRun]  # by the set of rules
    shapes: list[Shape]

    @property
    def stored(self) -> dict[str, _Stored]:
        """The entries with their shapes, by shown path of the file."""
        return {file: (self.shapes[number], raw) for file, (number, raw) in self.entries.items()}


class ManifestCache(Struct):
    """The cache of one environment."""

    path: Path
    key: bytes
    dependency_digest: bytes  # digest of what all entries depend on
    digests: Digests
    is_part: bool = False  # only some files are read: entries of others stay as they are
    before_write: Callable[[], None] = lambda: None
    _known: dict[str, _Stored] = {}  # entries as saved, by shown path
    _clean_runs: dict[str, CleanLintRun] = {}
    # Entries of this run, by shown path; new ones are parts of `_new`.
    _entries: dict[str, tuple[Shape, msgspec.Raw | slice]] = {}
    _new: bytearray = bytearray()  # in one piece, because memory between other values could not be used again
    _read: hashlib._Hash = field(default_factory=hashlib.sha256)  # of all that was read, in order
    _is_complete: bool = True  # whether `_read` has all that was read
    _is_changed: bool = False
    files: dict[str, bytes] = {}  # digests of the manifest files read, by path
    texts_by_file: dict[str, dict[str, bytes]] = {}  # digests of included texts, by path of a file with an entry
    paths: dict[str, str] = {}  # paths of the manifest files read, by shown path
    _disk: DiskAnswers | None = None  # answers to rules, if these reported nothing
    disk_answers: DiskAnswers | None = None  # answers to rules about files that have an entry, whatever these reported
    is_used: bool = False  # whether anything that this run knows comes from the cache
    share_of_limits: float = 1  # how much of the limits of a project the files take, see `Budget.share`

    @classmethod
    def load(
        cls,
        path: Path,
        key: bytes,
        dependency_digest: bytes,
        digests: Digests,
        *,
        is_part: bool = False,
        before_write: Callable[[], None] = lambda: None,
    ) -> ManifestCache:
        """Load a saved cache; empty if it is missing, damaged, signed with another key or has another digest."""
        saved = signed_file.read(path, key, _Content)
        if saved is None or saved.dependency_digest != dependency_digest:
            return cls(path, key, dependency_digest, digests, is_part, before_write, _is_changed=True)
        return cls(path, key, dependency_digest, digests, is_part, before_write, saved.stored, saved.clean_runs)

    @property
    def files_read(self) -> FilesRead | None:
        """What was read; None unless all of it has a digest and rules reported nothing about it."""
        if not self._is_complete or self._disk is None:
            return None
        texts = {path: digest for of_file in self.texts_by_file.values() for path, digest in of_file.items()}
        return FilesRead(self.files, texts, self._disk)

    def note_file(self, path: Path, shown_path: str, digest: bytes) -> None:
        """Record that a manifest file was read."""
        self.files[os.fspath(path)] = digest
        self.paths[shown_path] = os.fspath(path)

    def note_texts(self, path: Path, digests: Mapping[Path, bytes]) -> None:
        """Record the included texts that the entry of a manifest file depends on."""
        self.texts_by_file[os.fspath(path)] = {os.fspath(text): digest for text, digest in digests.items()}

    def find(self, file: str, content: bytes) -> tuple[Entry, Shape] | None:
        """The entry of a file with this digest, and its shape, or None; it is used once it is passed to `keep`."""
        shape, raw = self._known.get(file, ((), None))
        with contextlib.suppress(msgspec.MsgspecError):
            entry = msgspec.msgpack.decode(raw, type=Entry) if raw is not None else None
            return (entry, shape) if entry and entry.content == content else None
        return None

    def keep(self, file: str, entry: Entry, shape: Shape, *, is_new: bool) -> None:
        """Keep the entry of a file, unless it cannot be serialised."""
        self.is_used |= not is_new
        try:
            read = file, entry.content, sorted(entry.overlays.items()), entry.included_texts
            self._read.update(_ENCODER.encode(read))
            self._entries[file] = (shape, self._encode(entry)) if is_new else self._known[file]
        except (TypeError, ValueError, OverflowError):
            self.mark_incomplete()
        else:
            self._is_changed |= is_new

    def _encode(self, entry: Entry) -> slice:
        """Add an entry to the new ones, and return its place."""
        start = len(self._new)
        _ENCODER.encode_into(entry, self._new, start)
        return slice(start, len(self._new))

    def mark_incomplete(self) -> None:
        """Record that a file was read without an entry for it."""
        self._is_complete = False

    def is_known_clean(self, rule_set: str, lint_inputs: str, disk: Disk) -> bool:
        """Whether rules reported nothing about what was read, and the disk still answers their questions the same."""
        record = None if self.is_part else self._clean_runs.get(rule_set)
        if record is None or not self._is_complete or record.inputs_digest != self._digest(lint_inputs):
            return False
        if not disk.answers_alike(record.disk):
            return False
        self._disk = self.disk_answers = record.disk
        self.is_used = True
        return True

    def record_run(self, rule_set: str, lint_inputs: str, disk: Disk, *, is_clean: bool) -> None:
        """Record the answers of the disk to rules, and whether these reported nothing about what was read."""
        self.disk_answers = answers = disk.answers_about(self._entries)
        if is_clean and self._is_complete:
            self._disk = answers
            if not self.is_part:
                self._clean_runs[rule_set] = CleanLintRun(self._digest(lint_inputs), answers)
                self._is_changed = True

    def save(self) -> None:
        """Write the cache if it has changed, without what contains the value of a secret that is known by now.

        Its entries are then dropped from memory.  Errors of the disk are ignored, since they only cost time later.
        """
        entries = {**self._known, **self._entries} if self.is_part else self._entries
        views = {
            file: (shape, memoryview(self._new)[place] if isinstance(place, slice) else place)
            for file, (shape, place) in entries.items()
        }
        self._write(views, self._clean_runs, is_changed=self._is_changed or entries.keys() != self._known.keys())
        self._known, self._entries, self._new, self._is_changed = {}, {}, bytearray(), False

    def drop_secrets(self) -> None:
        """Write the saved cache again if it contains the value of a secret that is known by now, without that."""
        saved = signed_file.read(self.path, self.key, _Content)
        if saved and saved.dependency_digest == self.dependency_digest:
            self._write(saved.stored, saved.clean_runs, is_changed=False)

    def _write(
        self,
        entries: Mapping[str, tuple[Shape, msgspec.Raw | memoryview]],
        clean_runs: Mapping[str, CleanLintRun],
        *,
        is_changed: bool,
    ) -> None:
        shapes = _Shapes()
        numbers = {file: shapes.number_of(shape) for file, (shape, _) in entries.items()}
        secret = {number for number, shape in enumerate(shapes.distinct) if _contains_secret(shape)}
        kept = {
            file: stored
            for file, stored in entries.items()
            if not (numbers[file] in secret or _contains_secret(file, stored[1]))
        }
        # Questions of rules quote manifests.  If an entry is missing, they are of no use.
        runs = clean_runs if self._is_complete else {}
        if len(kept) < len(entries) or _contains_secret(runs):
            self.mark_incomplete()
            runs, is_changed = {}, True
        if is_changed:
            self.before_write()
            signed_file.write_parts(self.path, self.key, _encoded(self.dependency_digest, kept, runs))

    def _digest(self, lint_inputs: str) -> bytes:
        return hashlib.sha256(self.dependency_digest + self._read.digest() + lint_inputs.encode()).digest()


def _encoded(
    dependency_digest: bytes,
    entries: Mapping[str, tuple[Shape, msgspec.Raw | memoryview]],
    clean_runs: Mapping[str, CleanLintRun],
) -> Iterator[bytes | memoryview]:
    """A `_Content` as MessagePack, in parts, because its entries are large."""
    shapes = _Shapes()
    yield _array(4) + msgspec.msgpack.encode(dependency_digest) + _MAP + len(entries).to_bytes(4, "big")
    for file, (shape, raw) in entries.items():
        yield msgspec.msgpack.encode(file) + _array(2) + msgspec.msgpack.encode(shapes.number_of(shape))
        yield memoryview(raw)
    yield msgspec.msgpack.encode(clean_runs)
    yield msgspec.msgpack.encode(shapes.distinct)


def _array(length: int) -> bytes:
    return bytes([_ARRAY + length])


class _Shapes(Struct):
    """The shapes of the entries of a cache, each once."""

    distinct: list[Shape] = []
    _numbers: dict[object, int] = {}  # by content, and by identity of its parts

    def number_of(self, shape: Shape) -> int:
        """The number of a shape; nearly always its very parts have one already."""
        parts = tuple(map(id, shape))
        number = self._numbers.get(parts)
        if number is None:
            content = "content", tuple(tuple(places.items()) for places in shape)
            number = self._numbers[parts] = self._numbers.setdefault(content, len(self.distinct))
            if number == len(self.distinct):
                self.distinct.append(shape)
        return number


def _contains_secret(*parts: object) -> bool:
    """Whether a part of the cache contains the value of a secret that this run knows."""
    if not redaction.has_known_secrets():
        return False
    with contextlib.suppress(TypeError, ValueError, OverflowError):  # what cannot be serialised is not written
        return any(redaction.bytes_contain_secret(msgspec.msgpack.encode(part)) for part in parts)
    return False
