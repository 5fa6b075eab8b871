"""Confirm a write by a read.

A response alone proves nothing: a server may answer 200 and do nothing, drop a field, or store it differently, and a
read may be older than the write.  So what was written is read back, and again after some seconds if it does not show:

    no written field has changed           it is not live: failed, and the next apply sends it again
    a read or the response shows a draft   the same
    some fields read as they were sent     the server stores the rest differently; its values are the base of the rest
    all fields read as they were sent      done
    no read succeeds                       unknown, and the next plan reads the object

To remove a field is to let the server choose: it is done when the field is gone, or reads differently than before.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from msgspec import Struct
from msgspec.structs import replace

from tavusctl import patch
from tavusctl.core.binding import MADE, Binding
from tavusctl.core.errors import ApiError, Gone, UnknownOutcome
from tavusctl.core.json_tree import canonical, is_empty, is_hidden, map_leaves_with_path, pattern_of, value_at
from tavusctl.core.model import ABSENT, Action, Cause, Change, Desired, FieldChange, Live, Outcome, Status
from tavusctl.core.resource_kind import PartStyle, ResourceKind
from tavusctl.engine import provisioning
from tavusctl.engine.apply import drafts
from tavusctl.engine.apply.context import ApplyContext
from tavusctl.engine.apply.drafts import DraftEffects
from tavusctl.engine.apply.inverse import read_values_after
from tavusctl.engine.compare import not_live, patch_guards, references
from tavusctl.engine.compare.three_way import is_taken_away, recorded_value
from tavusctl.engine.compare.updates import update_of
from tavusctl.fields.equivalence import alike, is_unset, may_be_filled_in, same
from tavusctl.lib.json_types import Json, JsonObject, KeyPath, as_text
from tavusctl.patch import Pinned

_FAILED = 5
_MAKES = frozenset({Action.CREATE, Action.REPLACE})
_PLAIN = DraftEffects()


class _Look(Struct, frozen=True):
    """What a read shows of a write."""

    live: Live
    lost: tuple[FieldChange, ...] = ()  # written fields that do not read as they were sent
    chosen: tuple[FieldChange, ...] = ()  # removed fields for which the server has a value of its own
    still: tuple[str, ...] = ()  # written pointers that read as before, where all those of the object or a part do
    sure: bool = False  # not the first read
    masks: tuple[FieldChange, ...] = ()  # keys that were sent, with what the read shows in their place


def with_unconfirmed(step: Change, current: Binding) -> Binding:
    """The binding of an object during a write, until the write is confirmed."""
    if step.base:  # an undo: it writes back values that the account has shown before
        return current
    if step.action in _MAKES:
        return replace(current, answered={}, unconfirmed=MADE)
    places = _places(step)
    body = step.live.body if step.live else {}
    before = {one: recorded_value(value_at(body, patch.split(one))) for one in places}
    return replace(
        current,
        answered={one: value for one, value in current.answered.items() if not patch_guards.touches(one, places)},
        unconfirmed={**current.unconfirmed, **before},
    )


def confirm(
    ctx: ApplyContext,
    step: Change,
    desired: Desired,
    remote_id: str,
    before: Binding | None,
    written: DraftEffects = _PLAIN,
) -> Outcome:
    """Read back what was written, and record it.

    `before` is the binding as it was before the write; it stays the base of a write that did not go live.
    """
    try:
        seen = _read_back(ctx, step, desired, remote_id, in_draft=written.in_draft)
    except ApiError as error:
        if step.action in _MAKES and isinstance(error, Gone):
            raise  # for the caller, who knows how it was created
        reason = f"the API confirmed the write, but no read does: {error.message}"
        return Outcome(step, Status.UNKNOWN, remote_id, reason, UnknownOutcome.exit_code)
    code, doubt = _why_not_confirmed(seen, step, before, written)
    if doubt:
        base = before or Binding(step.address, remote_id)
        ctx.recorder.confirm(_not_live(base, desired, seen) if code == drafts.NOT_LIVE else base)
        draft = written.in_draft or seen.live.draft
        return Outcome(step, Status.FAILED, remote_id, doubt, _FAILED, draft=draft, code=code)
    outcome = _record_confirmed(ctx, step, desired, seen)
    lost_parts = _lost_parts(ctx, step, desired, seen)
    if lost_parts:
        reason = f"written, but {', '.join(lost_parts)} was lost during the write; the next run writes it again"
        return Outcome(step, Status.FAILED, remote_id, reason, _FAILED)
    return replace(outcome, reason="; ".join(filter(None, (outcome.reason, drafts.describe_effects(written)))))


def with_server_answers(ctx: ApplyContext, step: Change, desired: Desired, binding: Binding, live: Live) -> Binding:
    """A binding with what the server stores differently from what the successor was created with."""
    lost = [one for one in ctx.dependencies.unkept_fields(desired, live) if _is_readable(desired.kind, one)]
    return replace(binding, answered=_answers(step, desired, lost), unconfirmed={})


def _not_live(before: Binding, desired: Desired, seen: _Look) -> Binding:
    """The binding as it was before a write that did not go live, with what was sent, reported until it is live."""
    places = seen.still or [change.path for change in seen.lost]
    return replace(before, not_live={**before.not_live, **not_live.sent_values(desired.spec, places)})


def _read_back(ctx: ApplyContext, step: Change, desired: Desired, remote_id: str, *, in_draft: bool) -> _Look:
    """The first read that shows all that was written, otherwise the last one.

    If the write went into a draft, the first read counts: waiting does not publish a draft.
    """
    seen, problem = None, None
    for is_later in ctx.looks():
        try:
            seen, problem = replace(_read_once(ctx, step, desired, remote_id), sure=is_later), None
        except ApiError as error:
            problem = error
        if seen and not problem and (in_draft or not (seen.lost or seen.still or seen.live.draft)):
            break
    if seen is None and problem:
        raise problem
    return seen  # type: ignore[return-value]  # there is a read or an error


def _read_once(ctx: ApplyContext, step: Change, desired: Desired, remote_id: str) -> _Look:
    live = ctx.dependencies.read(desired.kind, remote_id)
    differences = list(_differences(ctx, step, desired, live))
    chosen = tuple(
        change
        for change in differences
        if is_taken_away(desired.kind, change.path, change.desired, _before(step, change.path), change.live)
    )
    lost = tuple(change for change in differences if change not in chosen)
    masks = tuple(
        change for change in ctx.dependencies.unkept_fields(desired, live) if _is_mask(ctx, step, desired.kind, change)
    )
    return _Look(live, lost, chosen, tuple(_unchanged_places(ctx, step, live)), masks=masks)


def _is_mask(ctx: ApplyContext, step: Change, kind: ResourceKind, change: FieldChange) -> bool:
    """Whether a read shows a value in place of a key that was sent: until another is shown, it stands for that key."""
    binding = ctx.recorder.get(step.address)
    places = [*_places(step), *(binding.unconfirmed if binding else ())]
    is_shown = not isinstance(change.live, Pinned) and change.live is not ABSENT
    return is_shown and _is_masked_key(kind, change) and patch_guards.touches(change.path, places)


def _before(step: Change, pointer: str) -> Json:
    """The value at a place before a write; None if the write creates the object."""
    body = step.live.body if step.live and step.action not in _MAKES else {}
    return value_at(body, patch.split(pointer))


def _differences(ctx: ApplyContext, step: Change, desired: Desired, live: Live) -> Iterator[FieldChange]:
    """Fields that do not read as they were sent, where this step writes them or their last write is not confirmed.

    Edits of others at other places are no answer to this write.
    """
    binding = ctx.recorder.get(step.address)
    places = [*_places(step), *(binding.unconfirmed if binding else ())]
    lost = [item for item in ctx.dependencies.unkept_fields(desired, live) if patch_guards.touches(item.path, places)]
    lost_paths = {item.path for item in lost}
    yield from (
        item for item in lost if _is_readable(desired.kind, item) and not _names_old_version(ctx, desired, item)
    )
    for pointer in _removed(step):
        shown, before = value_at(live.body, patch.split(pointer)), _before(step, pointer)
        if not is_taken_away(desired.kind, pointer, None, before, shown) and pointer not in lost_paths:
            is_secret = desired.kind.field_at(patch.split(pointer)).secret or is_hidden(before) or is_hidden(shown)
            yield FieldChange(pointer, Cause.EDITED, before, shown, None, is_secret)


def _unchanged_places(ctx: ApplyContext, step: Change, live: Live) -> list[str]:
    """The pointers that an update writes and that read as before.

    Those of the object itself, or of one part, are in the result only if none of them that a read can show has changed.
    """
    if step.live is None or not step.patch or step.action in _MAKES:
        return []
    kind, body = step.live.kind, ctx.expected_live(step.live).body
    desired = update_of(kind).apply(body, ctx.with_ids(list(step.patch)))
    now = ctx.with_ids(live.body)
    places_by_part: dict[KeyPath, list[KeyPath]] = {}
    for place in patch_guards.places(body, step.patch):
        before, after = (value_at(document, place) for document in (body, desired))
        if _readable_text(kind, body, place) != _readable_text(kind, desired, place) and not _cannot_show_removal(
            kind, after, before, place
        ):
            places_by_part.setdefault(_part_path(kind, place), []).append(place)
    unchanged = [
        places
        for places in places_by_part.values()
        if all(_readable_text(kind, body, place) == _readable_text(kind, now, place) for place in places)
    ]
    return [patch.join(place) for places in unchanged for place in places]


def _part_path(kind: ResourceKind, place: KeyPath) -> KeyPath:
    """The path of the part with calls of its own that a place is in; empty if it is in none."""
    return next((part.spec_path for part in kind.parts if place[: len(part.spec_path)] == part.spec_path), ())


def _cannot_show_removal(kind: ResourceKind, desired: Json, before: Json, place: KeyPath) -> bool:
    """Whether no read can show that a field was removed, because servers fill in its old value."""
    pattern = pattern_of(place)
    return is_unset(kind, pattern, desired) and may_be_filled_in(kind, pattern, before)


def _readable_text(kind: ResourceKind, body: JsonObject, place: KeyPath) -> str:
    """The value at a place as canonical JSON, without anything that a read cannot show."""

    def readable(leaf: Json, path: KeyPath) -> Json:
        declared = kind.field_at(path)
        return None if declared.masked or declared.write_only or isinstance(leaf, Pinned) else leaf

    declared = pattern_of(place)
    value = value_at(body, place)
    if kind.field_at(declared).write_only:
        return ""
    return canonical(None if is_unset(kind, declared, value) else map_leaves_with_path(value, readable, declared))


def _why_not_confirmed(seen: _Look, step: Change, before: Binding | None, written: DraftEffects) -> tuple[str, str]:
    """Why a write is not confirmed, as the code and the reason of its outcome; both are empty if it is."""
    if step.action in _MAKES or not step.patch:
        return "", ""
    why = ""
    if seen.live.draft:
        why = "the API returns an unpublished draft"
    elif written.in_draft and (seen.still or seen.lost):
        why = "the update went into an unpublished draft"
    elif seen.still and not _is_usual_answer(seen, before):
        why = f"the API confirmed the update, but {', '.join(seen.still)} is unchanged"
    if why:
        return drafts.NOT_LIVE, drafts.not_live_message(step, seen.live.kind, why, written)
    if seen.lost and not seen.sure:
        return "", "no second read has shown the stored values; the change stays in the plan"
    return "", ""


def _is_usual_answer(seen: _Look, before: Binding | None) -> bool:
    """Whether the server is known to show the same value for each of these fields, whatever it is sent."""
    known_answers = before.answered if before else {}
    covered = all(patch_guards.touches(place, [change.path for change in seen.lost]) for place in seen.still)
    return covered and all(change.path in known_answers and _is_fixed(change, before) for change in seen.lost)


def _is_fixed(change: FieldChange, before: Binding | None) -> bool:
    """Whether the live value is another than the last sent value in the server's form.

    The last sent value in another form says nothing about what was sent since.
    """
    sent = value_at(before.applied if before else {}, patch.split(change.path))
    return not alike(sent, change.live) or alike(change.desired, change.live)


def _answers(step: Change, desired: Desired, lost: Iterable[FieldChange]) -> dict[str, Json]:
    """What the server stores differently from what it was sent, as the binding keeps it.

    Where a step with a base writes a value other than that of the base, the answer is not one to the base: left out.
    """
    answers = dict(step.base.answered) if step.base else {}
    for change in lost:
        path = patch.split(change.path)
        sent = value_at(step.base.applied, path) if step.base else change.desired
        if change.path in answers or same(desired.kind, path, sent, change.desired):
            answers[change.path] = recorded_value(change.live)
    return answers


def _lost_parts(ctx: ApplyContext, step: Change, desired: Desired, seen: _Look) -> list[str]:
    """Pointers lost from parts with PATCHes of their own that this step has not written: a PATCH may clear them."""
    if step.live is None or step.action in _MAKES:
        return []
    unwritten = [part.pointer for part in desired.kind.parts if part.style is PartStyle.ALONE]
    unwritten = [pointer for pointer in unwritten if not patch_guards.touches(pointer, _places(step))]
    if not unwritten:
        return []
    before, now = (
        [change.path for change in ctx.dependencies.unkept_fields(desired, live)] for live in (step.live, seen.live)
    )
    return [path for path in now if path not in before and patch_guards.touches(path, unwritten)]


def _record_confirmed(ctx: ApplyContext, step: Change, desired: Desired, seen: _Look) -> Outcome:
    """Record what the server stores differently; the outcome names it once, and every plan while it lasts."""
    binding = ctx.recorder.get(step.address)
    if binding:
        answers = {**binding.answered, **_answers(step, desired, [*seen.lost, *seen.chosen, *seen.masks])}
        created_at = binding.created_at or seen.live.created
        ctx.recorder.confirm(replace(binding, answered=answers, unconfirmed={}, created_at=created_at))
    # A crawl that reads as before is no loss: `recrawl` sends it with every request.
    crawl = f"/{desired.kind.crawl_key}/" if desired.kind.crawl_key else None
    unkept = tuple(change.path for change in seen.lost if not (crawl and change.path.startswith(crawl)))
    ctx.recorder.record_values_after(step.address, lambda inverse: read_values_after(ctx, inverse, seen.live))
    if unkept:
        reason = f"not kept by the server: {', '.join(unkept)}"
        return Outcome(step, Status.DONE, seen.live.remote_id, reason, _FAILED, unkept)
    return Outcome(step, Status.DONE, seen.live.remote_id, provisioning.outlook(seen.live, ctx.api.server_time()))


def _is_readable(kind: ResourceKind, change: FieldChange) -> bool:
    """Whether a read can show how a field was written; of a masked key it can show only that it is empty."""
    return not _is_masked_key(kind, change) and not isinstance(change.live, Pinned)


def _is_masked_key(kind: ResourceKind, change: FieldChange) -> bool:
    return kind.field_at(patch.split(change.path)).masked and not is_empty(change.desired)


def _names_old_version(ctx: ApplyContext, desired: Desired, change: FieldChange) -> bool:
    """Whether a reference still has the id of an old version, which a later step changes; the server has kept it."""
    old_versions = references.old_versions(ctx.recorder.state.bindings.values())
    return references.is_outdated(desired.kind, change, change.desired, old_versions)


def _places(step: Change) -> list[str]:
    """Pointers of the places that a step writes; "" is the whole object."""
    if step.action in _MAKES:
        return [""]
    body = step.live.body if step.live else {}
    return [patch.join(place) for place in patch_guards.places(body, step.patch)]


def _removed(step: Change) -> Iterator[str]:
    if step.action not in _MAKES:
        yield from (
            as_text(operation["path"])
            for operation in step.patch
            if operation["op"] == "remove" or is_empty(operation.get("value"))
        )
