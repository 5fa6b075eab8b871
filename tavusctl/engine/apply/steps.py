"""One function per action: it changes the account, and records its intent before and the result after."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

from msgspec.structs import replace

from tavusctl.core.address import Address
from tavusctl.core.binding import Binding
from tavusctl.core.errors import ConflictError
from tavusctl.core.model import Action, Cause, Change, Desired, Outcome, Status
from tavusctl.core.resource_kind import ResourceKind
from tavusctl.engine import provisioning
from tavusctl.engine.apply.calls import update
from tavusctl.engine.apply.confirm import confirm, with_server_answers, with_unconfirmed
from tavusctl.engine.apply.context import ApplyContext
from tavusctl.engine.apply.crawl_starts import recrawl, start_in_slot
from tavusctl.engine.apply.creates import create, unknown_unless_seen
from tavusctl.engine.apply.deletes import remove
from tavusctl.engine.apply.waiting import await_usable
from tavusctl.engine.safety import removals
from tavusctl.kinds import KINDS

_CONFLICT = 3
_FAILED = 5


def _create(ctx: ApplyContext, step: Change) -> Outcome:
    desired = _desired(step)

    def binding_of(remote_id: str) -> Binding:
        return with_unconfirmed(step, _remembered(ctx, step, desired, _new_binding(ctx, step, remote_id)))

    with unknown_unless_seen(ctx, step, desired.kind):
        created = start_in_slot(ctx, step, desired.kind, lambda: create(ctx, step, desired, binding_of))
        return created if isinstance(created, Outcome) else confirm(ctx, step, desired, created, None)


def _new_binding(ctx: ApplyContext, step: Change, remote_id: str) -> Binding:
    """The first binding of an object, with the versions of its lost predecessor that are still to be deleted."""
    lost = ctx.recorder.get(step.address)
    return (lost or Binding(step.address, "")).of_object(remote_id)


def _update(ctx: ApplyContext, step: Change) -> Outcome:
    desired = _desired(step)
    binding = ctx.recorder.get(step.address) or Binding(step.address, step.remote_id)
    current = with_unconfirmed(step, _remembered(ctx, step, desired, binding))
    if not step.patch:
        ctx.recorder.bind(current)
        return confirm(ctx, step, desired, binding.remote_id, binding)
    written = update(ctx, step, desired, binding.remote_id, current)
    return confirm(ctx, step, desired, binding.remote_id, binding, written)


def _adopt(ctx: ApplyContext, step: Change) -> Outcome:
    # The object is managed from here on, even if the update fails: the base stays empty until the update is written.
    created = step.live.created if step.live else ""
    ctx.recorder.bind(replace(_new_binding(ctx, step, step.remote_id), created_at=created))
    return _update(ctx, step)


def _replace(ctx: ApplyContext, step: Change) -> Outcome:
    """Create the successor, wait until it is usable, then bind the address to it; the old version is deleted later."""
    desired = _desired(step)
    binding = ctx.recorder.get(step.address) or Binding(step.address, step.remote_id)
    with unknown_unless_seen(ctx, step, desired.kind):
        if step.patch:
            binding_of = partial(_with_successor, ctx, step, desired, binding)
            created = start_in_slot(ctx, step, desired.kind, lambda: create(ctx, step, desired, binding_of))
            if isinstance(created, Outcome):
                return created
            binding = ctx.recorder.get(step.address) or binding
        live = await_usable(ctx, step.address, desired.kind, binding.successor)
    # Only the steps of an undo have a base: they bring the old version back, or recreate it.
    coming, used = ("old", "new") if step.base else ("new", "old")
    stays = f"the {used} version stays in use"
    if provisioning.has_failed(live):
        reason = f"the {coming} version {binding.successor}: {provisioning.failure_reason(live)}; {stays}"
        return Outcome(step, Status.FAILED, binding.successor, reason, _FAILED)
    if not provisioning.is_usable(live):
        reason = f"the {coming} version is {provisioning.outlook(live, ctx.api.server_time())}; {stays}"
        return Outcome(step, Status.DEFERRED, binding.successor, reason)
    current = _remembered(ctx, step, desired, binding)
    retired = (*binding.retired, binding.remote_id)
    # What the successor was created with: the manifest may have changed since then.
    applied, externals = binding.successor_spec, binding.successor_externals
    current = replace(current, applied=applied, externals=externals, created_at=live.created)
    current = with_server_answers(ctx, step, desired, current, live)
    ctx.recorder.bind(replace(current.without_successor(), remote_id=binding.successor, retired=retired))
    return Outcome(step, Status.DONE, binding.successor)


def _remembered(ctx: ApplyContext, step: Change, desired: Desired, binding: Binding) -> Binding:
    """The binding of an object once a step is done: by the manifest, or by the base of the step if it has one."""
    current = ctx.dependencies.remember(desired, binding)
    base = step.base
    if base is None:
        return current
    return replace(current, applied=base.applied, answered=base.answered, unconfirmed=base.unconfirmed)


def _with_successor(ctx: ApplyContext, step: Change, desired: Desired, binding: Binding, successor: str) -> Binding:
    made_from = _remembered(ctx, step, desired, binding)
    return binding.with_successor(successor, made_from.applied, made_from.externals)


def _delete(ctx: ApplyContext, step: Change) -> Outcome:
    if versions := removals.other_versions(ctx.recorder.get(step.address)):
        return Outcome(step, Status.DEFERRED, step.remote_id, f"{versions}, another version, has to be deleted first")
    kind = KINDS[step.address.kind]
    users = ctx.dependencies.users(kind, step.remote_id, step.address)
    if users and ctx.deferred.issuperset(users):
        return Outcome(
            step, Status.DEFERRED, step.remote_id, f"{', '.join(users)} refers to it until its own change is applied"
        )
    if users:
        reason = f"{', '.join(users)} refers to it; nothing was deleted"
        return Outcome(step, Status.FAILED, step.remote_id, reason, _CONFLICT)
    remove(ctx, step, kind, partial(_check_unused, ctx, step, kind, step.address))
    return Outcome(step, Status.DONE, step.remote_id)


def _retire(ctx: ApplyContext, step: Change) -> Outcome:
    kind = KINDS[step.address.kind]
    binding = ctx.recorder.get(step.address)
    if binding is None or binding.remote_id == step.remote_id:
        return Outcome(step, Status.DEFERRED, step.remote_id, "it is still in use")
    users = ctx.dependencies.users(kind, step.remote_id, None)
    if users:
        return Outcome(step, Status.DEFERRED, step.remote_id, f"{', '.join(users)} still refers to it")
    left = replace(binding, retired=tuple(one for one in binding.retired if one != step.remote_id))
    if step.remote_id == binding.successor:
        left = left.without_successor()
    remove(ctx, step, kind, partial(_check_unused, ctx, step, kind, None), left)
    return Outcome(step, Status.DONE, step.remote_id)


def _check_unused(ctx: ApplyContext, step: Change, kind: ResourceKind, address: Address | None) -> None:
    if users := ctx.dependencies.users(kind, step.remote_id, address):
        message = f"{', '.join(users)} refers to it now"
        raise ConflictError(message)


def _forget(ctx: ApplyContext, step: Change) -> Outcome:
    versions = removals.other_versions(ctx.recorder.get(step.address))
    if versions and step.cause is not Cause.EDITED:  # a manifest that declares the object external releases all of it
        return Outcome(step, Status.DEFERRED, step.remote_id, f"{versions}, another version, has to be deleted first")
    ctx.recorder.forget(step.address, named=str(step.address) in ctx.externals)
    return Outcome(step, Status.DONE, step.remote_id, step.reason)


def _unprotect(ctx: ApplyContext, step: Change) -> Outcome:
    binding, rules = ctx.recorder.get(step.address), _desired(step).lifecycle
    if binding is not None:
        current = replace(binding, prevent_destroy=rules.prevent_destroy, on_remove=rules.on_remove)
        op = ctx.recorder.record_intent(step.address, step.action, remote_id=step.remote_id)  # for undo to know of it
        ctx.recorder.bind(current, op)
    return Outcome(step, Status.DONE, step.remote_id, step.reason)


ACTIONS: Mapping[Action, Callable[[ApplyContext, Change], Outcome]] = {
    Action.CREATE: _create,
    Action.UPDATE: _update,
    Action.ADOPT: _adopt,
    Action.REPLACE: _replace,
    Action.RECRAWL: recrawl,
    Action.DELETE: _delete,
    Action.RETIRE: _retire,
    Action.FORGET: _forget,
    Action.UNPROTECT: _unprotect,
}


def _desired(step: Change) -> Desired:
    if step.desired is None:
        message = f"a {step.action} of {step.address} without its manifest"
        raise ValueError(message)
    return step.desired
