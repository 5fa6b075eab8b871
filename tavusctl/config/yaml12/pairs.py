r"""Characters that JSON writes as two escapes, `"\ud83d\ude00"`: YAML holds JSON, and its parser refuses them.

While a text is parsed, other escapes of the same length stand in their place, so that every position stays; what is
read is put right afterwards.  Text without double quotes has no escapes, and gets back what it had.
"""

from __future__ import annotations

import functools
import re
from typing import Final

import yaml
from msgspec import Struct

from tavusctl.lib.patterns import pattern

_HALF: Final = 0x400  # numbers of first halves, and as many of second ones
_FIRST: Final = 0xD800
_PAIR: Final = pattern(r"\\(?:u([dD][89abAB][0-9a-fA-F]{2})\\u([dD][c-fC-F][0-9a-fA-F]{2})|.)")
_LOOKS_LIKE: Final = pattern(r"\\u[dD][89abAB]")
# Numbers that may stand in, where a text has none of their characters: where they begin, and how they are spelled.
_STAND_INS: Final = tuple(
    (start, f"[{start >> 12:x}{start >> 12:X}][{'89a-fA-F' if start & 0x800 else '0-7'}]")
    for start in range(0xF000, 0, -2 * _HALF)
    if start != _FIRST
)


class Reading(Struct, frozen=True):
    """A text, and the one that is parsed in its place."""

    text: str
    parsed: str
    start: int = 0  # of the numbers that stand in; 0: nothing does

    def scalar(self, event: yaml.ScalarEvent) -> str:
        """The text of a scalar."""
        value = str(event.value)
        if not self.start:
            return value
        if event.style == '"':
            first, second = (chr(self.start + half) for half in (0, _HALF))
            end, last = (chr(self.start + half - 1) for half in (_HALF, 2 * _HALF))
            return re.sub(f"([{first}-{end}])([{second}-{last}])", self._joined, value)
        stood_in = self._stood_in()
        span = [mark.index for mark in (event.start_mark, event.end_mark) if mark]
        places = [one.span() for one in stood_in.finditer(self.parsed, *span)]
        written = iter(self.text[one:other] for one, other in places)
        return stood_in.sub(lambda _: next(written), value)

    def _joined(self, found: re.Match[str]) -> str:
        halves = (chr(ord(half) - self.start + _FIRST) for half in found.groups())
        return "".join(halves).encode("utf-16", "surrogatepass").decode("utf-16")

    def _stood_in(self) -> re.Pattern[str]:
        halves = next(spelled for start, spelled in _STAND_INS if start == self.start)
        return pattern(rf"\\u{halves}[0-9a-fA-F]{{2}}\\u{halves}[0-9a-fA-F]{{2}}")


def reading(text: str) -> Reading:
    """A text as it can be parsed; one in which every stand-in has a meaning stays as it is, and is refused."""
    if not _LOOKS_LIKE.search(text):
        return Reading(text, text)
    for start, spelled in _STAND_INS:
        own = f"[{chr(start)}-{chr(start + 2 * _HALF - 1)}]"
        if not re.search(rf"{own}|\\u{spelled}|\\U0000{spelled}", text):
            return Reading(text, _PAIR.sub(functools.partial(_veiled, start), text), start)
    return Reading(text, text)


def _veiled(start: int, found: re.Match[str]) -> str:
    if not found[1]:
        return found.group()
    return "".join(f"\\u{int(half, 16) - _FIRST + start:04x}" for half in found.groups())
