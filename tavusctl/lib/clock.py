"""The clocks of this machine, and times in texts."""

from __future__ import annotations

import email.utils
import time
from datetime import UTC, datetime
from typing import Final

_CLOCK: Final[int] = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


def uptime() -> float:
    """Seconds since the start of the machine: never adjusted, never decreasing, and counting during suspend."""
    return time.clock_gettime(_CLOCK)


def parse_time(text: str) -> datetime:
    """The UTC time of a text in ISO 8601 or RFC 1123, taken as UTC if it has no zone; ValueError if it is invalid."""
    try:
        # The API writes RFC 1123 for videos: other objects may get it, too.
        parsed = email.utils.parsedate_to_datetime(text) if text[:1].isalpha() else datetime.fromisoformat(text)
        return parsed.replace(tzinfo=UTC) if parsed.tzinfo is None else parsed.astimezone(UTC)
    except OverflowError as error:
        raise ValueError(str(error)) from None
