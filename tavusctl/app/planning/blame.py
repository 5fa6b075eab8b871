"""`--blame`: the git commits and authors of the source lines of changed fields."""

from __future__ import annotations

import codecs
from bisect import bisect_right
from collections.abc import Iterable, Mapping
from pathlib import Path

from msgspec import Struct
from msgspec.structs import replace

from tavusctl.app.session.local import LocalSession
from tavusctl.config import files, loading
from tavusctl.config.limits import MAX_YAML_BYTES
from tavusctl.config.passages import innermost_differences
from tavusctl.config.yaml12 import LINE_BREAK
from tavusctl.core.address import Address, Source
from tavusctl.core.diagnostics import Blame
from tavusctl.core.model import ABSENT, Change, Desired, Drift, FieldChange, Plan
from tavusctl.engine.prepared_plan import PreparedPlan
from tavusctl.integrations.git.blame import Authors, History, LineRequest, UnknownError
from tavusctl.kinds import KINDS
from tavusctl.lib.diffing import text_diff
from tavusctl.lib.json_types import Json
from tavusctl.patch import split
from tavusctl.patch.pointer import with_parents
from tavusctl.rewrite.source_map import Node, parse
from tavusctl.secrets.escape import flat

Lines = Mapping[str, LineRequest]  # by the path of a file, from the root of the project


def with_blame(session: LocalSession, prepared: PreparedPlan, plan: Plan, revision: str = "HEAD") -> Plan:
    """The plan, each field with the commits that wrote its lines and those that were overridden since a revision.

    If git cannot name the authors of some files, a message says so and their fields stay without commits.
    """
    origins = loading.read(session.project, session.environment, KINDS).origins
    locations = FieldLocations(session.root, {one.address: one for one in prepared.desired}, origins)
    changes: list[Change | Drift] = [*plan.changes, *plan.drift]
    lines = {(one.address, entry.path): locations.of(one.address, entry) for one in changes for entry in one.fields}
    authors = _authors(session, revision, lines.values())

    def fields(address: Address, entries: Iterable[FieldChange]) -> tuple[FieldChange, ...]:
        return tuple(replace(entry, blame=_commits(lines[address, entry.path], authors)) for entry in entries)

    def change(step: Change) -> Change:
        return replace(step, fields=fields(step.address, step.fields))

    return replace(
        plan,
        steps=tuple(map(change, plan.steps)),
        refused=tuple(replace(one, change=change(one.change)) for one in plan.refused),
        drift=tuple(replace(one, fields=fields(one.address, one.fields)) for one in plan.drift),
    )


def _authors(session: LocalSession, revision: str, lines: Iterable[Lines]) -> Mapping[str, Authors]:
    """The authors of the requested lines, by file; without the files that git cannot blame in time."""
    requests: dict[str, LineRequest] = {}
    for path, request in ((path, request) for file_lines in lines for path, request in file_lines.items()):
        requests.setdefault(path, LineRequest()).add(request.lines, request.deleted)
    authors: dict[str, Authors] = {}
    try:
        history = History(session.root, revision) if requests else None
        with session.progress.slow("asking git who wrote what", lambda: f"{len(authors)} of {len(requests)} files"):
            for path, request in sorted(requests.items()):
                authors[path] = history.authors(path, request) if history else Authors()
    except UnknownError as error:
        first, *others = sorted(requests.keys() - authors.keys())
        more = f" and {len(others)} more" if others else ""
        session.say(f"git cannot tell who wrote {flat(first)}{more}: {flat(str(error))}")
    return authors


def _commits(lines: Lines, authors: Mapping[str, Authors]) -> tuple[Blame, ...]:
    """The commits of some lines, each once, at its first line; overridden ones first, then by date, newest first."""
    blames: dict[tuple[str, bool], Blame] = {}
    for path, request in sorted(lines.items()):
        for blame in authors[path].of(request) if path in authors else ():
            blames.setdefault((blame.commit, blame.overridden), blame)
    return tuple(sorted(blames.values(), key=lambda blame: (not blame.overridden, -blame.date.timestamp())))


class FieldLocations(Struct):
    """The source lines of the fields of a project."""

    root: Path
    desired: Mapping[Address, Desired]
    origins: Mapping[Address, Mapping[str, str]]  # pointer into spec -> file that the text came from
    _pages: dict[str, _Page] = {}

    def of(self, address: Address, entry: FieldChange) -> Lines:
        """The lines where a field differs from the live value, at best effort; empty if no manifest has the field."""
        item = self.desired.get(address)
        if item is None or entry.desired is ABSENT:
            return {}
        requests: dict[str, LineRequest] = {}
        whole = (entry.path, entry.live, entry.desired)
        passages = () if entry.sensitive else innermost_differences(item.kind, split(entry.path), *whole)
        for pointer, old, new in [*passages] or [whole]:
            path, request = self._request(item, pointer, old, new)
            requests.setdefault(path, LineRequest()).add(request.lines, request.deleted)
        return requests

    def _request(self, item: Desired, pointer: str, old: Json, new: Json) -> tuple[str, LineRequest]:
        file = self.origins.get(item.address, {}).get(pointer)
        if file:
            return file, _changed(old, new)
        source = next((item.sources[one] for one in with_parents(pointer) if one in item.sources), item.source)
        if source.path not in self._pages:
            self._pages[source.path] = _Page(self.root, source.path)
        return source.path, self._pages[source.path].lines(source, old, new)


class _Page:
    """A file of manifests, with the lines that each value occupies."""

    def __init__(self, root: Path, path: str) -> None:
        text = files.read_bytes(root / path, root, MAX_YAML_BYTES).removeprefix(codecs.BOM_UTF8).decode()
        self._text = text
        # Offsets of lines, as YAML counts them.
        self._starts = [0, *(match.end() for match in LINE_BREAK.finditer(text))]
        self._values: dict[tuple[int, int], Node] = {}
        for document in parse(text).documents:
            for node in document.walk():
                self._values.setdefault(self._place(node.start), node)

    def lines(self, source: Source, old: Json, new: Json) -> LineRequest:
        """The lines of the value at a source position; of a literal block (`|`), only the changed lines."""
        node = self._values.get((source.line, source.column))
        if node is None:
            return LineRequest({source.line})
        first, last = self._git_line(node.content), self._git_line(max(node.content, node.end - 1))
        if node.style == "|":
            changed = _changed(old, new)
            return LineRequest({min(first + one, last) for one in changed.lines}, changed.deleted)
        return LineRequest(set(range(first, last + 1)))

    def _place(self, index: int) -> tuple[int, int]:
        line = bisect_right(self._starts, index)
        return line, index - self._starts[line - 1] + 1

    def _git_line(self, index: int) -> int:
        """The number of the line at an offset, as git counts lines."""
        return self._text.count("\n", 0, index) + 1


def _changed(old: Json, new: Json) -> LineRequest:
    """The line numbers of `new` that `old` does not have, and the texts of the lines that only `old` has."""
    if not isinstance(new, str):
        return LineRequest({1})
    if not isinstance(old, str):
        return LineRequest(set(range(1, new.count("\n") + 2)))
    rows = [row for row in text_diff.rows(old, new) if row.row_type is text_diff.RowType.CHANGED]
    gone = {text for row in rows if row.right is None and (text := text_diff.words(row.left).strip())}
    return LineRequest({row.new for row in rows if row.right is not None}, gone)
