"""What changes in one resource, as a list in Markdown that no screen is too narrow for.

Every text stands in `<code>`, in character references: it wraps wherever a line ends, and nothing in it is markup, a
mention, a link or an issue.  What goes is struck through, what comes is underlined.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from typing import Final

from tavusctl.core.model import Cause
from tavusctl.lib.diffing import text_diff
from tavusctl.reports import review
from tavusctl.reports.escaping import code, entities
from tavusctl.reports.review import Shown
from tavusctl.reports.value_paths import as_texts, is_nothing, is_prose, one_line
from tavusctl.secrets.values import SHOWN

_BREAK: Final = "<br>\n  "  # between lines of one item
_SIDES: Final = 2  # of a conflict
_MOVED: Final = ">"


def changes(found: Iterable[Shown], *, made: bool = False) -> list[str]:
    """A list with an item for each place that differs; of an object that is made, all is new and nothing marked."""
    items = [item for _, same in groupby(found, key=_conflict) for item in _items(list(same), made=made)]
    return ["\n".join(items)] if items else []


def _conflict(one: Shown) -> str:
    """What joins the two sides of a conflict."""
    return one.path if one.side and not one.secret else ""


def _items(same: Sequence[Shown], *, made: bool) -> Iterator[str]:
    sides = {one.side: one for one in same}
    if len(same) == len(sides) == _SIDES and all(map(_is_short, same)):
        yield _disputed(sides["account"], sides["manifest"])
    else:
        yield from (_item(one, made=made) for one in same)


def _is_short(one: Shown) -> bool:
    return not (one.note or is_prose(one.old) or is_prose(one.new))


def _disputed(account: Shown, manifest: Shown) -> str:
    """A value that both sides changed: what was applied last, and what either made of it."""
    told = (("last applied", account.old), ("account", account.new), ("manifest", manifest.new))
    lines = [f"{who}: {code(one_line(value))}" for who, value in told]
    return _BREAK.join([f"- {code(account.path)} ({Cause.BOTH.value})", *lines])


def _item(one: Shown, *, made: bool) -> str:
    cause = f" (in the {one.side})" if one.side else f" ({one.cause.value})" if one.cause is not Cause.EDITED else ""
    head = f"- {code(one.path)}"
    if one.secret:
        return f"{head} {code(SHOWN)} {one.note}{cause}"
    if (sides := as_texts(one.old, one.new)) and not one.note and (is_prose(one.old) or is_prose(one.new)):
        budget = review.budget(one.old, one.new).replace("->", "→")
        return _BREAK.join([f"{head} {budget}{cause}", *map(_line, text_diff.lines(*sides))])
    note = f" {entities(one.note)}" if one.note else ""
    return f"{head}{note}{cause}: {_values(one, made=made)}"


def _values(one: Shown, *, made: bool) -> str:
    """What went and what came."""
    went, came = code(one_line(one.old)), code(one_line(one.new))
    if is_nothing(one.old):
        return came if made else f"<ins>{came}</ins>"
    return f"<del>{went}</del> " + ("removed" if is_nothing(one.new) else f"→ <ins>{came}</ins>")


def _line(line: text_diff.Line) -> str:
    """A line of a text, its sign first; the words that differ are marked, or all of it when it goes."""
    line = text_diff.shortened(line)
    if line.sign == "…":
        return f"… {code(line.parts[0][0])}" if line.parts[0][0] else "…"
    mark = {"-": "del", "+": "ins"}.get(line.sign, "")
    words = "".join(
        _word(text, mark if changed and (mark == "del" or len(line.parts) > 1) else "") for text, changed in line.parts
    )
    sign = line.sign if line.sign in ("-", "+", _MOVED) else " "
    return f"<code>{entities(sign)} {words}</code>" if words or sign != " " else ""


def _word(text: str, mark: str) -> str:
    said = entities(text)
    return f"<{mark}>{said}</{mark}>" if mark and text else said
