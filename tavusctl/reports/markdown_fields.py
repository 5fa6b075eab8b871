"""What changes in one resource, as a Markdown list that fits a screen of any width.

Every text is written in `<code>`, in character references: it wraps at the end of a line, and nothing in it is markup,
a mention, a link or an issue.  Removed text is struck through, added text is underlined.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from typing import Final

from tavusctl.core.model import Cause
from tavusctl.lib.diffing import text_diff
from tavusctl.reports.contents import review
from tavusctl.reports.contents.review import Shown
from tavusctl.reports.contents.value_paths import as_texts, is_nothing, is_prose, one_line
from tavusctl.reports.escaping import code, entities
from tavusctl.secrets.values import SHOWN

_BREAK: Final = "<br>\n  "  # between lines of one item
_SIDES: Final = 2  # of a conflict
_MOVED: Final = ">"


def changes(places: Iterable[Shown], *, is_new: bool = False) -> list[str]:
    """A list with an item for each place that differs; no list if there is none.

    If `is_new`, the object is new: all of it is added, and nothing is marked.
    """
    items = [item for _, group in groupby(places, key=_conflict_path) for item in _items(list(group), is_new=is_new)]
    return ["\n".join(items)] if items else []


def _conflict_path(place: Shown) -> str:
    """The path that both sides of a conflict share; empty for a secret, and for a place without a conflict."""
    return place.path if place.side and not place.secret else ""


def _items(places: Sequence[Shown], *, is_new: bool) -> Iterator[str]:
    sides = {place.side: place for place in places}
    if len(places) == len(sides) == _SIDES and all(map(_is_short, places)):
        yield _disputed(sides["account"], sides["manifest"])
    else:
        yield from (_item(place, is_new=is_new) for place in places)


def _is_short(place: Shown) -> bool:
    return not (place.note or is_prose(place.old) or is_prose(place.new))


def _disputed(account: Shown, manifest: Shown) -> str:
    """A conflict of short values: the last applied value, the one of the account, and the one of the manifest."""
    values = (("last applied", account.old), ("account", account.new), ("manifest", manifest.new))
    lines = [f"{label}: {code(one_line(value))}" for label, value in values]
    return _BREAK.join([f"- {code(account.path)} ({Cause.BOTH.value})", *lines])


def _item(one: Shown, *, is_new: bool) -> str:
    cause = f" (in the {one.side})" if one.side else f" ({one.cause.value})" if one.cause is not Cause.EDITED else ""
    head = f"- {code(one.path)}"
    if one.secret:
        return f"{head} {code(SHOWN)} {one.note}{cause}"
    if (sides := as_texts(one.old, one.new)) and not one.note and (is_prose(one.old) or is_prose(one.new)):
        budget = review.budget(one.old, one.new)
        return _BREAK.join([f"{head} {budget}{cause}", *map(_line, text_diff.lines(*sides))])
    note = f" {entities(one.note)}" if one.note else ""
    return f"{head}{note}{cause}: {_values(one, is_new=is_new)}"


def _values(place: Shown, *, is_new: bool) -> str:
    """The old and the new value of a place."""
    old, new = code(one_line(place.old)), code(one_line(place.new))
    if is_nothing(place.old):
        return new if is_new else f"<ins>{new}</ins>"
    return f"<del>{old}</del> " + ("removed" if is_nothing(place.new) else f"→ <ins>{new}</ins>")


def _line(line: text_diff.Line) -> str:
    """A line of a text diff, its sign first.

    The words that differ are marked; of a line that differs as a whole, only a removed one is.
    """
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
    escaped = entities(text)
    return f"<{mark}>{escaped}</{mark}>" if mark and text else escaped
