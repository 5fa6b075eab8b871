"""The fuzzing loop: mutates inputs that led to new outcomes, checks each input, and saves each finding to a file."""

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

POOL = 2000  # the most inputs that are kept for mutation
LARGEST = 200_000  # the most bytes of an input


@dataclass(frozen=True)
class Target:
    """A part of tavusctl that reads or writes untrusted data.

    `check` returns the outcomes of an input, by which inputs with new behaviour are recognised.  A documented error is
    an outcome, too; any other exception is a finding, and so is an AssertionError, with which `check` rejects an
    outcome.
    """

    name: str
    seeds: tuple[bytes, ...]
    check: Callable[[bytes], Iterable[str]]
    seconds: float = 2.0  # the most CPU time for one input


@dataclass
class Result:
    """The result of fuzzing one target."""

    target: str
    executions: int = 0
    outcomes: set[str] = field(default_factory=set)
    findings: dict[str, tuple[bytes, str]] = field(
        default_factory=dict
    )  # by place of the defect: the first input, and a description


def judged(target: Target, content: bytes) -> tuple[frozenset[str], str]:
    """The outcomes of an input, and a description of the defect; empty if there is none."""
    started = time.process_time()
    try:
        outcomes = frozenset(target.check(content))
    except TavusctlError as error:
        outcomes = frozenset({f"{type(error).__name__} {error.id}"})
        if isinstance(error, InternalError):
            return outcomes, f"{type(error).__name__}: {error.message}"
    except MemoryError:
        return frozenset({"MemoryError"}), "MemoryError"
    except Exception as error:  # noqa: BLE001 - any other error is a finding
        return frozenset({type(error).__name__}), _defect(error)
    elapsed = time.process_time() - started
    if elapsed > target.seconds:
        return outcomes, f"slow: more than {target.seconds:g} s"
    return outcomes, ""


def _defect(error: Exception) -> str:
    """The type and message of an error, with the file, the line number and the text of the line that raised it."""
    frames = traceback.extract_tb((error.__cause__ or error).__traceback__)
    own = [entry for entry in frames if "site-packages" not in entry.filename and "/lib/python" not in entry.filename]
    frame = (own or frames)[-1]
    return f"{type(error).__name__} at {Path(frame.filename).name}:{frame.lineno}: {error} [{frame.line}]"


def run(target: Target, seconds: float, kept: Path, *, seed: int = 0, most: int | None = None) -> Result:
    """Try inputs for some seconds, or at most `most` inputs; findings are saved in the folder `kept`."""
    rng, result = Random(seed), Result(target.name)
    pool = list(target.seeds)
    seeds_left = list(target.seeds)  # first, each seed without a mutation
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and (most is None or result.executions < most):
        content = seeds_left.pop() if seeds_left else mutated(rng.choice(pool), rng)[:LARGEST]
        outcomes, defect = judged(target, content)
        result.executions += 1
        if defect:
            _save_finding(result, content, defect, kept)
        elif not outcomes <= result.outcomes and len(pool) < POOL:
            pool.append(content)
        result.outcomes |= outcomes
    return result


def _save_finding(result: Result, content: bytes, defect: str, folder: Path) -> None:
    place = defect.split(": ", 1)[0] if not defect.startswith("slow") else "slow"
    if place in result.findings:
        return
    result.findings[place] = content, defect
    folder.mkdir(parents=True, exist_ok=True)
    name = f"{result.target}-{hashlib.sha256(content).hexdigest()[:12]}"
    (folder / f"{name}.input").write_bytes(content)
    (folder / f"{name}.txt").write_text(defect + "\n", "utf-8", "backslashreplace")
