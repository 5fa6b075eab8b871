from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from hypothesis import assume, given
from hypothesis import strategies as st

from tavusctl.core.model import Recrawl
from tavusctl.crawl import schedule

ZONES = ["UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu", "America/St_Johns"]
MOMENTS = st.datetimes(datetime(2020, 1, 1), datetime(2035, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - they get one
NUMBERS = [st.integers(0, 59), st.integers(0, 23), st.integers(1, 28), st.integers(1, 12), st.integers(0, 6)]
CRONS = st.tuples(*(st.one_of(st.just("*"), number.map(str)) for number in NUMBERS)).map(" ".join)
BY_CRON = st.builds(lambda cron, zone: Recrawl(cron=cron, timezone=zone), CRONS, st.sampled_from(ZONES))
BY_PERIOD = st.builds(lambda seconds: Recrawl(every=seconds), st.floats(1, 1e9))
SCHEDULES = st.one_of(BY_CRON, BY_PERIOD)


@given(SCHEDULES, MOMENTS)
def test_a_document_is_never_due_when_it_was_crawled(recrawl: Recrawl, last: datetime) -> None:
    assert schedule.due_from(recrawl, last) > last


@given(SCHEDULES, MOMENTS, st.timedeltas(timedelta(0), timedelta(days=400)))
def test_a_later_crawl_is_never_due_earlier(recrawl: Recrawl, last: datetime, later: timedelta) -> None:
    assert schedule.due_from(recrawl, last + later) >= schedule.due_from(recrawl, last)


@given(BY_CRON, MOMENTS, st.floats(0, 1, exclude_max=True))
def test_nothing_is_due_between_a_tick_and_the_next(recrawl: Recrawl, last: datetime, share: float) -> None:
    tick = schedule.due_from(recrawl, last)
    assume(tick != schedule.NEVER)
    between = last + (tick - last) * share
    assume(between < tick)  # a share just below 1 may be rounded up
    assert schedule.due_from(recrawl, between) == tick


@given(SCHEDULES, MOMENTS, st.sampled_from(ZONES))
def test_the_zone_in_which_a_moment_is_told_does_not_matter(recrawl: Recrawl, last: datetime, zone: str) -> None:
    assert schedule.due_from(recrawl, last.astimezone(ZoneInfo(zone))) == schedule.due_from(recrawl, last)


@given(SCHEDULES, MOMENTS)
def test_overdue_comes_after_due_and_after_the_cooldown(recrawl: Recrawl, last: datetime) -> None:
    overdue = schedule.overdue_from(recrawl, last)
    assert overdue >= max(schedule.due_from(recrawl, last), schedule.allowed_from(last))
    assert overdue == schedule.NEVER or overdue >= schedule.allowed_from(last) + 2 * schedule.COOLDOWN
