"""How long a run waits for what an interrupted one may have created."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from tavusctl.app.planning.prepare import wait_for_creates
from tavusctl.core.address import Address
from tavusctl.core.model import Action
from tavusctl.state.journal import Intent


@pytest.mark.parametrize(("delay", "looks"), [(0, 1), (1, 2)])
def test_a_call_that_may_have_left_late_gets_its_time_from_then_on(delay: int, looks: int) -> None:
    """The record is of a second ago: by its date alone the object would have shown by now."""
    now = datetime(2026, 1, 1, 12, tzinfo=UTC)
    sent = (now - timedelta(seconds=1)).isoformat()
    lost = Intent("op1", Address("persona", "coach"), Action.CREATE, time=sent, delay=delay)
    plans = [SimpleNamespace(recovered=SimpleNamespace(lost=one)) for one in ((lost,), ())]
    asked = list[Any]()

    def plan() -> Any:
        asked.append(plans[len(asked)])
        return asked[-1]

    session: Any = SimpleNamespace(settings=SimpleNamespace(settle=0.05), say=lambda _: None)
    api: Any = SimpleNamespace(server_time=lambda: now)

    assert wait_for_creates(session, api, plan) is asked[-1]
    assert len(asked) == looks
