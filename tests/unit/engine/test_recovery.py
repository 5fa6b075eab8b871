"""What an interrupted run is told to have done, by what the account shows."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from tavusctl.core.address import Address
from tavusctl.core.binding import Binding
from tavusctl.core.json_tree import set_at
from tavusctl.core.model import Action, Live
from tavusctl.core.ports import State
from tavusctl.core.resource_kind import ResourceKind
from tavusctl.engine import recovery
from tavusctl.kinds import KINDS
from tavusctl.lib.json_types import Json, JsonObject
from tavusctl.patch import split
from tavusctl.state.journal import Intent, Inverse, ReplayResult

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
    found = recovery.resolve_pending(ReplayResult(state, (intent,)), listed, lambda _, __: live)

    assert found.state.bindings[SITE].applied == (AFTER if ours else BEFORE)


COACH = Address("persona", "coach")
NEW_VALUES = [
    ("/system_prompt", "Tell us.", "Tell US. "),
    ("/layers/tts/voice_settings", {"speed": 0.8}, {"speed": 1.2}),
    ("/layers/tts/voice_settings/speed", 0.8, 1.2),
    ("/skills/presentation/document_ids", ["d1", "d2"], ["d2", "d1"]),
    ("/system_prompt", "Tell us.", "Explain."),
]


def updated(pointer: str, before: Json, after: Json, shown: Json) -> bool:
    """Whether an update of one value that was killed counts as done, if the account shows `shown`."""
    specs = [set_at({"persona_name": "Coach "}, split(pointer), value) for value in (before, after, shown)]
    state = State("line", bindings={COACH: Binding(COACH, "p1", specs[0], answered={"/persona_name": "Coach"})})
    inverse = Inverse(values_after={pointer: after}, values_before={pointer: before})
    intent = Intent("a", COACH, Action.UPDATE, "p1", specs[1], inverse=inverse)
    live = Live(KINDS["persona"], "p1", {**specs[2], "persona_name": "Coach"})
    found = recovery.resolve_pending(ReplayResult(state, (intent,)), listed, lambda _, __: live)
    return found.state.bindings[COACH].applied == specs[1]


@pytest.mark.parametrize(("pointer", "before", "after"), NEW_VALUES)
def test_an_update_is_done_only_if_the_account_no_longer_shows_the_value_from_before(
    pointer: str, before: Json, after: Json
) -> None:
    assert updated(pointer, before, after, shown=after)
    assert not updated(pointer, before, after, shown=before)


@pytest.mark.parametrize(
    ("pointer", "before", "after", "shown"),
    [
        ("/system_prompt", "Tell us.", "Tell US. ", "Tell US."),
        ("/layers/tts/voice_settings/speed", 0.3, 1.2, 1),
        ("/document_ids", ["d1"], ["d2", "d1"], ["d1", "d2"]),
    ],
)
def test_nor_does_a_server_that_writes_it_in_its_own_form_leave_it_undone(
    pointer: str, before: Json, after: Json, shown: Json
) -> None:
    assert updated(pointer, before, after, shown)


VOICE = Address("voice", "theirs")
ANNA = Address("replica", "anna")


def spoken(version: str) -> JsonObject:
    return {"replica_name": "Anna", "train_video_url": f"https://example.com/{version}.mp4", "default_voice_id": VOICE}


def test_a_successor_is_recorded_with_the_external_ids_of_its_call() -> None:
    before = Binding(ANNA, "r1", spoken("old"), externals={str(VOICE): "v1"}, successor="r0", retired=("r9",))
    intent = Intent("a", ANNA, Action.REPLACE, "", spoken("new"), "Anna", ids={str(VOICE): "v2"})
    made = Live(KINDS["replica"], "r2", spoken("new"), "Anna")
    replayed = ReplayResult(State("line", bindings={ANNA: before}), (intent,), {"replica": frozenset({"r0", "r1"})})

    found = recovery.resolve_pending(replayed, lambda _: [made], lambda _, __: made).state.bindings[ANNA]

    assert (found.successor, found.successor_externals, found.externals) == (
        "r2",
        {str(VOICE): "v2"},
        {str(VOICE): "v1"},
    )
    assert found.retired == ("r9", "r0")


def test_an_update_is_recorded_with_the_external_ids_of_its_call() -> None:
    spec: JsonObject = {"layers": {"tts": {"voice_id": VOICE}}}
    before = Binding(COACH, "p1", {}, externals={"tool/theirs": "t1"})
    intent = Intent("a", COACH, Action.UPDATE, "p1", spec, ids={str(VOICE): "v2"})
    live = Live(KINDS["persona"], "p1", spec)
    replayed = ReplayResult(State("line", bindings={COACH: before}), (intent,))

    found = recovery.resolve_pending(replayed, listed, lambda _, __: live).state.bindings[COACH]

    assert (found.applied, found.externals) == (spec, {str(VOICE): "v2", "tool/theirs": "t1"})


def test_a_recreated_object_is_recorded_with_the_old_versions_of_the_lost_one() -> None:
    lost = Binding(COACH, "p1", {}, successor="p2", retired=("p0",))
    intent = Intent("a", COACH, Action.CREATE, "", {"persona_name": "Coach"}, "Coach")
    made = Live(KINDS["persona"], "p3", {"persona_name": "Coach"}, "Coach")
    replayed = ReplayResult(State("line", bindings={COACH: lost}), (intent,), {"persona": frozenset()})

    found = recovery.resolve_pending(replayed, lambda _: [made], lambda _, __: made).state.bindings[COACH]

    assert (found.remote_id, found.retired) == ("p3", ("p2", "p0"))
