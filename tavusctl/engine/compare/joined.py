"""Join successive updates of one object into one change.  Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from collections.abc import Set as AbstractSet

from msgspec.structs import replace

from tavusctl.core.address import Address
from tavusctl.core.model import Action, Change, FieldChange
from tavusctl.engine.compare.updates import update_of
from tavusctl.lib.json_types import special_leaves


def join_updates(changes: Iterable[Change]) -> list[Change]:
    """The changes with one update per object, at the place of its first update."""
    result: list[Change] = []
    positions: dict[Address, int] = {}
    for change in changes:
        if change.action is not Action.UPDATE:
            result.append(change)
        elif change.address in positions:
            position = positions[change.address]
            result[position] = join(result[position], change)
        else:
            positions[change.address] = len(result)
            result.append(change)
    return result


def with_repointing(changes: Sequence[Change]) -> list[Change]:
    """The changes, where an update that sends the new id of a replaced object also sends the others of its object.

    In one list, old ids and new ones that were sent meanwhile could not be compared with what the plan has seen.
    """
    replaced = {change.address for change in changes if change.action is Action.REPLACE}
    result: list[Change] = []
    sending: dict[Address, int] = {}  # positions of the updates that wait for a replacement anyway
    for change in changes:
        position = sending.get(change.address)
        if position is not None and change.action is Action.UPDATE:
            own = result[position]
            result[position] = replace(join(own, change), cause=own.cause, waits_for=())
            continue
        if change.action is Action.UPDATE and not change.waits_for and replaced & sent_addresses(change):
            sending[change.address] = len(result)
        result.append(change)
    return result


def sent_addresses(change: Change) -> AbstractSet[Address]:
    """The addresses whose ids a change sends: those in the patch of an update, all references of a new object."""
    if change.action is not Action.UPDATE:
        return set(change.desired.refers_to if change.desired else ())
    return {leaf for operation in change.patch for _, leaf in special_leaves(operation) if isinstance(leaf, Address)}


def join(first: Change, then: Change) -> Change:
    """One update in place of two successive updates of an object."""
    operations = (*first.patch, *then.patch)
    live = first.live
    return replace(
        then,
        fields=_fields(first.fields, then.fields),
        patch=operations,
        guards=update_of(live.kind).guards(live, operations) if live else (),
        waits_for=tuple(sorted({*first.waits_for, *then.waits_for})),
        live=live,
    )


def _fields(first: Iterable[FieldChange], then: Iterable[FieldChange]) -> tuple[FieldChange, ...]:
    fields = {item.path: item for item in first}
    for item in then:
        before = fields.get(item.path)
        fields[item.path] = replace(item, base=before.base, live=before.live) if before else item
    return tuple(fields[path] for path in sorted(fields))
