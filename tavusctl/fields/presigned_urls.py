"""Presigned links: addresses that work for whoever holds them, until they expire.

Known are those of S3 and its likes (Signature V4, and the older V2), Google Cloud Storage, Azure and CloudFront.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Final
from urllib.parse import parse_qsl, urlsplit

from tavusctl.lib.json_types import Json

# What gives access: whoever has these can fetch the file.
_SIGNATURES: Final = ("x-amz-signature", "x-amz-security-token", "x-goog-signature", "signature", "sig")
_PERIODS: Final = ("x-amz", "x-goog")  # signed at a moment, for so many seconds
# What a signature is made of, and by whom: a new one of the same file has others.
_ACCESS: Final = frozenset(
    {"signature", "expires", "awsaccesskeyid", "googleaccessid", "key-pair-id", "policy", "hash-algorithm"}  # S3, CDN
    | {"sig", "se", "st", "sp", "sv", "sr", "sip", "spr", "si", "ss", "srt", "ses", "sdd", "saoid", "suoid", "scid"}
    | {"skoid", "sktid", "skt", "ske", "sks", "skv", "skdutid", "sduoid"}  # Azure
)
_MOMENT: Final = "%Y%m%dT%H%M%SZ"


def signatures(link: Json) -> tuple[str, ...]:
    """The parts of an address that give access; none when it is not a presigned link."""
    if not isinstance(link, str) or "?" not in link or not link.startswith(("https://", "http://")):
        return ()
    found = _parameters(link)
    return tuple(found[name] for name in _SIGNATURES if found.get(name))


def file(link: Json) -> Json:
    """Which file an address leads to: a presigned link without what gives access, and any other value as it is.

    What is left of the query names the file as well, such as its version.
    """
    if not isinstance(link, str) or not signatures(link):
        return link
    address, _, query = link.partition("?")
    left = [pair for pair in query.partition("#")[0].split("&") if not _is_access(pair.partition("=")[0].lower())]
    return "?".join([address, *filter(None, ["&".join(sorted(left))])])


def _is_access(name: str) -> bool:
    return name.startswith(tuple(f"{one}-" for one in _PERIODS)) or name in _ACCESS


def unsigned(link: Json) -> Json:
    """A presigned link without what gives access; any other value as it is."""
    return link.partition("?")[0] if isinstance(link, str) and signatures(link) else link


def expiry(link: Json) -> datetime | None:
    """When a presigned link ends to work; None when it is none, or does not say."""
    if not isinstance(link, str) or not signatures(link):
        return None
    found = _parameters(link)
    try:
        return _by_period(found) or _by_moment(found)
    except (ValueError, OverflowError):
        return None


def _by_period(found: Mapping[str, str]) -> datetime | None:
    for name in _PERIODS:
        signed, seconds = found.get(f"{name}-date"), found.get(f"{name}-expires")
        if signed and seconds:
            return datetime.strptime(signed, _MOMENT).replace(tzinfo=UTC) + timedelta(seconds=int(seconds))
    return None


def _by_moment(found: Mapping[str, str]) -> datetime | None:
    if found.get("sig") and found.get("se"):
        end = datetime.fromisoformat(found["se"])
        return end if end.tzinfo else end.replace(tzinfo=UTC)
    return datetime.fromtimestamp(int(found["expires"]), UTC) if found.get("expires") else None


def _parameters(link: str) -> dict[str, str]:
    """The query by lower-case names."""
    try:
        query = urlsplit(link).query
    except ValueError:
        return {}
    return {name.lower(): value for name, value in parse_qsl(query)}
