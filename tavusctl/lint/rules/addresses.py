"""Lint rules for URLs that Tavus has to reach: over https, and on a host that is known in the internet."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from itertools import chain
from typing import Final
from urllib.parse import SplitResult, urlsplit

from tavusctl.core.messages import shown
from tavusctl.fields.places import Place
from tavusctl.fields.secret_fields import has_known_form
from tavusctl.lib.patterns import pattern
from tavusctl.lint.core import Finding, Subject
from tavusctl.secrets import url_credentials
from tavusctl.secrets.values import SecretText

_LOCAL: Final = (".local", ".localhost", ".internal", ".lan", ".test", ".invalid", ".home.arpa")
_WEB: Final = ("http", "https")
_USER = pattern(r"(?<=://)[^/?#@]*@")


def insecure_url(subject: Subject) -> Iterator[Finding]:
    """Report URLs without https: others on the network can read the requests, and Tavus may refuse such URLs."""
    for pointer, url in _urls(subject):
        if url.lower().startswith("http://") and not _is_private(url):
            yield Finding(pointer, f"{_public(url)} is not encrypted", "use `https://`")


def unreachable_url(subject: Subject) -> Iterator[Finding]:
    """Report URLs with a host that only this machine or a private network can reach."""
    for pointer, url in _urls(subject):
        if _is_private(url):
            yield Finding(
                pointer, f"{_public(url)} cannot be reached by Tavus", "use a URL that is reachable from the internet"
            )


def invalid_url(subject: Subject) -> Iterator[Finding]:
    """Report values of URL fields that are not valid web URLs, whatever the secrets in them are."""
    for pointer, url, filled in chain(((pointer, url, url) for pointer, url in _urls(subject)), _filled_urls(subject)):
        parts = _parts(filled)
        if not parts or parts.scheme.lower() not in _WEB or not parts.hostname:
            yield Finding(pointer, f"{_public(url)} is not a valid web URL", "write `https://HOST/PATH`")


def credentials_in_url(subject: Subject) -> Iterator[Finding]:
    """Report URLs with a password or a key inside texts; a URL field with one is an error already."""
    for place, text in subject.texts:
        pointer = place.pointer
        if "://" not in text or pointer in subject.secret_pointers:
            continue
        for number, line_text in enumerate(text.split("\n")):
            spans = url_credentials.spans(line_text)
            if spans:
                what = "a password" if any(span.name == "password" for span in spans) else "a key"
                yield Finding(pointer, f"a URL contains {what}", "remove it from the URL", number)


def _urls(subject: Subject) -> Iterator[tuple[str, str]]:
    for place, value in subject.texts:
        if _is_of_url(place) and value.strip():
            yield place.pointer, value


def _filled_urls(subject: Subject) -> Iterator[tuple[str, str, str]]:
    """The URLs with secrets in them: pointer, text as written, and the text with a placeholder for each secret."""
    for place, value in subject.leaves:
        if (
            isinstance(value, SecretText)
            and _is_of_url(place)
            and has_known_form(subject.kind, place.declared.pattern, value)
        ):
            yield place.pointer, str(value), "1".join(value.parts)  # a name, a port or a part of either


def _is_of_url(place: Place) -> bool:
    key = place.path[-1]
    is_url_field = (key == "url" or key.endswith("_url")) and "/parameters/" not in place.pointer
    return is_url_field and not place.declared.traits.secret


def _public(url: str) -> str:
    """A URL as messages may show it: without the name and the password of a user, and without keys."""
    return shown(_USER.sub("", url_credentials.without_credentials(url)))


def _parts(url: str) -> SplitResult | None:
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        return None
    return parts


def _is_private(url: str) -> bool:
    parts = _parts(url)
    if not parts or parts.scheme.lower() not in _WEB:
        return False
    host = (parts.hostname or "").rstrip(".").lower()
    try:
        return not ipaddress.ip_address(host).is_global
    except ValueError:
        return host == "localhost" or host.endswith(_LOCAL) or (bool(host) and "." not in host)
