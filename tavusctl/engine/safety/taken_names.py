"""Names that the API accepts only once in an account: a step waits until another one has freed its name.  Pure.

A name that nothing frees is refused before anything is sent, with what would free it.  Two objects cannot exchange
their names: each would have to wait for the other.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet

from msgspec.structs import replace

from tavusctl import patch
from tavusctl.core.address import Address
from tavusctl.core.model import Action, Change, Live, Refusal
from tavusctl.lib.json_types import as_object, as_text

Judged = tuple[Change, Refusal | None]
Name = tuple[str, str]  # kind and name
Holders = Mapping[Name, Sequence[Live]]
Waits = Mapping[Address, AbstractSet[Address]]


def holders(live: Iterable[Live]) -> Holders:
    """The objects of kinds with unique names, by kind and name."""
    by_name: defaultdict[Name, list[Live]] = defaultdict(list)
    for one in live:
        if one.kind.unique_names and one.name:
            by_name[one.kind.name, one.name].append(one)
    return by_name


def with_rivals(changes: Iterable[Change], held: Holders) -> tuple[Change, ...]:
    """Add to each rename the unmanaged objects that have its new name, as a create has them already."""
    return tuple(
        replace(one, rivals=tuple(other.remote_id for other in _others(one, held) if other.address is None))
        if one.action is Action.UPDATE
        else one
        for one in changes
    )


def refuse(judged: Sequence[Judged], held: Holders) -> tuple[Judged, ...]:
    """The judged changes, with refusals of those that take a name which no other allowed change frees before them."""
    waits = _waits([change for change, _ in judged], held)
    deletes = {change.address for change, refusal in judged if change.action is Action.DELETE and refusal is None}
    current = [(change, refusal or _refusal(change, held, waits, deletes)) for change, refusal in judged]
    takers: defaultdict[Address, list[int]] = defaultdict(list)
    for index, (change, _) in enumerate(current):
        for owner in waits.get(change.address, ()) if _taken(change) else ():
            takers[owner].append(index)
    queue = [change.address for change, refusal in current if refusal and _taken(change)]
    while queue:
        owner = queue.pop()
        for index in takers[owner]:
            change, refusal = current[index]
            if refusal is None:
                taken = _taken_by(change, f"{owner}, whose change is refused", f"do first what {owner} needs")
                current[index] = (change, taken)
                queue.append(change.address)
    return tuple(current)


def in_order(steps: Sequence[Change], held: Holders) -> tuple[Change, ...]:
    """The steps, each after the one that frees its name; others keep their order."""
    waits = _waits(steps, held)
    if not waits:
        return tuple(steps)
    steps = [
        replace(step, waits_for=tuple(sorted({*step.waits_for, *waits.get(step.address, ())})))
        if _taken(step)
        else step
        for step in steps
    ]
    indices: defaultdict[Address, list[int]] = defaultdict(list)
    for index, step in enumerate(steps):
        indices[step.address].append(index)
    ordered: dict[int, Change] = {}
    entered, queue = set[int](), [*reversed(range(len(steps)))]
    while queue:
        index, step = queue[-1], steps[queue[-1]]
        before = [one for one in indices[step.address] if one < index]
        before += [one for address in step.waits_for if address != step.address for one in indices.get(address, ())]
        waiting = [] if index in entered else [one for one in before if one not in entered]
        entered.add(index)
        queue += sorted(waiting, reverse=True)
        if not waiting:
            ordered.setdefault(index, steps[queue.pop()])
    return tuple(ordered.values())


def _waits(changes: Sequence[Change], held: Holders) -> Waits:
    """By address, the addresses of managed objects that have its new name now, and that another change renames."""
    renames = {change.address for change in changes if change.live and _taken(change)}
    waits: defaultdict[Address, set[Address]] = defaultdict(set)
    for change in changes:
        if freed_by := {one.address for one in _others(change, held) if one.address in renames}:
            waits[change.address] |= freed_by
    return waits


def _taken(change: Change) -> Name | None:
    """The unique name that a change gives to its object; None if it keeps its name, or if names need not be unique."""
    item = change.desired
    if item is None or not item.kind.unique_names:
        return None
    key = item.kind.name_field
    for operation in change.patch:
        if operation["path"] in ("", patch.join((key,))):
            value = operation.get("value")
            name = as_object(value).get(key) if operation["path"] == "" else value
            is_new = change.live is None or change.live.name != name
            return (item.kind.name, as_text(name)) if isinstance(name, str) and is_new else None
    return None


def _others(change: Change, held: Holders) -> Iterator[Live]:
    """The other objects that have the name which a change gives to its object."""
    name = _taken(change)
    yield from (one for one in (held.get(name, ()) if name else ()) if one.remote_id != change.remote_id)


def _refusal(change: Change, held: Holders, waits: Waits, deletes: AbstractSet[Address]) -> Refusal | None:
    """The refusal of a change whose name stays taken, also because its owner waits for the change itself."""
    address = change.address
    for other in _others(change, held):
        owner = f"{other.address} ({other.remote_id})"
        if other.address is None:
            if change.action is Action.UPDATE:  # a create has been refused already
                hint = f"rename or delete that object, or use another name in the manifest of {address}"
                return _taken_by(change, f"an object that is not managed here: {other.remote_id}", hint)
        elif other.address in deletes:
            return _taken_by(change, f"{owner}, which is deleted last", "run this command again after the delete")
        elif other.address not in waits.get(address, ()):
            hint = f"rename {other.address} too, or use another name in the manifest of {address}"
            return _taken_by(change, f"{owner}, which keeps it in this plan", hint)
        elif address in _waited_for(address, waits):
            hint = f"give {address} a third name first, in the account or by its manifest"
            return _taken_by(change, f"{owner}, which is to get another name after {address} has", hint)
    return None


def _taken_by(change: Change, owner: str, hint: str) -> Refusal:
    return Refusal(change, "E401", 4, f"the name is taken in the account by {owner}", hint)


def _waited_for(address: Address, waits: Waits) -> set[Address]:
    """All addresses that an address waits for, directly or not."""
    found, queue = set[Address](), list(waits.get(address, ()))
    while queue:
        one = queue.pop()
        queue += [] if one in found else waits.get(one, ())
        found.add(one)
    return found
