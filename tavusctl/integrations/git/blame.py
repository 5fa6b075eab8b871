"""The commits of lines, by `git blame`: the last one that wrote a line, or the one whose line was overridden.

The repository is only read, nothing is fetched, and the time is limited.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta, timezone
from itertools import groupby
from pathlib import Path
from typing import Final

from msgspec import Struct, field
from msgspec.structs import replace

from tavusctl.core.address import Source
from tavusctl.core.diagnostics import Blame
from tavusctl.integrations.git.process import Git, GitError
from tavusctl.lib.diffing import sequence_alignment, text_diff

_PATIENCE: Final = 30.0  # seconds, for all files of a run together
_MOST_RANGES: Final = 200  # line ranges on one command line; a file with more is blamed as a whole


class LineRequest(Struct):
    """Lines of a file in the working tree, by number, and lines deleted from it, by their text."""

    lines: set[int] = set()
    deleted: set[str] = set()

    def add(self, lines: Iterable[int], deleted: Iterable[str]) -> None:
        """Add lines to the request."""
        self.lines.update(lines)
        self.deleted.update(deleted)


class Authors(Struct):
    """The commits of the lines of a file; lines that git does not know are missing."""

    lines: dict[int, Blame] = {}
    deleted: dict[str, Blame] = {}

    def of(self, request: LineRequest) -> Iterator[Blame]:
        """The commits of the requested lines that are known, in order."""
        yield from (self.lines[number] for number in sorted(request.lines) if number in self.lines)
        yield from (self.deleted[text] for text in sorted(request.deleted) if text in self.deleted)


class UnknownError(Exception):
    """The reason why git cannot blame a file."""


class History(Struct):
    """The history of a project up to one commit; UnknownError if git does not know the repository or the commit."""

    root: Path
    revision: str = "HEAD"
    _git: Git = field(default_factory=lambda: Git(Path()))
    _shallow: bool = False

    def __post_init__(self) -> None:
        self._git = Git(self.root, _PATIENCE)
        self._shallow = self._run("rev-parse", "--is-shallow-repository").strip() == "true"
        self.revision = self._run("rev-parse", "--verify", "--end-of-options", f"{self.revision}^{{commit}}").strip()

    def authors(self, path: str, request: LineRequest) -> Authors:
        """The commits of requested lines, or of the lines that they override; none for new lines."""
        before = self._text(path)
        if before is None:
            return Authors()
        lines, gone = _match_lines(before, (self.root / path).read_bytes().decode("utf-8", "replace"))
        lines_now = {number: lines[number] for number in request.lines if number in lines}
        gone_lines = {text: gone[text] for text in request.deleted if text in gone}
        blames = self._blame(path, {line.old for line in (*lines_now.values(), *gone_lines.values())})

        def who(line: _Line) -> Blame:
            return replace(blames[line.old], source=Source(path, line.new, 1), overridden=line.overridden)

        return Authors(
            {number: who(line) for number, line in lines_now.items()},
            {text: who(line) for text, line in gone_lines.items()},
        )

    def _text(self, path: str) -> str | None:
        """The text of a file at the revision; None if it did not exist."""
        try:
            return self._run("cat-file", "blob", f"{self.revision}:./{path}")
        except UnknownError:
            if self.is_late:
                raise
            return None

    def _blame(self, path: str, lines: Collection[int]) -> dict[int, Blame]:
        """The last commit of each of these lines of a file, by line number."""
        if not lines:
            return {}
        ranges = list(_ranges(lines))
        options = [f"-L{first},{last}" for first, last in ranges] if len(ranges) <= _MOST_RANGES else []
        porcelain = self._run(
            "blame", "--porcelain", "--no-textconv", "--encoding=UTF-8", *options, self.revision, "--", path
        )
        return {line: blame for line, blame in _read(porcelain, path, shallow=self._shallow) if line in lines}

    @property
    def is_late(self) -> bool:
        """Whether the time is used up."""
        return self._git.is_late

    def _run(self, verb: str, *args: str) -> str:
        try:
            return self._git.text(verb, *args)
        except GitError as error:
            raise UnknownError(str(error)) from None


class _Line(Struct, frozen=True):
    """The numbers of a line at the revision and now; for a deleted line, `new` is the line in its place."""

    old: int
    new: int
    overridden: bool = False


def _match_lines(before: str, now: str) -> tuple[dict[int, _Line], dict[str, _Line]]:
    """Where the lines of a text came from: current lines by their number, deleted lines by their text."""
    before, now = before.replace("\r\n", "\n"), now.replace("\r\n", "\n")
    matches = sequence_alignment.pairs(before.split("\n"), now.split("\n"))
    lines = {new + 1: _Line(old + 1, new + 1) for old, new in matches}
    gone: dict[str, _Line] = {}
    last = 0
    for row in text_diff.rows(before, now) if before != now else ():
        last = row.new or last
        if row.row_type is text_diff.RowType.MOVED:
            lines[row.new] = _Line(row.old, row.new)
        elif row.row_type is text_diff.RowType.CHANGED and row.left is not None and row.right is not None:
            lines[row.new] = _Line(row.old, row.new, overridden=True)
        elif row.row_type is text_diff.RowType.CHANGED and row.left is not None:
            gone[text_diff.words(row.left).strip()] = _Line(row.old, last + 1, overridden=True)
    return lines, gone


def _ranges(lines: Collection[int]) -> Iterator[tuple[int, int]]:
    """The numbers as ranges (first, last) of consecutive numbers."""
    for _, run in groupby(enumerate(sorted(lines)), lambda pair: pair[1] - pair[0]):
        numbers = [line for _, line in run]
        yield numbers[0], numbers[-1]


def _read(porcelain: str, path: str, *, shallow: bool) -> Iterator[tuple[int, Blame]]:
    """The line numbers and commits in `git blame --porcelain`, which describes a commit only where it first occurs."""
    commits: dict[str, dict[str, str]] = {}
    commit, number = "", 0
    for line in porcelain.split("\n"):
        word, _, rest = line.partition(" ")
        if line.startswith("\t"):
            yield number, _blame(commit, commits[commit], Source(path, number, 1), shallow=shallow)
            commit = ""
        elif commit:
            commits[commit][word] = rest
        elif line:
            commit, number = word, int(rest.split(" ")[1])
            commits.setdefault(commit, {})


def _blame(commit: str, details: Mapping[str, str], source: Source, *, shallow: bool) -> Blame:
    seconds, zone = int(details.get("author-time", "0")), details.get("author-tz", "+0000")
    return Blame(
        source,
        commit,
        details.get("author", ""),
        _moment(seconds, zone),
        details.get("summary", ""),
        at_least=shallow and "boundary" in details,
    )


def _moment(seconds: int, zone: str) -> datetime:
    """The author time of a commit in the author's time zone; 1970-01-01 if git has an invalid number."""
    try:
        offset = timedelta(hours=int(zone[:3]), minutes=int(zone[0] + zone[3:]))
        return datetime.fromtimestamp(seconds, timezone(offset))
    except (ValueError, OverflowError, OSError):
        return datetime.fromtimestamp(0, UTC)
