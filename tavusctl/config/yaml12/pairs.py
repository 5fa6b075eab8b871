r"""Surrogate pairs: characters that JSON writes as two escapes, `"\ud83d\ude00"`, which the YAML parser refuses.

JSON is valid YAML, so they have to be read.  Before parsing, each pair is replaced by two other escapes (stand-ins) of
the same length, so that positions stay right; in the scalars read, stand-ins are replaced by the character.  Scalars
that are not in double quotes have no escapes: they get back their original text.
"""

from __future__ import annotations

import functools
import re
from typing import Final

import yaml
from msgspec import Struct

from tavusctl.lib.patterns import pattern

_SURROGATES: Final = 0x400  # number of high surrogates, and of low ones
_FIRST_SURROGATE: Final = 0xD800
_PAIR: Final = pattern(r"\\(?:u([dD][89abAB][0-9a-fA-F]{2})\\u([dD][c-fC-F][0-9a-fA-F]{2})|.)")
_HIGH_ESCAPE: Final = pattern(r"\\u[dD][89abAB]")
# Ranges of code points for stand-ins, usable if a text has none of them: first code point, and pattern of its escapes.
_STAND_INS: Final = tuple(
    (start, f"[{start >> 12:x}{start >> 12:X}][{'89a-fA-F' if start & 0x800 else '0-7'}]")
    for start in range(0xF000, 0, -2 * _SURROGATES)
    if start != _FIRST_SURROGATE
)


class Reading(Struct, frozen=True):
    """A text, and the one with stand-ins that is parsed in its place."""

    text: str
    parsed: str
    start: int = 0  # first code point of the stand-ins; 0: there are none

    def scalar(self, event: yaml.ScalarEvent) -> str:
        """The text of a scalar event, with stand-ins replaced."""
        value = str(event.value)
        if not self.start:
            return value
        if event.style == '"':
            first, second = (chr(self.start + half) for half in (0, _SURROGATES))
            end, last = (chr(self.start + half - 1) for half in (_SURROGATES, 2 * _SURROGATES))
            return re.sub(f"([{first}-{end}])([{second}-{last}])", self._joined, value)
        stand_ins = self._stand_in_pattern()
        span = [mark.index for mark in (event.start_mark, event.end_mark) if mark]
        places = [match.span() for match in stand_ins.finditer(self.parsed, *span)]
        originals = iter(self.text[begin:stop] for begin, stop in places)
        return stand_ins.sub(lambda _: next(originals), value)

    def _joined(self, match: re.Match[str]) -> str:
        halves = (chr(ord(half) - self.start + _FIRST_SURROGATE) for half in match.groups())
        return "".join(halves).encode("utf-16", "surrogatepass").decode("utf-16")

    def _stand_in_pattern(self) -> re.Pattern[str]:
        halves = next(spelled for start, spelled in _STAND_INS if start == self.start)
        return pattern(rf"\\u{halves}[0-9a-fA-F]{{2}}\\u{halves}[0-9a-fA-F]{{2}}")


def reading(text: str) -> Reading:
    """Prepare a text for the parser.

    A text in which all ranges of stand-ins are in use stays as it is: the parser will refuse it.
    """
    if not _HIGH_ESCAPE.search(text):
        return Reading(text, text)
    for start, spelled in _STAND_INS:
        characters = f"[{chr(start)}-{chr(start + 2 * _SURROGATES - 1)}]"
        if not re.search(rf"{characters}|\\u{spelled}|\\U0000{spelled}", text):
            return Reading(text, _PAIR.sub(functools.partial(_with_stand_ins, start), text), start)
    return Reading(text, text)


def _with_stand_ins(start: int, match: re.Match[str]) -> str:
    if not match[1]:
        return match.group()
    return "".join(f"\\u{int(half, 16) - _FIRST_SURROGATE + start:04x}" for half in match.groups())
