from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from tavusctl.core.model import Recrawl
from tavusctl.crawl import schedule


def at(text: str) -> datetime:
    return datetime.fromisoformat(text)


def berlin(cron: str) -> Recrawl:
    return Recrawl(cron=cron, timezone="Europe/Berlin")


@pytest.mark.parametrize(
    ("recrawl", "last", "due"),
    [
        (Recrawl(every=86400.0), "2026-01-05T03:00:00+00:00", "2026-01-06T03:00:00+00:00"),
        (Recrawl(every=5400.0), "2026-01-05T03:00:00+02:00", "2026-01-05T02:30:00+00:00"),
        (Recrawl(cron="0 3 * * *"), "2026-01-05T03:00:00+00:00", "2026-01-06T03:00:00+00:00"),
        (Recrawl(cron="0 3 * * *"), "2026-01-05T02:59:59+00:00", "2026-01-05T03:00:00+00:00"),
        (Recrawl(cron="30 6 * * 1"), "2026-01-06T00:00:00+00:00", "2026-01-12T06:30:00+00:00"),
        (berlin("0 3 * * *"), "2026-01-05T00:00:00+00:00", "2026-01-05T02:00:00+00:00"),
        (berlin("0 3 * * *"), "2026-07-05T00:00:00+00:00", "2026-07-05T01:00:00+00:00"),
        # Clocks go from 2:00 to 3:00: what was to happen at 2:30 happens at once, not a day later.
        (berlin("30 2 * * *"), "2026-03-28T12:00:00+00:00", "2026-03-29T01:00:00+00:00"),
        # Clocks go from 3:00 back to 2:00: 2:30 comes twice, and counts once.
        (berlin("30 2 * * *"), "2026-10-24T12:00:00+00:00", "2026-10-25T00:30:00+00:00"),
        (berlin("30 2 * * *"), "2026-10-25T00:30:00+00:00", "2026-10-26T01:30:00+00:00"),
        # Crawled between the two: the tick found first is the past one.
        (berlin("45 2 * * *"), "2026-10-25T01:30:00+00:00", "2026-10-26T01:45:00+00:00"),
        (Recrawl(cron="0 0 29 2 *"), "2026-01-05T00:00:00+00:00", "2028-02-29T00:00:00+00:00"),
    ],
)
def test_due(recrawl: Recrawl, last: str, due: str) -> None:
    assert schedule.due_from(recrawl, at(last)) == at(due)


def test_a_period_beyond_the_calendar_never_ends() -> None:
    assert schedule.due_from(Recrawl(every=1e15), at("2026-01-05T00:00:00+00:00")) == schedule.NEVER
    assert schedule.overdue_from(Recrawl(every=1e15), at("2026-01-05T00:00:00+00:00")) == schedule.NEVER


def test_a_crawl_is_allowed_an_hour_and_a_minute_after_the_last() -> None:
    assert schedule.allowed_from(at("2026-01-05T03:00:00+01:00")) == at("2026-01-05T03:01:00+00:00")


@pytest.mark.parametrize(
    ("recrawl", "overdue"),
    [
        (Recrawl(every=86400.0), "2026-01-08T03:00:00+00:00"),
        (Recrawl(cron="0 4 * * *"), "2026-01-07T04:00:00+00:00"),
        (Recrawl(every=60.0), "2026-01-05T06:03:00+00:00"),  # what the cooldown forbids is not overdue
    ],
)
def test_overdue_is_two_periods_after_due(recrawl: Recrawl, overdue: str) -> None:
    assert schedule.overdue_from(recrawl, at("2026-01-05T03:00:00+00:00")) == at(overdue)


def test_moments_are_in_utc() -> None:
    for recrawl in (Recrawl(every=60.0), berlin("0 3 * * *")):
        assert schedule.due_from(recrawl, at("2026-01-05T03:00:00+05:30")).tzinfo is UTC
        assert schedule.overdue_from(recrawl, at("2026-01-05T03:00:00+05:30")).utcoffset() == timedelta()
