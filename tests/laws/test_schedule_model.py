"""The protocols in a model, over random interleavings of runs, people, lost and late answers, and kills.

`make model` tries a hundred thousand of each, and tells what happens where the assumptions do not hold.
"""

from __future__ import annotations

import os
from functools import partial

import pytest

from tests.model.creating import PROTOCOLS
from tests.model.schedules import ASSUMED, OUTSIDE, counted, created, trials, updated

SCHEDULES = 100_000 if os.environ.get("TAVUSCTL_LAWS") == "long" else 2_000


def test_creating_by_look_makes_no_twin_and_takes_no_stranger() -> None:
    found, first = counted(partial(created, PROTOCOLS["by look"], ASSUMED), SCHEDULES, 0)

    assert (found["duplicates"], found["adopted"]) == (0, 0), first


def test_updating_with_a_test_overwrites_nothing_unread() -> None:
    found, first = counted(partial(updated, ASSUMED, tested=True), SCHEDULES, 0)

    assert found["lost"] == 0, first


@pytest.mark.parametrize(("trial", "wrong"), [("create naive", "duplicates"), ("update without", "lost")])
def test_the_model_sees_what_careless_protocols_do(trial: str, wrong: str) -> None:
    found, _ = counted(trials(ASSUMED)[trial], 500, 0)

    assert found[wrong] > 0


@pytest.mark.parametrize(
    ("outside", "wrong"),
    [
        ("without the lock", "duplicates"),
        ("made after the settle time", "duplicates"),
        ("strangers that are the very image", "adopted"),
    ],
)
def test_each_assumption_is_needed(outside: str, wrong: str) -> None:
    found, _ = counted(trials(OUTSIDE[outside])["create by look"], 500, 0)

    assert found[wrong] > 0
