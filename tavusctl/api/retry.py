"""Which calls are retried, after how long, and how often at most: one budget and one pause for all threads of a run.

Reads are retried after every transient failure.  Writes are retried only when they surely were not carried out: the
request did not leave, or it was answered with 429 and the caller has checked the object (`before_retry`).  The budget
spares a server in trouble: at most a fifth of the number of first calls, plus ten, are retries.  Pauses double, and
each is a random part of that (full jitter), so that threads and runs do not call at the same moments.
"""

from __future__ import annotations

import math
import random
import re
import threading
import time
from collections.abc import Callable

from msgspec import Struct, field

from tavusctl.core.errors import Ambiguous, ApiError, NeverSent, Throttled
from tavusctl.core.ports import Clock
from tavusctl.lib.json_types import Json
from tavusctl.lib.patterns import pattern

MAX_WAIT = 120.0  # longest pause that a server may ask for, seconds
READ_TRIES = 5
THROTTLED_TRIES = 6
UNSENT_TRIES = 3
_BUDGET, _BUDGET_SHARE = 10, 0.2
_FIRST, _THROTTLED_FIRST, _LONGEST = 0.5, 1.0, 60.0
_TRANSIENT = frozenset({0, 408, 500, 502, 503, 504, 520, 521, 522, 523, 524})
# A cooldown that the text of a 429 describes lasts minutes to an hour: the caller plans for it, nobody waits here.
_COOLDOWN = pattern(r"\b(minutes?|hours?|limit)\b")
_RATE = pattern(r"\brate[ _-]?limit|\b(requests?|calls?) (per|an?|each|every)\b", re.IGNORECASE)

Tries = Callable[[ApiError], int]


def read_attempts(error: ApiError) -> int:
    """The number of attempts, the first one included, for a read that failed with this error."""
    if isinstance(error, Ambiguous) and error.status in _TRANSIENT:
        return READ_TRIES
    return write_attempts(error)


def write_attempts(error: ApiError) -> int:
    """The number of attempts, the first included, for a write that failed with this error; 1 if it may be done."""
    if isinstance(error, NeverSent):
        return UNSENT_TRIES
    if isinstance(error, Throttled) and (error.retry_after is not None or not _names_cooldown(error.text)):
        return THROTTLED_TRIES
    return 1


def _names_cooldown(text: str) -> bool:
    """Whether the text of a 429 describes a cooldown or a quota; a limit of the rate of requests passes in seconds."""
    return bool(_COOLDOWN.search(text)) and not _RATE.search(text)


class RetryPolicy(Struct):
    """The budget of retries, the shared pause after a 429, and the limit of the rate of calls."""

    clock: Clock = time
    max_wait: float = MAX_WAIT
    rate: float = math.inf  # calls per second at most
    chance: Callable[[], float] = random.random
    _guard: threading.Lock = field(default_factory=threading.Lock)
    _calls: int = 0
    _repeated: int = 0
    _rests_until: float = float("-inf")
    _next: float = float("-inf")  # when the rate allows the next call

    def repeat(self, call: Callable[[], Json], tries: Tries, before_retry: Callable[[], None] = lambda: None) -> Json:
        """The value of a call, retried while `tries` and the budget allow it; after that, raise its last error.

        `before_retry` is called before each attempt that follows a 429; an error that it raises ends the retries.
        """
        with self._guard:
            self._calls += 1
        attempts, throttled = 0, False
        while True:
            self._wait_for_pause()
            self._wait_for_rate()
            if throttled:
                before_retry()
            try:
                return call()
            except ApiError as error:
                attempts, throttled = attempts + 1, isinstance(error, Throttled)
                if attempts >= tries(error) or not self._take_from_budget():
                    raise
                self._pause(error, attempts)

    def _take_from_budget(self) -> bool:
        with self._guard:
            allowed = self._repeated + 1 <= _BUDGET + _BUDGET_SHARE * self._calls
            self._repeated += allowed
            return allowed

    def _pause(self, error: ApiError, attempts: int) -> None:
        first = _THROTTLED_FIRST if isinstance(error, Throttled) else _FIRST
        jitter = self.chance() * min(first * 2.0 ** (attempts - 1), _LONGEST)
        wait = min((error.retry_after or 0.0) + jitter, self.max_wait)
        if isinstance(error, Throttled):
            # The rate limit is that of the account, so every thread has to wait.
            with self._guard:
                self._rests_until = max(self._rests_until, self.clock.monotonic() + wait)
        else:
            self.clock.sleep(wait)

    def _wait_for_rate(self) -> None:
        with self._guard:
            now = self.clock.monotonic()
            begins = max(now, self._next)
            self._next = begins + 1 / self.rate
        if begins > now:
            self.clock.sleep(begins - now)

    def _wait_for_pause(self) -> None:
        with self._guard:
            left = self._rests_until - self.clock.monotonic()
        while left > 0:
            self.clock.sleep(left)
            with self._guard:  # another thread may have got a longer pause meanwhile
                left = self._rests_until - self.clock.monotonic()
