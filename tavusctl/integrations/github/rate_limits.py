"""The rate limits of GitHub: which errors mean a limit, when to try again, and how long to wait in total.

https://docs.github.com/en/rest/using-the-rest-api/rate-limits-for-the-rest-api: the status is 403 or 429.  The next
attempt is allowed after the time in Retry-After; if no calls remain, at the time of the reset; else after at least a
minute.
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

IN_ALL = 300.0  # seconds that one step waits for rate limits in total
_DEFAULT_WAIT = 60.0  # seconds, if the response has no waiting time
_WORDS = ("rate limit", "abuse detection")


def as_throttled(answer: Answer, error: Rejected) -> Rejected:
    """The error for a rejected call: Throttled, with the time to wait, if a rate limit is the cause; else unchanged."""
    if error.status not in (httpx.codes.FORBIDDEN, httpx.codes.TOO_MANY_REQUESTS):
        return error
    candidates = [
        error.retry_after,
        _until_reset(answer) if answer.headers.get("X-RateLimit-Remaining") == "0" else None,
    ]
    waits = [seconds for seconds in candidates if seconds is not None]
    is_described = isinstance(error, Throttled) or any(word in error.text.lower() for word in _WORDS)
    if not waits and not is_described:
        return error
    throttled = Throttled(error.status, error.text, answer.request)
    throttled.retry_after = max(waits, default=_DEFAULT_WAIT)
    return throttled


def _until_reset(answer: Answer) -> float | None:
    """Seconds until the rate limit is reset, by the server's clock; None if the response does not say."""
    until = answer.headers.get("X-RateLimit-Reset", "")
    if not (until.isascii() and until.isdigit()):
        return None
    now = date_of(answer) or datetime.now(UTC)
    return max(float(until[:12]) - now.timestamp(), 0.0) + 1.0  # the header has whole seconds


class Allowance(Struct):
    """The remaining time for rate limits, and the function that reports each wait."""

    patience: RetryPolicy
    report_wait: Callable[[str], None]
    _left: float = IN_ALL

    def tries(self, tries: Tries) -> Tries:
        """As `tries`, but with only one attempt for a rate limit whose wait is longer than the remaining time."""

        def counted(error: ApiError) -> int:
            if not isinstance(error, Throttled):
                return tries(error)
            wait = error.retry_after or 0.0
            if wait > self._left:
                return 1
            self._left -= wait
            self.report_wait(f"the rate limit of GitHub is reached ({error.status}); waiting {wait:.0f} s as requested")
            return tries(error)

        return counted
