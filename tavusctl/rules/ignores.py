"""Remarks that somebody lives with on purpose: `# tavusctl: ignore=TV203`, at the line or alone on the one before."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence

from tavusctl.checks import CHECKS
from tavusctl.model import Complaint, Severity, Source
from tavusctl.rules.lint import Remark

_MARK = re.compile(r"#[ \t]*tavusctl:[ \t]*ignore=(?P<ids>TV\d+(?:[ \t]*,[ \t]*TV\d+)*)")

Ignores = Mapping[str, Mapping[int, frozenset[str]]]  # by path and line: ids


def in_text(text: str) -> dict[int, frozenset[str]]:
    """The ignores of a file, by the line that they are about."""
    found: dict[int, frozenset[str]] = {}
    waiting: frozenset[str] = frozenset()
    for number, line in enumerate(text.splitlines(), start=1):
        mark = _MARK.search(line)
        ids = frozenset(re.findall(r"TV\d+", mark["ids"])) if mark else frozenset[str]()
        if line.lstrip().startswith("#"):
            waiting |= ids
        elif line.strip():
            if ids or waiting:
                found[number] = ids | waiting
            waiting = frozenset()
    return found


def as_remarks(complaints: Sequence[Complaint]) -> Iterator[Remark]:
    """Warnings about the files themselves, which may be lived with like any remark; nobody can live with an error."""
    for one in complaints:
        if one.severity is Severity.WARNING and one.source:
            yield Remark(one, one.source)


def beyond(complaints: Sequence[Complaint]) -> list[Complaint]:
    """All other complaints about files."""
    return [one for one in complaints if one.severity is not Severity.WARNING or not one.source]


def heeded(remarks: Iterable[Remark], ignores: Ignores) -> Iterator[Complaint]:
    """What is left of remarks, and a warning for each ignore that nothing was ignored by."""
    used: set[tuple[str, int, str]] = set()
    for remark in remarks:
        place = remark.written
        if remark.complaint.id in ignores.get(place.path, {}).get(place.line, ()):
            used.add((place.path, place.line, remark.complaint.id))
        else:
            yield remark.complaint
    for path, lines in ignores.items():
        for line, ids in lines.items():
            for unused in sorted(one for one in ids if (path, line, one) not in used):
                message = f"nothing here is ignored by ignore={unused}" if unused in CHECKS else f"there is no {unused}"
                source = Source(path, line, 1)
                yield Complaint("TV200", message, source, "remove it", severity=Severity.WARNING)
