"""The clocks of this machine, and times in texts."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import Final

# Beyond these years, which no clock shows, a zone or a period added to a time could leave the calendar.
_FIRST_YEAR, _LAST_YEAR = 1900, 9899
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_CLOCK: Final[int] = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


def uptime() -> float:
    """Seconds since the start of the machine: never adjusted, never decreasing, and counting during suspend."""
    return time.clock_gettime(_CLOCK)


def parse_time(text: str) -> datetime:
    """The UTC time of a text in ISO 8601 or RFC 1123, taken as UTC if it has no zone; ValueError if it is invalid.

    A year before 1900 or after 9899 is invalid: it stands for "never" or "always", or is a mistake.
    """
    if text[:1].isalpha():  # the API writes RFC 1123 for videos: other objects may get it, too
        from email.utils import parsedate_to_datetime  # noqa: PLC0415 - slow to import, and hardly ever needed

        try:
            parsed = parsedate_to_datetime(text)
        except OverflowError as error:  # a number of any size
            raise ValueError(str(error)) from None
    else:
        parsed = datetime.fromisoformat(text)
    if not _FIRST_YEAR <= parsed.year <= _LAST_YEAR:
        raise ValueError(f"the year {parsed.year} is not one of a time")
    return parsed.replace(tzinfo=UTC) if parsed.tzinfo is None else parsed.astimezone(UTC)


def unix_time(seconds: int) -> datetime:
    """The UTC time of a number of seconds since 1970; OverflowError if it is beyond the calendar."""
    return _EPOCH + timedelta(seconds=seconds)  # `fromtimestamp` raises three kinds of errors
