"""GitHub's limits on calls: which refusals mean "not now", when to come back, and how long that is waited for.

https://docs.github.com/en/rest/using-the-rest-api/rate-limits-for-the-rest-api: 403 or 429; with Retry-After after that
time, with no calls left when the hour ends, else after a minute at least.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import httpx
from msgspec import Struct

from tavusctl.api.responses import date_of
from tavusctl.api.retry import RetryPolicy, Tries
from tavusctl.api.transport import Answer
from tavusctl.core.errors import ApiError, Rejected, Throttled

IN_ALL = 300.0  # seconds that one step waits for its limits
_UNTOLD = 60.0  # seconds, where the answer does not say how long
_WORDS = ("rate limit", "abuse detection")


def limited(answer: Answer, error: Rejected) -> Rejected:
    """The error that a refusal stands for: Throttled, with the time to wait, where a limit is behind it."""
    if error.status not in (httpx.codes.FORBIDDEN, httpx.codes.TOO_MANY_REQUESTS):
        return error
    asked = [error.asked_wait, _until_reset(answer) if answer.headers.get("X-RateLimit-Remaining") == "0" else None]
    known = [one for one in asked if one is not None]
    told = isinstance(error, Throttled) or any(word in error.text.lower() for word in _WORDS)
    if not known and not told:
        return error
    found = Throttled(error.status, error.text, answer.request)
    found.asked_wait = max(known, default=_UNTOLD)
    return found


def _until_reset(answer: Answer) -> float | None:
    """Seconds until there are calls again, by the server's own clock; None where that is not told."""
    until = answer.headers.get("X-RateLimit-Reset", "")
    if not (until.isascii() and until.isdigit()):
        return None
    now = date_of(answer) or datetime.now(UTC)
    return max(float(until[:12]) - now.timestamp(), 0.0) + 1.0  # it is told in whole seconds


class Allowance(Struct):
    """Waiting for limits, with an end to it, and who hears of it."""

    patience: RetryPolicy
    tell: Callable[[str], None]
    _left: float = IN_ALL

    def tries(self, tries: Tries) -> Tries:
        """How often a call is tried: what asks for more time than is left is not tried again."""

        def counted(error: ApiError) -> int:
            if not isinstance(error, Throttled):
                return tries(error)
            wait = error.asked_wait or 0.0
            if wait > self._left:
                return 1
            self._left -= wait
            self.tell(f"the rate limit of GitHub is reached ({error.status}); waiting {wait:.0f} s as requested")
            return tries(error)

        return counted
