"""Consistent reads of state and account while another run may be active.

An object that a run creates or deletes between the two reads looks like an unmanaged or a missing one.  So such a
finding is accepted only if the state has not changed since, and no create of that object has an open outcome.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from collections.abc import Set as AbstractSet
from typing import Final, TypeVar

from tavusctl.core.address import Address
from tavusctl.core.errors import LockError, StateError, UnknownOutcome
from tavusctl.core.model import Cause, Plan
from tavusctl.state.seals import SealedState

Read = TypeVar("Read")
_TRIES: Final = 6
_PAUSE: Final = 0.5  # seconds that another run gets to record what it has created


def read_consistently(
    open_state: Callable[[], SealedState],
    read: Callable[[SealedState], Read],
    find_doubtful: Callable[[Read], AbstractSet[Address]],
) -> Read:
    """What `read` returns for a state; read again while findings from `find_doubtful` may come from an active run.

    `open_state` opens state and journal.  Raises LockError if that does not end.
    """
    before = open_state()
    for tries_left in range(_TRIES, 0, -1):
        try:
            result = read(before)
        except (StateError, UnknownOutcome):
            # The account does not match the state, or what was sent; an active run may have changed both.
            after = open_state()
            if tries_left == 1 or _recorded(after) == _recorded(before):
                raise
            before = after
            continue
        doubtful = find_doubtful(result)
        after = open_state() if doubtful else before
        unrecorded = doubtful & {intent.address for intent in after.replay.pending}
        if _recorded(after) == _recorded(before) and (tries_left == 1 or not unrecorded):
            return result
        if unrecorded:
            time.sleep(_PAUSE)
        before = after
    message = f"the run `{before.replay.run}` changes the account faster than it can be read"
    raise LockError(message, "run again when that run has ended", id="E705")


def doubtful_addresses(plan: Plan) -> set[Address]:
    """The addresses of objects that an active run may have created or deleted between the two reads."""
    missing = {drift.address for drift in plan.drift if drift.cause is Cause.MISSING}
    refused = {refusal.change.address for refusal in plan.refused if refusal.change.rivals or refusal.id == "E422"}
    return missing | refused


def _recorded(opened: SealedState) -> tuple[object, ...]:
    """What is on record, to compare; without the lineage, which is new at each read of a state never written."""
    replayed = opened.replay
    return replayed.state.serial, replayed.state.bindings, replayed.pending
