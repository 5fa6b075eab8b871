"""Suppression comments: `# tavusctl: ignore=duplicate-block` (or `ignore=TV203`), on the line or on the one before."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence

from tavusctl.config.yaml12 import LINE_BREAK
from tavusctl.core.address import Source
from tavusctl.core.diagnostic_ids import CHECKS, IDS_BY_SLUG
from tavusctl.core.diagnostics import Diagnostic, Severity
from tavusctl.lib.patterns import pattern
from tavusctl.lint.core import Remark

_NAME = r"(?:TV\d+|[a-z0-9]+(?:-[a-z0-9]+)+)"  # an id or a slug
_COMMENT = pattern(rf"#[ \t]*tavusctl:[ \t]*ignore=(?P<names>{_NAME}(?:[ \t]*,[ \t]*{_NAME})*)")

Ignores = Mapping[str, Mapping[int, frozenset[str]]]  # by path and line: ids and slugs, as they are written


def in_text(text: str) -> dict[int, frozenset[str]]:
    """The ids and slugs that comments of a file suppress, by the number of the line that they apply to."""
    suppressions: dict[int, frozenset[str]] = {}
    pending: frozenset[str] = frozenset()
    for number, line in enumerate(LINE_BREAK.split(text), start=1):
        comment = _COMMENT.search(line)
        names = frozenset(re.findall(_NAME, comment["names"])) if comment else frozenset[str]()
        if line.lstrip().startswith("#"):
            pending |= names
        elif line.strip():
            if names or pending:
                suppressions[number] = names | pending
            pending = frozenset()
    return suppressions


def suppressible(diagnostics: Sequence[Diagnostic]) -> Iterator[Remark]:
    """The warnings about files as remarks, which comments can suppress; errors cannot be suppressed."""
    for diagnostic in diagnostics:
        if diagnostic.severity is Severity.WARNING and diagnostic.source:
            yield Remark(diagnostic, diagnostic.source)


def unsuppressible(diagnostics: Sequence[Diagnostic]) -> list[Diagnostic]:
    """All other diagnostics about files: errors, and warnings without a place in a file."""
    return [
        diagnostic for diagnostic in diagnostics if diagnostic.severity is not Severity.WARNING or not diagnostic.source
    ]


def without_suppressed(remarks: Iterable[Remark], ignores: Ignores) -> Iterator[Diagnostic]:
    """The remarks that no comment suppresses, and a warning for each name in a comment without effect."""
    used: set[tuple[str, int, str]] = set()
    for remark in remarks:
        source = remark.suppression_source
        names_on_line = ignores.get(source.path, {}).get(source.line, frozenset[str]())
        suppressing = {name for name in names_on_line if IDS_BY_SLUG.get(name, name) == remark.diagnostic.id}
        used |= {(source.path, source.line, name) for name in suppressing}
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
