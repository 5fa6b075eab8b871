"""The base URLs that may be called: over TLS, or on this machine."""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import SplitResult, urlsplit

from tavusctl.api import DEFAULT_URL
from tavusctl.core.errors import UsageError
from tavusctl.core.messages import site

_NAME: Final = "the base URL"
_OPTION: Final = "`--base-url` or TAVUS_BASE_URL sets it"
LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1"})


def check_base_url(url: str, named: str = _NAME, *, like: str = DEFAULT_URL, sends: str = "the API key") -> str:
    """The normalised base URL; UsageError unless it uses TLS or is on this machine.

    `named` names it in messages, `like` is an example of one, and `sends` is what is sent there.
    """
    parts = parts_of(url)
    label = f"{named} {site(url)}".rstrip()
    place = f"; {_OPTION}" if named == _NAME else ""
    if parts is None or not parts.hostname or "@" in url or parts.query or parts.fragment:
        message = f"{label} is not a valid base URL"
        raise UsageError(message, f"write it like `{like}`{place}")
    if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in LOOPBACK):
        message = f"{label} would send {sends} unencrypted"
        hint = "use `https://`; `http://` is allowed for this machine only (127.0.0.1, localhost)"
        raise UsageError(message, f"{hint}{place}")
    # The documentation of the API has the version in its base URL; here, every path already begins with it.
    return re.sub(r"(/+v2)?/*$", "", url)


def parts_of(url: str) -> SplitResult | None:
    """The parts of a URL, or None if it is invalid."""
    try:
        parts = urlsplit(url)
        usable = parts.port != 0  # raises ValueError if it is not a number, or too large
    except ValueError:
        return None
    return parts if usable and url.isascii() and url.isprintable() and " " not in url else None
