"""Where fields are written: the lines of manifests and of the files that they bring."""

from __future__ import annotations

import codecs
from bisect import bisect_right
from collections.abc import Iterator, Mapping
from pathlib import Path

from msgspec import Struct, field

from tavusctl.config import files
from tavusctl.config.limits import MAX_YAML_BYTES
from tavusctl.config.passages import differing
from tavusctl.core.address import Address, Source
from tavusctl.core.model import ABSENT, Desired, FieldChange
from tavusctl.integrations.git.blame import LineRequest
from tavusctl.lib.diffing import text_diff
from tavusctl.lib.json_types import Json
from tavusctl.patch import split
from tavusctl.rewrite.source_map import BREAK, Node, parse

Lines = Mapping[str, LineRequest]  # by the path of a file, from the root of the project


class FieldLocations(Struct):
    """The source lines of the fields of a project."""

    root: Path
    desired: Mapping[Address, Desired]
    origins: Mapping[Address, Mapping[str, str]]  # pointer into spec -> file that the text came from
    _pages: dict[str, _Page] = field(default_factory=dict)

    def of(self, address: Address, entry: FieldChange) -> Lines:
        """The lines that differ from what is live, as near as can be told; none of what no manifest says."""
        item = self.desired.get(address)
        if item is None or entry.desired is ABSENT:
            return {}
        found: dict[str, LineRequest] = {}
        whole = (entry.path, entry.live, entry.desired)
        inner = () if entry.sensitive else differing(item.kind, split(entry.path), *whole)
        for pointer, old, new in [*inner] or [whole]:
            path, wanted = self._written(item, pointer, old, new)
            found.setdefault(path, LineRequest()).add(wanted.lines, wanted.gone)
        return found

    def _written(self, item: Desired, pointer: str, old: Json, new: Json) -> tuple[str, LineRequest]:
        file = self.origins.get(item.address, {}).get(pointer)
        if file:
            return file, _changed(old, new)
        source = next((item.sources[one] for one in _upward(pointer) if one in item.sources), item.source)
        if source.path not in self._pages:
            self._pages[source.path] = _Page(self.root, source.path)
        return source.path, self._pages[source.path].lines(source, old, new)


class _Page:
    """A file of manifests, and which lines its values take up."""

    def __init__(self, root: Path, path: str) -> None:
        text = files.read_bytes(root / path, root, MAX_YAML_BYTES).removeprefix(codecs.BOM_UTF8).decode()
        self._text = text
        self._starts = [0, *(found.end() for found in BREAK.finditer(text))]  # of lines as YAML counts them
        self._values: dict[tuple[int, int], Node] = {}
        for document in parse(text).documents:
            for node in document.walk():
                self._values.setdefault(self._place(node.start), node)

    def lines(self, source: Source, old: Json, new: Json) -> LineRequest:
        """The lines of the value that stands at a place; of a text in lines, those that changed."""
        node = self._values.get((source.line, source.column))
        if node is None:
            return LineRequest({source.line})
        first, last = self._line(node.content), self._line(max(node.content, node.end - 1))
        if node.style == "|":
            inner = _changed(old, new)
            return LineRequest({min(first + one, last) for one in inner.lines}, inner.gone)
        return LineRequest(set(range(first, last + 1)))

    def _place(self, index: int) -> tuple[int, int]:
        line = bisect_right(self._starts, index)
        return line, index - self._starts[line - 1] + 1

    def _line(self, index: int) -> int:
        """The number of a line as git counts them."""
        return self._text.count("\n", 0, index) + 1


def _changed(old: Json, new: Json) -> LineRequest:
    """The lines of a text that another does not have, and those that only the other has."""
    if not isinstance(new, str):
        return LineRequest({1})
    if not isinstance(old, str):
        return LineRequest(set(range(1, new.count("\n") + 2)))
    rows = [row for row in text_diff.rows(old, new) if row.sort is text_diff.Sort.CHANGED]
    gone = {text for row in rows if row.right is None and (text := text_diff.words(row.left).strip())}
    return LineRequest({row.new for row in rows if row.right is not None}, gone)


def _upward(pointer: str) -> Iterator[str]:
    while pointer:
        yield pointer
        pointer = pointer.rpartition("/")[0]
