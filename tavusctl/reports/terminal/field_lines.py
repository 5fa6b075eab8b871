"""Fields for the terminal: short values in one column, long ones place by place, prompts line by line."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from tavusctl import patch
from tavusctl.core.json_tree import is_hidden
from tavusctl.core.messages import counted
from tavusctl.core.model import Cause, FieldChange
from tavusctl.core.resource_kind import ResourceKind
from tavusctl.lib.diffing import text_diff
from tavusctl.lib.json_types import Json
from tavusctl.reports.contents import review
from tavusctl.reports.contents.value_paths import (
    Place,
    ValueComparison,
    as_texts,
    is_nothing,
    is_prose,
    item_name,
    one_line,
)
from tavusctl.reports.terminal.line_wrapping import WIDTH, columns
from tavusctl.reports.terminal.styling import style
from tavusctl.secrets.escape import escape_invisible, flat
from tavusctl.secrets.values import SHOWN

_INDENT_WIDTH = 6  # columns before the lines about a field
_PROMPT_WIDTH = 68  # columns of a line of a prompt that can be cut
_FIRST_LINES = 3  # lines of a new prompt that are shown
_MAX_NAME_WIDTH = 28  # columns of the longest name to which values are aligned


def conflict(kind: ResourceKind | None, entry: FieldChange) -> Iterator[str]:
    """The lines of a conflict: short values side by side, long ones as the change that each side made."""
    sides = (("last applied", entry.base), ("live", entry.live), ("manifest", entry.desired))
    yield from (f"      {line}" for line in blame(entry))
    if entry.sensitive:
        yield f"      value: {SHOWN}"
    elif any(is_prose(value) or isinstance(value, list | dict) for _, value in sides):
        for name, value in sides[1:]:
            yield f"      {name}, since the last apply:"
            reading = ValueComparison(kind, old_is_declared=name == "live")
            yield from (f"    {line}" for line in _difference(reading, entry.path, entry.base, value))
    else:
        yield from (
            f"      {line}" for line in align([(name, escape_invisible(one_line(value))) for name, value in sides])
        )


def align(rows: Sequence[tuple[str, str]]) -> Iterator[str]:
    """Names and values, the values in one column."""
    width = max((len(name) for name, _ in rows if len(name) <= _MAX_NAME_WIDTH), default=0) + 1
    yield from (f"{name + ':':<{width}} {value}" for name, value in rows)


def brief(entry: FieldChange) -> str:
    """The value of a new field, in short: of a prompt its size and first lines, of a list the names of its items."""
    if entry.sensitive:
        return SHOWN
    value = entry.desired
    if is_prose(value):
        lines = value.count("\n") + 1
        words = f"text of {len(value):,} characters, {counted(lines, 'line')}"
        return "\n".join([f"{words}, {review.budget(None, value)}", *_beginning(value)])
    return _item_names(value) if isinstance(value, list) else escape_invisible(one_line(value))


def _beginning(text: str) -> Iterator[str]:
    """The first lines of a new prompt, and how to see all of it."""
    lines = text.splitlines()
    shown = [line if len(line) <= _PROMPT_WIDTH else f"{line[: _PROMPT_WIDTH - 1]}…" for line in lines[:_FIRST_LINES]]
    yield from (f"      {style('+', fg='green')} {escape_invisible(line)}".rstrip() for line in shown)
    if shown != lines:
        yield f"      {style('… all of it: --format markdown', dim=True)}"


def _item_names(items: Sequence[Json]) -> str:
    names = [name for name in map(item_name, items) if name]
    shown = flat(", ".join(names)) if len(names) == len(items) else escape_invisible(one_line(list(items)))
    return shown if len(shown) <= WIDTH else f"{len(items)} items"


def fields(reading: ValueComparison, entries: Iterable[FieldChange]) -> Iterator[str]:
    """The lines of fields that differ; short ones that follow each other are aligned."""
    short_fields: list[tuple[str, str]] = []
    for entry in entries:
        cause = style(f" ({entry.cause.value})", fg="magenta") if entry.cause is not Cause.EDITED else ""
        short = f"{SHOWN} {review.secret_change(entry.live, entry.desired)}" if entry.sensitive else _short(entry)
        short = short if _fits(f"{entry.path}: {short}", indent=4) else ""
        blame_lines = [f"      {line}" for line in blame(entry)]
        if short:
            short_fields.append((flat(entry.path), "\n".join([short + cause, *blame_lines])))
            continue
        yield from (f"    {line}" for line in align(short_fields))
        short_fields = []
        yield f"    {flat(entry.path)}:{_size(entry)}{cause}"
        yield from (f"    {line}" for line in _difference(reading, entry.path, entry.live, entry.desired))
        yield from blame_lines
    yield from (f"    {line}" for line in align(short_fields))


def blame(entry: FieldChange) -> Iterator[str]:
    """Who last wrote the desired value of a field: on one line if it fits."""
    for commit in entry.blame[:1]:
        text, place = review.blame(commit, flat), f"({flat(commit.source.path)}:{commit.source.line}"
        place += f", and {len(entry.blame) - 1} more)" if len(entry.blame) > 1 else ")"
        parts = [f"{text} {place}"] if _fits(f"{text} {place}") else [text, f"  {place}"]
        yield from (style(part, dim=True) for part in parts)


def _size(entry: FieldChange) -> str:
    budget = review.prompt_budget(entry).replace("→", "->")  # as between the values on other lines
    return f" {budget}" if budget else ""


def _short(entry: FieldChange) -> str:
    """Both values on one line; empty if one of them is long text or a collection."""
    if any(isinstance(value, list | dict) or is_prose(value) for value in (entry.live, entry.desired)):
        return ""
    return f"{escape_invisible(one_line(entry.live))} -> {escape_invisible(one_line(entry.desired))}"


def _difference(reading: ValueComparison, path: str, old: Json, new: Json) -> Iterator[str]:
    """The changes inside a field, place by place."""
    for place in reading.differences(patch.split(path), old, new):
        yield from (f"  {line}".rstrip() for line in _place(place))


def _place(place: Place) -> Iterator[str]:
    old, new, name = place.old, place.new, flat(place.name)
    if is_hidden(old) or is_hidden(new):
        yield f"{name}{': ' if name else ''}{SHOWN} {review.secret_change(old, new)}"
    elif place.note:
        before, after = escape_invisible(one_line(old)), escape_invisible(one_line(new))
        yield f"{name}{': ' if name else ''}{place.note}: {before} -> {after}"
    elif is_prose(old) or is_prose(new):
        indent = "  " if name else ""
        if name:
            yield f"{name}:"
        if sides := as_texts(old, new):
            yield from (f"{indent}{_line(line)}" for line in text_diff.lines(*sides))
        else:
            yield from (f"{indent}{line}" for line in _both_sides(old, new, ""))
    else:
        yield from _both_sides(old, new, f"{name}: " if name else "")


def _both_sides(old: Json, new: Json, name: str) -> Iterator[str]:
    sides = escape_invisible(one_line(old)), escape_invisible(one_line(new))
    one_row = f"{name}{sides[0]} -> {sides[1]}"
    if not is_nothing(old) and not is_nothing(new) and _fits(one_row):
        yield one_row
        return
    both = list(zip("-+", sides, (old, new), strict=True))
    signed = [(sign, side) for sign, side, value in both if not is_nothing(value)]
    signed = signed or [(sign, side) for sign, side, value in both if value is None]  # null in a list
    is_apart = bool(name) and (len(signed) > 1 or not _fits(f"- {name}{signed[0][1]}"))
    if is_apart:
        yield name.rstrip()
    yield from (
        _signed(sign, side if is_apart else f"{name}{side}", indent="  " if is_apart else "") for sign, side in signed
    )


def _fits(line: str, indent: int = _INDENT_WIDTH) -> bool:
    return columns(line) <= WIDTH - indent


def _signed(sign: str, text: str, indent: str = "") -> str:
    return indent + style(f"{sign} {text}", fg="red" if sign == "-" else "green")


def _line(line: text_diff.Line) -> str:
    colour = {"-": "red", "+": "green", ">": "cyan", "…": "cyan"}.get(line.sign)
    parts = text_diff.shortened(line, _PROMPT_WIDTH).parts
    is_whole = len(parts) == 1
    opening, closing = {"-": ("[-", "-]"), "+": ("{+", "+}")}.get("" if is_whole else line.sign, ("", ""))
    words = ""
    for part, changed in parts:
        text = escape_invisible(part)
        if text and changed:
            words += style(f"{opening}{text}{closing}", fg=colour, bold=None if is_whole else True)
        elif text:
            words += style(text, dim=True) if line.sign == " " else text
    return f"{style(line.sign, fg=colour)} {words}".rstrip()
