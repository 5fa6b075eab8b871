"""What an interrupted run is told to have done, by what the account shows."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from tavusctl.core.address import Address
from tavusctl.core.binding import Binding
from tavusctl.core.model import Action, Live
from tavusctl.core.ports import State
from tavusctl.core.resource_kind import ResourceKind
from tavusctl.engine import recovery
from tavusctl.kinds import KINDS
from tavusctl.lib.json_types import JsonObject
from tavusctl.state.journal import Intent, ReplayResult

SITE = Address("document", "site")
BEFORE: JsonObject = {"crawl": {"depth": 1}}
AFTER: JsonObject = {"crawl": {"depth": 2}}


def listed(_: ResourceKind) -> Iterable[Live]:
    return ()


@pytest.mark.parametrize(
    ("delay", "ended", "ours"),
    [(0, "12:00:01", True), (0, "11:59:59", False), (40, "12:00:39", False), (40, "12:00:41", True)],
)
def test_a_crawl_is_ours_when_it_ended_after_the_call_may_have_left(delay: int, ended: str, ours: bool) -> None:
    """A store that is slow keeps the record for so long; a crawl that ended meanwhile is that of somebody else."""
    state = State("line", bindings={SITE: Binding(SITE, "d1", BEFORE)})
    intent = Intent("a", SITE, Action.RECRAWL, "d1", AFTER, time="2026-01-01T12:00:00+00:00", delay=delay)
    live = Live(KINDS["document"], "d1", {}, status="ready", crawled=f"2026-01-01T{ended}+00:00")
    found, _ = recovery.resolve_pending(ReplayResult(state, (intent,)), KINDS, listed, lambda _, __: live)

    assert found.bindings[SITE].applied == (AFTER if ours else BEFORE)
