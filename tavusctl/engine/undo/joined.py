"""The updates that take back one object, call by call, as one change.  Pure."""

from __future__ import annotations

from collections.abc import Iterable

from msgspec.structs import replace

from tavusctl.core.address import Address
from tavusctl.core.model import Action, Change, FieldChange
from tavusctl.engine.compare.updates import update_of


def joined(changes: Iterable[Change]) -> list[Change]:
    """Changes in which each object has one update, at the place of its first: what several calls have written."""
    found: list[Change] = []
    places: dict[Address, int] = {}
    for change in changes:
        if change.action is not Action.UPDATE:
            found.append(change)
        elif change.address in places:
            place = places[change.address]
            found[place] = _both(found[place], change)
        else:
            places[change.address] = len(found)
            found.append(change)
    return found


def _both(first: Change, then: Change) -> Change:
    """Two updates of an object, one after the other."""
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
    found = {one.path: one for one in first}
    for one in then:
        before = found.get(one.path)
        found[one.path] = replace(one, base=before.base, live=before.live) if before else one
    return tuple(found[path] for path in sorted(found))
