"""Believe a write when a read shows it.

An answer alone proves nothing: a server may say yes and do nothing, drop a field, or spell it otherwise, and a read may
be older than the write.  So what was written is read back, and again after a while when it is not there:

    nothing of it reads otherwise than before    it is not live: failed, and the next apply sends it again
    a part of it reads as it was sent            the server keeps the rest otherwise; its answer is the base of the rest
    all of it reads as it was sent               done
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from msgspec import Struct
from msgspec.structs import replace

from tavusctl import background, guards, patch
from tavusctl.document import canonical, is_empty, is_hidden, map_leaves, settled
from tavusctl.engine.apply.inverse import left_by, patched
from tavusctl.engine.apply.run import Run
from tavusctl.engine.apply.waiting import now
from tavusctl.equality import alike, same
from tavusctl.errors import ApiError
from tavusctl.model import (
    MADE,
    Action,
    Binding,
    Cause,
    Change,
    Desired,
    FieldChange,
    Live,
    Outcome,
    Path,
    ResourceKind,
    Status,
    Value,
)
from tavusctl.patch import Pinned
from tavusctl.threeway import remembered

NOT_LIVE = "not_live"
_LOOKS = (2.0, 10.0)  # seconds after the first look at which to look again
_FAILED = 5
_MAKES = frozenset({Action.CREATE, Action.REPLACE})


class _Look(Struct, frozen=True):
    """What a read shows of a write."""

    live: Live
    lost: tuple[FieldChange, ...] = ()  # of what was written, what does not read as it was sent
    still: tuple[str, ...] = ()  # places that read as before, when all do
    sure: bool = False  # seen more than once


def unconfirmed(step: Change, current: Binding) -> Binding:
    """The binding of an object that is about to be written, until the write is read back."""
    if step.action in _MAKES:
        return replace(current, answered={}, unkept={}, unconfirmed=MADE)
    places = _places(step)
    body = step.live.body if step.live else {}
    before = {one: remembered(guards.value_at(body, patch.split(one))) for one in places}
    return replace(
        current,
        answered={one: value for one, value in current.answered.items() if not _touches(one, places)},
        unkept={one: value for one, value in current.unkept.items() if not _touches(one, places)},
        unconfirmed={**current.unconfirmed, **before},
    )


def confirm(this: Run, step: Change, desired: Desired, remote_id: str, before: Binding | None) -> Outcome:
    """Read back what was written; `before` is the binding as it was, which stays the base of what is not live."""
    try:
        seen = _looked(this, step, desired, remote_id)
    except ApiError as error:
        return Outcome(step, Status.DONE, remote_id, f"written, but not read back: {error.message}")
    doubt = _doubt(seen, step, before)
    if doubt:
        this.ledger.confirm(before or Binding(step.address, remote_id))
        return Outcome(step, Status.FAILED, remote_id, doubt, _FAILED)
    return _settled(this, step, desired, seen)


def answered(this: Run, desired: Desired, binding: Binding, live: Live) -> Binding:
    """A binding with what the server answered to the write that made the object."""
    lost = [one for one in this.tools.unkept(desired, live) if _is_readable(desired.kind, one)]
    return replace(binding, answered={one.path: remembered(one.live) for one in lost}, unkept={}, unconfirmed={})


def _looked(this: Run, step: Change, desired: Desired, remote_id: str) -> _Look:
    """The first look that shows all that was written, else the last."""
    looks = (0.0, *(at for at in _LOOKS[:-1] if at < this.settle), min(_LOOKS[-1], this.settle))
    seen, problem = None, None
    for index, at in enumerate(looks):
        if index:
            this.step_aside(at - looks[index - 1])
        if index and this.stop.asked():
            break
        try:
            seen, problem = replace(_look(this, step, desired, remote_id), sure=index > 0), None
        except ApiError as error:
            problem = error
        if seen and not problem and not (seen.lost or seen.still or seen.live.draft):
            break
    if seen is None and problem:
        raise problem
    return seen  # type: ignore[return-value]  # one of the two is there


def _look(this: Run, step: Change, desired: Desired, remote_id: str) -> _Look:
    live = this.tools.look(desired.kind, remote_id)
    return _Look(live, tuple(_lost(this, step, desired, live)), tuple(_still(this, step, live)))


def _lost(this: Run, step: Change, desired: Desired, live: Live) -> Iterator[FieldChange]:
    """What does not read as it was sent; what others wrote meanwhile is no answer to us."""
    binding = this.ledger.get(step.address)
    places = [*_places(step), *(binding.unconfirmed if binding else ())]
    lost = [one for one in this.tools.unkept(desired, live) if _touches(one.path, places)]
    named = {one.path for one in lost}
    yield from (one for one in lost if _is_readable(desired.kind, one) and not _is_behind(this, desired, one))
    for pointer in _removed(step):
        shown = guards.value_at(live.body, patch.split(pointer))
        held = guards.value_at(step.live.body, patch.split(pointer)) if step.live else None
        if not is_empty(held) and canonical(held) == canonical(shown) and pointer not in named:
            hides = _hides(desired.kind, pointer) or is_hidden(held) or is_hidden(shown)
            yield FieldChange(pointer, Cause.EDITED, held, shown, None, hides)


def _still(this: Run, step: Change, live: Live) -> list[str]:
    """The places that an update writes, when every one that a read can tell of reads as it did before."""
    if step.live is None or not step.patch or step.action in _MAKES:
        return []
    kind, body = step.live.kind, this.as_planned(step.live).body
    wanted = patched(step.live, body, this.with_ids(list(step.patch)))
    found = this.with_ids(live.body)
    told = [
        place for place in guards.places(body, step.patch) if _shown(kind, body, place) != _shown(kind, wanted, place)
    ]
    if any(_shown(kind, body, place) != _shown(kind, found, place) for place in told):
        return []
    return [patch.join(place) for place in told]


def _shown(kind: ResourceKind, body: Value, place: Path) -> str:
    """What a read can tell of a place."""

    def readable(leaf: Value, path: Path) -> Value:
        declared = kind.field_at(path)
        return None if declared.masked or declared.unread or isinstance(leaf, Pinned) else leaf

    pattern = tuple("*" if one.isdigit() else one for one in place)
    value = guards.value_at(body, place)
    if kind.field_at(pattern).unread:
        return ""
    return canonical(None if is_empty(value) else settled(value, readable, pattern))


def _doubt(seen: _Look, step: Change, before: Binding | None) -> str:
    """Why a write is not believed, if it is not."""
    if step.action in _MAKES or not step.patch:
        return ""
    if seen.live.draft:
        return f"{NOT_LIVE}: a read shows a draft that is not published; the change stays in the plan"
    if seen.still and not _expected(seen, before):
        paths = ", ".join(seen.still)
        return (
            f"{NOT_LIVE}: the API answered that it is done, and {paths} reads as before; the change stays in the plan"
        )
    if seen.lost and not seen.sure:
        return "stopped before a second look could tell what the server keeps; the change stays in the plan"
    return ""


def _expected(seen: _Look, before: Binding | None) -> bool:
    """Whether the server is known to answer these fields alone with what it shows, whatever it is sent."""
    known = before.answered if before else {}
    covered = all(_touches(place, [one.path for one in seen.lost]) for place in seen.still)
    return covered and all(one.path in known and _is_fixed(one, before) for one in seen.lost)


def _is_fixed(change: FieldChange, before: Binding | None) -> bool:
    """Whether what the server keeps is not merely another spelling of what was sent before, and so of nothing newer."""
    sent = guards.value_at(before.applied if before else {}, patch.split(change.path))
    return not alike(sent, change.live) or alike(change.desired, change.live)


def _settled(this: Run, step: Change, desired: Desired, seen: _Look) -> Outcome:
    """Record what the server keeps otherwise; it is named this once, and is in every plan while it lasts."""
    binding = this.ledger.get(step.address)
    if binding:
        answers = {**binding.answered, **{one.path: remembered(one.live) for one in seen.lost}}
        dated = binding.created_at or seen.live.created
        this.ledger.confirm(replace(binding, answered=answers, unconfirmed={}, created_at=dated))
    # That a crawl is shown as it was is known, and no loss: it is sent along with every recrawl.
    crawl = f"/{desired.kind.crawl}/" if desired.kind.crawl else None
    named = tuple(one.path for one in seen.lost if not (crawl and one.path.startswith(crawl)))
    if named:
        reason = f"not kept by the server: {', '.join(named)}"
        return Outcome(step, Status.DONE, seen.live.remote_id, reason, _FAILED, named)
    this.ledger.note_left(step.address, lambda inverse: left_by(this, inverse, seen.live))
    return Outcome(step, Status.DONE, seen.live.remote_id, background.outlook(seen.live, now(this)))


def _is_readable(kind: ResourceKind, change: FieldChange) -> bool:
    """Whether a read can tell how a field was written: of a masked key it can only tell that there is none."""
    masked = kind.field_at(patch.split(change.path)).masked and not is_empty(change.desired)
    return not masked and not isinstance(change.live, Pinned)


def _is_behind(this: Run, desired: Desired, change: FieldChange) -> bool:
    """Whether a reference still names the old half of a replacement: a later step moves it, the server has kept it."""
    old = {retired: one.address for one in this.ledger.state.bindings.values() for retired in one.retired}
    shown = map_leaves(change.live, lambda leaf: old.get(leaf, leaf) if isinstance(leaf, str) else leaf)
    return shown != change.live and same(desired.kind, patch.split(change.path), change.desired, shown)


def _hides(kind: ResourceKind, pointer: str) -> bool:
    return kind.field_at(patch.split(pointer)).secret


def _places(step: Change) -> list[str]:
    """Pointers of what a step writes; "" is all of it."""
    if step.action in _MAKES:
        return [""]
    body = step.live.body if step.live else {}
    return [patch.join(place) for place in guards.places(body, step.patch)]


def _removed(step: Change) -> Iterator[str]:
    if step.action not in _MAKES:
        yield from (one["path"] for one in step.patch if one["op"] == "remove" or is_empty(one.get("value")))


def _touches(pointer: str, places: Sequence[str] | Iterable[str]) -> bool:
    """Whether a pointer leads into one of some places, or to what they are in."""
    return any(f"{pointer}/".startswith(f"{one}/") or f"{one}/".startswith(f"{pointer}/") for one in places)
