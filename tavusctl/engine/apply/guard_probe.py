"""Whether the API obeys `test` operations: asked of each kind, in each run, right before that matters.

Three patches that change nothing tell: a test that fails is refused, one that holds is taken, and the first is refused
again.  A single refusal could mean anything (edits that nobody has published, a name that is taken, a field that is
not known), and so could one that comes to every patch.  One that says itself that it is about something else proves
nothing, however often it comes.  The value that fails has the form of the one that holds: no rule for the field tells
them apart.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from enum import StrEnum
from string import ascii_letters, ascii_lowercase, ascii_uppercase
from typing import Final

from tavusctl import patch
from tavusctl.core.errors import Ambiguous, Gone, RefusalCause, Rejected, Throttled
from tavusctl.core.model import Live
from tavusctl.core.resource_kind import ResourceKind
from tavusctl.engine.apply.context import ApplyContext, Obedience
from tavusctl.engine.compare import patch_guards
from tavusctl.fields import spellings
from tavusctl.lib.json_types import JsonObject, KeyPath, as_text

REFUSALS: Final = frozenset({400, 409, 412, 422})  # how a test that fails may be answered
_PROOFS: Final = frozenset({RefusalCause.TEST_FAILED, RefusalCause.UNTOLD})  # what such an answer may say of itself
_OTHER: Final = "tavusctl asks what this API checks: nothing has this value"
_LAST_LETTER: Final = re.compile(r"[A-Za-z](?=[^A-Za-z]*\Z)")
_NEXT: Final = str.maketrans(ascii_letters, f"{ascii_lowercase[1:]}a{ascii_uppercase[1:]}A")
_LOG: Final = logging.getLogger(__name__)


class _Reply(StrEnum):
    TAKEN = "taken"
    REFUSED = "refused"
    UNCLEAR = "unclear"
    BESIDE = "beside"  # about something else, by its own words
    BLOCKED = "blocked"  # edits in PAL Maker: the write itself meets them, too


def is_obeyed(ctx: ApplyContext, op: str, live: Live) -> bool:
    """Whether tests guard a patch of this object; what is not known is asked again at the next object of its kind."""
    with ctx.probing:
        known = ctx.obedience.get(live.kind.name)
        replies = [] if known else [*_replies(ctx, op, live)]
        known = known or _told(replies)
        if known is not Obedience.UNKNOWN:
            ctx.obedience[live.kind.name] = known
        # What edits in PAL Maker block is rarely written: only then there is something to say.
        if known is not Obedience.OBEYED and _Reply.BLOCKED not in replies:
            say(ctx, live.kind, known)
        return known is Obedience.OBEYED


def _told(replies: Sequence[_Reply]) -> Obedience:
    """What the replies to a test that fails, to one that holds, and to the first once more say."""
    if [*replies] == [_Reply.REFUSED, _Reply.TAKEN, _Reply.REFUSED]:
        return Obedience.OBEYED
    ignored = replies[::2][-1:] == [_Reply.TAKEN]
    return Obedience.IGNORED if ignored else Obedience.UNKNOWN


def _replies(ctx: ApplyContext, op: str, live: Live) -> Iterator[_Reply]:
    """The replies to the questions, up to the first that makes the rest of them idle."""
    path = _shown(live)
    if path is None:
        return
    (test,) = spellings.as_shown([{"op": "test", "path": patch.join(path)}], live.names)
    test = {**test, "path": live.kind.patch_root + as_text(test["path"])}
    held = as_text(patch_guards.value_at(live.body, path))
    for value, hoped in ((other(held), _Reply.REFUSED), (held, _Reply.TAKEN), (other(held), _Reply.REFUSED)):
        reply = _reply(ctx, op, live, {**test, "value": value})
        yield reply
        if reply is not hoped:
            return


def other(text: str) -> str:
    """Another text that any rule takes which takes this one, as far as a text can have such a twin."""
    last = _LAST_LETTER.search(text)
    return f"{text[: last.start()]}{last[0].translate(_NEXT)}{text[last.end() :]}" if last else _OTHER


def _shown(live: Live) -> KeyPath | None:
    """A field whose value is known word for word: the name, or else another text."""
    names = (live.kind.name_field, *sorted(live.body))
    return next(((name,) for name in names if type(live.body.get(name)) is str), None)


def _reply(ctx: ApplyContext, op: str, live: Live, test: JsonObject) -> _Reply:
    """What comes back for a test alone; what says nothing of it is asked once more, which changes nothing."""
    with suppress(Ambiguous):
        reply = _asked(ctx, op, live, test)
        if reply not in (_Reply.BESIDE, _Reply.BLOCKED):
            return reply
    try:
        return _asked(ctx, op, live, test)
    except Ambiguous:
        return _Reply.UNCLEAR


def _asked(ctx: ApplyContext, op: str, live: Live, test: JsonObject) -> _Reply:
    """What comes back for a test alone; Ambiguous when nothing does."""
    try:
        with ctx.sending(op, changes=False) as fence:
            ctx.api.patch(f"{live.kind.collection}/{live.remote_id}", [test], fence=fence)
    except (Gone, Throttled):
        raise
    except Rejected as error:
        if error.cause is RefusalCause.MAKER_CHANGES:
            return _Reply.BLOCKED
        if error.status not in REFUSALS:
            return _Reply.UNCLEAR
        return _Reply.REFUSED if error.cause in _PROOFS else _Reply.BESIDE
    return _Reply.TAKEN


def say(ctx: ApplyContext, kind: ResourceKind, known: Obedience) -> None:
    """Say, once for each kind, that it is written without tests."""
    if kind.name in ctx.unguarded:
        return
    ctx.unguarded.add(kind.name)
    why = "ignores" if known is Obedience.IGNORED else "may ignore"
    _LOG.warning(
        "the API %s `test` operations for the kind %s: each object is read again right before it is written, "
        "and an edit made in that moment would be overwritten",
        why,
        kind.name,
    )
