"""Where the fields of a plan are written: in a manifest, or in the file that brought a text, at its line."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from msgspec.structs import replace

from tavusctl.core.address import Address, Source
from tavusctl.core.diagnostics import Passage, written_at
from tavusctl.core.model import ABSENT, Desired, FieldChange, Manifest, Plan
from tavusctl.core.resource_kind import ResourceKind
from tavusctl.fields.equivalence import same
from tavusctl.lib.json_types import Json, KeyPath
from tavusctl.patch import split
from tavusctl.patch.pointer import escape


def located(plan: Plan, desired: Iterable[Desired]) -> Plan:
    """The plan with the place of every field that a manifest says."""
    items = {one.address: one for one in desired if one.source.path}

    def fields(address: Address, found: tuple[FieldChange, ...]) -> tuple[FieldChange, ...]:
        item = items.get(address)
        return tuple(replace(one, source=place(item.kind, item, one)) for one in found) if item else found

    steps = tuple(replace(one, fields=fields(one.address, one.fields)) for one in plan.steps)
    refused = tuple(
        replace(one, change=replace(one.change, fields=fields(one.change.address, one.change.fields)))
        for one in plan.refused
    )
    drift = tuple(replace(one, fields=fields(one.address, one.fields)) for one in plan.drift)
    return replace(plan, steps=steps, refused=refused, drift=drift)


def differing(
    kind: ResourceKind, path: KeyPath, pointer: str, old: Json, new: Json
) -> Iterator[tuple[str, Json, Json]]:
    """The innermost values of the new side that the old one does not have, with what is there."""
    if same(kind, path, new, old):
        return
    if isinstance(old, dict) and isinstance(new, dict):
        for key, value in new.items():
            yield from differing(kind, (*path, key), f"{pointer}/{escape(key)}", old.get(key, ABSENT), value)
    elif isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        for index, (before, after) in enumerate(zip(old, new, strict=True)):
            yield from differing(kind, (*path, "*"), f"{pointer}/{index}", before, after)
    elif isinstance(old, list) and isinstance(new, list):
        for index, item in enumerate(new):
            if not any(same(kind, (*path, "*"), item, one) for one in old):
                yield f"{pointer}/{index}", ABSENT, item
    else:
        yield pointer, old, new


def place(kind: ResourceKind, item: Manifest | Desired, entry: FieldChange) -> Source:
    """Where a field is written: of a text, the first line that is not as `live`."""
    attachment = kind.attachment
    if attachment and item.file and entry.path == f"/{attachment.file}":
        return Source(item.file.name, 1, 1)
    whole = (entry.path, entry.live, entry.desired)
    inner = () if entry.sensitive else differing(kind, split(entry.path), *whole)
    pointer, old, new = next(iter(inner), whole)
    written = written_at(item.sources, pointer, item.source)
    below = [one for one in item.passages if one == pointer or one.startswith(f"{pointer}/")]
    if entry.sensitive or not below:
        return written
    if not isinstance(new, str):  # all of it is new: the first text in it that a file brought
        return Source(item.passages[below[0]][0].path, 1, 1)
    offset = _first_difference(old if isinstance(old, str) else "", new, item.passages[pointer])
    passage = next((one for one in reversed(item.passages[pointer]) if one.start <= offset), None)
    if passage is None or not passage.path:
        return written
    line = new.count("\n", passage.start, offset) + 1
    start = new.rfind("\n", passage.start, offset) + 1 or passage.start
    return Source(passage.path, line, offset - start + 1)


def _first_difference(old: str, new: str, passages: Sequence[Passage]) -> int:
    """The first character of a text that is not as in another; of what only lacks something, one beside that."""
    place = _shared(old, new)
    if place == len(old) and new.startswith("\n", place):
        return min(place + 1, len(new) - 1)  # lines that follow the last one
    if old.endswith(new[place:]):
        # What is gone stood anywhere from `first` to `place`: at the end of a file, if one ends there.
        first = len(new) - _shared(old[::-1], new[::-1])
        begun = next((one for one in reversed(passages) if one.start <= place), None)
        place = begun.start - 1 if begun and not begun.path and begun.start >= first else place
    return max(min(place, len(new) - 1), 0)


def _shared(one: str, other: str) -> int:
    """How many characters two texts have in common at their beginnings."""
    both = zip(one, other, strict=False)
    return next((index for index, (left, right) in enumerate(both) if left != right), min(len(one), len(other)))
