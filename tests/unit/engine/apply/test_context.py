"""What an apply knows and shares between its threads."""

from __future__ import annotations

import pytest

from tavusctl.core.address import Address
from tavusctl.core.binding import Binding
from tavusctl.core.errors import StateError
from tavusctl.core.model import Status
from tavusctl.engine.apply import drafts
from tavusctl.engine.apply.drafts import DraftEffects
from tavusctl.lib.json_types import JsonObject
from tests.unit.engine.apply.applying import BEFORE, COACH, World, bound, creating, updating

TWIN, SITE = Address("persona", "twin"), Address("document", "site")


def test_a_create_learns_the_names_that_others_of_its_kind_have_sent() -> None:
    world = World()
    world.apply(creating())
    assert world.last
    context = world.last
    context.record_sent_name(SITE, "document", "Prices")
    assert context.record_sent_name(TWIN, "persona", "Twin") == {"Coach"}
    assert context.record_sent_name(COACH, "persona", "Coach") == {"Twin"}


@pytest.mark.parametrize(
    ("effects", "words"),
    [
        (DraftEffects(), ""),
        (DraftEffects(discarded=True), "unpublished edits in PAL Maker were discarded"),
        (DraftEffects(published=True), "the draft was published, with everything in it"),
        (
            DraftEffects(discarded=True, published=True),
            "unpublished edits in PAL Maker were discarded; the draft was published, with everything in it",
        ),
    ],
)
def test_what_a_write_does_to_drafts_is_described(effects: DraftEffects, words: str) -> None:
    assert drafts.describe_effects(effects) == words


PATCH: JsonObject = {"op": "replace", "path": "/system_prompt", "value": "Hello."}


def test_the_outcome_of_an_update_that_a_draft_blocks_names_the_draft() -> None:
    world = bound()
    world.faults_before["patch"] = [drafts.Blocked(COACH)]
    (outcome,) = world.apply(updating({**BEFORE, "system_prompt": "Hello."}, PATCH))
    assert (outcome.status, outcome.draft) == (Status.FAILED, True)


def test_an_update_of_which_reads_show_a_draft_is_not_confirmed() -> None:
    world = bound()
    world.draft = True
    (outcome,) = world.apply(updating({**BEFORE, "system_prompt": "Hello."}, PATCH))
    assert (outcome.status, outcome.draft) == (Status.FAILED, True)


def test_an_update_that_fails_for_another_reason_names_no_draft() -> None:
    world = bound()
    world.faults_before["patch"] = [StateError("no room")]
    (outcome,) = world.apply(updating({**BEFORE, "system_prompt": "Hello."}, PATCH))
    assert (outcome.status, outcome.draft) == (Status.FAILED, False)


def test_an_address_that_was_dropped_during_the_run_stands_for_the_id_it_had() -> None:
    """A read may have begun before the object was deleted or forgotten by another step."""
    world = World()
    world.bindings = {SITE: Binding(SITE, "d1")}
    world.apply(creating())
    assert world.last
    world.last.recorder.forget(SITE)
    assert world.last.with_ids({"document_ids": [SITE]}) == {"document_ids": ["d1"]}
