"""Characters that hide or act: shown as what they are, never obeyed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from tavusctl.lib.patterns import pattern

# C0 but tab and newline, DEL, C1, line separators, what turns the direction of text, what hides in it (soft hyphens,
# joiners, blank letters) and what only programs read: tags, annotations, far variation selectors.  A near variation
# selector says how the sign before it is drawn; behind a letter of ASCII, a space or another selector it does nothing.
HIDES: Final = (
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u2028-\u202e"
    r"\u2060-\u206f\u2800\u3164\ud800-\udfff\ufeff\uffa0\ufff9-\ufffb\U0001d173-\U0001d17a\U000e0000-\U000e0fff]"
    r"|(?<![#*0-9\xa9\xae\u203c-\ufdff\ufe10-\U000dffff])[\ufe00-\ufe0f]"
)
PATTERN = pattern(HIDES)
_GAP = pattern(r"[^\S\n]{40,}")
TURNING = pattern(r"[\u202a-\u202e\u2066-\u2069]")
_CLOSED_BY = {**dict.fromkeys("\u202a\u202b", "\u202c"), **dict.fromkeys("\u2066\u2067\u2068", "\u2069")}
_RIGHTWARDS = "\u202b\u2067"  # what they open reads from right to left
_PARAGRAPH = pattern(r"[^\n\r\x1c-\x1e\x85\u2029]+")  # at its end all that is open ends (UAX 9, P1 and X8)
RIGHT_TO_LEFT = pattern(r"[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc\U00010800-\U00010fff\U0001e800-\U0001eeff]")


def is_plain(text: str) -> bool:
    """Whether a text is of visible ASCII, tabs and line breaks: nothing hides in it; much faster than a search."""
    return text.isascii() and text.replace("\n", "").replace("\t", "").isprintable()


def escape_invisible(text: str) -> str:
    """Text in which nothing can hide or act, or is pushed out of sight by white space."""
    shown = PATTERN.sub(lambda found: f"\\u{{{ord(found.group()):x}}}", text)
    return _GAP.sub(lambda found: f" ({len(found.group())} spaces) ", shown)


def flat(text: str) -> str:
    """Visible text on one line: a name of a stranger must not look like a line of the plan."""
    return escape_invisible(text).replace("\n", "\\n")


def bidi_positions(text: str) -> Iterator[int]:
    """Places of the signs that turn the direction of text, but for those that right-to-left scripts are written with.

    These are isolates and embeddings that are closed in their paragraph, which has letters of such a script; one that
    reads from right to left has them inside.  What overrides the direction of letters is never among them.
    """
    for paragraph in _PARAGRAPH.finditer(text) if TURNING.search(text) else ():
        signs = [paragraph.start() + one.start() for one in TURNING.finditer(paragraph.group())]
        proper = _proper(text, signs) if RIGHT_TO_LEFT.search(paragraph.group()) else set()
        yield from (place for place in signs if place not in proper)


def _proper(text: str, signs: list[int]) -> set[int]:
    """The places of signs that open what is closed in order, and of those that close it."""
    proper: set[int] = set()
    opened: list[int] = []
    for place in signs:
        if text[place] in _CLOSED_BY:
            opened.append(place)
        elif opened and _CLOSED_BY[text[opened[-1]]] == text[place]:
            begun = opened.pop()
            if text[begun] not in _RIGHTWARDS or RIGHT_TO_LEFT.search(text, begun, place):
                proper |= {begun, place}
    return proper
