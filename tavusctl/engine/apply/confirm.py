"""Believe a write when a read shows it.

An answer alone proves nothing: a server may say yes and do nothing, drop a field, or spell it otherwise, and a read may
be older than the write.  So what was written is read back, and again after a while when it is not there:

    nothing of it reads otherwise than before    it is not live: failed, and the next apply sends it again
    a read or the answer tells of a draft        the same
    a part of it reads as it was sent            the server keeps the rest otherwise; its answer is the base of the rest
    all of it reads as it was sent               done

To take a field away is to let the server choose: it was done when the field is gone, or reads otherwise than before.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from msgspec import Struct
from msgspec.structs import replace

from tavusctl import patch
from tavusctl.core.binding import MADE, Binding
from tavusctl.core.errors import ApiError
from tavusctl.core.json_tree import canonical, is_empty, is_hidden, map_leaves, pattern_of, settled
from tavusctl.core.model import Action, Cause, Change, Desired, FieldChange, Live, Outcome, Status
from tavusctl.core.resource_kind import PartStyle, ResourceKind
from tavusctl.engine import provisioning
from tavusctl.engine.apply import drafts
from tavusctl.engine.apply.context import ApplyContext
from tavusctl.engine.apply.drafts import Written
from tavusctl.engine.apply.inverse import left_by
from tavusctl.engine.apply.waiting import now
from tavusctl.engine.compare import not_live, patch_guards
from tavusctl.engine.compare.three_way import is_taken_away, remembered
from tavusctl.engine.compare.updates import update_of
from tavusctl.fields.equivalence import alike, is_unset, may_be_filled_in, same
from tavusctl.lib.json_types import Json, JsonObject, KeyPath, as_text
from tavusctl.patch import Pinned

_LOOKS = (2.0, 10.0)  # seconds after the first look at which to look again
_FAILED = 5
_MAKES = frozenset({Action.CREATE, Action.REPLACE})
_PLAIN = Written()


class _Look(Struct, frozen=True):
    """What a read shows of a write."""

    live: Live
    lost: tuple[FieldChange, ...] = ()  # of what was written, what does not read as it was sent
    chosen: tuple[FieldChange, ...] = ()  # of what was taken away, what the server has there instead
    still: tuple[str, ...] = ()  # places that read as before, when all do
    sure: bool = False  # seen more than once


def unconfirmed(step: Change, current: Binding) -> Binding:
    """The binding of an object during a write, until the write is confirmed."""
    if step.base:  # the account has shown before what is written
        return current
    if step.action in _MAKES:
        return replace(current, answered={}, unkept={}, unconfirmed=MADE)
    places = _places(step)
    body = step.live.body if step.live else {}
    before = {one: remembered(patch_guards.value_at(body, patch.split(one))) for one in places}
    return replace(
        current,
        answered={one: value for one, value in current.answered.items() if not patch_guards.touches(one, places)},
        unkept={one: value for one, value in current.unkept.items() if not patch_guards.touches(one, places)},
        unconfirmed={**current.unconfirmed, **before},
    )


def confirm(
    ctx: ApplyContext, step: Change, desired: Desired, remote_id: str, before: Binding | None, written: Written = _PLAIN
) -> Outcome:
    """Read back what was written; `before` is the binding as it was, which stays the base of what is not live."""
    try:
        seen = _looked(ctx, step, desired, remote_id, in_draft=written.in_draft)
    except ApiError as error:
        return Outcome(step, Status.DONE, remote_id, f"written, but not read back: {error.message}")
    doubt = _doubt(seen, step, before, written)
    if doubt:
        base = before or Binding(step.address, remote_id)
        ctx.recorder.confirm(_not_live(base, desired, seen) if doubt.startswith(drafts.NOT_LIVE) else base)
        draft = written.in_draft or seen.live.draft
        return Outcome(step, Status.FAILED, remote_id, doubt, _FAILED, draft=draft)
    outcome = _settled(ctx, step, desired, seen)
    beside = _lost_beside(ctx, step, desired, seen)
    if beside:
        reason = f"written, but {', '.join(beside)} was lost meanwhile; the next run writes it again"
        return Outcome(step, Status.FAILED, remote_id, reason, _FAILED)
    return replace(outcome, reason="; ".join(filter(None, (outcome.reason, drafts.cost(written)))))


def answered(ctx: ApplyContext, step: Change, desired: Desired, binding: Binding, live: Live) -> Binding:
    """A binding with what the server answered to the write that made the object."""
    lost = [one for one in ctx.dependencies.unkept(desired, live) if _is_readable(desired.kind, one)]
    return replace(binding, answered=_answers(step, desired, lost), unkept={}, unconfirmed={})


def _not_live(before: Binding, desired: Desired, seen: _Look) -> Binding:
    """The binding as it was before a write that did not go live, with what was sent, to be told of while it lasts."""
    places = seen.still or [one.path for one in seen.lost]
    return replace(before, not_live={**before.not_live, **not_live.sent(desired.spec, places)})


def _looked(ctx: ApplyContext, step: Change, desired: Desired, remote_id: str, *, in_draft: bool) -> _Look:
    """The first look that shows all that was written, else the last; time brings nothing out of a draft."""
    looks = (0.0, *(at for at in _LOOKS[:-1] if at < ctx.settle), min(_LOOKS[-1], ctx.settle))
    seen, problem = None, None
    for index, at in enumerate(looks):
        if index:
            ctx.release_slot(at - looks[index - 1])
        if index and ctx.stop.asked():
            break
        try:
            seen, problem = replace(_look(ctx, step, desired, remote_id), sure=index > 0), None
        except ApiError as error:
            problem = error
        if seen and not problem and (in_draft or not (seen.lost or seen.still or seen.live.draft)):
            break
    if seen is None and problem:
        raise problem
    return seen  # type: ignore[return-value]  # one of the two is there


def _look(ctx: ApplyContext, step: Change, desired: Desired, remote_id: str) -> _Look:
    live = ctx.dependencies.look(desired.kind, remote_id)
    otherwise = list(_otherwise(ctx, step, desired, live))
    chosen = tuple(one for one in otherwise if _is_chosen(step, desired.kind, one))
    lost = tuple(one for one in otherwise if one not in chosen)
    return _Look(live, lost, chosen, tuple(_still(ctx, step, live)))


def _is_chosen(step: Change, kind: ResourceKind, one: FieldChange) -> bool:
    return is_taken_away(kind, one.path, one.desired, _before(step, one.path), one.live)


def _before(step: Change, pointer: str) -> Json:
    """What was at a place before a write: nothing, where that makes an object."""
    body = step.live.body if step.live and step.action not in _MAKES else {}
    return patch_guards.value_at(body, patch.split(pointer))


def _otherwise(ctx: ApplyContext, step: Change, desired: Desired, live: Live) -> Iterator[FieldChange]:
    """What does not read as it was sent; what others wrote meanwhile is no answer to us."""
    binding = ctx.recorder.get(step.address)
    places = [*_places(step), *(binding.unconfirmed if binding else ())]
    lost = [one for one in ctx.dependencies.unkept(desired, live) if patch_guards.touches(one.path, places)]
    named = {one.path for one in lost}
    yield from (one for one in lost if _is_readable(desired.kind, one) and not _is_behind(ctx, desired, one))
    for pointer in _removed(step):
        shown, held = patch_guards.value_at(live.body, patch.split(pointer)), _before(step, pointer)
        if not is_taken_away(desired.kind, pointer, None, held, shown) and pointer not in named:
            hides = _hides(desired.kind, pointer) or is_hidden(held) or is_hidden(shown)
            yield FieldChange(pointer, Cause.EDITED, held, shown, None, hides)


def _still(ctx: ApplyContext, step: Change, live: Live) -> list[str]:
    """The places that a call of an update writes, when every one that a read can tell of reads as it did before."""
    if step.live is None or not step.patch or step.action in _MAKES:
        return []
    kind, body = step.live.kind, ctx.expected_live(step.live).body
    wanted = update_of(kind).apply(body, ctx.with_ids(list(step.patch)))
    found = ctx.with_ids(live.body)
    told: dict[KeyPath, list[KeyPath]] = {}
    for place in patch_guards.places(body, step.patch):
        before, after = (patch_guards.value_at(one, place) for one in (body, wanted))
        if _shown(kind, body, place) != _shown(kind, wanted, place) and not _is_moot(kind, after, before, place):
            told.setdefault(_part(kind, place), []).append(place)
    unmoved = [
        places
        for places in told.values()
        if all(_shown(kind, body, place) == _shown(kind, found, place) for place in places)
    ]
    return [patch.join(place) for places in unmoved for place in places]


def _part(kind: ResourceKind, place: KeyPath) -> KeyPath:
    """The part that a place is in, which has calls of its own; nothing when it is in none."""
    return next((part.at for part in kind.parts if place[: len(part.at)] == part.at), ())


def _is_moot(kind: ResourceKind, wanted: Json, before: Json, place: KeyPath) -> bool:
    """Whether no read can tell that a field was taken away, because servers fill in what was there."""
    pattern = pattern_of(place)
    return is_unset(kind, pattern, wanted) and may_be_filled_in(kind, pattern, before)


def _shown(kind: ResourceKind, body: JsonObject, place: KeyPath) -> str:
    """What a read can tell of a place."""

    def readable(leaf: Json, path: KeyPath) -> Json:
        declared = kind.field_at(path)
        return None if declared.masked or declared.write_only or isinstance(leaf, Pinned) else leaf

    declared = pattern_of(place)
    value = patch_guards.value_at(body, place)
    if kind.field_at(declared).write_only:
        return ""
    return canonical(None if is_unset(kind, declared, value) else settled(value, readable, declared))


def _doubt(seen: _Look, step: Change, before: Binding | None, written: Written) -> str:
    """Why a write is not believed, if it is not."""
    if step.action in _MAKES or not step.patch:
        return ""
    if seen.live.draft:
        return drafts.not_live(step, seen.live.kind, "the API returns an unpublished draft", written)
    if written.in_draft and (seen.still or seen.lost):
        return drafts.not_live(step, seen.live.kind, "the update went into an unpublished draft", written)
    if seen.still and not _expected(seen, before):
        why = f"the API confirmed the update, but {', '.join(seen.still)} is unchanged"
        return drafts.not_live(step, seen.live.kind, why, written)
    if seen.lost and not seen.sure:
        return "stopped before a second read could show the stored values; the change stays in the plan"
    return ""


def _expected(seen: _Look, before: Binding | None) -> bool:
    """Whether the server is known to answer these fields alone with what it shows, whatever it is sent."""
    known = before.answered if before else {}
    covered = all(patch_guards.touches(place, [one.path for one in seen.lost]) for place in seen.still)
    return covered and all(one.path in known and _is_fixed(one, before) for one in seen.lost)


def _is_fixed(change: FieldChange, before: Binding | None) -> bool:
    """Whether what the server keeps is not merely another spelling of what was sent before, and so of nothing newer."""
    sent = patch_guards.value_at(before.applied if before else {}, patch.split(change.path))
    return not alike(sent, change.live) or alike(change.desired, change.live)


def _answers(step: Change, desired: Desired, lost: Iterable[FieldChange]) -> dict[str, Json]:
    """What the server keeps otherwise than it was sent, as a binding remembers it.

    What is written in place of what is remembered has answers of its own: they are none to that.
    """
    known = dict(step.base.answered) if step.base else {}
    for one in lost:
        path = patch.split(one.path)
        sent = patch_guards.value_at(step.base.applied, path) if step.base else one.desired
        if one.path in known or same(desired.kind, path, sent, one.desired):
            known[one.path] = remembered(one.live)
    return known


def _lost_beside(ctx: ApplyContext, step: Change, desired: Desired, seen: _Look) -> list[str]:
    """What is lost of parts that are patched alone, though this step has not written them: a PATCH may clear them."""
    if step.live is None or step.action in _MAKES:
        return []
    apart = [one.pointer for one in desired.kind.parts if one.style is PartStyle.ALONE]
    apart = [pointer for pointer in apart if not patch_guards.touches(pointer, _places(step))]
    if not apart:
        return []
    before, now = ([one.path for one in ctx.dependencies.unkept(desired, live)] for live in (step.live, seen.live))
    return [path for path in now if path not in before and patch_guards.touches(path, apart)]


def _settled(ctx: ApplyContext, step: Change, desired: Desired, seen: _Look) -> Outcome:
    """Record what the server keeps otherwise; it is named this once, and is in every plan while it lasts."""
    binding = ctx.recorder.get(step.address)
    if binding:
        answers = {**binding.answered, **_answers(step, desired, [*seen.lost, *seen.chosen])}
        dated = binding.created_at or seen.live.created
        ctx.recorder.confirm(replace(binding, answered=answers, unconfirmed={}, created_at=dated))
    # That a crawl is shown as it was is known, and no loss: it is sent along with every recrawl.
    crawl = f"/{desired.kind.crawl_key}/" if desired.kind.crawl_key else None
    named = tuple(one.path for one in seen.lost if not (crawl and one.path.startswith(crawl)))
    ctx.recorder.note_left(step.address, lambda inverse: left_by(ctx, inverse, seen.live))
    if named:
        reason = f"not kept by the server: {', '.join(named)}"
        return Outcome(step, Status.DONE, seen.live.remote_id, reason, _FAILED, named)
    return Outcome(step, Status.DONE, seen.live.remote_id, provisioning.outlook(seen.live, now(ctx)))


def _is_readable(kind: ResourceKind, change: FieldChange) -> bool:
    """Whether a read can tell how a field was written: of a masked key it can only tell that there is none."""
    masked = kind.field_at(patch.split(change.path)).masked and not is_empty(change.desired)
    return not masked and not isinstance(change.live, Pinned)


def _is_behind(ctx: ApplyContext, desired: Desired, change: FieldChange) -> bool:
    """Whether a reference still names the old half of a replacement: a later step moves it, the server has kept it."""
    old = {retired: one.address for one in ctx.recorder.state.bindings.values() for retired in one.retired}
    shown = map_leaves(change.live, lambda leaf: old.get(leaf, leaf) if isinstance(leaf, str) else leaf)
    return shown != change.live and same(desired.kind, patch.split(change.path), change.desired, shown)


def _hides(kind: ResourceKind, pointer: str) -> bool:
    return kind.field_at(patch.split(pointer)).secret


def _places(step: Change) -> list[str]:
    """Pointers of what a step writes; "" is all of it."""
    if step.action in _MAKES:
        return [""]
    body = step.live.body if step.live else {}
    return [patch.join(place) for place in patch_guards.places(body, step.patch)]


def _removed(step: Change) -> Iterator[str]:
    if step.action not in _MAKES:
        yield from (as_text(one["path"]) for one in step.patch if one["op"] == "remove" or is_empty(one.get("value")))
