"""About how many tokens a text has, without a vocabulary.

Measured against o200k and cl100k: within 15 % for English prose, Markdown, German and JSON; between the two, which lie
up to a factor of two apart, for Chinese, Japanese and Russian.  A quarter of the characters, the usual rule of thumb,
is 10 to 50 % too many for prompts and 60 % too few for Chinese.
"""

from __future__ import annotations

from tavusctl.lib.patterns import pattern

_PIECES = pattern(
    r"(?P<word>[A-Za-z]+)|(?P<digits>[0-9]+)|(?P<letters>[^\W\d_]+)"
    r"|(?P<breaks>\n+)|(?P<marks>[^\w\s]+|_+)|(?P<gap>[ \t]{2,})"
)
_USUAL = 7  # letters of a word that is one token as a rule
_IDEOGRAPHS = "\u2e80"  # from here on, letters are words or syllables


def about(text: str) -> int:
    """An approximate count."""
    return round(sum(_weight(found.lastgroup or "", found.group()) for found in _PIECES.finditer(text)))


def _weight(sort: str, piece: str) -> float:
    length = len(piece)
    match sort:
        case "word":
            return 1 + max(0, length - _USUAL) * 0.13
        case "digits":
            return -(-length // 3)
        case "letters":
            return length * 0.8 if piece[0] >= _IDEOGRAPHS else max(1.0, 0.6 + length * 0.27)
        case "marks":
            return max(1.0, length / 2)
        case _:
            return 0.6
