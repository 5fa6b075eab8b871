"""Addresses that Tavus has to reach: over https, and on a host that the internet knows."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from typing import Final
from urllib.parse import urlsplit

from tavusctl.rules.lint import Finding, Subject
from tavusctl.wording import shown

_LOCAL: Final = (".local", ".localhost", ".internal", ".lan", ".test", ".invalid", ".home.arpa")


def unprotected(subject: Subject) -> Iterator[Finding]:
    """Addresses without https: whoever is on the way reads what is sent, and Tavus may refuse them."""
    for pointer, address in _addresses(subject):
        if address.lower().startswith("http://") and not _is_private(address):
            yield Finding(pointer, f"{shown(address)} is not protected", "write https://")


def unreachable(subject: Subject) -> Iterator[Finding]:
    """Addresses that only this machine or this network knows."""
    for pointer, address in _addresses(subject):
        if _is_private(address):
            yield Finding(pointer, f"{shown(address)} cannot be reached by Tavus", "give an address of the internet")


def _addresses(subject: Subject) -> Iterator[tuple[str, str]]:
    for pointer, declared, value in subject.leaves():
        key = pointer.rpartition("/")[2]
        named = key == "url" or key.endswith("_url")
        if named and isinstance(value, str) and not declared.secret and "://" in value:
            yield pointer, value


def _is_private(address: str) -> bool:
    try:
        host = (urlsplit(address).hostname or "").rstrip(".").lower()
    except ValueError:
        return False
    try:
        return not ipaddress.ip_address(host).is_global
    except ValueError:
        return host == "localhost" or host.endswith(_LOCAL) or (bool(host) and "." not in host)
