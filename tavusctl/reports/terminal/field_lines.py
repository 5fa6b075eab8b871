"""Fields for the terminal: short values in one column, long ones place by place, prompts line by line."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from tavusctl import patch
from tavusctl.core.json_tree import is_hidden
from tavusctl.core.model import Cause, FieldChange
from tavusctl.core.resource_kind import ResourceKind
from tavusctl.lib.diffing import text_diff
from tavusctl.lib.json_types import Json
from tavusctl.reports import review
from tavusctl.reports.terminal.line_wrapping import WIDTH, columns
from tavusctl.reports.terminal.styling import style
from tavusctl.reports.value_paths import Place, Reading, as_texts, is_nothing, is_prose, item_name, one_line
from tavusctl.secrets.escape import escape_invisible, flat
from tavusctl.secrets.values import SHOWN

_INDENT = 6  # of what is told about a field
_TEXT = 68  # columns of a line of a prompt, where it can be cut
_FIRST_LINES = 3  # of a new prompt
_NAMES = 28  # columns of the longest name that others are aligned to


def conflict(kind: ResourceKind | None, entry: FieldChange) -> Iterator[str]:
    """A conflict: short values side by side, long ones as what each side made of the last applied one."""
    sides = (("last applied", entry.base), ("live", entry.live), ("manifest", entry.desired))
    yield from (f"      {line}" for line in blame(entry))
    if entry.sensitive:
        yield f"      value: {SHOWN}"
    elif any(is_prose(value) or isinstance(value, list | dict) for _, value in sides):
        for name, value in sides[1:]:
            yield f"      {name}, since the last apply:"
            reading = Reading(kind, old_is_told=name == "live")
            yield from (f"    {line}" for line in _difference(reading, entry.path, entry.base, value))
    else:
        yield from (
            f"      {line}" for line in aligned([(name, escape_invisible(one_line(value))) for name, value in sides])
        )


def aligned(told: Sequence[tuple[str, str]]) -> Iterator[str]:
    """Names and values, the values in one column."""
    width = max((len(name) for name, _ in told if len(name) <= _NAMES), default=0) + 1
    yield from (f"{name + ':':<{width}} {value}" for name, value in told)


def brief(entry: FieldChange) -> str:
    """What a new field says, in a few words."""
    if entry.sensitive:
        return SHOWN
    value = entry.desired
    if is_prose(value):
        lines = value.count("\n") + 1
        words = f"text of {len(value):,} characters, {lines} line{'' if lines == 1 else 's'}"
        return "\n".join([f"{words}, {review.budget(None, value)}", *_beginning(value)])
    return _named(value) if isinstance(value, list) else escape_invisible(one_line(value))


def _beginning(text: str) -> Iterator[str]:
    """The first lines of a new prompt, and where all of it can be read."""
    written = text.splitlines()
    cut = [line if len(line) <= _TEXT else f"{line[: _TEXT - 1]}…" for line in written[:_FIRST_LINES]]
    yield from (f"      {style('+', fg='green')} {escape_invisible(line)}".rstrip() for line in cut)
    if cut != written:
        yield f"      {style('… all of it: --format markdown', dim=True)}"


def _named(items: Sequence[Json]) -> str:
    names = [name for name in map(item_name, items) if name]
    shown = flat(", ".join(names)) if len(names) == len(items) else escape_invisible(one_line(list(items)))
    return shown if len(shown) <= WIDTH else f"{len(items)} items"


def fields(reading: Reading, entries: Iterable[FieldChange]) -> Iterator[str]:
    """Fields that differ; short ones that stand together are aligned."""
    waiting: list[tuple[str, str]] = []
    for entry in entries:
        cause = style(f" ({entry.cause.value})", fg="magenta") if entry.cause is not Cause.EDITED else ""
        short = f"{SHOWN} {review.secret(entry)}" if entry.sensitive else _short(entry)
        short = short if _fits(f"{entry.path}: {short}", indent=4) else ""
        written = [f"      {line}" for line in blame(entry)]
        if short:
            waiting.append((flat(entry.path), "\n".join([short + cause, *written])))
            continue
        yield from (f"    {line}" for line in aligned(waiting))
        waiting = []
        yield f"    {flat(entry.path)}:{_size(entry)}{cause}"
        yield from (f"    {line}" for line in _difference(reading, entry.path, entry.live, entry.desired))
        yield from written
    yield from (f"    {line}" for line in aligned(waiting))


def blame(entry: FieldChange) -> Iterator[str]:
    """Who wrote what a field should be last: one line where that holds it."""
    for one in entry.blame[:1]:
        told, place = review.blame(one, flat), f"({flat(one.source.path)}:{one.source.line}"
        place += f", and {len(entry.blame) - 1} more)" if len(entry.blame) > 1 else ")"
        parts = [f"{told} {place}"] if _fits(f"{told} {place}") else [told, f"  {place}"]
        yield from (style(part, dim=True) for part in parts)


def _size(entry: FieldChange) -> str:
    budget = review.prompt_budget(entry)
    return f" {budget}" if budget else ""


def _short(entry: FieldChange) -> str:
    """Both values on one line, where that holds them."""
    if any(isinstance(value, list | dict) or is_prose(value) for value in (entry.live, entry.desired)):
        return ""
    return f"{escape_invisible(one_line(entry.live))} -> {escape_invisible(one_line(entry.desired))}"


def _difference(reading: Reading, path: str, old: Json, new: Json) -> Iterator[str]:
    """What changed inside a field, place by place."""
    for place in reading.within(patch.split(path), old, new):
        yield from (f"  {line}".rstrip() for line in _place(place))


def _place(place: Place) -> Iterator[str]:
    old, new, name = place.old, place.new, flat(place.name)
    if is_hidden(old) or is_hidden(new):
        yield f"{name}{': ' if name else ''}{SHOWN} {review.became(old, new)}"
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
            yield from (f"{indent}{line}" for line in _both(old, new, ""))
    else:
        yield from _both(old, new, f"{name}: " if name else "")


def _both(old: Json, new: Json, name: str) -> Iterator[str]:
    sides = escape_invisible(one_line(old)), escape_invisible(one_line(new))
    whole = f"{name}{sides[0]} -> {sides[1]}"
    if not is_nothing(old) and not is_nothing(new) and _fits(whole):
        yield whole
        return
    told = [(sign, side) for sign, side, value in zip("-+", sides, (old, new), strict=True) if not is_nothing(value)]
    apart = bool(name) and (len(told) > 1 or not _fits(f"- {name}{told[0][1]}"))
    if apart:
        yield name.rstrip()
    yield from (_signed(sign, side if apart else f"{name}{side}", indent="  " if apart else "") for sign, side in told)


def _fits(line: str, indent: int = _INDENT) -> bool:
    return columns(line) <= WIDTH - indent


def _signed(sign: str, text: str, indent: str = "") -> str:
    return indent + style(f"{sign} {text}", fg="red" if sign == "-" else "green")


def _line(line: text_diff.Line) -> str:
    colour = {"-": "red", "+": "green", ">": "cyan", "…": "cyan"}.get(line.sign)
    opening, closing = {"-": ("[-", "-]"), "+": ("{+", "+}")}.get(line.sign, ("", ""))
    parts = text_diff.shortened(line, _TEXT).parts
    whole = len(parts) == 1
    words = (
        style(
            f"{'' if whole else opening}{escape_invisible(text)}{'' if whole else closing}",
            fg=colour,
            bold=None if whole else True,
        )
        if changed
        else (style(escape_invisible(text), dim=True) if line.sign == " " else escape_invisible(text))
        for text, changed in parts
        if text
    )
    text = "".join(words) if any(text for text, _ in parts) else ""
    return f"{style(line.sign, fg=colour)} {text}".rstrip()
