"""What is repeated, after how long, and how often at most: one budget and one pause for all threads of a run.

Reads are repeated on anything passing; writes only when they surely were not carried out: the request did not leave, or
it was answered with 429, and whoever asked for it has looked.  A server in trouble is not helped by a storm: repeated
calls are a fifth of the first ones, and ten, at most.  Pauses double, and each is a random part of that (full jitter),
so that threads and runs do not call in step.
"""

from __future__ import annotations

import math
import random
import re
import threading
from collections.abc import Callable

from msgspec import Struct, field

from tavusctl.core.errors import Ambiguous, ApiError, NeverSent, Throttled
from tavusctl.core.ports import Clock
from tavusctl.lib.clock import SystemClock
from tavusctl.lib.json_types import Json

MAX_WAIT = 120.0  # longest pause that a server may ask for, seconds
READ_TRIES = 5
THROTTLED_TRIES = 6
UNSENT_TRIES = 3
_BUDGET, _BUDGET_SHARE = 10, 0.2
_FIRST, _THROTTLED_FIRST, _LONGEST = 0.5, 1.0, 60.0
_PASSING = frozenset({0, 408, 500, 502, 503, 504, 520, 521, 522, 523, 524})
# A cooldown in words lasts minutes to an hour: for its caller to plan around, not to sit out here.
_COOLDOWN = re.compile(r"\b(minutes?|hours?|limit)\b")

Tries = Callable[[ApiError], int]


def read_attempts(error: ApiError) -> int:
    """How often a read that ended like this is tried in all."""
    if isinstance(error, Ambiguous) and error.status in _PASSING:
        return READ_TRIES
    return write_attempts(error)


def write_attempts(error: ApiError) -> int:
    """How often a write that ended like this is tried in all: again only what surely was not carried out."""
    if isinstance(error, NeverSent):
        return UNSENT_TRIES
    if isinstance(error, Throttled) and (error.asked_wait is not None or not _COOLDOWN.search(error.text)):
        return THROTTLED_TRIES
    return 1


class RetryPolicy(Struct):
    """The budget and the pause."""

    clock: Clock = field(default_factory=SystemClock)
    max_wait: float = MAX_WAIT
    rate: float = math.inf  # calls per second at most
    chance: Callable[[], float] = random.random
    _guard: threading.Lock = field(default_factory=threading.Lock)
    _calls: int = 0
    _repeated: int = 0
    _rests_until: float = float("-inf")
    _next: float = float("-inf")  # when the next call may begin, for the sake of the rate

    def repeat(self, call: Callable[[], Json], tries: Tries, refused: Callable[[], None] = lambda: None) -> Json:
        """What a call gives, once it does; its last error when it is not worth another try.

        `refused` is called before each try that follows a 429: it may end all by an error of its own.
        """
        with self._guard:
            self._calls += 1
        tried, throttled = 0, False
        while True:
            self._rest()
            self._pace()
            if throttled:
                refused()
            try:
                return call()
            except ApiError as error:
                tried, throttled = tried + 1, isinstance(error, Throttled)
                if tried >= tries(error) or not self._afford():
                    raise
                self._pause(error, tried)

    def _afford(self) -> bool:
        with self._guard:
            afforded = self._repeated + 1 <= _BUDGET + _BUDGET_SHARE * self._calls
            self._repeated += afforded
            return afforded

    def _pause(self, error: ApiError, tried: int) -> None:
        first = _THROTTLED_FIRST if isinstance(error, Throttled) else _FIRST
        jitter = self.chance() * min(first * 2.0 ** (tried - 1), _LONGEST)
        wait = min((error.asked_wait or 0.0) + jitter, self.max_wait)
        if isinstance(error, Throttled):
            # The account is over its rate, not this call: everybody waits.
            with self._guard:
                self._rests_until = max(self._rests_until, self.clock.monotonic() + wait)
        else:
            self.clock.sleep(wait)

    def _pace(self) -> None:
        """Wait until the rate allows one more call."""
        with self._guard:
            now = self.clock.monotonic()
            begins = max(now, self._next)
            self._next = begins + 1 / self.rate
        if begins > now:
            self.clock.sleep(begins - now)

    def _rest(self) -> None:
        """Wait while the account is over its rate."""
        with self._guard:
            left = self._rests_until - self.clock.monotonic()
        while left > 0:
            self.clock.sleep(left)
            with self._guard:  # somebody else may have been told to wait longer
                left = self._rests_until - self.clock.monotonic()
