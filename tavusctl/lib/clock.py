"""The clocks of this machine, and times in ISO 8601."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Final

_CLOCK: Final[int] = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


def uptime() -> float:
    """Seconds since the start of the machine: never adjusted, never decreasing, and counting during suspend."""
    return time.clock_gettime(_CLOCK)


def parse_time(text: str) -> datetime:
    """The UTC time of an ISO 8601 text, which is taken as UTC if it has no zone; ValueError if it is invalid."""
    parsed = datetime.fromisoformat(text)
    return parsed.replace(tzinfo=UTC) if parsed.tzinfo is None else parsed.astimezone(UTC)
