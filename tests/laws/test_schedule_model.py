"""The protocols in a model, over random interleavings of runs, people, lost and late answers, and kills.

`make model` tries a hundred thousand, and tells what happens beyond the limits; this is a sample.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.history import events
from tests.history.rules import RULES, judge
from tests.model.replay import main as replay
from tests.model.schedules import (
    BEYOND,
    LACKING,
    NOTHING_LEFT,
    WHOLE,
    WITHIN,
    Trial,
    counted,
    keep,
    play,
    play_and_judge,
)

SCHEDULES = 100_000 if os.environ.get("TAVUSCTL_LAWS") == "long" else 500
FEW = 300


def test_within_the_limits_the_whole_protocol_does_nothing_wrong() -> None:
    found = counted(WHOLE, WITHIN, range(SCHEDULES))

    assert not found.broken, found.first
    assert {rule for rule in RULES if not found.looked[rule]} <= {"no-drift-true"}  # a run does not ask for drift


@pytest.mark.parametrize(
    ("part", "rule"),
    [
        ("lens", "created-once"),
        ("throttled", "created-once"),
        ("settle", "created-once"),
        ("intent", "created-once"),
        ("witness", "done-is-done"),
        ("honest", "failed-is-failed"),
        ("tests", "no-lost-update"),
        ("lineage", "second-run-quiet"),
    ],
)
@pytest.mark.sampled(3)
def test_a_protocol_that_lacks_a_part_does_something_wrong(part: str, rule: str) -> None:
    assert counted(LACKING[f"without {part}"], WITHIN, range(FEW)).broken[rule]


def test_a_protocol_without_any_part_does_all_sorts_of_things_wrong() -> None:
    found = counted(NOTHING_LEFT, WITHIN, range(FEW)).broken

    assert {"created-once", "no-lost-update", "no-write-after-loss", "done-is-done", "failed-is-failed"} <= found.keys()


def test_two_checkouts_are_beyond_the_limits() -> None:
    assert counted(WHOLE, BEYOND["two checkouts of a project"], range(50)).broken["created-once"]


def test_a_schedule_is_the_same_each_time_and_is_done_again_from_its_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    seed = counted(NOTHING_LEFT, WITHIN, range(50)).first["created-once"]
    trial = Trial(seed, NOTHING_LEFT)
    world, verdict = play_and_judge(trial)
    assert world.events == play(trial).events

    keep(tmp_path / "schedule.jsonl", trial)
    assert events.read(tmp_path / "schedule.jsonl") == world.events
    assert replay([str(tmp_path / "schedule.jsonl")]) == 1
    assert "created-once: " in capsys.readouterr().out
    assert {one.rule for one in judge(world.events).violations} >= {one.rule for one in verdict.violations}
