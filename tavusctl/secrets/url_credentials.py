"""Credentials in URLs: user info, query, fragment and path."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Callable, Iterator
from itertools import accumulate
from typing import Final
from urllib.parse import unquote, unquote_plus

from msgspec import Struct

from tavusctl.lib.patterns import pattern
from tavusctl.secrets import detection
from tavusctl.secrets.detection import Weight
from tavusctl.secrets.redaction import redacted

_URL: Final = pattern(r"[a-z][a-z0-9+.-]{0,40}:/{2,}[^\s<>\"'`]+", re.IGNORECASE)
_PAIR: Final = pattern(r"(?<![^&;=?#])([^&;=?#]*+)=([^&;#]*)")  # of a query, or of a fragment with the same syntax
# Webhooks that anyone who knows the path may call.
_HOOKS: Final = pattern(r"hooks\.slack\.com/(?:services|workflows)/|discord(?:app)?\.com/api/webhooks/\d+/")
# An address with a password in front of its host, but no scheme.
_BARE: Final = pattern(r"(?<![\w.+-])[\w.+-]++:(?!//)([^\s@/]{1,200})@[\w\[]")
# What is before the colon of a bare address that has a user in front of its `@`, but no password.
_CONTACTS: Final = frozenset(
    {"mailto", "sip", "sips", "xmpp", "im", "acct", "tel", "email", "e-mail", "contact", "mail"}
)
_DIGESTS: Final = ("sha256:", "sha512:")  # after the `@` of an image with a tag: `app:1.2.3@sha256:...`
_MATRIX: Final = pattern(r";([^=;/?#]++)=([^;/?#]*+)")  # a parameter of a path (RFC 3986, section 3.3)
_MASKED: Final = pattern(r"[*•.xX]{3,}|\[?(?:redacted|masked|hidden)\]?", re.IGNORECASE)
_MAX_DEPTH: Final = 3  # levels of URLs inside URLs that are inspected
HIDDEN: Final = "…"


class Span(Struct, frozen=True):
    """The offsets of a credential in a text, and the name of the part or parameter that contains it."""

    start: int
    end: int
    name: str


def spans(text: str, depth: int = 0) -> tuple[Span, ...]:
    """Every credential in the URLs of a text, in order; `depth` counts the URLs around the text."""
    if "://" not in text:
        return ()
    credentials = [span for url in _URL.finditer(text) for span in _spans_of_url(url, depth)]
    return tuple(sorted(credentials, key=lambda span: span.start))


def address_spans(text: str) -> tuple[Span, ...]:
    """As `spans`, also in addresses without a scheme, such as `git:password1@host:path`.

    Many texts have that form: users of e-mail addresses, words, versions and expressions are left out.
    """
    return _address_spans(text, _is_surely_password)


def _address_spans(text: str, is_password: Callable[[re.Match[str]], bool]) -> tuple[Span, ...]:
    if ":" not in text:
        return ()
    found = spans(text)
    starts, ends = [span.start for span in found], list(accumulate((span.end for span in found), max, initial=0))
    bare = (Span(match.start(1), match.end(1), "password") for match in _BARE.finditer(text) if is_password(match))
    added = (span for span in bare if ends[bisect_left(starts, span.end)] <= span.start)
    return tuple(sorted((*found, *added), key=lambda span: span.start))


def _is_surely_password(address: re.Match[str]) -> bool:
    password, user = address[1], address[0][: address.start(1) - address.start() - 1]
    if user.lower() in _CONTACTS or address.string.startswith(_DIGESTS, address.end(1) + 1):
        return False
    is_words = password.replace(".", "").isalpha()  # as in `first.last@example.com`
    return not is_words and "${" not in password and _is_no_placeholder(password)


def _is_no_placeholder(password: str) -> bool:
    return not detection.is_keyword_or_placeholder(password) and not _MASKED.fullmatch(password)


def without_credentials(text: str) -> str:
    """A text without known secrets, and with the credentials in its URLs and addresses redacted, also what may be one.

    Known secrets come first: if a credential in one were removed, redaction would not find the rest of it.
    """
    text = redacted(text)
    parts, offset = list[str](), 0
    for span in _address_spans(text, lambda _: True):
        if span.start >= offset:
            parts += [text[offset : span.start], HIDDEN]
        offset = max(offset, span.end)
    return "".join([*parts, text[offset:]])


def is_url(text: str) -> bool:
    """Whether a text is a URL and nothing else, but for white space around it."""
    return "://" in text and bool(_URL.fullmatch(text.strip()))


def _spans_of_url(match: re.Match[str], depth: int) -> Iterator[Span]:
    url, offset = match.group(), match.start()
    scheme = re.match(r"[^:]*:/+", url)
    start = scheme.end() if scheme else 0
    end = next((index for index in range(start, len(url)) if url[index] in "/\\?#"), len(url))
    yield from _user_spans(url, start, end, offset)
    path_end = next((index for index in range(end, len(url)) if url[index] in "?#"), len(url))
    yield from _path_spans(url, end, path_end, offset)
    yield from _query_spans(url, path_end, offset, depth)


def _user_spans(url: str, start: int, end: int, offset: int) -> Iterator[Span]:
    at = url.rfind("@", start, end)
    if at < 0:
        return
    colon = url.find(":", start, at)
    password = unquote(url[colon + 1 : at]) if colon >= 0 else ""
    if _is_no_placeholder(password):
        yield Span(offset + colon + 1, offset + at, "password")
    user = unquote(url[start : colon if colon >= 0 else at])
    if detection.is_opaque(user) or detection.is_key(user):  # a token instead of a user name
        yield Span(offset + start, offset + (colon if colon >= 0 else at), "user")


def _path_spans(url: str, start: int, end: int, offset: int) -> Iterator[Span]:
    for first, last in detection.key_spans(url[:end]):
        hook = _HOOKS.match(url, first)
        path_start = hook.end() if hook else first
        if last > start:
            yield Span(offset + max(path_start, start), offset + last, "path")
    for pair in _MATRIX.finditer(url, start, end):
        name = unquote(pair[1]).strip()
        if _is_secret(name, unquote(pair[2]), _MAX_DEPTH):
            yield Span(offset + pair.start(2), offset + pair.end(2), name)


def _query_spans(url: str, start: int, offset: int, depth: int) -> Iterator[Span]:
    for pair in _PAIR.finditer(url, start):
        name = unquote_plus(pair[1]).strip()
        if _is_secret(name, unquote_plus(pair[2]), depth):
            yield Span(offset + pair.start(2), offset + pair.end(2), name or "query")


def _is_secret(name: str, value: str, depth: int) -> bool:
    if _MASKED.fullmatch(value):
        return False
    name_weight = detection.weight(name)
    if detection.is_secret_under(name_weight, value) or (detection.is_long(value) and not detection.is_public(name)):
        return True
    # In a query, such names are mostly of credentials: letters and digits together are enough, even if short.
    if (
        name_weight is Weight.POSSIBLE
        and not detection.is_keyword_or_placeholder(value)
        and re.search(r"\d", value)
        and value.isalnum()
    ):
        return re.search(r"[A-Za-z]", value) is not None
    return depth < _MAX_DEPTH and bool(spans(value, depth + 1))
