"""Join successive updates of one object into one change.  Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from collections.abc import Set as AbstractSet

from msgspec.structs import replace

from tavusctl.core.address import Address
from tavusctl.core.model import Action, Change, FieldChange
from tavusctl.engine.compare.updates import update_of
from tavusctl.lib.json_types import special_leaves


def join_updates(changes: Iterable[Change]) -> list[Change]:
    """The changes with one update per object, at the place of its first update."""
    return _joined(changes, lambda _: True, join)


def with_repointing(changes: Sequence[Change]) -> list[Change]:
    """The changes, where an update that sends the new id of a replaced object also sends the others of its object.

    In one list, old ids and new ones that were sent meanwhile could not be compared with what the plan has seen.
    """
    replaced = {change.address for change in changes if change.action is Action.REPLACE}

    def sends_new_id(update: Change) -> bool:
        """Whether an update waits for a replacement anyway."""
        return not update.waits_for and bool(replaced & sent_addresses(update))

    return _joined(changes, sends_new_id, lambda own, then: replace(join(own, then), cause=own.cause, waits_for=()))


def _joined(
    changes: Iterable[Change], takes_in: Callable[[Change], bool], join_two: Callable[[Change, Change], Change]
) -> list[Change]:
    """The changes, where the first update of each object for which `takes_in` is true takes in its later updates."""
    result: list[Change] = []
    positions: dict[Address, int] = {}
    for change in changes:
        position = positions.get(change.address)
        if change.action is Action.UPDATE and position is not None:
            result[position] = join_two(result[position], change)
            continue
        if change.action is Action.UPDATE and takes_in(change):
            positions[change.address] = len(result)
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
