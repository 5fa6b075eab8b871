"""Join the reverse updates of one object, one per call of the run, into one change.  Pure."""

from __future__ import annotations

from collections.abc import Iterable

from msgspec.structs import replace

from tavusctl.core.address import Address
from tavusctl.core.model import Action, Change, FieldChange
from tavusctl.engine.compare.updates import update_of


def join_updates(changes: Iterable[Change]) -> list[Change]:
    """The changes with one update per object, at the place of its first update."""
    result: list[Change] = []
    positions: dict[Address, int] = {}
    for change in changes:
        if change.action is not Action.UPDATE:
            result.append(change)
        elif change.address in positions:
            position = positions[change.address]
            result[position] = _join(result[position], change)
        else:
            positions[change.address] = len(result)
            result.append(change)
    return result


def _join(first: Change, then: Change) -> Change:
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
