"""Whether the API obeys `test` operations: asked of each kind, in each run, right before that matters.

Three patches that change nothing tell: a test that fails is refused, one that holds is taken, and the first is refused
again.  A single refusal could mean anything (edits that nobody has published, a name that is taken, a field that is
not known), and so could one that comes to every patch.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import suppress
from enum import StrEnum
from functools import partial
from typing import Final

from tavusctl import guards, patch
from tavusctl.engine.apply.run import Obedience, Run
from tavusctl.errors import Ambiguous, Gone, Rejected, Throttled
from tavusctl.kind import Document, Path, ResourceKind
from tavusctl.model import Live

REFUSALS: Final = frozenset({400, 409, 412, 422})  # how a test that fails may be answered
_OTHER: Final = "tavusctl asks what this API checks: nothing has this value"
_LOG: Final = logging.getLogger(__name__)


class _Reply(StrEnum):
    TAKEN = "taken"
    REFUSED = "refused"
    UNCLEAR = "unclear"


def is_obeyed(this: Run, op: str, live: Live) -> bool:
    """Whether tests guard a patch of this object; what is not known is asked again at the next object of its kind."""
    with this.probing:
        known = this.obedience.get(live.kind.name) or _ask(this, op, live)
        if known is not Obedience.UNKNOWN:
            this.obedience[live.kind.name] = known
        if known is not Obedience.OBEYED:
            _say(this, live.kind, known)
        return known is Obedience.OBEYED


def _told(wrong: Callable[[], _Reply], right: Callable[[], _Reply]) -> Obedience:
    """What the replies to a test that fails and to one that holds say."""
    first = wrong()
    if first is _Reply.REFUSED and right() is _Reply.TAKEN:
        first = wrong()
        if first is _Reply.REFUSED:
            return Obedience.OBEYED
    return Obedience.IGNORED if first is _Reply.TAKEN else Obedience.UNKNOWN


def _ask(this: Run, op: str, live: Live) -> Obedience:
    path = _shown(live)
    if path is None:
        return Obedience.UNKNOWN
    test = {"op": "test", "path": live.kind.patch_root + patch.join(path)}
    fails, holds = {**test, "value": _OTHER}, {**test, "value": guards.value_at(live.body, path)}
    return _told(partial(_reply, this, op, live, fails), partial(_reply, this, op, live, holds))


def _shown(live: Live) -> Path | None:
    """A field whose value is known word for word: the name, or else another text."""
    names = (live.kind.name_field, *sorted(live.body))
    return next(((name,) for name in names if type(live.body.get(name)) is str), None)


def _reply(this: Run, op: str, live: Live, test: Document) -> _Reply:
    """What comes back for a test alone; after a lost answer it is asked once more, which changes nothing."""
    with suppress(Ambiguous):
        return _asked(this, op, live, test)
    try:
        return _asked(this, op, live, test)
    except Ambiguous:
        return _Reply.UNCLEAR


def _asked(this: Run, op: str, live: Live, test: Document) -> _Reply:
    """What comes back for a test alone; Ambiguous when nothing does."""
    try:
        with this.sending(op, changes=False) as fence:
            this.api.patch(f"{live.kind.collection}/{live.remote_id}", [test], fence=fence)
    except (Gone, Throttled):
        raise
    except Rejected as error:
        return _Reply.REFUSED if error.status in REFUSALS else _Reply.UNCLEAR
    return _Reply.TAKEN


def _say(this: Run, kind: ResourceKind, known: Obedience) -> None:
    if kind.name in this.unguarded:
        return
    this.unguarded.add(kind.name)
    why = "does not obey" if known is Obedience.IGNORED else "does not say whether it obeys"
    _LOG.warning(
        "the API %s `test` operations for the kind %s: each object is read again right before it is written, "
        "and an edit made in that moment would be overwritten",
        why,
        kind.name,
    )
