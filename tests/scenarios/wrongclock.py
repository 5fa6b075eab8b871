"""Runs the command line on a machine whose clock is wrong or jumps; a program of its own.

python wrongclock.py SECONDS JUMPS COMMAND...: the clock is wrong by SECONDS; with JUMPS "yes", every other reading is
wrong in the other direction.  Only the standard library is changed, before the product is imported.
"""

from __future__ import annotations

import datetime as dt
import itertools
import sys
import time

WRONG, JUMPS = float(sys.argv[1]), sys.argv[2] == "yes"
_readings = itertools.count()
_time = time.time


def wrong() -> float:
    """The error of the clock in seconds, for this reading."""
    return -WRONG if JUMPS and next(_readings) % 2 else WRONG


class WrongDatetime(dt.datetime):
    """A datetime that uses the wrong clock."""

    @classmethod
    def now(cls, tz: dt.tzinfo | None = None) -> WrongDatetime:
        return super().now(tz) + dt.timedelta(seconds=wrong())


setattr(dt, "datetime", WrongDatetime)  # noqa: B010 - types forbid the assignment
setattr(time, "time", lambda: _time() + wrong())  # noqa: B010 - as above

from tavusctl.cli import main  # noqa: E402 - the clock must be changed first

sys.argv[1:] = sys.argv[3:]
main()
