"""What the server works on in the background: whether it is done, how long it takes, and why it failed."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from tavusctl.core.model import Live
from tavusctl.core.resource_kind import Provisioning
from tavusctl.lib.clock import moment

_HOUR: Final = 3600


def usable(live: Live) -> bool:
    """Whether others may depend on an object."""
    return not live.kind.ready_statuses or live.status in live.kind.ready_statuses


def failed(live: Live) -> bool:
    """Whether it will not be usable by itself any more."""
    return live.status in live.kind.failed_statuses


def failure(live: Live) -> str:
    """Why an object cannot be used, in the API's word and in ours, with what helps."""
    work = live.kind.provisioning
    what = f"its {work.name} failed" if work else f"it is {live.status}"
    meaning = _meaning(work, live.error) if work else ""
    return f"{what}: {live.error or 'the API does not say why'}" + (f" ({meaning})" if meaning else "")


def outlook(live: Live, now: datetime) -> str:
    """When an object will be usable; an empty string when it is, or never will be."""
    if usable(live) or failed(live):
        return ""
    work, begun = live.kind.provisioning, _moment(live.created)
    if work is None:
        return f"{live.status}, still being processed"
    usual = f"{work.name} takes {_span(*work.usual)}"
    end = begun + timedelta(seconds=work.usual[1]) if begun else None
    if end is None:
        return f"{live.status}: {usual}"
    ready = f"{end:%Y-%m-%d %H:%M} UTC"
    return f"{live.status}: {usual}, " + (f"so until about {ready}" if end > now else f"and has taken longer: {ready}")


def _span(least: float, most: float) -> str:
    """Two lengths of time in their unit: "5 to 15 minutes"."""
    unit, name = (_HOUR, "hours") if least >= _HOUR else (60, "minutes")
    return f"{least / unit:g} to {most / unit:g} {name}"


def _meaning(work: Provisioning, error: str) -> str:
    """What helps, by the longest of the known words in an error."""
    known = [word for word in work.causes if word in error.lower()]
    return work.causes[max(known, key=len)] if known else ""


def _moment(text: str) -> datetime | None:
    try:
        return moment(text)
    except ValueError:
        return None
