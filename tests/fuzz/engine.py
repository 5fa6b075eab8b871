"""The loop: inputs made from those that showed something new, each judged, and each finding kept in a file."""

from __future__ import annotations

import hashlib
import time
import traceback
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from tavusctl.core.errors import InternalError, TavusctlError
from tests.fuzz.mutation import mutated

POOL = 2000  # inputs that are kept to make others from
LARGEST = 200_000  # bytes of an input


@dataclass(frozen=True)
class Target:
    """Something that reads, or writes, what strangers give it.

    `check` gives what an input led to, for telling new inputs from old ones.  A documented error is an answer; anything
    else that is raised is a finding, AssertionError included, by which it says that the outcome is wrong.
    """

    name: str
    seeds: tuple[bytes, ...]
    check: Callable[[bytes], Iterable[str]]
    seconds: float = 2.0  # of computing, for one input


@dataclass
class Result:
    """What a run has shown."""

    target: str
    executions: int = 0
    outcomes: set[str] = field(default_factory=set)
    findings: dict[str, tuple[bytes, str]] = field(
        default_factory=dict
    )  # by place: the first input, and what it led to


def judged(target: Target, content: bytes) -> tuple[frozenset[str], str]:
    """What an input leads to; and what is wrong with that, or nothing."""
    began = time.process_time()
    try:
        found = frozenset(target.check(content))
    except TavusctlError as error:
        found = frozenset({f"{type(error).__name__} {error.id}"})
        if isinstance(error, InternalError):
            return found, f"{type(error).__name__}: {error.message}"
    except MemoryError:
        return frozenset({"MemoryError"}), "MemoryError"
    except Exception as error:  # noqa: BLE001 - whatever it is, it is a finding
        return frozenset({type(error).__name__}), _defect(error)
    took = time.process_time() - began
    if took > target.seconds:
        return found, f"slow: more than {target.seconds:g} s"
    return found, ""


def _defect(error: Exception) -> str:
    """What was raised, where, and by which line."""
    frames = traceback.extract_tb((error.__cause__ or error).__traceback__)
    own = [one for one in frames if "site-packages" not in one.filename and "/lib/python" not in one.filename]
    frame = (own or frames)[-1]
    return f"{type(error).__name__} at {Path(frame.filename).name}:{frame.lineno}: {error} [{frame.line}]"


def run(target: Target, seconds: float, kept: Path, *, seed: int = 0, most: int | None = None) -> Result:
    """Try inputs for some time, or at most so many; findings are kept in a folder."""
    chance, result = Random(seed), Result(target.name)
    pool = list(target.seeds)
    waiting = list(target.seeds)  # each good input once, as it is
    ends = time.monotonic() + seconds
    while time.monotonic() < ends and (most is None or result.executions < most):
        content = waiting.pop() if waiting else mutated(chance.choice(pool), chance)[:LARGEST]
        found, wrong = judged(target, content)
        result.executions += 1
        if wrong:
            _keep(result, content, wrong, kept)
        elif not found <= result.outcomes and len(pool) < POOL:
            pool.append(content)
        result.outcomes |= found
    return result


def _keep(result: Result, content: bytes, wrong: str, folder: Path) -> None:
    place = wrong.split(": ", 1)[0] if not wrong.startswith("slow") else "slow"
    if place in result.findings:
        return
    result.findings[place] = content, wrong
    folder.mkdir(parents=True, exist_ok=True)
    name = f"{result.target}-{hashlib.sha256(content).hexdigest()[:12]}"
    (folder / f"{name}.input").write_bytes(content)
    (folder / f"{name}.txt").write_text(wrong + "\n", "utf-8", "backslashreplace")
