"""Work at the same time: results in order, the first error in order, and nothing that goes on afterwards."""

from __future__ import annotations

import threading
from functools import partial

import pytest

from tavusctl.together import begun, together


def test_results_come_in_order_whoever_ends_first() -> None:
    second = threading.Event()

    def slow() -> str:
        assert second.wait(5)
        return "first"

    def fast() -> str:
        second.set()
        return "second"

    assert together([slow, fast]) == ["first", "second"]
    assert together([]) == []


def test_the_first_error_in_order_is_raised_once_all_have_ended() -> None:
    ended = []

    def work(number: int) -> int:
        ended.append(number)
        if number in (1, 3):
            raise ValueError(number)
        return number

    with pytest.raises(ValueError, match="1"):
        together([partial(work, number) for number in range(5)])
    assert sorted(ended) == list(range(5))


def test_many_pieces_share_few_threads() -> None:
    before = threading.active_count()
    most = 0

    def count() -> None:
        nonlocal most
        most = max(most, threading.active_count() - before)

    together([count] * 2_000)

    assert 0 < most <= 32


def test_an_error_waits_in_the_future() -> None:
    def fail() -> None:
        raise KeyError

    assert isinstance(begun(fail).exception(5), KeyError)
