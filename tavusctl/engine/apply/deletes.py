"""Deletes, confirmed by reads.

A response alone proves nothing.  Before a delete, an object counts as gone if two reads do not find it and no listing
has it.  If the response to a delete is lost, that tells whether it was carried out: otherwise it is sent again.  After
a delete, the object is read until it is gone, again after some seconds because a read may be older than the delete; if
the API has found nothing to delete, no listing may have it either.  If it is still there then, the delete has failed,
and the object stays bound.  If no read tells, the outcome is unknown, and the next run reads the object.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

from tavusctl import patch
from tavusctl.core.binding import Binding
from tavusctl.core.errors import Ambiguous, ApiError, Gone, WithoutEffect
from tavusctl.core.json_tree import map_leaves, value_at
from tavusctl.core.model import Change, Live
from tavusctl.core.resource_kind import ResourceKind
from tavusctl.engine.apply.calls import record_failure
from tavusctl.engine.apply.context import ApplyContext, EditedMeanwhile, Stopped
from tavusctl.engine.compare.three_way import edited_fields
from tavusctl.fields import presigned_urls
from tavusctl.lib.json_types import JsonObject


def remove(
    ctx: ApplyContext,
    step: Change,
    kind: ResourceKind,
    check_unused: Callable[[], None],
    binding_after: Binding | None = None,
) -> None:
    """Delete an object and keep its body in the trash; remove its binding, or replace it by `binding_after`.

    If the record of the call is not fresh, the object is read again first, and `check_unused` is called: it raises if
    other objects refer to this one.
    """
    op = ctx.recorder.record_intent(step.address, step.action, remote_id=step.remote_id, time=ctx.now())
    with record_failure(ctx, op), suppress(Gone):  # the object does not exist any more: done
        live = _read_before(ctx, step, kind)
        _check_as_sent(step, live)
        deleted_body = _without_signatures(live)
        ctx.dependencies.save_body(step.address, step.remote_id, ctx.with_ids(deleted_body))

        def check() -> None:
            now = _without_signatures(_read_before(ctx, step, kind))
            members = ((key,) for key in kind.model.model_fields)
            if moved := [
                patch.join(key) for key in members if not patch.same(value_at(deleted_body, key), value_at(now, key))
            ]:
                raise EditedMeanwhile(step.address, moved)
            check_unused()

        confirmed = _delete(ctx, op, step, kind, check)
        _read_until_gone(ctx, op, step, kind, confirmed=confirmed)
    if binding_after is None:
        ctx.recorder.forget(step.address, op)
    else:
        ctx.recorder.bind(binding_after, op)


def _read_before(ctx: ApplyContext, step: Change, kind: ResourceKind) -> Live:
    """Read an object that is to be deleted; Gone if two reads do not find it, and no listing has it.

    The plan has seen the object: if wrong 404s were believed, it would stay in the account without a binding.
    """
    for is_later in ctx.looks():
        try:
            return ctx.dependencies.read(kind, step.remote_id)
        except Gone:
            if is_later and not ctx.dependencies.is_listed(kind, step.remote_id):
                raise
    if ctx.stop.is_requested():
        raise Stopped(ctx.stop.reason)
    raise Ambiguous(_listed(step, kind), "run again: the next plan reads the object")


def _check_as_sent(step: Change, live: Live) -> None:
    """Refuse to delete an object that may be deleted only as the base of the step has it, and is not so any more."""
    if step.base and (edited := [change.path for change in edited_fields(live, step.base)]):
        raise EditedMeanwhile(step.address, edited)


def _without_signatures(live: Live) -> JsonObject:
    body: JsonObject = map_leaves(live.body, presigned_urls.without_query)
    return body


def _delete(ctx: ApplyContext, op: str, step: Change, kind: ResourceKind, check: Callable[[], None]) -> bool:
    """Whether the API has confirmed the delete; if it finds nothing to delete, reads tell whether that is true."""
    path = f"{kind.collection}/{step.remote_id}"
    try:
        with ctx.sending(op, check) as fence, suppress(Gone):
            ctx.api.delete(path, fence=fence)
            return True
    except Ambiguous as lost:
        try:
            check()  # Gone: the first call was carried out
        except Stopped:
            raise lost from None
        with ctx.sending(op, check) as fence, suppress(Gone):
            ctx.api.delete(path, fence=fence)
            return True
    return False


def _read_until_gone(ctx: ApplyContext, op: str, step: Change, kind: ResourceKind, *, confirmed: bool) -> None:
    """Read an object after its delete, which the API has confirmed, or answered with 404; always raises.

    Gone if it is deleted, WithoutEffect if it is still there, Ambiguous if the reads do not tell.
    """
    problem, looks, answer = "", 0, "confirmed the delete" if confirmed else "found nothing to delete"
    for _ in ctx.looks():
        looks += 1
        try:
            _read_after(ctx, step, kind, confirmed=confirmed)
            problem = ""
        except Gone:
            raise
        except ApiError as error:
            problem = error.message
    if not problem and looks == 1:
        problem = f"{ctx.stop.reason} before a second read"
    if problem:
        message = f"the API {answer}, but it is not known whether it was carried out: {problem}"
        raise Ambiguous(message)
    ctx.recorder.mark_unsent(op)
    message = f"the API {answer}, but {step.remote_id} is still in the account; it stays in the plan"
    raise WithoutEffect(message)


def _read_after(ctx: ApplyContext, step: Change, kind: ResourceKind, *, confirmed: bool) -> None:
    """Read an object after its delete; Gone if a read does not find it and, unless confirmed, no listing has it."""
    try:
        ctx.dependencies.read(kind, step.remote_id)
    except Gone:
        if confirmed or not ctx.dependencies.is_listed(kind, step.remote_id):
            raise
        raise ApiError(_listed(step, kind)) from None


def _listed(step: Change, kind: ResourceKind) -> str:
    return f"no read finds {step.remote_id}, but {kind.collection} lists it"
