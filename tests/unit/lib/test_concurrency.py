"""Work at the same time: results in order, the first error in order, and nothing that goes on afterwards."""

from __future__ import annotations

import threading
import time
from functools import partial

import pytest

from tavusctl.lib.concurrency import Turns, run_all, start


def test_results_come_in_order_whoever_ends_first() -> None:
    second = threading.Event()

    def slow() -> str:
        assert second.wait(5)
        return "first"

    def fast() -> str:
        second.set()
        return "second"

    assert run_all([slow, fast]) == ["first", "second"]
    assert run_all([]) == []


def test_the_first_error_in_order_is_raised_once_all_have_ended() -> None:
    ended = []

    def work(number: int) -> int:
        ended.append(number)
        if number in (1, 3):
            raise ValueError(number)
        return number

    with pytest.raises(ValueError, match="1"):
        run_all([partial(work, number) for number in range(5)])
    assert sorted(ended) == list(range(5))


def test_many_pieces_share_few_threads() -> None:
    threads: set[threading.Thread] = set()

    run_all([lambda: threads.add(threading.current_thread())] * 2_000)

    assert 0 < len(threads) <= 32


def test_not_more_run_at_once_than_asked() -> None:
    running, most, guard = 0, 0, threading.Lock()

    def count() -> None:
        nonlocal running, most
        with guard:
            running += 1
            most = max(most, running)
        time.sleep(0.01)
        with guard:
            running -= 1

    run_all([count] * 20, 3)

    assert 0 < most <= 3


def test_an_error_waits_in_the_future() -> None:
    def fail() -> None:
        raise KeyError

    assert isinstance(start(fail).exception(5), KeyError)


def test_nobody_overtakes_who_waits_for_a_turn() -> None:
    turns = Turns(1)
    order = []
    turns.acquire()

    def wait(name: str) -> None:
        with turns:
            order.append(name)

    waiting = []
    for number, name in enumerate(("first", "second"), 1):
        waiting.append(start(partial(wait, name)))
        while len(vars(turns)["_waiting"]) < number:
            time.sleep(0.001)
    turns.release()
    with turns:  # at once: the turn is not free, it is the first one's
        order.append("last")
    for one in waiting:
        one.result()
    assert order == ["first", "second", "last"]
