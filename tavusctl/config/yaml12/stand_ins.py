r"""Characters that the YAML parser reads otherwise than YAML 1.2, replaced by others (stand-ins) while it parses.

Line separators: the parser follows YAML 1.1, where U+0085, U+2028 and U+2029 end a line.  In YAML 1.2 (section 5.4) and
in JSON they are characters like any other.  Surrogate pairs: JSON writes a character as two escapes, `"\ud83d\ude00"`,
which the parser refuses.  Each pair is replaced by two other escapes.

A stand-in has the length of what it replaces, so that positions stay right; in the scalars read, stand-ins are replaced
by the original characters.  Scalars that are not in double quotes have no escapes: they get back their original text.
"""

from __future__ import annotations

import functools
import re
from typing import Final

import yaml
from msgspec import Struct

from tavusctl.lib.patterns import pattern

LINE_BREAK: Final = pattern("\r\n|[\n\r]")  # YAML 1.2.2, section 5.4
_SEPARATORS: Final = "\x85\u2028\u2029"
_SEPARATOR: Final = pattern(f"[{_SEPARATORS}]")
_SURROGATES: Final = 0x400  # number of high surrogates, and of low ones
_FIRST_SURROGATE: Final = 0xD800
_PAIR: Final = pattern(r"\\(?:u([dD][89abAB][0-9a-fA-F]{2})\\u([dD][c-fC-F][0-9a-fA-F]{2})|.)")
_TIGHT_COMMENT: Final = pattern(r"(?<![ \t])([ \t]++)#(?![\s#]|tavusctl\b|$)")
_HIGH_ESCAPE: Final = pattern(r"\\u[dD][89abAB]")
# Ranges of code points for stand-ins, usable if a text has none of them: first code point, and pattern of its escapes.
_STAND_INS: Final = tuple(
    (start, f"[{start >> 12:x}{start >> 12:X}][{'89a-fA-F' if start & 0x800 else '0-7'}]")
    for start in range(0xF000, 0, -2 * _SURROGATES)
    if start != _FIRST_SURROGATE
)


class Reading(Struct, frozen=True):
    """A text, and the one with stand-ins that is parsed in its place; the same text if it needs none."""

    text: str
    parsed: str
    start: int = 0  # first code point of the stand-ins for pairs; 0: there are none
    separators: str = ""  # the stand-ins for line separators; empty: there are none
    may_cut: bool = False  # a comment without a space after `#` may end a text, such as `We are #1`

    @property
    def has_stand_ins(self) -> bool:
        """Whether the text that is parsed is another one."""
        return self.parsed is not self.text

    def spaces_before_comment(self, event: yaml.ScalarEvent) -> int:
        """How many spaces are between an unquoted text and the comment after it; 0 if that is none, or an ordinary one.

        Ordinary are comments with a space after `#`: without it, the text may have been meant to go on.
        """
        end = event.end_mark.index if event.implicit[0] and event.end_mark else len(self.text)
        spaces = _TIGHT_COMMENT.match(self.text, end)
        return len(spaces[1]) if spaces else 0

    def scalar(self, event: yaml.ScalarEvent) -> str:
        """The text of a scalar event, with stand-ins replaced."""
        value = self._with_pairs(event) if self.start else str(event.value)
        return value.translate(str.maketrans(self.separators, _SEPARATORS)) if self.separators else value

    def _with_pairs(self, event: yaml.ScalarEvent) -> str:
        value = str(event.value)
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

    A text that has every possible stand-in stays as it is: the parser reads or refuses it by its own rules.
    """
    separators = _free_characters(text) if not text.isascii() and _SEPARATOR.search(text) else ""
    parsed = text.translate(str.maketrans(_SEPARATORS, separators)) if separators else text
    may_cut = "#" in text and _TIGHT_COMMENT.search(text) is not None
    if "\\" not in text or not _HIGH_ESCAPE.search(text):
        return Reading(text, parsed, 0, separators, may_cut)
    for start, spelled in _STAND_INS:
        characters = f"[{chr(start)}-{chr(start + 2 * _SURROGATES - 1)}]"
        if not re.search(rf"{characters}|\\u{spelled}|\\U0000{spelled}", parsed):
            with_pairs = _PAIR.sub(functools.partial(_with_stand_ins, start), parsed)
            return Reading(text, with_pairs, start, separators, may_cut)
    return Reading(text, parsed, 0, separators, may_cut)


def _free_characters(text: str) -> str:
    """Three characters of the private use area that neither a text nor an escape in it has; empty if there are none."""
    escaped = {int(code, 16) for code in re.findall(r"\\(?:u|U0000)([0-9a-fA-F]{4})", text)}
    present = {*map(ord, set(text)), *escaped}
    free = [chr(code) for code in range(0xE000, 0xF900) if code not in present]
    return "".join(free[: len(_SEPARATORS)]) if len(free) >= len(_SEPARATORS) else ""


def _with_stand_ins(start: int, match: re.Match[str]) -> str:
    if not match[1]:
        return match.group()
    return "".join(f"\\u{int(half, 16) - _FIRST_SURROGATE + start:04x}" for half in match.groups())
