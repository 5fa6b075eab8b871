"""How calls are made, as the environment says it."""

from __future__ import annotations

import math
import os
from typing import Final

from msgspec import Struct

from tavusctl.api import PARALLEL
from tavusctl.core.errors import UsageError

MOST_PARALLEL: Final = 32  # calls at a time
_SECONDS: Final = "120"


class Settings(Struct, frozen=True):
    """Values of environment variables as they are written; what is wrong with one is told when it is used."""

    settle_text: str = ""
    max_wait_text: str = ""
    parallel_text: str = ""
    rate_text: str = ""

    @classmethod
    def from_environ(cls) -> Settings:
        """Those of this process."""
        names = ("TAVUSCTL_SETTLE", "TAVUSCTL_MAX_WAIT", "TAVUSCTL_PARALLEL", "TAVUSCTL_RATE")
        return cls(*(os.environ.get(name, "") for name in names))

    @property
    def settle(self) -> float:
        """Seconds after which a create whose answer was lost has surely shown, if it happened."""
        return _seconds(self.settle_text, "TAVUSCTL_SETTLE")

    @property
    def max_wait(self) -> float:
        """The longest pause between two tries of a call, in seconds."""
        return _seconds(self.max_wait_text, "TAVUSCTL_MAX_WAIT")

    @property
    def parallel(self) -> int:
        """How many calls may be under way at a time; UsageError when it is no such number."""
        text = self.parallel_text or str(PARALLEL)
        if not text.isdecimal() or not 1 <= int(text) <= MOST_PARALLEL:
            message = f"TAVUSCTL_PARALLEL must be a number of parallel calls from 1 to {MOST_PARALLEL}"
            raise UsageError(message)
        return int(text)

    @property
    def rate(self) -> float:
        """How many calls may begin in a second; UsageError when it is no such number."""
        try:
            rate = float(self.rate_text or "inf")
        except ValueError:
            rate = math.nan
        if not rate > 0:
            message = "TAVUSCTL_RATE must be a number of calls per second"
            raise UsageError(message)
        return rate


def _seconds(text: str, variable: str) -> float:
    """An environment variable as seconds, 120 without one; UsageError when it is no number."""
    try:
        seconds = float(text or _SECONDS)
    except ValueError:
        seconds = math.nan
    if not math.isfinite(seconds):
        message = f"{variable} must be a number of seconds"
        raise UsageError(message)
    return max(0.0, seconds)
