"""python -m tests.model.replay FILE: repeat a saved schedule and check it; exit code 1 if a rule is broken."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path

import msgspec

from tests.history.__main__ import shown
from tests.history.events import to_json_line
from tests.model.schedules import Trial, play_and_judge


def main(arguments: Sequence[str]) -> int:
    """Repeat the schedule of each file, and print its history and verdict."""
    broken = 0
    for name in arguments:
        remark = Path(name).read_text("utf-8").splitlines()[0].removeprefix("# ")
        trial = msgspec.convert(json.loads(remark)["trial"], Trial)
        world, verdict = play_and_judge(trial)
        broken += len(verdict.violations)
        sys.stdout.writelines(f"{index:5} {to_json_line(event)}\n" for index, event in enumerate(world.events))
        sys.stdout.write(f"{trial}\n{shown(verdict, world.events)}")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
