"""The composer: it builds JSON values with their positions from the events of the YAML parser."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from typing import Final, Protocol

import yaml
from msgspec import Struct, field
from msgspec.structs import replace

from tavusctl.config.yaml12.positions import Positions, compact, places_of
from tavusctl.config.yaml12.scalars import COMMENT_FOR_TEXT, COMMENT_IN_TEXT, MERGE_KEY, key_fault, plain, quoted
from tavusctl.config.yaml12.stand_ins import Reading
from tavusctl.core.address import Source
from tavusctl.core.diagnostics import Diagnostic, Severity
from tavusctl.core.messages import Fault, shown
from tavusctl.lib.json_types import Container, Json
from tavusctl.patch.pointer import escape

MAX_DEPTH: Final = 64
# Values of a file, aliases expanded: ten times the largest known file, and any file is read within a second.
MAX_NODES: Final = 50_000
_MAX_WEIGHT: Final = 20_000_000  # characters of all pointers and of all text that aliases repeat
_MAX_DIAGNOSTICS: Final = 100  # of one severity in a file
_NUMBERS: Final = (int, float)
_LONG_POINTER: Final = 200  # characters: a longer one is probably not that of other files too


class Node(Struct, frozen=True):
    """One YAML document: its JSON value, and the locations of values and keys by JSON Pointer."""

    value: Json
    source: Source
    sources: Mapping[str, Source]
    keys: Mapping[str, Source]
    numbers: Mapping[str, str] = {}  # by pointer, as they are written, if that is not how messages write them: `1e3`


class StopError(Exception):
    """The rest of the file cannot be read, or not safely."""

    def __init__(self, diagnostic: Diagnostic) -> None:
        super().__init__(diagnostic.message)
        self.diagnostic = diagnostic


def stop(source: Source, id: str, message: str, hint: str = "") -> StopError:
    """The exception with a diagnostic that ends the reading of a file."""
    return StopError(Diagnostic(id, message, source, hint))


class Mark(Protocol):
    """A position of the parser, counted from 0; the part of its type that is used."""

    line: int
    column: int


class Events(Protocol):
    """A parser of PyYAML, in C or in Python; the part of its type that is used."""

    def get_event(self) -> yaml.Event:
        """The next event; the last one is the end of the stream."""


class _Place:
    """A place in documents; the places below it are kept, because thousands of files have the same ones."""

    __slots__ = ("below", "key", "pointer")
    room = 10_000  # how many more places are kept

    def __init__(self, pointer: str, key: str = "") -> None:
        # Each is in memory once.
        self.pointer, self.key = sys.intern(pointer), sys.intern(key)
        self.below: dict[str | int, _Place] = {}

    def at(self, key: str | int) -> _Place:
        """The place of a member, or of an item."""
        place = self.below.get(key)
        if place is None:
            text = str(key)
            place = _Place(f"{self.pointer}/{escape(text)}", text)
            if _Place.room and len(place.pointer) <= _LONG_POINTER:
                self.below[key] = place
                _Place.room -= 1
        return place


_ROOT: Final = _Place("")
_ANOTHER: Final = _Place("/---")  # above the keys of another document without `---`: none of them is one of the first


class _Frame:
    """A collection being filled; `member` is the place of the value that comes next, None before a key or an item."""

    __slots__ = ("anchor", "awaits_key", "has_merge_key", "holds_another", "member", "place", "value")

    def __init__(self, value: Container, place: _Place, anchor: str | None) -> None:
        self.value, self.place, self.anchor = value, place, anchor
        self.member: _Place | None = None
        self.awaits_key = isinstance(value, dict)
        self.holds_another = False  # the keys of another document follow, without `---` between the two
        self.has_merge_key = False


class Composer(Struct):
    """Builds documents from parser events, with an explicit stack: nesting needs no recursion.

    Diagnostics are collected; a StopError ends the reading.
    """

    path: str
    reading: Reading = field(default_factory=lambda: Reading("", ""))  # the text being read
    documents: list[Node] = []
    diagnostics: list[Diagnostic] = []
    passed: int = 0  # lines of the file before the text that the parser reads
    values: int = 0
    _counts: dict[Severity, int] = field(default_factory=lambda: dict.fromkeys(Severity, 0))
    _weight: int = 0
    _stack: list[_Frame] = []
    _anchors: dict[str, tuple[str, Json]] = {}
    _sources: dict[str, Mark] = {}
    _keys: dict[str, Mark] = {}
    _numbers: dict[str, str] = {}
    _root: Json = None
    _before: Source = Source("", 1, 1)  # the position of the last value before those in `_sources`

    def __post_init__(self) -> None:
        self._before = Source(self.path, 1, 1)

    def follow(self, parser: Events) -> None:
        """Process every event of a stream."""
        steps: dict[type[yaml.Event], Callable[..., None]] = {
            yaml.StreamStartEvent: lambda *_: None,
            yaml.DocumentStartEvent: self._start,
            yaml.DocumentEndEvent: self._finish,
            yaml.ScalarEvent: self._scalar,
            yaml.MappingStartEvent: self._open,
            yaml.SequenceStartEvent: self._open,
            yaml.MappingEndEvent: self._close,
            yaml.SequenceEndEvent: self._close,
            yaml.AliasEvent: self._alias,
        }
        while (kind := type(event := parser.get_event())) is not yaml.StreamEndEvent:
            steps[kind](event, event.start_mark)

    def drop(self) -> None:
        """Discard the document that is being read."""
        self._before = self.last()
        self._sources = {}
        self._stack.clear()

    def last(self) -> Source:
        """The position of the last value read."""
        mark = next(reversed(self._sources.values()), None)
        return self.at(mark) if mark else self._before

    def at(self, mark: Mark | None) -> Source:
        """The position of a mark of the parser."""
        return Source(self.path, self.passed + mark.line + 1, mark.column + 1) if mark else self.last()

    def _start(self, event: yaml.DocumentStartEvent, mark: Mark) -> None:
        self._anchors, self._sources, self._keys, self._numbers, self._root = {}, {}, {}, {}, None
        self._before = Source(self.path, 1, 1)
        if event.tags:
            self._note(Fault("TV101", "YAML tags are not supported", "remove the `%TAG` directive"), self.at(mark))

    def _finish(self, *_: object) -> None:
        if self._root is not None:
            self.documents.append(
                Node(
                    self._root,
                    self.at(self._sources[""]),
                    self._positions(self._sources),
                    self._positions(self._keys),
                    self._numbers,
                )
            )

    def _positions(self, marks: Mapping[str, Mark]) -> Positions:
        first = self.passed + 1
        numbers = [0] * (3 * len(marks))  # index of the file, line and column of each
        numbers[1::3] = [mark.line + first for mark in marks.values()]
        numbers[2::3] = [mark.column + 1 for mark in marks.values()]
        return Positions((self.path,), places_of(tuple(marks)), compact(numbers))

    def _scalar(self, event: yaml.ScalarEvent, mark: Mark) -> None:
        if event.tag is not None:
            self._refuse_tag(event.tag, self.at(mark))
        # Manifest, state and account have many equal texts: interned, each is in memory once.
        text = sys.intern(self.reading.scalar(event) if self.reading.has_stand_ins else event.value)
        frame = self._stack[-1] if self._stack else None
        if frame and frame.awaits_key:
            self._key(event, mark, frame, text)
            return
        value, fault = plain(text) if event.implicit[0] else quoted(text)
        if fault:
            self._note(fault, self.at(mark))
        if self.reading.may_cut and (value is text or (frame and not text)):
            self._check_comment(event, text)
        place = self._put(value, mark)
        if value is not text and type(value) in _NUMBERS and repr(value) != text:
            self._numbers[place.pointer] = text
        if event.anchor:
            self._anchors[event.anchor] = (place.pointer, value)

    def _check_comment(self, event: yaml.ScalarEvent, text: str) -> None:
        """Warn if a comment that a person may have meant as text ends a text, or is in the place of one."""
        if spaces := self.reading.spaces_before_comment(event):
            end = self.at(event.end_mark)
            self._note(COMMENT_IN_TEXT if text else COMMENT_FOR_TEXT, replace(end, column=end.column + spaces))

    def _key(self, event: yaml.ScalarEvent, mark: Mark, frame: _Frame, text: str) -> None:
        key, fault = (text, key_fault(text)) if event.implicit[0] else quoted(text)
        if fault:
            self._note(fault, self.at(mark))
            frame.has_merge_key |= key == MERGE_KEY
        if key in frame.value:
            first = self.at(self._keys[frame.place.at(key).pointer])
            self._note_duplicate(key, first, frame, self.at(mark))
        place = frame.member = frame.place.below.get(key) or frame.place.at(key)
        frame.awaits_key = False
        self._weight += len(place.pointer)
        if self._weight > _MAX_WEIGHT:
            raise _too_large(self.at(mark))
        self._keys[place.pointer] = mark

    def _note_duplicate(self, key: str, first: Source, frame: _Frame, source: Source) -> None:
        """Report a duplicate key; only the first key of a document if another document seems to begin there."""
        if frame.holds_another:
            return
        is_first = frame.place is _ROOT and key == next(iter(frame.value))
        frame.holds_another = is_first and "kind" in frame.value  # a project file is one document only
        hint = "write `---` in the line above if a second manifest begins here, else remove one of the two"
        message = f"duplicate key {shown(key)}, first used in line {first.line}, column {first.column}"
        self._note(Fault("TV102", message, hint if frame.holds_another else "keep one of them"), source)
        if frame.holds_another:  # the first is checked as it would be with `---`
            frame.value, frame.place = {}, _ANOTHER

    def _open(self, event: yaml.MappingStartEvent | yaml.SequenceStartEvent, mark: Mark) -> None:
        self._refuse_as_key(mark)
        if event.tag is not None:
            self._refuse_tag(event.tag, self.at(mark))
        if len(self._stack) >= MAX_DEPTH:
            raise _too_deep(self.at(mark))
        value: Container = {} if type(event) is yaml.MappingStartEvent else []
        place = self._put(value, mark)
        if event.anchor:  # until its end, an alias to this anchor would be a cycle
            self._anchors.pop(event.anchor, None)
        self._stack.append(_Frame(value, place, event.anchor))

    def _close(self, *_: object) -> None:
        frame = self._stack.pop()
        if frame.has_merge_key and isinstance(frame.value, dict):
            frame.value.pop(MERGE_KEY, None)  # reported already
        if frame.anchor:
            self._anchors[frame.anchor] = (frame.place.pointer, frame.value)

    def _alias(self, event: yaml.AliasEvent, mark: Mark) -> None:
        name = str(event.anchor)
        self._refuse_as_key(mark)
        anchor = self._anchors.get(name)
        if anchor is None:
            inside = any(frame.anchor == name for frame in self._stack)
            problem = "is inside the value that it repeats" if inside else "has no anchor above it"
            hint = (
                "" if inside else "an anchor counts up to the next `---`; put quotes around the text if it is no alias"
            )
            raise stop(self.at(mark), "TV101", f"alias `*{name[:60]}` {problem}", hint)
        frame = self._stack[-1]
        pointer = (frame.member or frame.place.at(len(frame.value))).pointer
        self._put(self._copy(anchor[1], anchor[0], pointer, len(self._stack)), mark)

    def _copy(self, value: Json, old: str, new: str, depth: int) -> Json:
        """Copy the value of an alias; inner values keep their positions at the anchor."""
        if isinstance(value, str):
            self._weight += len(value)
            if self._weight > _MAX_WEIGHT:
                raise _too_large(self.last())
        if not isinstance(value, dict | list):
            return value
        if depth >= MAX_DEPTH:
            raise _too_deep(self.last())
        if isinstance(value, list):
            return [self._copy_item(item, f"{old}/{i}", f"{new}/{i}", depth + 1) for i, item in enumerate(value)]
        copied = {}
        for key, item in value.items():
            segment = escape(key)
            self._keys[f"{new}/{segment}"] = self._keys[f"{old}/{segment}"]
            copied[key] = self._copy_item(item, f"{old}/{segment}", f"{new}/{segment}", depth + 1)
        return copied

    def _copy_item(self, item: Json, old: str, new: str, depth: int) -> Json:
        self._count(new, self._sources[old])
        return self._copy(item, old, new, depth)

    def _put(self, value: Json, mark: Mark) -> _Place:
        """Put a value where the next one belongs; return its place."""
        if not self._stack:
            place, self._root = _ROOT, value
        else:
            frame = self._stack[-1]
            place = frame.member or frame.place.at(len(frame.value))
            if isinstance(frame.value, list):
                frame.value.append(value)
            else:
                frame.value[place.key] = value
                frame.member, frame.awaits_key = None, True
        self._count(place.pointer, mark)
        return place

    def _count(self, pointer: str, mark: Mark) -> None:
        self._sources[pointer] = mark
        self.values += 1
        self._weight += len(pointer)
        if self.values > MAX_NODES:
            raise stop(self.at(mark), "TV115", f"more than {MAX_NODES} values (aliases count each time)")
        if self._weight > _MAX_WEIGHT:
            raise _too_large(self.at(mark))

    def _refuse_tag(self, tag: str, source: Source) -> None:
        message = f"YAML tags are not supported, found {shown(tag)}"
        hint = "write `${file:PATH}` to include a file" if "include" in tag else "remove it; use quotes for text"
        self._note(Fault("TV101", message, hint), source)

    def _refuse_as_key(self, mark: Mark) -> None:
        if self._stack and self._stack[-1].awaits_key:
            raise stop(
                self.at(mark),
                "TV101",
                "a key must be text, found a mapping, a list or an alias",
                "write a text before the colon, or put quotes around a text with `{{`",
            )

    def _note(self, fault: Fault, source: Source) -> None:
        self._counts[fault.severity] += 1
        if self._counts[fault.severity] <= _MAX_DIAGNOSTICS:
            diagnostic = Diagnostic(fault.id, fault.message, source, fault.hint, severity=fault.severity)
            self.diagnostics.append(diagnostic)
        elif fault.severity is Severity.ERROR:
            raise stop(source, "TV115", f"more than {_MAX_DIAGNOSTICS} problems; the rest of the file is not read")


def _too_large(source: Source) -> StopError:
    return stop(source, "TV115", "the file becomes too large: long keys in deep nesting, or long texts repeated")


def _too_deep(source: Source) -> StopError:
    return stop(source, "TV115", f"nested deeper than {MAX_DEPTH} levels")
