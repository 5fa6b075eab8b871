"""An estimate of the number of tokens of a text, without a vocabulary.

Compared with o200k and cl100k: within 15 % for English prose, Markdown, German and JSON; for Chinese, Japanese and
Russian between the two, which differ by up to a factor of two.  The usual rule of thumb, a quarter of the characters,
gives 10 to 50 % too many tokens for prompts and 60 % too few for Chinese.
"""

from __future__ import annotations

from collections import Counter
from math import fsum

from tavusctl.lib.patterns import pattern

_PIECES = pattern(r"[A-Za-z]+|[0-9]+|[^\W\d_]+|\n+|[^\w\s]+|_+|[ \t]{2,}")
_USUAL = 7  # letters: a word up to this length usually is one token
_IDEOGRAPHS = "\u2e80"  # from this character on, letters are words or syllables


def estimate_tokens(text: str) -> int:
    """The approximate number of tokens of a text."""
    pieces = Counter(_PIECES.findall(text))  # most words occur many times in a text
    return round(fsum(times * _weight(piece) for piece, times in pieces.items()))


def _weight(piece: str) -> float:
    """The approximate tokens of a word, a number, non-Latin letters, white space, or punctuation."""
    first, length = piece[0], len(piece)
    if first.isascii() and first.isalpha():
        return 1 + max(0, length - _USUAL) * 0.13
    if first.isascii() and first.isdigit():
        return -(-length // 3)
    if first.isalnum():
        return length * 0.8 if first >= _IDEOGRAPHS else max(1.0, 0.6 + length * 0.27)
    return 0.6 if first.isspace() else max(1.0, length / 2)
