"""Addresses that Tavus has to reach: over https, and on a host that the internet knows."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator
from typing import Final
from urllib.parse import SplitResult, urlsplit

from tavusctl.core.messages import shown
from tavusctl.lint.core import Finding, Subject
from tavusctl.secrets import url_credentials

_LOCAL: Final = (".local", ".localhost", ".internal", ".lan", ".test", ".invalid", ".home.arpa")
_WEB: Final = ("http", "https")
_USER = re.compile(r"(?<=://)[^/?#@]*@")


def plain_http(subject: Subject) -> Iterator[Finding]:
    """Addresses without https: whoever is on the way reads what is sent, and Tavus may refuse them."""
    for pointer, address in _addresses(subject):
        if address.lower().startswith("http://") and not _is_private(address):
            yield Finding(pointer, f"{_public(address)} is not encrypted", "use `https://`")


def unreachable(subject: Subject) -> Iterator[Finding]:
    """Addresses that only this machine or this network knows."""
    for pointer, address in _addresses(subject):
        if _is_private(address):
            yield Finding(
                pointer,
                f"{_public(address)} cannot be reached by Tavus",
                "use a URL that is reachable from the internet",
            )


def invalid_url(subject: Subject) -> Iterator[Finding]:
    """Report values of URL fields that are not valid web URLs."""
    for pointer, address in _addresses(subject):
        parts = _parts(address)
        if not parts or parts.scheme.lower() not in _WEB or not parts.hostname:
            yield Finding(pointer, f"{_public(address)} is not a valid web URL", "write `https://HOST/PATH`")


def password_in_url(subject: Subject) -> Iterator[Finding]:
    """Addresses with a password or a key amid what people read; where an address stands by itself, it is an error."""
    for pointer, _, text in subject.texts:
        if "://" not in text or pointer in subject.secret_pointers:
            continue
        for line, words in enumerate(text.split("\n")):
            found = url_credentials.spans(words)
            if found:
                what = "a password" if any(one.name == "password" for one in found) else "a key"
                yield Finding(pointer, f"a URL contains {what}", "remove it from the URL", line)


def _addresses(subject: Subject) -> Iterator[tuple[str, str]]:
    for pointer, declared, value in subject.texts:
        key = pointer.rpartition("/")[2]
        named = (key == "url" or key.endswith("_url")) and "/parameters/" not in pointer
        if named and value.strip() and not declared.secret:
            yield pointer, value


def _public(address: str) -> str:
    """An address as it may be shown: without the name and the password of a user, and without keys."""
    return shown(_USER.sub("", url_credentials.veiled(address)))


def _parts(address: str) -> SplitResult | None:
    try:
        parts = urlsplit(address)
        _ = parts.port
    except ValueError:
        return None
    return parts


def _is_private(address: str) -> bool:
    parts = _parts(address)
    if not parts or parts.scheme.lower() not in _WEB:
        return False
    host = (parts.hostname or "").rstrip(".").lower()
    try:
        return not ipaddress.ip_address(host).is_global
    except ValueError:
        return host == "localhost" or host.endswith(_LOCAL) or (bool(host) and "." not in host)
