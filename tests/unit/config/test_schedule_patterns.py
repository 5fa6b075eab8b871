"""Patterns of schedules against the readers of schedules: nothing that these take is refused."""

from __future__ import annotations

import datetime as dt
import re
import zoneinfo

import pytest
from cronsim import CronSim, CronSimError
from hypothesis import given
from hypothesis import strategies as st

from tavusctl.config.lifecycle import CRON_WORDS
from tavusctl.config.schedule_patterns import CRON_PATTERN, TIMEZONE_PATTERN

NUMBERS = st.integers(0, 62).map(str)
NAMES = st.sampled_from(["MON", "fri", "Jan", "DEC", "L", "LW", "5L", "1#2", "MON#5", "*"])
TERMS = st.one_of(
    NUMBERS, NAMES, st.tuples(NUMBERS, NUMBERS).map("-".join), st.tuples(NUMBERS | NAMES, NUMBERS).map("/".join)
)
FIELDS = st.lists(TERMS, min_size=1, max_size=3).map(",".join)


def is_read(text: str) -> bool:
    try:
        CronSim(text, dt.datetime(2024, 1, 1, tzinfo=dt.UTC))
    except CronSimError:
        return False
    return True


@given(st.lists(FIELDS, min_size=5, max_size=5).map(" ".join))
def test_what_is_read_as_cron_fits_the_pattern(text: str) -> None:
    assert re.search(CRON_PATTERN, text) or not is_read(text)


@given(st.lists(NUMBERS | st.just("*"), min_size=4, max_size=6).map(" ".join))
def test_of_plain_fields_the_pattern_takes_what_is_read_and_no_other(text: str) -> None:
    assert bool(re.search(CRON_PATTERN, text)) == (is_read(text) and len(text.split()) == 5)


@pytest.mark.parametrize("text", CRON_WORDS)
def test_words_fit(text: str) -> None:
    assert re.search(CRON_PATTERN, text)


def test_every_time_zone_of_this_machine_fits() -> None:
    zones = zoneinfo.available_timezones()
    assert len(zones) > 100
    assert [zone for zone in sorted(zones) if not re.search(TIMEZONE_PATTERN, zone)] == []


@pytest.mark.parametrize("text", ["Berlin", "europe/berlin", "+02:00", "UTC+2", "Europe/ Berlin", ""])
def test_what_people_write_in_place_of_a_time_zone_does_not(text: str) -> None:
    assert not re.search(TIMEZONE_PATTERN, text)
