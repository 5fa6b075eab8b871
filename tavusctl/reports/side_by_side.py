"""Two environments, or an environment and its account, side by side: as text, JSON and Markdown."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from typing import Final

from tavusctl.core.address import Source
from tavusctl.core.comparison import Comparison, Difference, Presence, Unknown
from tavusctl.core.json_tree import map_leaves, plain
from tavusctl.core.model import ABSENT, FieldChange
from tavusctl.lib.json_types import Json, JsonObject
from tavusctl.reports import markdown as pages
from tavusctl.reports import markdown_fields, review, view
from tavusctl.reports.escaping import code, marker, neutralise, spelled
from tavusctl.reports.review import objects
from tavusctl.reports.terminal import field_lines
from tavusctl.reports.terminal.styling import style
from tavusctl.reports.value_paths import Reading
from tavusctl.secrets.escape import flat

FORMAT_VERSION: Final = "1.0"
_SIGNS: Final = {Presence.LEFT: ("-", "red"), Presence.RIGHT: ("+", "green"), Presence.BOTH: ("~", "yellow")}


def _text(found: Comparison) -> str:
    """For the terminal: an object each, then what could not be compared, then the counts."""
    lines = [line for one in found.differences for line in (*_block(found, one), "")]
    lines += [flat(_told(one)) for one in found.unknown]
    return neutralise("\n".join([*lines, style(_summary(found), bold=True)]) + "\n")


def _block(found: Comparison, one: Difference) -> Iterator[str]:
    sign, colour = _SIGNS[one.presence]
    yield style(f"{sign} {one.address}{_where(found, one)}", fg=colour, bold=True)
    yield from field_lines.fields(Reading(one.kind), one.fields)
    yield from field_lines.fields(Reading(), one.settings)


def _where(found: Comparison, one: Difference) -> str:
    """In which of the two an object is, if it is in one alone."""
    alone = {Presence.LEFT: found.left, Presence.RIGHT: found.right, Presence.BOTH: ""}[one.presence]
    return f": only in {flat(alone)}" if alone else ""


def _told(one: Unknown) -> str:
    names = ", ".join(one.names)
    return (
        f"{one.address} {one.path}: not compared, because {names} {'is' if len(one.names) == 1 else 'are'} not set here"
    )


def _summary(found: Comparison) -> str:
    counts = Counter(one.presence for one in found.differences)
    sides = f"{flat(found.left)} -> {flat(found.right)}"
    if not found.differences:
        return f"{sides}: no differences, {objects(found.equal)} compared"
    only = [f"{counts[one]} only in {flat(name)}" for one, name in _alone(found) if counts[one]]
    return f"{sides}: {', '.join([f'{counts[Presence.BOTH]} different', *only, f'{found.equal} equal'])}"


def _alone(found: Comparison) -> tuple[tuple[Presence, str], ...]:
    return (Presence.LEFT, found.left), (Presence.RIGHT, found.right)


def _json(found: Comparison) -> str:
    """One document."""
    counts = Counter(one.presence for one in found.differences)
    document: JsonObject = {
        "format_version": FORMAT_VERSION,
        "left": found.left,
        "right": found.right,
        "summary": {
            "different": counts[Presence.BOTH],
            "only_left": counts[Presence.LEFT],
            "only_right": counts[Presence.RIGHT],
            "equal": found.equal,
        },
        "differences": [_difference(one) for one in found.differences],
        "not_compared": [
            {"address": str(one.address), "path": one.path, "unset": list(one.names)} for one in found.unknown
        ],
    }
    return spelled(json.dumps(map_leaves(document, view.number_view), indent=2, ensure_ascii=False)) + "\n"


def _difference(one: Difference) -> JsonObject:
    left, right = one.places
    return {
        "address": str(one.address),
        "kind": one.kind.name,
        "in": one.presence.value,
        "fields": [_field(field) for field in one.fields],
        "settings": [_field(field) for field in one.settings],
        "sources": {"left": _source(left), "right": _source(right)},
    }


def _field(entry: FieldChange) -> JsonObject:
    sides: Mapping[str, Json] = {} if entry.sensitive else {"left": entry.live, "right": entry.desired}
    told = {side: plain(value) for side, value in sides.items() if value is not ABSENT}
    place = {} if entry.sensitive else {"source": _source(entry.source)}
    return {"path": entry.path, **told, "sensitive": entry.sensitive, **place}


def _source(source: Source | None) -> JsonObject | None:
    return {"path": source.path, "line": source.line, "column": source.column} if source else None


def _markdown(found: Comparison) -> str:
    """For a pull request: the counts, and each object unfolded."""
    parts = [marker("diff", found.left, found.right), f"### tavusctl diff: {code(found.left)} -> {code(found.right)}"]
    parts.append(f"**{_summary(found).partition(': ')[2]}**")
    for one in found.differences:
        head = f"{code(_SIGNS[one.presence][0])} <b>{code(str(one.address))}</b>{_where(found, one)}"
        shown = [*review.shown(one.kind, one.fields), *review.shown(None, one.settings)]
        parts.append(pages.folded(head, markdown_fields.changes(shown), unfolded=True))
    parts += ["\n".join(f"- {code(_told(one))}" for one in found.unknown)] if found.unknown else []
    return pages.joined(parts)


FORMATS: Final[Mapping[str, Callable[[Comparison], str]]] = {"json": _json, "markdown": _markdown, "text": _text}


def report(found: Comparison, format_: str) -> str:
    """A comparison in one format, redacted before that encodes it."""
    return FORMATS[format_](view.comparison(found))
