"""The secrets that this run has met, and texts without them.

`Secret` and the client of the API tell theirs as they come to be, so nobody has to remember to; whatever leaves the
process as text for people goes through `redacted`.  It looks for values, however they were come by: in an answer that
repeats a key, in a defect, in a name that somebody has chosen badly.
"""

from __future__ import annotations

import base64
import contextlib
import json
from bisect import bisect_left
from collections.abc import Iterable, Iterator
from functools import lru_cache
from urllib.parse import quote, quote_plus

SHOWN = "(sensitive)"
SHORTEST = 6  # what is shorter may well be a part of a word
_PART = 8  # characters of a secret in a row that give it away
_met: set[str] = set()


def remember(value: str) -> None:
    """Keep a value out of everything that is shown from now on."""
    if len(value.strip()) >= SHORTEST:
        _met.add(value)


@contextlib.contextmanager
def of_one_run() -> Iterator[None]:
    """A run of its own: secrets that are met inside are forgotten outside."""
    global _met  # noqa: PLW0603 - one process has one output, and threads share it
    before, _met = _met, set()
    try:
        yield
    finally:
        _met = before


def redacted(text: str) -> str:
    """A text without any secret that this run has met."""
    return _without(text, _wholes(text))


def redacted_words(text: str) -> str:
    """As `redacted`, for the words of a server: beginnings of secrets, which it may quote, go too."""
    return _without(text, [*_wholes(text), *_beginnings(text)])


def _without(text: str, found: Iterable[tuple[int, int]]) -> str:
    """A text without what was found from here to there; one sign stands for all that overlaps.

    A secret may be a part of another, or begin where that ends: none is replaced before all have been found.
    """
    shown, at = "", 0
    for start, end in sorted(found):
        if start >= at:
            shown += text[at:start] + SHOWN
        at = max(at, end)
    return shown + text[at:]


def _wholes(text: str) -> Iterator[tuple[int, int]]:
    for secret in _met.copy():
        for spelling in _spellings(secret):
            for start in _places(spelling, text):
                yield start, start + len(spelling)


def _beginnings(text: str) -> Iterator[tuple[int, int]]:
    for secret in map(str.strip, _met.copy()):
        if _telling(secret[:_PART]):
            for start in _places(secret[:_PART], text):
                yield start, start + _shared(secret, text, start)


def _shared(secret: str, text: str, start: int) -> int:
    """How many characters of a secret, at least its beginning, stand in a text from there."""
    lengths = range(_PART, len(secret) + 1)
    return lengths[bisect_left(lengths, True, key=lambda n: not text.startswith(secret[:n], start)) - 1]  # noqa: FBT003


def _places(part: str, text: str) -> Iterator[int]:
    """Where a part of a text begins, every time, also within itself."""
    start = text.find(part)
    while start >= 0:
        yield start
        start = text.find(part, start + 1)


def _telling(beginning: str) -> bool:
    """Whether a beginning is of the secret itself, not of an address or a scheme in front of it."""
    return len(beginning) == _PART and all(one.isalnum() or one in "-_." for one in beginning)


@lru_cache(maxsize=256)
def _spellings(secret: str) -> frozenset[str]:
    """A secret as answers, logs and addresses may spell it, where that is not as short as a word."""
    content = secret.encode("utf-8", "surrogateescape")
    encoded = base64.b64encode(content).decode(), base64.urlsafe_b64encode(content).decode()
    spellings = {
        secret,
        secret.strip(),
        " ".join(secret.split()),
        json.dumps(secret)[1:-1],
        json.dumps(secret, ensure_ascii=False)[1:-1],
        repr(secret)[1:-1],
        quote(content, safe=""),
        quote(content),
        quote_plus(content),
        content.hex(),
        content.hex().upper(),
        *encoded,
        *(one.rstrip("=") for one in encoded),
        *map(str.strip, secret.splitlines()),
    }
    return frozenset(one for one in spellings if len(one) >= SHORTEST)
