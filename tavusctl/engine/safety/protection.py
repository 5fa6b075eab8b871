"""Protection of objects: references to them, their owners, and protections that no plan lowers unnoticed.  Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Final

from msgspec.structs import replace

from tavusctl.core.address import Address, ObjectKey
from tavusctl.core.binding import Binding
from tavusctl.core.errors import RefusedError
from tavusctl.core.messages import counted
from tavusctl.core.model import Action, Change, Lifecycle, Live, Manifest, Plan, Refusal
from tavusctl.core.ports import State
from tavusctl.core.timestamps import another_object

# Actions after which the references of an object are those of its manifest, or are gone.
_REWRITES_REFERENCES: Final = frozenset({Action.CREATE, Action.UPDATE, Action.ADOPT, Action.REPLACE, Action.DELETE})


def count_lowered(plan: Plan) -> int:
    """The number of protections that the plan lowers: those of objects, and limits on deletes."""
    return sum(step.action is Action.UNPROTECT for step in plan.steps) + len(plan.limits)


def check_lowered(plan: Plan, *, allowed: int | None, agreed: bool) -> None:
    """Refuse to lower protections without consent: `agreed`, or an `allowed` that is the plan's exact number."""
    count = count_lowered(plan)
    if count == allowed or (allowed is None and (agreed or not count)):
        return
    option_note = f", but `--allow-lowered` is {allowed}" if allowed is not None else ""
    message = f"the plan lowers {counted(count, 'protection')}{option_note}; nothing was written"
    raise RefusedError(message, f"review the plan, then run again with `--allow-lowered {count}`", id="E411")


def with_declared(state: State, manifests: Iterable[Manifest]) -> State:
    """The state with the protections of manifests, also those that no apply has recorded yet.

    For a plan whose deletes do not come from the manifests.
    """
    declared = {
        address: manifest.lifecycle for manifest in manifests for address in (manifest.address, *manifest.moved_from)
    }
    bindings = {
        address: _protected(binding, declared[address]) if address in declared else binding
        for address, binding in state.bindings.items()
    }
    return replace(state, bindings=bindings)


def _protected(binding: Binding, lifecycle: Lifecycle) -> Binding:
    """A binding with a lifecycle that may raise its protections, but does not lower them."""
    on_remove = "retain" if "retain" in (binding.on_remove, lifecycle.on_remove) else binding.on_remove
    return replace(binding, prevent_destroy=binding.prevent_destroy or lifecycle.prevent_destroy, on_remove=on_remove)


def lowered(before: Binding, after: Binding | Lifecycle) -> list[str]:
    """The protections that `after` lowers, in words."""
    reasons = (
        ["lifecycle.prevent_destroy: true -> false"] if before.prevent_destroy and not after.prevent_destroy else []
    )
    return reasons + (
        ["lifecycle.on_remove: retain -> delete"] if "retain" == before.on_remove != after.on_remove else []
    )


def with_retained(changes: Iterable[Change], bindings: Mapping[Address, Binding]) -> list[Change]:
    """Changes that drop the binding of an object instead of deleting it, where `on_remove: retain` keeps it."""
    return [
        replace(change, action=Action.FORGET, reason="on_remove: retain")
        if change.action is Action.DELETE and bindings[change.address].on_remove == "retain"
        else change
        for change in changes
    ]


def is_protected(change: Change, binding: Binding | None) -> bool:
    """Whether `prevent_destroy` forbids a delete or a replacement.

    A replacement that has begun is finished even if its manifest has set `prevent_destroy` since.
    """
    if change.action not in (Action.DELETE, Action.REPLACE):
        return False
    declared = change.desired.lifecycle.prevent_destroy if change.desired and change.patch else False
    return declared or bool(binding and binding.prevent_destroy)


def with_users(judged: Sequence[tuple[Change, Refusal | None]]) -> tuple[tuple[Change, Refusal | None], ...]:
    """Changes with their refusals; adds those of deletes and replacements whose object is still referred to."""
    refused = {change.address for change, refusal in judged if refusal}
    rewritten = {change.address for change, _ in judged if change.action in _REWRITES_REFERENCES} - refused
    return tuple((change, refusal or _refuse_in_use(change, rewritten)) for change, refusal in judged)


def _refuse_in_use(change: Change, rewritten: AbstractSet[Address]) -> Refusal | None:
    if change.action is Action.REPLACE and change.used_after:
        referrers = ", ".join(map(str, change.used_after))
        reason = f"{referrers} refers to {change.remote_id} by id, but the new version will have another id"
        return Refusal(change, "E405", 4, reason, f"write `${{ref:{change.address}}}` there")
    users = [
        *(user for user in change.used_before if user not in rewritten),
        *(user for user in change.used_after if user in rewritten),
    ]
    if change.action is not Action.DELETE or not users:
        return None
    reason = f"still referred to by {', '.join(map(str, sorted(users)))} after this plan"
    return Refusal(change, "E405", 4, reason, f"remove the references to {change.remote_id} there first")


def with_identity(
    changes: Iterable[Change], bindings: Mapping[Address, Binding], live: Mapping[ObjectKey, Live]
) -> list[Change]:
    """The changes; one of an object that is not the bound one any more says so, unless it only releases the object."""

    def mismatch(change: Change) -> str:
        binding, obj = bindings.get(change.address), live.get((change.address.kind, change.remote_id))
        if obj is None or binding is None or binding.remote_id != obj.remote_id or change.action is Action.FORGET:
            return change.identity_mismatch
        return another_object(obj.remote_id, obj.created, binding.created_at)

    return [replace(change, identity_mismatch=mismatch(change)) for change in changes]


def refuse_foreign(change: Change, owners: Mapping[str, str]) -> Refusal | None:
    """The refusal of a change to an object that is not ours; `owners` names the owner of each id bound elsewhere."""
    address, remote_id = change.address, change.remote_id
    if change.identity_mismatch:
        hint = (
            f"run `tavusctl state rm {address}` to remove the deleted object from the "
            f"state, then `tavusctl import {address} {remote_id}` to import this one"
        )
        return Refusal(change, "E310", 3, change.identity_mismatch, hint)
    elsewhere = [rival for rival in (change.rivals or (remote_id,)) if rival in owners]
    is_rename = change.action is Action.UPDATE and bool(change.rivals)
    if (change.action in (Action.CREATE, Action.ADOPT) or is_rename) and elsewhere:
        return _refuse_taken_name(change, elsewhere, owners)
    return None


def _refuse_taken_name(change: Change, ids: Sequence[str], owners: Mapping[str, str]) -> Refusal:
    """The refusal of a create or an import whose name belongs to an object that another environment has bound."""
    reason = (
        f"the name is taken in the account: {', '.join(f'{remote_id} is {owners[remote_id]}' for remote_id in ids)}"
    )
    unmanaged = [rival for rival in change.rivals if rival not in ids]
    reason += f"; and {', '.join(unmanaged)}, not managed here" if unmanaged else ""
    hint = "use another name here, for example with a variable that each environment sets: `${var:NAME}`"
    return Refusal(change, "E425", 4, reason, hint)
