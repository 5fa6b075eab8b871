"""Back-off for a lock that another run holds."""

from __future__ import annotations

import time
from collections.abc import Iterator

_FIRST, _LONGEST = 1.0, 16.0


def pauses(timeout: float) -> Iterator[float]:
    """Seconds to sleep before each retry: 1, 2, 4, 8, 16, 16, ... until `timeout` seconds have passed."""
    end = time.monotonic() + timeout
    pause = _FIRST
    while (remaining := end - time.monotonic()) > 0:
        yield min(pause, remaining)
        pause = min(pause * 2, _LONGEST)
