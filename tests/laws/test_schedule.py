from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

from hypothesis import assume, example, given
from hypothesis import strategies as st

from tavusctl.core import timestamps
from tavusctl.core.messages import moment
from tavusctl.core.model import Recrawl
from tavusctl.crawl import schedule

ZONES = ["UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu", "America/St_Johns"]
MOMENTS = st.datetimes(datetime(2020, 1, 1), datetime(2035, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - they get one
NUMBERS = [st.integers(0, 59), st.integers(0, 23), st.integers(1, 28), st.integers(1, 12), st.integers(0, 6)]
CRONS = st.tuples(*(st.one_of(st.just("*"), number.map(str)) for number in NUMBERS)).map(" ".join)
BY_CRON = st.builds(lambda cron, zone: Recrawl(cron=cron, timezone=zone), CRONS, st.sampled_from(ZONES))
BY_PERIOD = st.builds(lambda seconds: Recrawl(every=seconds), st.floats(1, 1e9))
SCHEDULES = st.one_of(BY_CRON, BY_PERIOD)
OFFSETS = st.integers(-1439, 1439).map(lambda minutes: timezone(timedelta(minutes=minutes)))
EDGES = st.sampled_from([datetime.min, datetime.max, datetime(9998, 6, 1)])  # noqa: DTZ001, DTZ901 - they get a zone
ANY_TIMES = st.one_of(st.datetimes(), EDGES).flatmap(lambda time: OFFSETS.map(lambda zone: time.replace(tzinfo=zone)))


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


@given(SCHEDULES, ANY_TIMES)
@example(Recrawl(cron="0 3 29 2 *", timezone="America/New_York"), datetime(1, 1, 1, tzinfo=UTC))
@example(Recrawl(cron="0 3 29 2 *", timezone="America/New_York"), datetime(9998, 6, 1, tzinfo=UTC))
@example(Recrawl(every=86400.0), datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC))
def test_a_time_is_no_time_or_a_schedule_goes_on_from_it(recrawl: Recrawl, time: datetime) -> None:
    """The API may write a time that stands for never, such as the last second of the calendar."""
    read = timestamps.parse_timestamp(time.isoformat())

    if read is None:
        assert not 1900 <= time.year <= 9899
    else:
        assert schedule.overdue_from(recrawl, read) >= schedule.allowed_from(read) > read
        assert moment(read)
