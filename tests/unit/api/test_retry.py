"""What is repeated, and after how long: on a clock of its own, so that nobody waits."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from email.utils import format_datetime

import httpx
import pytest

from tavusctl.api.responses import parse_response
from tavusctl.api.retry import RetryPolicy, read_attempts, write_attempts
from tavusctl.api.transport import Answer
from tavusctl.core.errors import Ambiguous, ApiError, Gone, NeverSent, Rejected, TavusctlError, Throttled

NOW = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)


class FakeClock:
    """Time that passes only by sleeping."""

    def __init__(self) -> None:
        self.now = 0.0
        self.slept: list[float] = []

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


def answered(status: int, headers: Sequence[tuple[str, str]] = (), body: bytes = b"{}") -> ApiError:
    """The error that an answer stands for."""
    answer = Answer(
        "POST /v2/personas", status, httpx.Headers([(name.encode(), value.encode()) for name, value in headers]), body
    )
    with pytest.raises(TavusctlError) as caught:
        parse_response(answer)
    assert isinstance(caught.value, ApiError)
    return caught.value


def failing(*errors: ApiError) -> Callable[[], str]:
    """A call that fails so often, and then succeeds."""
    left = list(errors)

    def call() -> str:
        if left:
            raise left.pop(0)
        return "done"

    return call


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


def patient(clock: FakeClock) -> RetryPolicy:
    return RetryPolicy(clock, chance=lambda: 1.0)


@pytest.mark.parametrize(
    ("headers", "waits"),
    [
        ([("Retry-After", "7")], 8.0),
        ([("Retry-After", "0")], 1.0),
        ([("Retry-After", "-7")], 1.0),
        ([("Retry-After", "soon")], 1.0),
        ([("Retry-After", "٣")], 1.0),
        ([("Retry-After", "1000000000")], 120.0),
        ([("Retry-After", "9" * 400)], 120.0),
        ([("Retry-After", "3"), ("Retry-After", "9")], 10.0),
        ([("Retry-After", "soon"), ("Retry-After", "4")], 5.0),
        ([("Retry-After", format_datetime(NOW.replace(second=30), usegmt=True))], 31.0),
        ([("Retry-After", "Wed, 21 Oct 2015 07:28:00 GMT")], 1.0),
        ([("Retry-After", "Wed, 99 Oct 99999 07:28:00 GMT")], 1.0),
        ([], 1.0),
    ],
)
def test_a_pause_is_what_the_server_asks_for_by_its_own_clock_and_some_chance(
    clock: FakeClock, headers: list[tuple[str, str]], waits: float
) -> None:
    error = answered(429, [*headers, ("Date", format_datetime(NOW, usegmt=True))])

    assert patient(clock).repeat(failing(error), write_attempts) == "done"
    assert clock.slept == [waits]


def test_a_time_without_a_zone_is_not_in_the_zone_of_this_machine(
    clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    until = NOW.replace(second=30).strftime("%a, %d %b %Y %H:%M:%S -0000")
    with monkeypatch.context() as patch:
        patch.setenv("TZ", "EST+5")
        time.tzset()
        error = answered(429, [("Retry-After", until), ("Date", format_datetime(NOW, usegmt=True))])
    time.tzset()

    patient(clock).repeat(failing(error), write_attempts)

    assert clock.slept == [31.0]


def test_pauses_double_up_to_a_minute_and_tries_are_six(clock: FakeClock) -> None:
    with pytest.raises(Throttled):
        patient(clock).repeat(failing(*[answered(429)] * 9), write_attempts)
    assert clock.slept == [1.0, 2.0, 4.0, 8.0, 16.0]


def test_a_pause_is_a_random_part_of_that(clock: FakeClock) -> None:
    RetryPolicy(clock, chance=lambda: 0.25).repeat(failing(answered(503), answered(503)), read_attempts)
    assert clock.slept == [0.125, 0.25]


@pytest.mark.parametrize(
    ("error", "reads", "writes"),
    [
        (NeverSent("x"), 3, 3),
        (Ambiguous("x"), 5, 1),
        (answered(503), 5, 1),
        (answered(408), 5, 1),
        (answered(501), 1, 1),
        (answered(400), 1, 1),
        (answered(404), 1, 1),
        (answered(409), 1, 1),
        (answered(302), 1, 1),
        (answered(429), 6, 6),
        (answered(429, body=b'{"error": "Wait 45 minutes."}'), 1, 1),
        (answered(429, body=b'{"error": "Crawl document limit reached (100)."}'), 1, 1),
        (answered(429, body=b'{"message": "API rate limit exceeded"}'), 6, 6),
        (answered(429, body=b'{"message": "Rate limit: 100 requests per minute"}'), 6, 6),
        (answered(429, body=b'{"message": "The limit is 60 requests a minute."}'), 6, 6),
    ],
)
def test_only_what_surely_was_not_carried_out_is_written_again(error: ApiError, reads: int, writes: int) -> None:
    assert (read_attempts(error), write_attempts(error)) == (reads, writes)


def test_repeated_calls_are_a_fifth_of_the_first_ones_and_ten(clock: FakeClock) -> None:
    patience, made = patient(clock), []

    def call() -> None:
        made.append(clock.now)
        raise answered(503)

    for _ in range(100):
        with pytest.raises(Ambiguous):
            patience.repeat(call, read_attempts)
    assert len(made) == 100 + 10 + 20


def test_one_who_is_told_to_wait_makes_everybody_wait(clock: FakeClock) -> None:
    """The other thread's call is made when the pause is over, not before."""
    patience, told, ends = patient(clock), threading.Event(), []

    def throttled() -> str:
        if not told.is_set():
            told.set()
            raise answered(429, [("Retry-After", "20")])
        return "done"

    first = threading.Thread(target=lambda: patience.repeat(throttled, write_attempts))
    first.start()
    first.join()
    clock.now = 0.0
    patience.repeat(lambda: ends.append(clock.now), write_attempts)

    assert ends == [21.0]


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_names_the_host_and_nothing_else_of_it(status: int) -> None:
    error = answered(status, [("Location", "https://user:pass@evil.example.com/a?b=c")])

    assert "redirect to evil.example.com, which is never followed" in error.message
    assert isinstance(error, Ambiguous) == (status == 303)


def test_words_of_a_server_are_short_and_on_one_line() -> None:
    error = answered(400, body=b'{"error": "' + b"a\\n\\t" * 400 + b'"}')

    assert isinstance(error, Rejected)
    assert not isinstance(error, Gone)
    assert len(error.text) <= 300
    assert "\n" not in error.text


def test_calls_begin_no_faster_than_the_rate(clock: FakeClock) -> None:
    """Ten calls at five a second end with the ninth pause; a try again is a call like any other."""
    patience = RetryPolicy(clock, rate=5, chance=lambda: 0.0)
    for _ in range(9):
        patience.repeat(failing(), read_attempts)
    patience.repeat(failing(NeverSent("not sent")), read_attempts)

    assert clock.now == pytest.approx(10 / 5)
    assert max(clock.slept) == pytest.approx(1 / 5)
