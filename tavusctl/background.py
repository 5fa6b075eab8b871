"""What the server works on in the background: whether it is done, how long it takes, and why it failed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from tavusctl.kind import Work
from tavusctl.model import Live


def usable(live: Live) -> bool:
    """Whether others may depend on an object."""
    return not live.kind.usable or live.status in live.kind.usable


def failed(live: Live) -> bool:
    """Whether it will not be usable by itself any more."""
    return live.status in live.kind.failed


def failure(live: Live) -> str:
    """Why an object cannot be used, in the API's word and in ours, with what helps."""
    work = live.kind.work
    what = f"its {work.name} failed" if work else f"it is {live.status}"
    meaning = _meaning(work, live.error) if work else ""
    return f"{what}: {live.error or 'the API does not say why'}" + (f" ({meaning})" if meaning else "")


def outlook(live: Live, now: datetime) -> str:
    """When an object will be usable; an empty string when it is, or never will be."""
    if usable(live) or failed(live):
        return ""
    work, begun = live.kind.work, _moment(live.created)
    if work is None:
        return f"{live.status}, still worked on by the server"
    least, most = (span(seconds) for seconds in work.usual)
    usual = f"{work.name} takes {least} to {most}"
    end = begun + timedelta(seconds=work.usual[1]) if begun else None
    if end is None:
        return f"{live.status}: {usual}"
    moment = f"{end.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
    return f"{live.status}: {usual}, " + (
        f"so until about {moment}" if end > now else f"and has taken longer: {moment}"
    )


def span(seconds: float) -> str:
    """A length of time in its largest unit."""
    hours, minutes = seconds / 3600, seconds / 60
    return f"{hours:g} hours" if hours >= 1 else f"{minutes:g} minutes"


def _meaning(work: Work, error: str) -> str:
    """What helps, by the longest of the known words in an error."""
    known = [word for word in work.causes if word in error.lower()]
    return work.causes[max(known, key=len)] if known else ""


def _moment(text: str) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
