"""The composer: it builds JSON values with their positions from the events of the YAML parser."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Final, Protocol

import yaml
from msgspec import Struct, field

from tavusctl.config.yaml12.pairs import Reading
from tavusctl.config.yaml12.scalars import key_fault, plain, quoted
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


class Node(Struct, frozen=True):
    """One YAML document: its JSON value, and the locations of values and keys by JSON Pointer."""

    value: Json
    source: Source
    sources: dict[str, Source]
    keys: dict[str, Source]


class StopError(Exception):
    """The rest of the file cannot be read, or not safely."""

    def __init__(self, diagnostic: Diagnostic) -> None:
        super().__init__(diagnostic.message)
        self.diagnostic = diagnostic


def stop(source: Source, id: str, message: str, hint: str = "") -> StopError:  # noqa: A002 - as in Diagnostic
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
        ...


class _Frame(Struct):
    """A collection being filled; `key` is the key whose value comes next."""

    value: Container
    pointer: str
    anchor: str | None
    key: str | None = None

    @property
    def awaits_key(self) -> bool:
        return isinstance(self.value, dict) and self.key is None


class Composer(Struct):
    """Builds documents from parser events, with an explicit stack: nesting needs no recursion.

    Diagnostics are collected; a StopError ends the reading.
    """

    path: str
    reading: Reading = field(default_factory=lambda: Reading("", ""))  # the text being read
    documents: list[Node] = field(default_factory=list)
    diagnostics: list[Diagnostic] = field(default_factory=list)
    passed: int = 0  # lines of the file before the text that the parser reads
    values: int = 0
    _counts: dict[Severity, int] = field(default_factory=lambda: dict.fromkeys(Severity, 0))
    _weight: int = 0
    _stack: list[_Frame] = field(default_factory=list)
    _anchors: dict[str, tuple[str, Json]] = field(default_factory=dict)
    _sources: dict[str, Source] = field(default_factory=dict)
    _keys: dict[str, Source] = field(default_factory=dict)
    _root: Json = None

    def follow(self, parser: Events) -> None:
        """Process every event of a stream."""
        steps: dict[type[yaml.Event], Callable[..., None]] = {
            yaml.StreamStartEvent: lambda _: None,
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
            steps[kind](event)

    def drop(self) -> None:
        """Discard the document that is being read."""
        self._stack.clear()

    def last(self) -> Source:
        """The position of the last value read."""
        return next(reversed(self._sources.values()), Source(self.path, 1, 1))

    def at(self, mark: Mark | None) -> Source:
        """The position of a mark of the parser."""
        return Source(self.path, self.passed + mark.line + 1, mark.column + 1) if mark else self.last()

    def _start(self, event: yaml.DocumentStartEvent) -> None:
        self._anchors, self._sources, self._keys, self._root = {}, {}, {}, None
        if event.tags:
            self._note(
                Fault("TV101", "YAML tags are not supported", "remove the `%TAG` directive"), self.at(event.start_mark)
            )

    def _finish(self, _: yaml.DocumentEndEvent) -> None:
        if self._root is not None:
            self.documents.append(Node(self._root, self._sources[""], self._sources, self._keys))

    def _scalar(self, event: yaml.ScalarEvent) -> None:
        source = self.at(event.start_mark)
        if event.tag is not None:
            self._refuse_tag(event.tag, source)
        if self._stack and self._stack[-1].awaits_key:
            self._key(event, self._stack[-1], source)
            return
        text = self.reading.scalar(event)
        value, fault = plain(text) if event.implicit[0] else quoted(text)
        if fault:
            self._note(fault, source)
        pointer = self._pointer()
        if event.anchor:
            self._anchors[event.anchor] = (pointer, value)
        self._put(pointer, value, source)

    def _key(self, event: yaml.ScalarEvent, frame: _Frame, source: Source) -> None:
        text = self.reading.scalar(event)
        key, fault = (text, key_fault(text)) if event.implicit[0] else quoted(text)
        if fault:
            self._note(fault, source)
        # Thousands of files have the same keys: interned, each is in memory once.
        key, pointer = sys.intern(key), sys.intern(f"{frame.pointer}/{escape(key)}")
        if key in frame.value:
            first = self._keys[pointer]
            message = f"duplicate key {shown(key)}, first used in line {first.line}, column {first.column}"
            self._note(Fault("TV102", message, "keep one of them"), source)
        self._weigh(len(pointer), source)
        self._keys[pointer] = source
        frame.key = key

    def _open(self, event: yaml.MappingStartEvent | yaml.SequenceStartEvent) -> None:
        source = self.at(event.start_mark)
        self._refuse_as_key(source)
        if event.tag is not None:
            self._refuse_tag(event.tag, source)
        if len(self._stack) >= MAX_DEPTH:
            raise _too_deep(source)
        value: Container = {} if isinstance(event, yaml.MappingStartEvent) else []
        pointer = self._pointer()
        self._put(pointer, value, source)
        if event.anchor:  # until its end, an alias to this anchor would be a cycle
            self._anchors.pop(event.anchor, None)
        self._stack.append(_Frame(value, pointer, event.anchor))

    def _close(self, _: yaml.CollectionEndEvent) -> None:
        frame = self._stack.pop()
        if frame.anchor:
            self._anchors[frame.anchor] = (frame.pointer, frame.value)

    def _alias(self, event: yaml.AliasEvent) -> None:
        source, name = self.at(event.start_mark), str(event.anchor)
        self._refuse_as_key(source)
        anchor = self._anchors.get(name)
        if anchor is None:
            inside = any(frame.anchor == name for frame in self._stack)
            problem = "is inside the value that it repeats" if inside else "has no anchor above it"
            raise stop(source, "TV101", f"alias `*{name[:60]}` {problem}")
        pointer = self._pointer()
        self._put(pointer, self._copy(anchor[1], anchor[0], pointer, len(self._stack)), source)

    def _copy(self, value: Json, old: str, new: str, depth: int) -> Json:
        """Copy the value of an alias; inner values keep their positions at the anchor."""
        if isinstance(value, str):
            self._weigh(len(value), self.last())
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
        source = self._sources[new] = self._sources[old]
        self._count(len(new), source)
        return self._copy(item, old, new, depth)

    def _pointer(self) -> str:
        """The pointer of the value that comes next."""
        if not self._stack:
            return ""
        frame = self._stack[-1]
        return sys.intern(f"{frame.pointer}/{len(frame.value) if frame.key is None else escape(frame.key)}")

    def _put(self, pointer: str, value: Json, source: Source) -> None:
        self._count(len(pointer), source)
        self._sources[pointer] = source
        if not self._stack:
            self._root = value
            return
        frame = self._stack[-1]
        if isinstance(frame.value, list):
            frame.value.append(value)
        elif frame.key is not None:
            frame.value[frame.key] = value
            frame.key = None

    def _count(self, characters: int, source: Source) -> None:
        self.values += 1
        if self.values > MAX_NODES:
            raise stop(source, "TV115", f"more than {MAX_NODES} values (aliases count each time)")
        self._weigh(characters, source)

    def _weigh(self, characters: int, source: Source) -> None:
        self._weight += characters
        if self._weight > _MAX_WEIGHT:
            raise stop(source, "TV115", "the file becomes too large: long keys in deep nesting, or long texts repeated")

    def _refuse_tag(self, tag: str, source: Source) -> None:
        message = f"YAML tags are not supported, found {shown(tag)}"
        self._note(Fault("TV101", message, "remove it; use quotes for text"), source)

    def _refuse_as_key(self, source: Source) -> None:
        if self._stack and self._stack[-1].awaits_key:
            raise stop(source, "TV101", "a key must be text, found a mapping, a list or an alias")

    def _note(self, fault: Fault, source: Source) -> None:
        self._counts[fault.severity] += 1
        if self._counts[fault.severity] <= _MAX_DIAGNOSTICS:
            diagnostic = Diagnostic(fault.id, fault.message, source, fault.hint, severity=fault.severity)
            self.diagnostics.append(diagnostic)
        elif fault.severity is Severity.ERROR:
            raise stop(source, "TV115", f"more than {_MAX_DIAGNOSTICS} problems; the rest of the file is not read")


def _too_deep(source: Source) -> StopError:
    return stop(source, "TV115", f"nested deeper than {MAX_DEPTH} levels")
