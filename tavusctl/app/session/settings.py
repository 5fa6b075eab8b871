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
    """Unparsed values of environment variables; an invalid value raises UsageError when it is used."""

    settle_text: str = ""
    max_wait_text: str = ""
    parallel_text: str = ""
    rate_text: str = ""

    @classmethod
    def from_environ(cls) -> Settings:
        """The settings of this process."""
        names = ("TAVUSCTL_SETTLE", "TAVUSCTL_MAX_WAIT", "TAVUSCTL_PARALLEL", "TAVUSCTL_RATE")
        return cls(*(os.environ.get(name, "") for name in names))

    @property
    def settle(self) -> float:
        """Seconds after which a create whose response was lost is certainly visible, if it happened."""
        return _seconds(self.settle_text, "TAVUSCTL_SETTLE")

    @property
    def max_wait(self) -> float:
        """The longest pause between two attempts of a call, in seconds."""
        return _seconds(self.max_wait_text, "TAVUSCTL_MAX_WAIT")

    @property
    def parallel(self) -> int:
        """The maximum number of simultaneous calls; UsageError if it is not a number from 1 to MOST_PARALLEL."""
        text = self.parallel_text or str(PARALLEL)
        if not text.isdecimal() or not 1 <= int(text) <= MOST_PARALLEL:
            raise UsageError(f"TAVUSCTL_PARALLEL must be a number of parallel calls from 1 to {MOST_PARALLEL}")
        return int(text)

    @property
    def rate(self) -> float:
        """The maximum number of calls per second, by default infinite; UsageError if it is not a positive number."""
        try:
            rate = float(self.rate_text or "inf")
        except ValueError:
            rate = math.nan
        if not rate > 0:
            raise UsageError("TAVUSCTL_RATE must be a number of calls per second")
        return rate


def _seconds(text: str, variable: str) -> float:
    """The seconds in an environment variable, 120 by default, at least 0; UsageError if it is not a number."""
    try:
        seconds = float(text or _SECONDS)
    except ValueError:
        seconds = math.nan
    if not math.isfinite(seconds):
        raise UsageError(f"{variable} must be a number of seconds")
    return max(0.0, seconds)
