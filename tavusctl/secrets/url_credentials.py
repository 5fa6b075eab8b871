"""Credentials in URLs: user info, query, fragment and path."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final
from urllib.parse import unquote, unquote_plus

from msgspec import Struct

from tavusctl.lib.patterns import pattern
from tavusctl.secrets import detection
from tavusctl.secrets.detection import Weight

_ADDRESS: Final = pattern(r"[a-z][a-z0-9+.-]*:/{2,}[^\s<>\"'`]+", re.IGNORECASE)
_PAIR: Final = pattern(r"([^&;=?#]*)=([^&;#]*)")  # of a query, and of a fragment that is one
# What leads to a hook that whoever knows the path may call.
_HOOKS: Final = pattern(r"hooks\.slack\.com/(?:services|workflows)/|discord(?:app)?\.com/api/webhooks/\d+/")
_MASKED: Final = pattern(r"[*•.xX]{3,}|\[?(?:redacted|masked|hidden)\]?", re.IGNORECASE)
_DEPTH: Final = 3  # addresses inside of addresses that are looked at
HIDDEN: Final = "…"


class Span(Struct, frozen=True):
    """Where a credential stands in a text, and the name that it has there."""

    start: int
    end: int
    name: str


def spans(text: str, depth: int = 0) -> tuple[Span, ...]:
    """Every credential in the addresses of a text, in order."""
    if "://" not in text:
        return ()
    found = [one for address in _ADDRESS.finditer(text) for one in _of_address(address, depth)]
    return tuple(sorted(found, key=lambda one: one.start))


def veiled(text: str) -> str:
    """A text with the credentials in its URLs redacted."""
    for one in reversed(spans(text)):
        text = text[: one.start] + HIDDEN + text[one.end :]
    return text


def is_address(text: str) -> bool:
    """Whether a text is one address, and nothing else."""
    return "://" in text and bool(_ADDRESS.fullmatch(text.strip()))


def _of_address(found: re.Match[str], depth: int) -> Iterator[Span]:
    address, offset = found.group(), found.start()
    begun = re.match(r"[^:]*:/+", address)
    start = begun.end() if begun else 0
    end = next((at for at in range(start, len(address)) if address[at] in "/\\?#"), len(address))
    yield from _of_user(address, start, end, offset)
    path_end = next((at for at in range(end, len(address)) if address[at] in "?#"), len(address))
    yield from _of_path(address, end, path_end, offset)
    yield from _of_query(address, path_end, offset, depth)


def _of_user(address: str, start: int, end: int, offset: int) -> Iterator[Span]:
    at = address.rfind("@", start, end)
    if at < 0:
        return
    colon = address.find(":", start, at)
    password = unquote(address[colon + 1 : at]) if colon >= 0 else ""
    if not detection.is_nothing(password) and not _MASKED.fullmatch(password):
        yield Span(offset + colon + 1, offset + at, "password")
    user = unquote(address[start : colon if colon >= 0 else at])
    if detection.is_opaque(user) or detection.is_key(user):  # a token in place of a name
        yield Span(offset + start, offset + (colon if colon >= 0 else at), "user")


def _of_path(address: str, start: int, end: int, offset: int) -> Iterator[Span]:
    for first, last in detection.keys(address[:end]):
        hook = _HOOKS.match(address, first)
        begin = hook.end() if hook else first
        if last > start:
            yield Span(offset + max(begin, start), offset + last, "path")


def _of_query(address: str, start: int, offset: int, depth: int) -> Iterator[Span]:
    for pair in _PAIR.finditer(address, start):
        name = unquote_plus(pair[1]).strip()
        if _is_secret(name, unquote_plus(pair[2]), depth):
            yield Span(offset + pair.start(2), offset + pair.end(2), name or "query")


def _is_secret(name: str, value: str, depth: int) -> bool:
    if _MASKED.fullmatch(value):
        return False
    heard = detection.weight(name)
    if detection.tells(heard, value) or (detection.is_long(value) and not detection.is_public(name)):
        return True
    # Most that is called so in a query lets somebody in: a short value is enough that is no word.
    if heard is Weight.SOME and not detection.is_nothing(value) and re.search(r"\d", value) and value.isalnum():
        return re.search(r"[A-Za-z]", value) is not None
    return depth < _DEPTH and bool(spans(value, depth + 1))
