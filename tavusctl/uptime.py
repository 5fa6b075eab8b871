"""A clock that nobody sets, that never goes back, and that goes on while the machine sleeps."""

from __future__ import annotations

import time
from typing import Final

_CLOCK: Final[int] = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


def uptime() -> float:
    """Seconds since the machine was started."""
    return time.clock_gettime(_CLOCK)
