"""Addresses that Tavus has to reach: over https, and on a host that the internet knows."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator
from typing import Final
from urllib.parse import SplitResult, urlsplit

from tavusctl import credentials
from tavusctl.rules.lint import Finding, Subject
from tavusctl.wording import shown

_LOCAL: Final = (".local", ".localhost", ".internal", ".lan", ".test", ".invalid", ".home.arpa")
_WEB: Final = ("http", "https")
_USER = re.compile(r"(?<=://)[^/?#@]*@")


def unprotected(subject: Subject) -> Iterator[Finding]:
    """Addresses without https: whoever is on the way reads what is sent, and Tavus may refuse them."""
    for pointer, address in _addresses(subject):
        if address.lower().startswith("http://") and not _is_private(address):
            yield Finding(pointer, f"{_public(address)} is not protected", "write https://")


def unreachable(subject: Subject) -> Iterator[Finding]:
    """Addresses that only this machine or this network knows."""
    for pointer, address in _addresses(subject):
        if _is_private(address):
            yield Finding(pointer, f"{_public(address)} cannot be reached by Tavus", "give an address of the internet")


def shapeless(subject: Subject) -> Iterator[Finding]:
    """What stands where an address belongs, and is none that Tavus could call."""
    for pointer, address in _addresses(subject):
        parts = _parts(address)
        if not parts or parts.scheme.lower() not in _WEB or not parts.hostname:
            yield Finding(pointer, f"{_public(address)} is no address of the web", "write https://HOST/PATH")


def telling(subject: Subject) -> Iterator[Finding]:
    """Addresses with a password or a key amid what people read; where an address stands by itself, it is an error."""
    for pointer, text in subject.open_texts:
        for line, words in enumerate(text.split("\n") if "://" in text else ()):
            found = credentials.spans(words)
            if found:
                what = "a password" if any(one.name == "password" for one in found) else "a key"
                yield Finding(pointer, f"an address has {what} in it", "take it out of the address", line)


def _addresses(subject: Subject) -> Iterator[tuple[str, str]]:
    for pointer, declared, value in subject.texts:
        key = pointer.rpartition("/")[2]
        named = (key == "url" or key.endswith("_url")) and "/parameters/" not in pointer
        if named and value.strip() and not declared.secret:
            yield pointer, value


def _public(address: str) -> str:
    """An address as it may be shown: without the name and the password of a user, and without keys."""
    return shown(_USER.sub("", credentials.veiled(address)))


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
