"""Timestamps of the API, and what they show of an object whose id was given out again.  Pure."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final

from tavusctl.lib.clock import parse_time

_SECOND: Final = timedelta(seconds=1)
_MILLISECOND: Final = timedelta(milliseconds=1)


def parse_timestamp(value: object) -> datetime | None:
    """A timestamp of the API; None if it is empty or not valid."""
    try:
        return parse_time(str(value)) if value else None
    except ValueError:
        return None


def format_timestamp(time: datetime) -> str:
    """A moment as the API writes it, in UTC and whole seconds."""
    return time.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def another_object(remote_id: str, created: str, known: str) -> str:
    """Why the object with a bound id is not the one that was bound, created at `known`; empty if it is."""
    if not is_younger(created, known):
        return ""
    return f"{remote_id} is another object now: the bound one was created at {known}, and this one at {created}"


def is_younger(created: str, known: str) -> bool:
    """Whether `created` is later than `known`; false for one moment in two precisions, or for invalid timestamps."""
    now, then = parse_timestamp(created), parse_timestamp(known)
    if now is None or then is None:
        return False
    # Timestamps in whole seconds, or in milliseconds, lack a part: a smaller difference means nothing.
    return now - then >= _SECOND if not (now.microsecond and then.microsecond) else now - then > _MILLISECOND
