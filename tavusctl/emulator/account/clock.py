"""The clock of the emulated world: real time plus an offset, or stopped."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import formatdate

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(slots=True)
class Clock:
    """The time of the emulated world, in seconds since 1970; `frozen_at` is set while the clock is stopped."""

    offset: float = 0.0
    frozen_at: float | None = None

    def now(self) -> float:
        """The emulated time, in seconds since 1970."""
        return self.frozen_at if self.frozen_at is not None else time.time() + self.offset

    def set(self, moment: float) -> None:
        """Set the time, in seconds since 1970; a stopped clock stays stopped."""
        if self.frozen_at is not None:
            self.frozen_at = moment
        else:
            self.offset = moment - time.time()

    def freeze(self) -> None:
        """Stop the clock; then only `set` changes the time."""
        self.frozen_at = self.now()

    def thaw(self) -> None:
        """Let a stopped clock run on from its time."""
        if self.frozen_at is not None:
            self.offset = self.frozen_at - time.time()
            self.frozen_at = None

    def http_date(self) -> str:
        """The value of a Date header."""
        return formatdate(self.now(), usegmt=True)


def _moment(seconds: float) -> datetime:
    return EPOCH + timedelta(microseconds=round(seconds * 1e6))


def in_microseconds(seconds: float) -> str:
    """2025-05-13T06:42:58.291561Z, as personas and conversations show it."""
    return _moment(seconds).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def in_milliseconds(seconds: float) -> str:
    """2024-01-24T07:14:03.327Z, as replicas show it."""
    return f"{_moment(seconds).strftime('%Y-%m-%dT%H:%M:%S.%f')[:-3]}Z"


def in_seconds(seconds: float) -> str:
    """2024-01-01T12:00:00Z, as documents and sets show it."""
    return _moment(seconds).strftime("%Y-%m-%dT%H:%M:%SZ")


def space_separated(seconds: float) -> str:
    """2026-08-19 15:20:55.912942, without a zone, as guardrails and objectives of today show it."""
    return _moment(seconds).strftime("%Y-%m-%d %H:%M:%S.%f")


def without_zone(seconds: float) -> str:
    """2026-08-17T18:02:56.838918, without a zone, as voices and connectors show it."""
    return _moment(seconds).strftime("%Y-%m-%dT%H:%M:%S.%f")


def seconds_without_zone(seconds: float) -> str:
    """2026-05-15T10:30:00, without a zone, as tools show it."""
    return _moment(seconds).strftime("%Y-%m-%dT%H:%M:%S")


def with_offset(seconds: float) -> str:
    """2026-08-19T16:00:09.134939+00:00, as skills show it."""
    return f"{without_zone(seconds)}+00:00"


def parse(text: str) -> float:
    """Seconds since 1970 of an ISO 8601 time; one without a zone is UTC."""
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return (moment - EPOCH).total_seconds()


def time_in(text: object) -> float | None:
    """Seconds since 1970 of an ISO 8601 time; None if a seed has something else there."""
    try:
        return parse(text) if isinstance(text, str) else None
    except ValueError:
        return None


def time_of_change(clock: Clock, previous: str, step: float) -> float:
    """The time of a change: now, but at least `step` seconds after the previous change, if that has a time."""
    before = time_in(previous)
    return clock.now() if before is None else max(clock.now(), before + step)
