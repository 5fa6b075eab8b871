"""One function per action: what it does to the account, and what it records before and after."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

from msgspec.structs import replace

from tavusctl import background
from tavusctl.engine.apply.calls import remove, update
from tavusctl.engine.apply.confirm import answered, confirm, unconfirmed
from tavusctl.engine.apply.crawling import begin, recrawl
from tavusctl.engine.apply.making import create
from tavusctl.engine.apply.run import Run
from tavusctl.engine.apply.waiting import await_usable, now
from tavusctl.model import Action, Binding, Change, Desired, Outcome, Status

_CONFLICT = 3
_FAILED = 5


def _create(this: Run, step: Change) -> Outcome:
    desired = _desired(step)

    def bound(remote_id: str) -> Binding:
        return unconfirmed(step, this.tools.remember(desired, Binding(step.address, remote_id)))

    made = begin(this, step, desired.kind, lambda: create(this, step, desired, bound))
    return made if isinstance(made, Outcome) else confirm(this, step, desired, made, None)


def _update(this: Run, step: Change) -> Outcome:
    desired = _desired(step)
    binding = this.ledger.get(step.address) or Binding(step.address, step.remote_id)
    current = unconfirmed(step, this.tools.remember(desired, binding))
    if step.patch:
        update(this, step, desired, binding.remote_id, current)
    else:
        this.ledger.bind(current)
    return confirm(this, step, desired, binding.remote_id, binding)


def _adopt(this: Run, step: Change) -> Outcome:
    # Ours from here on, whatever becomes of the update: the base stays empty until it has been written.
    created = step.live.created if step.live else ""
    this.ledger.bind(Binding(step.address, step.remote_id, created_at=created))
    return _update(this, step)


def _replace(this: Run, step: Change) -> Outcome:
    """The new half: create it, wait until it can be used, and let the address mean it from then on."""
    desired = _desired(step)
    binding = this.ledger.get(step.address) or Binding(step.address, step.remote_id)
    if step.patch:
        bound = partial(_with_successor, this, desired, binding)
        made = begin(this, step, desired.kind, lambda: create(this, step, desired, bound))
        if isinstance(made, Outcome):
            return made
        binding = this.ledger.get(step.address) or binding
    live = await_usable(this, step.address, desired.kind, binding.successor)
    if background.failed(live):
        reason = f"the new version {binding.successor}: {background.failure(live)}; the old one stays in use"
        return Outcome(step, Status.FAILED, binding.successor, reason, _FAILED)
    if not background.usable(live):
        reason = f"the new version is {background.outlook(live, now(this))}; the old one stays in use"
        return Outcome(step, Status.DEFERRED, binding.successor, reason)
    current = this.tools.remember(desired, binding)
    retired = (*binding.retired, binding.remote_id)
    # What it was made of, which a source may have moved on from since.
    current = replace(current, applied=binding.successor_spec, created_at=live.created)
    current = answered(this, desired, current, live)
    this.ledger.bind(replace(current, remote_id=binding.successor, successor="", successor_spec={}, retired=retired))
    return Outcome(step, Status.DONE, binding.successor)


def _with_successor(this: Run, desired: Desired, binding: Binding, made: str) -> Binding:
    abandoned = tuple(filter(None, [binding.successor]))
    spec = this.tools.remember(desired, binding).applied
    return replace(binding, successor=made, successor_spec=spec, retired=(*binding.retired, *abandoned))


def _delete(this: Run, step: Change) -> Outcome:
    kind = this.tools.kinds(step.address.kind)
    users = this.tools.users(kind, step.remote_id, step.address)
    if users and this.deferred.issuperset(users):
        return Outcome(
            step, Status.DEFERRED, step.remote_id, f"{', '.join(users)} uses it until its own change is made"
        )
    if users:
        reason = f"{', '.join(users)} uses it; nothing was deleted"
        return Outcome(step, Status.FAILED, step.remote_id, reason, _CONFLICT)
    remove(this, step, kind)
    return Outcome(step, Status.DONE, step.remote_id)


def _retire(this: Run, step: Change) -> Outcome:
    kind = this.tools.kinds(step.address.kind)
    binding = this.ledger.get(step.address)
    if binding is None or binding.remote_id == step.remote_id:
        return Outcome(step, Status.DEFERRED, step.remote_id, "it is still in use")
    users = this.tools.users(kind, step.remote_id, None)
    if users:
        return Outcome(step, Status.DEFERRED, step.remote_id, f"{', '.join(users)} still uses it")
    left = tuple(one for one in binding.retired if one != step.remote_id)
    remove(this, step, kind, replace(binding, retired=left))
    return Outcome(step, Status.DONE, step.remote_id)


def _forget(this: Run, step: Change) -> Outcome:
    this.ledger.forget(step.address, named=str(step.address) in this.externals)
    return Outcome(step, Status.DONE, step.remote_id, step.reason)


def _unprotect(this: Run, step: Change) -> Outcome:
    binding, rules = this.ledger.get(step.address), _desired(step).lifecycle
    if binding is not None:
        current = replace(binding, prevent_destroy=rules.prevent_destroy, on_remove=rules.on_remove)
        this.ledger.bind(current)
    return Outcome(step, Status.DONE, step.remote_id, step.reason)


ACTIONS: Mapping[Action, Callable[[Run, Change], Outcome]] = {
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
