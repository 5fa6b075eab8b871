"""Reverse the calls that add and remove members of one set, such as the tools of a persona, as one change."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from msgspec.structs import replace

from tavusctl import patch
from tavusctl.core.address import Address
from tavusctl.core.json_tree import set_at, value_at
from tavusctl.core.model import Live
from tavusctl.core.resource_kind import PartStyle, ResourceKind
from tavusctl.engine.compare.updates import update_of
from tavusctl.kinds import KINDS
from tavusctl.lib.json_types import JsonObject, as_list
from tavusctl.state.journal import Intent


def joined_calls(calls: Iterable[Intent]) -> list[Intent]:
    """Calls, newest first, with one for all those of a run that write members of one set.

    It has the values before the first of them and after the last: a state in between may be that of an undo that was
    interrupted.
    """
    result: list[Intent] = []
    positions: dict[tuple[Address, str, str], int] = {}
    for intent in calls:
        pointers = list(intent.inverse.values_after)
        if not _are_members(KINDS[intent.address.kind], pointers):
            result.append(intent)
            continue
        place = intent.address, intent.remote_id, pointers[0]
        if (position := positions.setdefault(place, len(result))) == len(result):
            result.append(intent)
        else:
            later, inverse = result[position].inverse, intent.inverse
            operations = (*later.operations, *inverse.operations)  # they show which members come back
            inverse = replace(later, operations=operations, values_before=inverse.values_before)
            result[position] = replace(result[position], before=intent.before, inverse=inverse)
    return result


def with_members_before(
    kind: ResourceKind, body: JsonObject, values_before: JsonObject
) -> tuple[JsonObject, ...] | None:
    """The patch that restores the members of a set; None for other places."""
    if not _are_members(kind, list(values_before)):
        return None
    ((pointer, value),) = values_before.items()
    return tuple(update_of(kind).diff(kind, body, set_at(body, patch.split(pointer), value), {}))


def are_partly_reversed(live: Live, values_before: JsonObject, values_after: JsonObject) -> bool:
    """Whether a set has all members that it had before and after, and no others than it had before or after."""
    if not _are_members(live.kind, list(values_after)):
        return False
    ((pointer, after),) = values_after.items()
    before, members = as_list(values_before[pointer] or []), as_list(value_at(live.body, patch.split(pointer)) or [])
    after = as_list(after or [])
    return all(one in members for one in before if one in after) and all(one in before + after for one in members)


def _are_members(kind: ResourceKind, pointers: Sequence[str]) -> bool:
    return any(part.style is PartStyle.MEMBERS and [part.pointer] == pointers for part in kind.parts)
