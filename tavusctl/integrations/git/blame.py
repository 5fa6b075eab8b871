"""What git knows of lines: who wrote them last, or who wrote what they override.

It reads only, fetches nothing, and never waits long.
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
_MOST_RANGES: Final = 200  # of lines, on one command line; a file with more is blamed whole


class LineRequest(Struct):
    """Lines of a file as it is, by number, and lines that are gone from it, by what they said."""

    lines: set[int] = field(default_factory=set)
    gone: set[str] = field(default_factory=set)

    def add(self, lines: Iterable[int], gone: Iterable[str]) -> None:
        """Want more."""
        self.lines.update(lines)
        self.gone.update(gone)


class Authors(Struct):
    """Who is behind the lines of a file."""

    lines: dict[int, Blame] = field(default_factory=dict)
    gone: dict[str, Blame] = field(default_factory=dict)

    def of(self, wanted: LineRequest) -> Iterator[Blame]:
        """Those behind some of the lines."""
        yield from (self.lines[one] for one in sorted(wanted.lines) if one in self.lines)
        yield from (self.gone[one] for one in sorted(wanted.gone) if one in self.gone)


class UnknownError(Exception):
    """Git cannot tell who wrote something, and why."""


class History(Struct):
    """The repository around a project, as of one commit."""

    root: Path
    revision: str = "HEAD"
    _git: Git = field(default_factory=lambda: Git(Path()))
    _shallow: bool = False

    def __post_init__(self) -> None:
        self._git = Git(self.root, _PATIENCE)
        self._shallow = self._run("rev-parse", "--is-shallow-repository").strip() == "true"
        self.revision = self._run("rev-parse", "--verify", "--end-of-options", f"{self.revision}^{{commit}}").strip()

    def authors(self, path: str, wanted: LineRequest) -> Authors:
        """Who wrote lines of a file, or what they override; nobody, of lines that are new."""
        before = self._text(path)
        if before is None:
            return Authors()
        lines, gone = _succession(before, (self.root / path).read_bytes().decode("utf-8", "replace"))
        picked = {one: lines[one] for one in wanted.lines if one in lines}
        lost = {one: gone[one] for one in wanted.gone if one in gone}
        known = self._blame(path, {one.old for one in (*picked.values(), *lost.values())})

        def who(line: _Line) -> Blame:
            return replace(known[line.old], source=Source(path, line.new, 1), overridden=line.overridden)

        return Authors(
            {number: who(one) for number, one in picked.items()}, {text: who(one) for text, one in lost.items()}
        )

    def _text(self, path: str) -> str | None:
        """A file as it was; None when there was none."""
        try:
            return self._run("cat-file", "blob", f"{self.revision}:./{path}")
        except UnknownError:
            if self.is_late:
                raise
            return None

    def _blame(self, path: str, lines: Collection[int]) -> dict[int, Blame]:
        """Who wrote lines of a file last, by number."""
        if not lines:
            return {}
        ranges = list(_ranges(lines))
        wanted = [f"-L{first},{last}" for first, last in ranges] if len(ranges) <= _MOST_RANGES else []
        told = self._run(
            "blame", "--porcelain", "--no-textconv", "--encoding=UTF-8", *wanted, self.revision, "--", path
        )
        return {line: one for line, one in _read(told, path, shallow=self._shallow) if line in lines}

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
    """A line as it is and as it was; of one that is gone, what stands there."""

    old: int
    new: int
    overridden: bool = False


def _succession(before: str, now: str) -> tuple[dict[int, _Line], dict[str, _Line]]:
    """What became of the lines of a text: by number as they are now, and by what they said, those that are gone."""
    before, now = before.replace("\r\n", "\n"), now.replace("\r\n", "\n")
    kept = sequence_alignment.pairs(before.split("\n"), now.split("\n"))
    lines = {new + 1: _Line(old + 1, new + 1) for old, new in kept}
    gone: dict[str, _Line] = {}
    last = 0
    for row in text_diff.rows(before, now) if before != now else ():
        last = row.new or last
        if row.sort is text_diff.Sort.MOVED:
            lines[row.new] = _Line(row.old, row.new)
        elif row.sort is text_diff.Sort.CHANGED and row.left is not None and row.right is not None:
            lines[row.new] = _Line(row.old, row.new, overridden=True)
        elif row.sort is text_diff.Sort.CHANGED and row.left is not None:
            gone[text_diff.words(row.left).strip()] = _Line(row.old, last + 1, overridden=True)
    return lines, gone


def _ranges(lines: Collection[int]) -> Iterator[tuple[int, int]]:
    """Numbers as runs of neighbours."""
    for _, run in groupby(enumerate(sorted(lines)), lambda one: one[1] - one[0]):
        found = [line for _, line in run]
        yield found[0], found[-1]


def _read(porcelain: str, path: str, *, shallow: bool) -> Iterator[tuple[int, Blame]]:
    """The lines of `git blame --porcelain`; what is known of a commit stands where it is named first."""
    known: dict[str, dict[str, str]] = {}
    commit, number = "", 0
    for line in porcelain.split("\n"):
        word, _, rest = line.partition(" ")
        if line.startswith("\t"):
            yield number, _blame(commit, known[commit], Source(path, number, 1), shallow=shallow)
            commit = ""
        elif commit:
            known[commit][word] = rest
        elif line:
            commit, number = word, int(rest.split(" ")[1])
            known.setdefault(commit, {})


def _blame(commit: str, known: Mapping[str, str], source: Source, *, shallow: bool) -> Blame:
    seconds, zone = int(known.get("author-time", "0")), known.get("author-tz", "+0000")
    return Blame(
        source,
        commit,
        known.get("author", ""),
        _moment(seconds, zone),
        known.get("summary", ""),
        at_least=shallow and "boundary" in known,
    )


def _moment(seconds: int, zone: str) -> datetime:
    """When an author committed, by his own clock; git keeps any number, and not all of them are times."""
    try:
        offset = timedelta(hours=int(zone[:3]), minutes=int(zone[0] + zone[3:]))
        return datetime.fromtimestamp(seconds, timezone(offset))
    except (ValueError, OverflowError, OSError):
        return datetime.fromtimestamp(0, UTC)
