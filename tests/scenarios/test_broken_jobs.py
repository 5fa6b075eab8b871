"""Jobs of a workflow that end in the middle: killed, refused, overtaken.  The next, from a new clone, sets it right.

The default run takes a sample of the pushes; TAVUSCTL_KILL=all (make crash) takes every one.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.scenarios.actions import Forge, Run, git_output
from tests.scenarios.test_from_nothing import begin, hosted, persona

__all__ = ["hosted"]
ALL = os.environ.get("TAVUSCTL_KILL") == "all"
NAMES = ("anna", "bert", "carl")
FEWEST = 2  # kills of a sample
STATE = "refs/tavusctl/default"


@pytest.fixture
def ready(hosted: Forge) -> Forge:
    """A project with three personas, merged and not applied."""

    def edit(root: Path) -> None:
        begin(hosted)(root)
        for one in (root / "manifests").rglob("*.yaml"):
            one.unlink()
        for name in NAMES:
            persona(hosted, name)(root)

    hosted.merge(hosted.propose("ann", "begin", edit))
    hosted.variables = {"TAVUSCTL_LOCK_LEASE": "5"}
    return hosted


def apply(forge: Forge) -> Run:
    return forge.run("tavus-apply.yml", "workflow_dispatch")


def again(forge: Forge) -> None:
    """As it was before anything was applied, and nobody disturbs anything."""
    forge.account.reset()
    for ref in (STATE, "refs/tavusctl/lock.default"):
        git_output(forge.bare, "update-ref", "-d", ref)
    forge.git.before, forge.git.after = lambda _: 0, lambda _: None
    forge.git.pushes = 0
    forge.processes.clear()


def killed(forge: Forge) -> None:
    forge.processes[-1].send_signal(signal.SIGKILL)
    forge.processes[-1].wait()


def check(forge: Forge, what: str) -> None:
    """The next job ends well, at the latest the third; every address has one object, and nothing is left to do."""
    forge.git.before, forge.git.after = lambda _: 0, lambda _: None
    run = apply(forge)
    for _ in range(2):  # on a busy machine a call may come too late to be sent, which the run says
        run = apply(forge) if run.is_red else run
    assert not run.is_red, f"{what}\n{run.log}"
    found = sorted(one["persona_name"] for one in forge.account.objects("personas").values())
    assert found == [name.title() for name in NAMES], what
    (planned,) = apply(forge).jobs["plan-default"].steps
    assert "No changes. 3 objects up to date." in planned.log, what


def sampled(count: int) -> Iterator[int]:
    """The first, which ends a run soon, and one in the middle; `make crash` takes all."""
    return iter(range(1, count + 1) if ALL else sorted({1, (count + 1) // 2}))


def pushes_of(forge: Forge) -> int:
    """How many pushes such a job makes that nobody disturbs."""
    forge.git.pushes = 0
    forge.apart = True
    run = apply(forge)
    assert not run.is_red, run.log
    return forge.git.pushes


@pytest.mark.sweep
@pytest.mark.parametrize("phase", ["before", "after"] if ALL else ["after"])
def test_a_kill_at_a_push_is_survived(ready: Forge, phase: str) -> None:
    count, kills = pushes_of(ready), 0
    for number in sampled(count):
        again(ready)

        def kill(now: int, number: int = number) -> int:
            if now == number:
                killed(ready)
            return 0

        if phase == "before":
            ready.git.before = kill
        else:
            ready.git.after = kill
        broken = apply(ready)
        code = broken.jobs["apply-default"].steps[0].code
        if code == 0 and number == count:  # a slow run pushes heartbeats, too; this one had fewer
            break
        assert code == -signal.SIGKILL, broken.log
        check(ready, f"killed {phase} push {number} of {count}")
        kills += 1
    assert kills >= min(count, FEWEST)


@pytest.mark.sweep
@pytest.mark.parametrize("trouble", ["refused", "gone", "moved"])
def test_what_cannot_be_recorded_any_more_ends_the_run_and_is_found_again(ready: Forge, trouble: str) -> None:
    """Whatever was sent is on record: no object is made twice."""
    count = pushes_of(ready)
    ready.apart = False
    for number in sampled(count - 1):
        again(ready)

        def moved(now: int, number: int = number) -> int:
            if now == number and (tip := git_output(ready.bare, "rev-parse", "--quiet", "--verify", STATE).strip()):
                made = git_output(
                    ready.bare,
                    "-c",
                    "user.name=x",
                    "-c",
                    "user.email=x",
                    "commit-tree",
                    f"{tip}^{{tree}}",
                    "-p",
                    tip,
                    "-m",
                    "x",
                )
                git_output(ready.bare, "update-ref", STATE, made.strip())
            return 0

        broken: dict[str, Callable[[int], int]] = {
            "refused": lambda now: 403 if now >= number else 0,  # noqa: B023 - of this round
            "gone": lambda now: 503 if now >= number else 0,  # noqa: B023
            "moved": moved,
        }
        ready.git.before = broken[trouble]
        run = apply(ready)
        if number == 1 and trouble != "moved":
            assert run.jobs["apply-default"].steps[0].code == 9
            assert "E912" in run.log
            assert ready.account.writes == []
        check(ready, f"{trouble} at push {number} of {count}")


@pytest.mark.sweep
def test_of_two_jobs_at_once_one_waits_and_finds_that_its_plan_is_done(ready: Forge) -> None:
    ready.apart = True
    ready.account.fault(match="POST /v2/personas", kind="delay", seconds=1)
    with ThreadPoolExecutor(2) as pool:
        first, second = pool.map(lambda _: apply(ready), range(2))
    codes = sorted(
        run.jobs["apply-default"].steps[0].code for run in (first, second) if run.jobs["apply-default"].steps
    )

    assert codes in ([0], [0, 3]), first.log + second.log
    check(ready, "two at once")
