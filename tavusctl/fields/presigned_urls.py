"""Presigned URLs: they work for whoever has them, until they expire.

Known are those of S3 and compatible storage (Signature V4, and the older V2), Google Cloud Storage, Azure and
CloudFront.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Final
from urllib.parse import parse_qsl, urlsplit

from tavusctl.lib.clock import parse_time, unix_time
from tavusctl.lib.json_types import Json

# Parameters that give access: whoever has them can fetch the file.
_SIGNATURES: Final = ("x-amz-signature", "x-amz-security-token", "x-goog-signature", "signature", "sig")
_PERIODS: Final = ("x-amz", "x-goog")  # prefixes of `-date` and `-expires`: signed at a moment, for a number of seconds
# Parameters of a signature and its signer: a new signature of the same file has other values.
_ACCESS: Final = frozenset(
    {"signature", "expires", "awsaccesskeyid", "googleaccessid", "key-pair-id", "policy", "hash-algorithm"}  # S3, CDN
    | {"sig", "se", "st", "sp", "sv", "sr", "sip", "spr", "si", "ss", "srt", "ses", "sdd", "saoid", "suoid", "scid"}
    | {"skoid", "sktid", "skt", "ske", "sks", "skv", "skdutid", "sduoid"}  # Azure
)
_MOMENT: Final = "%Y%m%dT%H%M%SZ"


def access_parameters(link: Json) -> tuple[str, ...]:
    """The parameter values of a URL that give access; empty if it is not a presigned URL."""
    if not isinstance(link, str) or "?" not in link or not link.startswith(("https://", "http://")):
        return ()
    parameters = _parameters(link)
    return tuple(parameters[name] for name in _SIGNATURES if parameters.get(name))


def without_access_parameters(link: Json) -> Json:
    """The file that a URL leads to: a presigned URL without the parameters that give access; any other value unchanged.

    The rest of the query stays: it identifies the file as well, such as its version.
    """
    if not isinstance(link, str) or not access_parameters(link):
        return link
    address, _, query = link.partition("?")
    other_parameters = [
        pair for pair in query.partition("#")[0].split("&") if not _is_access(pair.partition("=")[0].lower())
    ]
    return "?".join([address, *filter(None, ["&".join(sorted(other_parameters))])])


def _is_access(name: str) -> bool:
    return name.startswith(tuple(f"{prefix}-" for prefix in _PERIODS)) or name in _ACCESS


def without_query(link: Json) -> Json:
    """A presigned URL without its query, which gives access; any other value unchanged."""
    return link.partition("?")[0] if isinstance(link, str) and access_parameters(link) else link


def expiry(link: Json) -> datetime | None:
    """When a presigned URL expires; None if a value is not a presigned URL, or has no valid expiry."""
    if not isinstance(link, str) or not access_parameters(link):
        return None
    parameters = _parameters(link)
    try:
        return _by_period(parameters) or _by_moment(parameters)
    except (ValueError, OverflowError):
        return None


def _by_period(parameters: Mapping[str, str]) -> datetime | None:
    for name in _PERIODS:
        signed, seconds = parameters.get(f"{name}-date"), parameters.get(f"{name}-expires")
        if signed and seconds:
            return datetime.strptime(signed, _MOMENT).replace(tzinfo=UTC) + timedelta(seconds=int(seconds))
    return None


def _by_moment(parameters: Mapping[str, str]) -> datetime | None:
    if parameters.get("sig") and parameters.get("se"):
        return parse_time(parameters["se"])
    return unix_time(int(parameters["expires"])) if parameters.get("expires") else None


def _parameters(link: str) -> dict[str, str]:
    """The query parameters of a URL, by names in lower case; empty if the URL is not valid."""
    try:
        query = urlsplit(link).query
    except ValueError:
        return {}
    return {name.lower(): value for name, value in parse_qsl(query)}
