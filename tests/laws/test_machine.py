"""Whatever authors, runs, networks, people and kills do, in any order: in the end there is what the manifests say."""

from __future__ import annotations

import os
from functools import partial

from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from tavusctl.emulator import running
from tavusctl.emulator.http.access import Allowed
from tests.crash.rig import launcher
from tests.family import Family
from tests.laws.machine import Machine

LONG = os.environ.get("TAVUSCTL_LAWS") == "long"
MODERATE = settings(
    max_examples=100 if LONG else settings().max_examples // 8,
    stateful_step_count=30 if LONG else 15,
    deadline=None,
    derandomize=not LONG,
    phases=list(Phase) if LONG else [Phase.generate],  # to make a failure small takes minutes
    suppress_health_check=list(HealthCheck),
)


def test_everything_converges() -> None:
    with running(allowed=Allowed(killable=Family())) as server, launcher("--warm") as runner:
        factory = partial(Machine, server.url, runner)
        run_state_machine_as_test(factory, settings=MODERATE)  # type: ignore[arg-type]  # any factory will do
