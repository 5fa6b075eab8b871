"""Whose change it is: what another set of manifests would have changed alike is pending, and not new.  Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from tavusctl.core.address import Address
from tavusctl.core.json_tree import plain
from tavusctl.core.model import Action, Cause, Change, FieldChange, Pending, Plan

# What moved in the account is nobody's change of the manifests, whichever of them one looks at.
_LIVE = frozenset({Cause.DRIFTED, Cause.MISSING})


def pending(plan: Plan, before: Plan) -> tuple[Pending, ...]:
    """What of a plan the plan of other manifests has too, by address and in the order of the plan."""
    names = {move.old: move.new for move in plan.moves}
    known = {(change.action, names.get(change.address, change.address)): change for change in _all(before)}
    found = (_same(change, known) for change in _all(plan))
    return tuple(one for one in found if one)


def _all(plan: Plan) -> Iterable[Change]:
    return (*(refusal.change for refusal in plan.refused), *plan.steps)


def _same(change: Change, known: Mapping[tuple[Action, Address], Change]) -> Pending | None:
    other = known.get((change.action, change.address))
    if other is None or change.cause in _LIVE:
        return None
    if plain(list(change.patch)) == plain(list(other.patch)) and change.remote_id == other.remote_id:
        return Pending(change.address, whole=True)
    theirs = {one.path: _value(one) for one in other.fields}
    paths = [one.path for one in change.fields if one.cause not in _LIVE and theirs.get(one.path) == _value(one)]
    return Pending(change.address, tuple(paths)) if paths else None


def _value(field: FieldChange) -> tuple[object]:
    """A wanted value, for comparing; a tuple, so that null is told from no such field."""
    return (plain(field.desired),)
