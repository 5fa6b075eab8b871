"""Probe whether the API obeys `test` operations: for each kind, in each run, right before the first guarded write.

The probe is three patches that change nothing: a test that fails must be refused, one that holds must be accepted, and
the first must be refused again.  A single refusal proves nothing: it may be about unpublished edits, a taken name or
an unknown field, or come to every patch.  A refusal that names another cause proves nothing, however often it comes.
The failing value has the same form as the holding one, so that no validation rule of the field can tell them apart.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import suppress
from enum import StrEnum
from string import ascii_letters, ascii_lowercase, ascii_uppercase
from typing import Final

from tavusctl import patch
from tavusctl.core.errors import Ambiguous, Gone, RefusalCause, Rejected, Throttled
from tavusctl.core.json_tree import value_at
from tavusctl.core.model import Live
from tavusctl.core.resource_kind import ResourceKind
from tavusctl.engine.apply.context import ApplyContext, Obedience
from tavusctl.fields import spellings
from tavusctl.lib.json_types import JsonObject, KeyPath, as_text
from tavusctl.lib.patterns import pattern

REFUSALS: Final = frozenset({400, 409, 412, 422})  # statuses with which a failing test may be refused
_PROOFS: Final = frozenset({RefusalCause.TEST_FAILED, RefusalCause.UNKNOWN})  # causes that may be a failed test
_OTHER: Final = "tavusctl asks what this API checks: nothing has this value"
_LAST_LETTER: Final = pattern(r"[A-Za-z](?=[^A-Za-z]*\Z)")
_NEXT: Final = str.maketrans(ascii_letters, f"{ascii_lowercase[1:]}a{ascii_uppercase[1:]}A")
_LOG: Final = logging.getLogger(__name__)


class _Reply(StrEnum):
    TAKEN = "taken"
    REFUSED = "refused"
    UNCLEAR = "unclear"
    BESIDE = "beside"  # refused for another cause, by its own words
    BLOCKED = "blocked"  # refused for edits in PAL Maker, which will block the write too


def is_obeyed(ctx: ApplyContext, op: str, live: Live) -> bool:
    """Whether tests guard a patch of this object; an unknown result is probed again for the next object of the kind."""
    with ctx.probe_lock:
        obedience = ctx.obedience.get(live.kind.name)
        replies = [] if obedience else [*_replies(ctx, op, live)]
        obedience = obedience or _verdict(replies)
        if obedience is not Obedience.UNKNOWN:
            ctx.obedience[live.kind.name] = obedience
        # A write that edits in PAL Maker block is rarely carried out: no warning then.
        if obedience is not Obedience.OBEYED and _Reply.BLOCKED not in replies:
            warn_unguarded(ctx, live.kind, obedience)
        return obedience is Obedience.OBEYED


def _verdict(replies: Sequence[_Reply]) -> Obedience:
    """What the replies to a failing test, to a holding one, and to the failing one again prove."""
    if [*replies] == [_Reply.REFUSED, _Reply.TAKEN, _Reply.REFUSED]:
        return Obedience.OBEYED
    ignored = replies[::2][-1:] == [_Reply.TAKEN]
    return Obedience.IGNORED if ignored else Obedience.UNKNOWN


def _replies(ctx: ApplyContext, op: str, live: Live) -> Iterator[_Reply]:
    """The replies to the probe, up to the first reply that is not as expected."""
    path = _text_field(live)
    if path is None:
        return
    (test,) = spellings.with_shown_names([{"op": "test", "path": patch.join(path)}], live.names)
    text = as_text(value_at(live.body, path))
    for value, expected in (
        (differing_text(text), _Reply.REFUSED),
        (text, _Reply.TAKEN),
        (differing_text(text), _Reply.REFUSED),
    ):
        reply = _probe(ctx, op, live, {**test, "value": value})
        yield reply
        if reply is not expected:
            return


def differing_text(text: str) -> str:
    """A different text that passes the same validation rules, as far as that is possible."""
    letter = _LAST_LETTER.search(text)
    return f"{text[: letter.start()]}{letter[0].translate(_NEXT)}{text[letter.end() :]}" if letter else _OTHER


def _text_field(live: Live) -> KeyPath | None:
    """The path of a field whose exact value is known: the name, otherwise another text; None if there is none."""
    names = (live.kind.name_field, *sorted(live.body))
    return next(((name,) for name in names if type(live.body.get(name)) is str), None)


def _probe(ctx: ApplyContext, op: str, live: Live, test: JsonObject) -> _Reply:
    """The reply to a patch with one test; an unclear reply is requested once more, which changes nothing."""
    with suppress(Ambiguous):
        reply = _probe_once(ctx, op, live, test)
        if reply not in (_Reply.BESIDE, _Reply.BLOCKED):
            return reply
    try:
        return _probe_once(ctx, op, live, test)
    except Ambiguous:
        return _Reply.UNCLEAR


def _probe_once(ctx: ApplyContext, op: str, live: Live, test: JsonObject) -> _Reply:
    """The reply to a patch with one test; Ambiguous if there is none."""
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


def warn_unguarded(ctx: ApplyContext, kind: ResourceKind, known: Obedience) -> None:
    """Warn, once for each kind, that it is written without tests."""
    if kind.name in ctx.unguarded_kinds:
        return
    ctx.unguarded_kinds.add(kind.name)
    why = "ignores" if known is Obedience.IGNORED else "may ignore"
    _LOG.warning(
        "the API %s `test` operations for the kind %s: each object is read again right before it is written, "
        "and an edit made in that moment would be overwritten",
        why,
        kind.name,
    )
