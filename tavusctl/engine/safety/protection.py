"""What protects objects: who refers to them, whose they are, and that nobody lowers their protection unseen.  Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Final

from tavusctl.core.address import Address
from tavusctl.core.errors import RefusedError
from tavusctl.core.model import Action, Change, Plan, Refusal

# After these an object refers to what its manifest says.
_REFERS_ANEW: Final = frozenset({Action.CREATE, Action.UPDATE, Action.ADOPT, Action.REPLACE, Action.DELETE})


def lowered(plan: Plan) -> int:
    """How many protections the plan lowers: of objects, and limits on deletes."""
    return sum(step.action is Action.UNPROTECT for step in plan.steps) + len(plan.limits)


def check_lowered(plan: Plan, *, allowed: int | None, agreed: bool) -> None:
    """Refuse to lower protection that nobody has agreed to lower; `allowed` must be the plan's exact number."""
    count = lowered(plan)
    if count == allowed or (allowed is None and (agreed or not count)):
        return
    said = f", but `--allow-lowered` is {allowed}" if allowed is not None else ""
    message = f"the plan lowers {count} protection{'' if count == 1 else 's'}{said}; nothing was written"
    raise RefusedError(message, f"review the plan, then run again with `--allow-lowered {count}`", id="E411")


def with_users(
    judged: Sequence[tuple[Change, Refusal | None]],
) -> tuple[tuple[Change, Refusal | None], ...]:
    """Changes with what speaks against them, and against deletes of what objects of the project go on to refer to."""
    refused = {change.address for change, no in judged if no}
    moving = {change.address for change, _ in judged if change.action in _REFERS_ANEW} - refused
    return tuple((change, no or _used(change, moving)) for change, no in judged)


def _used(change: Change, moving: AbstractSet[Address]) -> Refusal | None:
    if change.action is Action.REPLACE and change.used_after:
        named = ", ".join(map(str, change.used_after))
        reason = f"{named} refers to {change.remote_id} by id, but the new version will have another id"
        return Refusal(change, "E405", 4, reason, f"write `${{ref:{change.address}}}` there")
    users = [
        *(one for one in change.used_before if one not in moving),
        *(one for one in change.used_after if one in moving),
    ]
    if change.action is not Action.DELETE or not users:
        return None
    reason = f"still referred to by {', '.join(map(str, sorted(users)))} after this plan"
    return Refusal(change, "E405", 4, reason, f"remove the references to {change.remote_id} there first")


def foreign(change: Change, owners: Mapping[str, str]) -> Refusal | None:
    """Why an object is somebody else's; `owners` tells what other environments have bound."""
    address, remote_id = change.address, change.remote_id
    if change.not_ours:
        hint = (
            f"run `tavusctl state rm {address}` to remove the deleted object from the "
            f"state, then `tavusctl import {address} {remote_id}` to import this one"
        )
        return Refusal(change, "E310", 3, change.not_ours, hint)
    elsewhere = [one for one in (change.rivals or (remote_id,)) if one in owners]
    if change.action in (Action.CREATE, Action.ADOPT) and elsewhere:
        return _of_others(change, elsewhere, owners)
    return None


def _of_others(change: Change, ids: Sequence[str], owners: Mapping[str, str]) -> Refusal:
    """An object with the name of a planned create that another environment has bound is nobody's to take over."""
    reason = f"the name is taken in the account: {', '.join(f'{one} is {owners[one]}' for one in ids)}"
    strangers = [one for one in change.rivals if one not in ids]
    reason += f"; and {', '.join(strangers)}, not managed here" if strangers else ""
    hint = "use another name here, for example with a variable that each environment sets: `${var:NAME}`"
    return Refusal(change, "E425", 4, reason, hint)
