"""The settings of API calls from environment variables."""

from __future__ import annotations

import math
import os
from typing import Final

from msgspec import Struct

from tavusctl.api import PARALLEL
from tavusctl.core.errors import UsageError

MOST_PARALLEL: Final = 32  # simultaneous calls
_SECONDS: Final = "120"


class Settings(Struct, frozen=True):
    """The settings of this process; an invalid value of a variable raises UsageError when it is used."""

    @property
    def settle(self) -> float:
        """Seconds after which a create whose response was lost is certainly visible, if it happened."""
        return _seconds("TAVUSCTL_SETTLE")

    @property
    def max_wait(self) -> float:
        """The longest pause between two attempts of a call, in seconds."""
        return _seconds("TAVUSCTL_MAX_WAIT")

    @property
    def parallel(self) -> int:
        """The maximum number of simultaneous calls; UsageError if it is not a number from 1 to MOST_PARALLEL."""
        text = os.environ.get("TAVUSCTL_PARALLEL") or str(PARALLEL)
        if not text.isdecimal() or not 1 <= int(text) <= MOST_PARALLEL:
            raise UsageError(f"TAVUSCTL_PARALLEL must be a number of parallel calls from 1 to {MOST_PARALLEL}")
        return int(text)

    @property
    def rate(self) -> float:
        """The maximum number of calls per second, by default infinite; UsageError if it is not a positive number."""
        try:
            rate = float(os.environ.get("TAVUSCTL_RATE") or "inf")
        except ValueError:
            rate = math.nan
        if not rate > 0:
            raise UsageError("TAVUSCTL_RATE must be a number of calls per second")
        return rate


def _seconds(variable: str) -> float:
    """The seconds in an environment variable, 120 by default, at least 0; UsageError if it is not a number."""
    try:
        seconds = float(os.environ.get(variable) or _SECONDS)
    except ValueError:
        seconds = math.nan
    if not math.isfinite(seconds):
        raise UsageError(f"{variable} must be a number of seconds")
    return max(0.0, seconds)
