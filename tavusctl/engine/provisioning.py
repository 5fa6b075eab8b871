"""Background work of the server on an object: whether it is done, how long it takes, and why it failed."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from tavusctl.core.messages import moment
from tavusctl.core.model import Live
from tavusctl.core.resource_kind import Provisioning
from tavusctl.core.timestamps import parse_timestamp

_HOUR: Final = 3600
_FAILED: Final = "error"  # the status of failed work, for every kind


def is_usable(live: Live) -> bool:
    """Whether other objects may depend on an object."""
    return not live.kind.ready_statuses or live.status in live.kind.ready_statuses


def has_failed(live: Live) -> bool:
    """Whether an object has failed: it will not become usable by itself."""
    return live.status in live.kind.failed_statuses


def has_ended(live: Live) -> bool:
    """Whether the server does not work on an object any more: it is usable, or has failed."""
    return is_usable(live) or has_failed(live)


def failure_reason(live: Live) -> str:
    """Why an object cannot be used: the error of the API, and what it means and how to solve it, if that is known."""
    if live.status != _FAILED and not live.error:  # somebody has disabled it: nothing failed
        return f"its status is {live.status}"
    work = live.kind.provisioning
    summary = f"its {work.name} failed" if work else f"it is {live.status}"
    meaning = _meaning(work, live.error) if work else ""
    return f"{summary}: {live.error or 'the API does not say why'}" + (f" ({meaning})" if meaning else "")


def outlook(live: Live, now: datetime) -> str:
    """When an object will be usable, in words; an empty string if it is usable already or has failed."""
    if has_ended(live):
        return ""
    work, started, status = live.kind.provisioning, parse_timestamp(live.created), live.status or "without a status"
    if work is None:
        return f"{status}, still being processed"
    usual_duration = f"{work.name} takes {_span(*work.usual_seconds)}"
    end = started + timedelta(seconds=work.usual_seconds[1]) if started else None
    if end is None:
        return f"{status}: {usual_duration}"
    ready = moment(end)
    return f"{status}: {usual_duration}, " + (
        f"so until about {ready}" if end > now else f"and should have ended at {ready}"
    )


def _span(least: float, most: float) -> str:
    """A range of seconds in words, in hours or minutes, such as "5 to 15 minutes"."""
    unit, name = (_HOUR, "hours") if least >= _HOUR else (60, "minutes")
    return f"{least / unit:g} to {most / unit:g} {name}"


def _meaning(work: Provisioning, error: str) -> str:
    """What an error means and how to solve it, by the longest known word in it; empty if there is none."""
    matches = [word for word in work.causes if word in error.lower()]
    return work.causes[max(matches, key=len)] if matches else ""
