"""Separate pending changes from new ones: a change that an earlier set of manifests makes too is pending.  Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from tavusctl.core.address import Address
from tavusctl.core.json_tree import manifest_notation
from tavusctl.core.model import Action, Cause, Change, FieldChange, Pending, Plan

# A change that was made in the account is not a change of the manifests, whichever set of manifests is planned.
_LIVE = frozenset({Cause.DRIFTED, Cause.MISSING})


def pending(plan: Plan, before: Plan) -> tuple[Pending, ...]:
    """The changes of a plan, or their fields, that the plan of earlier manifests (`before`) has too, in plan order."""
    new_addresses = {move.old: move.new for move in plan.moves}
    earlier_changes = {
        (change.action, new_addresses.get(change.address, change.address)): change for change in _all_changes(before)
    }
    matches = (_pending_part(change, earlier_changes) for change in _all_changes(plan))
    return tuple(match for match in matches if match)


def _all_changes(plan: Plan) -> Iterable[Change]:
    return (*(refusal.change for refusal in plan.refused), *plan.steps)


def _pending_part(change: Change, earlier_changes: Mapping[tuple[Action, Address], Change]) -> Pending | None:
    earlier = earlier_changes.get((change.action, change.address))
    if earlier is None or change.cause in _LIVE:
        return None
    if (
        manifest_notation(list(change.patch)) == manifest_notation(list(earlier.patch))
        and change.remote_id == earlier.remote_id
    ):
        return Pending(change.address, whole=True)
    earlier_values = {field.path: _comparable(field) for field in earlier.fields}
    paths = [
        field.path
        for field in change.fields
        if field.cause not in _LIVE and earlier_values.get(field.path) == _comparable(field)
    ]
    return Pending(change.address, tuple(paths)) if paths else None


def _comparable(field: FieldChange) -> tuple[object]:
    """The desired value of a field, for comparing; in a tuple, so that null differs from a missing field."""
    return (manifest_notation(field.desired),)
