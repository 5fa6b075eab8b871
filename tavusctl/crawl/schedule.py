"""When a crawled document is due: computed from its own last crawl, never from the time at which a job runs.

A job that runs late, twice or not at all does not change these results.  All moments have a time zone; results are in
UTC.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final

from tavusctl.core.model import Recrawl

# One hour between two crawls of a document, and a margin for clocks and for what the API takes as the crawl's time.
COOLDOWN: Final = timedelta(seconds=3600 + 60)
NEVER: Final = datetime.max.replace(tzinfo=UTC)
MISSED: Final = 2  # periods after which a schedule is clearly not being kept


def due_from(recrawl: Recrawl, last: datetime) -> datetime:
    """The moment from which a document, last crawled at `last`, is due."""
    if recrawl.every is None:
        return _next_tick(recrawl.cron, recrawl.timezone, last)
    try:
        return last.astimezone(UTC) + timedelta(seconds=recrawl.every)
    except OverflowError:
        return NEVER


def allowed_from(last: datetime) -> datetime:
    """The moment from which the API accepts a recrawl of a document whose last crawl, or attempt, ended at `last`."""
    return last.astimezone(UTC) + COOLDOWN


def overdue_from(recrawl: Recrawl, last: datetime) -> datetime:
    """The moment from which a document, last crawled at `last`, has been due for two whole periods."""
    moment = max(due_from(recrawl, last), allowed_from(last))
    for _ in range(MISSED):
        if moment == NEVER:
            break
        # A period shorter than the cooldown cannot be kept: that alone must not cause a warning.
        moment = max(due_from(recrawl, moment), allowed_from(moment))
    return moment


def _next_tick(cron: str, timezone: str, after: datetime) -> datetime:
    """The first tick of a cron expression after a moment, on the clocks of a time zone; NEVER if there is none."""
    from zoneinfo import ZoneInfo  # noqa: PLC0415 - few documents have a schedule

    from cronsim import CronSim  # noqa: PLC0415 - few documents have a schedule

    start = after.astimezone(UTC)
    for tick in CronSim(cron, start.astimezone(ZoneInfo(timezone))):
        moment = tick.astimezone(UTC)
        # In the hour that clocks show twice, the first tick may be that of its first time, which is over.
        if moment > start:
            return moment
    return NEVER
