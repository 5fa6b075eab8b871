"""Escapes for characters that are invisible or change how text is displayed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from tavusctl.lib.patterns import pattern

# C0 but tab and newline, DEL, C1, line separators, bidirectional controls, invisible characters (soft hyphens, joiners,
# blank letters) and those for programs only: tags, annotations, variation selectors of the supplement.  Other variation
# selectors change the glyph of the character before; after an ASCII letter, a space or a selector they have no effect.
INVISIBLE: Final = (
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u2028-\u202e"
    r"\u2060-\u206f\u2800\u3164\ud800-\udfff\ufeff\uffa0\ufff9-\ufffb\U0001d173-\U0001d17a\U000e0000-\U000e0fff]"
    r"|(?<![#*0-9\xa9\xae\u203c-\ufdff\ufe10-\U000dffff])[\ufe00-\ufe0f]"
)
PATTERN = pattern(INVISIBLE)
_GAP = pattern(r"[^\S\n]{40,}")
_WORD = pattern(r"[^\W\d_]+")
BIDI_CONTROLS = pattern(r"[\u202a-\u202e\u2066-\u2069]")
_CLOSED_BY = {**dict.fromkeys("\u202a\u202b", "\u202c"), **dict.fromkeys("\u2066\u2067\u2068", "\u2069")}
_RIGHTWARDS = "\u202b\u2067"  # they start text from right to left
_PARAGRAPH = pattern(r"[^\n\r\x1c-\x1e\x85\u2029]+")  # its end closes all embeddings and isolates (UAX 9, P1, X8)
RIGHT_TO_LEFT = pattern(r"[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc\U00010800-\U00010fff\U0001e800-\U0001eeff]")


def is_plain(text: str) -> bool:
    """Whether a text has only visible ASCII, tabs and newlines, so that nothing is to be escaped; a fast check."""
    return text.isascii() and text.replace("\n", "").replace("\t", "").isprintable()


def escape_invisible(text: str) -> str:
    """The text with invisible and control characters escaped, and with long white space replaced by its length."""
    shown = text if is_plain(text) else PATTERN.sub(lambda match: f"\\u{{{ord(match.group()):x}}}", text)
    return _GAP.sub(lambda match: f" ({len(match.group())} spaces) ", shown)


def flat(text: str) -> str:
    """The escaped text on one line, so that a name from elsewhere cannot look like a line of a plan."""
    return escape_invisible(text).replace("\n", "\\n")


def bidi_positions(text: str) -> Iterator[int]:
    """The offsets of bidirectional control characters, without those of ordinary right-to-left text.

    Ordinary are isolates and embeddings that are closed in their paragraph, if this has letters of a right-to-left
    script; those that start text from right to left must contain such letters themselves, or a single word, which
    reads the same in both directions.  Overrides never are.
    """
    for paragraph in _PARAGRAPH.finditer(text) if BIDI_CONTROLS.search(text) else ():
        controls = [paragraph.start() + match.start() for match in BIDI_CONTROLS.finditer(paragraph.group())]
        proper = _proper(text, controls) if RIGHT_TO_LEFT.search(paragraph.group()) else set()
        yield from (offset for offset in controls if offset not in proper)


def _proper(text: str, controls: list[int]) -> set[int]:
    """The offsets of controls that open an embedding or isolate, and of those that close it in the right order."""
    proper: set[int] = set()
    open_offsets: list[int] = []
    for offset in controls:
        if text[offset] in _CLOSED_BY:
            open_offsets.append(offset)
        elif open_offsets and _CLOSED_BY[text[open_offsets[-1]]] == text[offset]:
            start = open_offsets.pop()
            keeps_order = RIGHT_TO_LEFT.search(text, start, offset) or _WORD.fullmatch(text, start + 1, offset)
            if text[start] not in _RIGHTWARDS or keeps_order:
                proper |= {start, offset}
    return proper
