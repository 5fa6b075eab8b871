"""Two environments, or an environment and its account, compared: as text, JSON and Markdown."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from typing import Final

from tavusctl.core.comparison import Comparison, Difference, Presence, Unknown
from tavusctl.core.json_tree import manifest_notation
from tavusctl.core.messages import counted
from tavusctl.core.model import ABSENT, FieldChange
from tavusctl.lib.json_types import Json, JsonObject
from tavusctl.reports import markdown as pages
from tavusctl.reports import markdown_fields
from tavusctl.reports.contents import review, view
from tavusctl.reports.contents.value_paths import ValueComparison
from tavusctl.reports.escaping import code, marker, neutralise
from tavusctl.reports.json import result_text, source_document
from tavusctl.reports.terminal import field_lines
from tavusctl.reports.terminal.styling import style
from tavusctl.secrets.escape import flat

_SIGNS: Final = {Presence.LEFT: ("-", "red"), Presence.RIGHT: ("+", "green"), Presence.BOTH: ("~", "yellow")}


def _text(comparison: Comparison) -> str:
    """A comparison for the terminal: a block for each object, then what could not be compared, then the counts."""
    lines = [line for difference in comparison.differences for line in (*_block(comparison, difference), "")]
    lines += [flat(_not_compared(unknown)) for unknown in comparison.unknown]
    return neutralise("\n".join([*lines, style(_summary(comparison), bold=True)]) + "\n")


def _block(comparison: Comparison, difference: Difference) -> Iterator[str]:
    sign, colour = _SIGNS[difference.presence]
    yield style(f"{sign} {difference.address}{_only_side(comparison, difference)}", fg=colour, bold=True)
    yield from field_lines.fields(ValueComparison(difference.kind), difference.fields)
    yield from field_lines.fields(ValueComparison(), difference.settings)


def _only_side(comparison: Comparison, difference: Difference) -> str:
    """A note that names the only side that has the object; empty if both have it."""
    name = {Presence.LEFT: comparison.left, Presence.RIGHT: comparison.right, Presence.BOTH: ""}[difference.presence]
    return f": only in {flat(name)}" if name else ""


def _not_compared(one: Unknown) -> str:
    names = ", ".join(one.names)
    return (
        f"{one.address} {one.path}: not compared, because {names} {'is' if len(one.names) == 1 else 'are'} not set here"
    )


def _summary(comparison: Comparison) -> str:
    counts = Counter(one.presence for one in comparison.differences)
    sides = f"{flat(comparison.left)} -> {flat(comparison.right)}"
    if not comparison.differences:
        return f"{sides}: no differences, {counted(comparison.equal, 'object')} compared"
    only = [f"{counts[presence]} only in {flat(name)}" for presence, name in _sides(comparison) if counts[presence]]
    return f"{sides}: {', '.join([f'{counts[Presence.BOTH]} different', *only, f'{comparison.equal} equal'])}"


def _sides(comparison: Comparison) -> tuple[tuple[Presence, str], ...]:
    return (Presence.LEFT, comparison.left), (Presence.RIGHT, comparison.right)


def _json(comparison: Comparison) -> str:
    counts = Counter(one.presence for one in comparison.differences)
    return result_text(
        left=comparison.left,
        right=comparison.right,
        summary={
            "different": counts[Presence.BOTH],
            "only_left": counts[Presence.LEFT],
            "only_right": counts[Presence.RIGHT],
            "equal": comparison.equal,
        },
        differences=[_difference(one) for one in comparison.differences],
        not_compared=[
            {"address": str(one.address), "path": one.path, "unset": list(one.names)} for one in comparison.unknown
        ],
    )


def _difference(difference: Difference) -> JsonObject:
    left, right = difference.places
    return {
        "address": str(difference.address),
        "kind": difference.kind.name,
        "in": difference.presence.value,
        "fields": [_field(field) for field in difference.fields],
        "settings": [_field(field) for field in difference.settings],
        "sources": {"left": source_document(left), "right": source_document(right)},
    }


def _field(entry: FieldChange) -> JsonObject:
    sides: Mapping[str, Json] = {} if entry.sensitive else {"left": entry.live, "right": entry.desired}
    values = {side: manifest_notation(value) for side, value in sides.items() if value is not ABSENT}
    source = {} if entry.sensitive else {"source": source_document(entry.source)}
    return {"path": entry.path, **values, "sensitive": entry.sensitive, **source}


def _markdown(comparison: Comparison) -> str:
    """A comparison for a pull request: the counts, and each object unfolded."""
    parts = [
        marker("diff", comparison.left, comparison.right),
        f"### tavusctl diff: {code(comparison.left)} -> {code(comparison.right)}",
    ]
    parts.append(f"**{_summary(comparison).partition(': ')[2]}**")
    for one in comparison.differences:
        head = f"{code(_SIGNS[one.presence][0])} <b>{code(str(one.address))}</b>{_only_side(comparison, one)}"
        shown = [*review.changed_places(one.kind, one.fields), *review.changed_places(None, one.settings)]
        parts.append(pages.collapsible(head, markdown_fields.changes(shown), unfolded=True))
    parts += ["\n".join(f"- {code(_not_compared(one))}" for one in comparison.unknown)] if comparison.unknown else []
    return pages.join_parts(parts)


FORMATS: Final[Mapping[str, Callable[[Comparison], str]]] = {"json": _json, "markdown": _markdown, "text": _text}


def report(comparison: Comparison, format_: str) -> str:
    """A comparison in one format, redacted before the format encodes it."""
    return FORMATS[format_](view.comparison(comparison))
