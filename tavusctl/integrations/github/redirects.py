"""Redirects of GitHub's API, which are no errors: a renamed repository answers with one, even to a write.

https://docs.github.com/en/rest/using-the-rest-api/best-practices-for-using-the-rest-api#follow-redirects: the same
request is repeated at the URL in Location.  It is repeated at the same host only, because it contains the token.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from typing import Final
from urllib.parse import SplitResult, parse_qsl, urljoin, urlsplit

import httpx
from msgspec import Struct

from tavusctl.api.transport import Answer
from tavusctl.core.errors import ApiError
from tavusctl.core.messages import site

MOST: Final = 3  # redirects in a row
_DEFAULT_PORTS: Final = {"https": 443, "http": 80}
_REPEATED: Final = frozenset(
    {
        httpx.codes.MOVED_PERMANENTLY,
        httpx.codes.FOUND,
        httpx.codes.TEMPORARY_REDIRECT,
        httpx.codes.PERMANENT_REDIRECT,
    }
)


class Place(Struct, frozen=True):
    """A path of the API and its query."""

    path: str
    query: Mapping[str, str]


def next_place(answer: Answer, place: Place, base_url: str, left: int) -> Place | None:
    """The place where a request has to be repeated; None if the response is no redirect.

    ApiError if the place is not at the host of `base_url`, the root of the API, or if no redirect is `left`.
    """
    location = answer.headers.get("Location", "")
    if answer.status not in _REPEATED or not location:
        return None
    if not left:
        raise ApiError(f"{answer.request} is redirected more than {MOST} times", "check GITHUB_API_URL")
    with contextlib.suppress(ValueError):
        location = urljoin(f"{base_url}{place.path}", location)
        url, base = urlsplit(location), urlsplit(base_url)
        if url.username is None and _origin(url) == _origin(base):
            return Place(url.path, dict(parse_qsl(url.query, keep_blank_values=True)))
    message = f"{answer.request} is redirected to {site(location) or 'another place'}, where the token is not sent"
    raise ApiError(message, "if GitHub is there now, set GITHUB_API_URL to the address of its API")


def _origin(url: SplitResult) -> tuple[str, str | None, int | None]:
    """Scheme, host and port (RFC 6454); ValueError if the port is no number."""
    return url.scheme, url.hostname, url.port or _DEFAULT_PORTS.get(url.scheme)
