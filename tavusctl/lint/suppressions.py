"""Suppression comments: `# tavusctl: ignore=duplicate-block` (or `ignore=TV203`), on the line or on the one before."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence

from tavusctl.core.address import Source
from tavusctl.core.diagnostic_ids import CHECKS, IDS_BY_SLUG
from tavusctl.core.diagnostics import Diagnostic, Severity
from tavusctl.lib.patterns import pattern
from tavusctl.lint.core import Remark

_NAME = r"(?:TV\d+|[a-z0-9]+(?:-[a-z0-9]+)+)"  # an id or a slug
_MARK = pattern(rf"#[ \t]*tavusctl:[ \t]*ignore=(?P<names>{_NAME}(?:[ \t]*,[ \t]*{_NAME})*)")

Ignores = Mapping[str, Mapping[int, frozenset[str]]]  # by path and line: ids and slugs, as they are written


def in_text(text: str) -> dict[int, frozenset[str]]:
    """The suppressions of a file, by the line that they are about."""
    found: dict[int, frozenset[str]] = {}
    waiting: frozenset[str] = frozenset()
    for number, line in enumerate(text.splitlines(), start=1):
        mark = _MARK.search(line)
        names = frozenset(re.findall(_NAME, mark["names"])) if mark else frozenset[str]()
        if line.lstrip().startswith("#"):
            waiting |= names
        elif line.strip():
            if names or waiting:
                found[number] = names | waiting
            waiting = frozenset()
    return found


def as_remarks(diagnostics: Sequence[Diagnostic]) -> Iterator[Remark]:
    """Warnings about the files themselves, which may be lived with like any remark; nobody can live with an error."""
    for one in diagnostics:
        if one.severity is Severity.WARNING and one.source:
            yield Remark(one, one.source)


def beyond(diagnostics: Sequence[Diagnostic]) -> list[Diagnostic]:
    """All other complaints about files."""
    return [one for one in diagnostics if one.severity is not Severity.WARNING or not one.source]


def without_suppressed(remarks: Iterable[Remark], ignores: Ignores) -> Iterator[Diagnostic]:
    """The remarks that no comment suppresses, and a warning for each name in a comment that suppresses nothing."""
    used: set[tuple[str, int, str]] = set()
    for remark in remarks:
        place = remark.written
        written = ignores.get(place.path, {}).get(place.line, frozenset[str]())
        suppressing = {name for name in written if IDS_BY_SLUG.get(name, name) == remark.diagnostic.id}
        used |= {(place.path, place.line, name) for name in suppressing}
        if not suppressing:
            yield remark.diagnostic
    for path, lines in ignores.items():
        for line, names in lines.items():
            for name in sorted(one for one in names if (path, line, one) not in used):
                yield _unused(name, Source(path, line, 1))


def _unused(name: str, source: Source) -> Diagnostic:
    if name not in CHECKS and name not in IDS_BY_SLUG:
        message, hint = f"`ignore={name}` names no check", "run `tavusctl validate --rules` to list the checks"
    else:
        message, hint = f"`ignore={name}` suppresses nothing on this line", "remove it"
    return Diagnostic("TV200", message, source, hint, severity=Severity.WARNING)
