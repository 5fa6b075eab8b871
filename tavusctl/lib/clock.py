"""The clocks of this machine, and moments as servers write them."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Final

_CLOCK: Final[int] = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


def uptime() -> float:
    """Seconds since the machine was started: never set, never back, and on while the machine sleeps."""
    return time.clock_gettime(_CLOCK)


class SystemClock:
    """A clock to wait by."""

    def monotonic(self) -> float:
        """Seconds from an arbitrary start."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Wait."""
        time.sleep(seconds)


def moment(text: str) -> datetime:
    """A moment in ISO 8601, in UTC, which is meant where no zone is given; ValueError when it is none."""
    found = datetime.fromisoformat(text)
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
