"""GitHub's limits: "not now" is waited for as it says and with an end to it; every other refusal stays one."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tavusctl.api.retry import RetryPolicy, write_attempts
from tavusctl.core.errors import Rejected, Throttled
from tavusctl.integrations.github.rate_limits import IN_ALL, Allowance
from tavusctl.integrations.github.rest import GitHub
from tests.scenarios.hub import TOKEN, Hub, Limit, hub

MARKER = "<!-- tavusctl:plan:default -->"
REFUSED = "Resource not accessible by integration"
HOURLY = "API rate limit exceeded for installation."


@dataclass
class Clock:
    """A clock on which waiting takes no time."""

    now: float = 0.0
    slept: list[float] = field(default_factory=list)

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


@pytest.fixture
def github() -> Iterator[Hub]:
    with hub() as made:
        yield made


def kept(github: Hub) -> tuple[float, list[str]]:
    """Seconds that it takes to write a comment, and what is told of waiting."""
    clock, told = Clock(), list[str]()
    patience = RetryPolicy(clock=clock, max_wait=IN_ALL, chance=lambda: 0.0)
    with GitHub(github.url, "acme/agents", TOKEN, report_wait=told.append, patience=patience) as client:
        client.keep_comment(7, MARKER, lambda _: f"{MARKER}\ntext")
    return sum(clock.slept), told


def until(seconds: int) -> dict[str, str]:
    return {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": str(int(time.time()) + seconds)}


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize(
    ("status", "message", "headers", "seconds"),
    [
        (403, Limit(0).message, {"Retry-After": "7"}, (7, 7)),
        (429, Limit(0).message, {"Retry-After": "7"}, (7, 7)),
        (403, Limit(0).message, {}, (60, 60)),
        (429, Limit(0).message, {}, (60, 60)),
        (429, "Too many requests", {}, (60, 60)),
        (403, "You have triggered an abuse detection mechanism.", {}, (60, 60)),
        (403, REFUSED, {"Retry-After": "3"}, (3, 3)),
        (403, HOURLY, "reset", (29, 32)),
        (429, HOURLY, "reset", (29, 32)),
        (403, HOURLY, {"X-RateLimit-Remaining": "0"}, (60, 60)),
        (403, HOURLY, {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "soon"}, (60, 60)),
        (403, HOURLY, "past", (1, 1)),
    ],
)
def test_a_limit_is_waited_for_and_told(
    github: Hub, method: str, status: int, message: str, headers: dict[str, str] | str, seconds: tuple[int, int]
) -> None:
    meant = {"reset": until(30), "past": until(-500)}.get(headers, {}) if isinstance(headers, str) else headers
    github.limits.append(Limit(status, message, meant, method))

    waited, told = kept(github)

    assert seconds[0] <= waited <= seconds[1]
    assert [one["body"] for one in github.comments[7]] == [f"{MARKER}\ntext"]
    assert len(told) == 1
    assert f"({status}); waiting" in told[0]


@pytest.mark.parametrize("headers", [{}, {"X-RateLimit-Remaining": "4999", "X-RateLimit-Reset": "1"}])
def test_any_other_refusal_is_not_repeated(github: Hub, headers: dict[str, str]) -> None:
    github.limits += [Limit(403, REFUSED, headers, "POST")] * 2

    with pytest.raises(Rejected, match=REFUSED):
        kept(github)

    assert len(github.limits) == 1


@pytest.mark.parametrize("headers", [{"Retry-After": "3600"}, "reset"])
def test_what_takes_too_long_is_not_waited_for(github: Hub, headers: dict[str, str] | str) -> None:
    meant = until(3000) if isinstance(headers, str) else headers
    github.limits += [Limit(403, HOURLY, meant)] * 9

    with pytest.raises(Throttled, match=HOURLY):
        kept(github)

    assert len(github.limits) == 8


def test_a_limit_without_end_has_an_end(github: Hub) -> None:
    github.limits += [Limit(403)] * 50

    with pytest.raises(Throttled):
        kept(github)

    assert len(github.limits) >= 44


def test_nobody_is_taken_for_another_because_of_a_limit(github: Hub) -> None:
    """Who writes is asked for again, and not guessed: a wrong guess is a second comment."""
    github.login = "my-app[bot]"
    github.comment(7, f"{MARKER}\nold")
    github.limits.append(Limit(403, headers={"Retry-After": "1"}, method="POST"))  # the question who we are

    kept(github)

    assert [one["body"] for one in github.comments[7]] == [f"{MARKER}\ntext"]


@given(st.lists(st.floats(0, 1000), max_size=30))
def test_all_waits_together_stay_below_the_end(waits: list[float]) -> None:
    waited = 0.0
    allowance = Allowance(RetryPolicy(), lambda _: None)
    for wait in waits:
        error = Throttled(403, "slow down", "POST /")
        error.retry_after = wait
        if allowance.tries(write_attempts)(error) > 1:
            waited += wait
    assert waited <= IN_ALL
