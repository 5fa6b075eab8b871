"""Patterns of schedules for editors: they match every schedule that `recrawl:` accepts, and few others.  Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from tavusctl.config.lifecycle import CRON_WORDS


def _cron_pattern() -> str:
    """The pattern of cron expressions: five fields with numbers in their ranges, names, lists, ranges and steps."""
    months = "|".join(
        _either_case(("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"))
    )
    days = "|".join(_either_case(("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")))
    day, weekday = r"0?[1-9]|[12]\d|3[01]", f"[0-7]|{days}"
    fields = (
        _cron_field(r"[0-5]?\d"),
        _cron_field(r"[01]?\d|2[0-3]"),
        _cron_field(day, "[Ll][Ww]?"),
        _cron_field(f"0?[1-9]|1[0-2]|{months}"),
        _cron_field(weekday, f"[0-7][Ll]|({weekday})#[1-5]"),
    )
    return f"^({'|'.join(CRON_WORDS)}|{' +'.join(fields)})$"


def _either_case(names: Sequence[str]) -> list[str]:
    return ["".join(f"[{letter}{letter.lower()}]" for letter in name) for name in names]


def _cron_field(value: str, special: str = "") -> str:
    term = rf"(\*|({value})(-({value}))?{f'|{special}' if special else ''})(/[0-9]+)?"
    return f"({term})(,({term}))*"


# Names of the IANA database: an area and a place, or one of the few names without an area.
_ZONES_ALONE: Final = (
    "CET CST6CDT Cuba EET EST EST5EDT Egypt Eire Factory GB GB-Eire GMT GMT0 GMT-0 GMT[+]0 Greenwich HST "
    "Hongkong Iceland Iran Israel Jamaica Japan Kwajalein Libya MET MST MST7MDT NZ NZ-CHAT Navajo PRC PST8PDT "
    "Poland Portugal ROC ROK Singapore Turkey UCT UTC Universal W-SU WET Zulu localtime"
)
TIMEZONE_PATTERN: Final = rf"^([A-Z][A-Za-z]+(/[A-Z][A-Za-z0-9_+-]*)+|{'|'.join(_ZONES_ALONE.split())})$"
CRON_PATTERN: Final = _cron_pattern()
