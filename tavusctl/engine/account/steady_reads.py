"""Consistent reads of state and account while another run is active.

What a run makes or deletes between the two looks like a stranger's.  So what looks like that is believed only when the
state has not moved since, and no create of it is on record without its outcome.
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
_PAUSE: Final = 0.5  # seconds for a run to put on record what it has made


def steady(
    look: Callable[[], SealedState],
    read: Callable[[SealedState], Read],
    strange: Callable[[Read], AbstractSet[Address]],
) -> Read:
    """What is read of the account for a state; once more while what is `strange` in it may be of a run under way.

    `look` opens state and journal.  LockError when that does not end.
    """
    before = look()
    for tries in range(_TRIES, 0, -1):
        try:
            seen = read(before)
        except (StateError, UnknownOutcome):
            # The account does not look like that of the state, or like what was sent; a run may have moved both.
            after = look()
            if tries == 1 or _known(after) == _known(before):
                raise
            before = after
            continue
        doubtful = strange(seen)
        after = look() if doubtful else before
        unsaid = doubtful & {one.address for one in after.replay.pending}
        if _known(after) == _known(before) and (tries == 1 or not unsaid):
            return seen
        if unsaid:
            time.sleep(_PAUSE)
        before = after
    message = f"the run `{before.replay.run}` changes the account faster than it can be read"
    raise LockError(message, "run again when that run has ended", id="E705")


def surprises(made: Plan) -> set[Address]:
    """Addresses of objects that a run under way may have made or deleted between two looks."""
    gone = {one.address for one in made.drift if one.cause is Cause.MISSING}
    taken = {one.change.address for one in made.refused if one.change.rivals or one.id == "E422"}
    return gone | taken


def _known(found: SealedState) -> tuple[object, ...]:
    """What is on record; a state that was never written has another lineage each time that it is read."""
    replayed = found.replay
    return replayed.state.serial, replayed.state.bindings, replayed.pending
