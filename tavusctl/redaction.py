"""The secrets that this run has met, and texts without them.

`Secret` and the client of the API tell theirs as they come to be, so nobody has to remember to; whatever leaves the
process as text for people goes through `redacted`.  It looks for values, however they were come by: in an answer that
repeats a key, in a defect, in a name that somebody has chosen badly.
"""

from __future__ import annotations

import base64
import contextlib
import json
from collections.abc import Iterator
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
    for secret in sorted(_met.copy(), key=len, reverse=True):
        for spelling in _spellings(secret):
            if spelling in text:
                text = text.replace(spelling, SHOWN)
    return text


def redacted_words(text: str) -> str:
    """As `redacted`, for the words of a server: beginnings of secrets, which it may quote, go too."""
    text = redacted(text)
    for secret in sorted(_met.copy(), key=len, reverse=True):
        if _telling(secret[:_PART]):
            first, *others = text.split(secret[:_PART])
            text = first + "".join(SHOWN + other[_common(other, secret[_PART:]) :] for other in others)
    return text


def _telling(beginning: str) -> bool:
    """Whether a beginning is of the secret itself, not of an address or a scheme in front of it."""
    return len(beginning) == _PART and all(one.isalnum() or one in "-_." for one in beginning)


def _common(text: str, secret: str) -> int:
    pairs = zip(text, secret, strict=False)
    return next((index for index, (one, other) in enumerate(pairs) if one != other), len(text))


@lru_cache(maxsize=256)
def _spellings(secret: str) -> tuple[str, ...]:
    """A secret as answers, logs and addresses may spell it, longest first."""
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
        *(line.strip() for line in secret.splitlines() if len(line.strip()) >= SHORTEST),
    }
    return tuple(sorted(spellings, key=lambda one: (-len(one), one)))
