"""Where the fields of a plan are written: in a manifest, or at a line of an included file."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from msgspec.structs import replace

from tavusctl.core.address import Address, Source
from tavusctl.core.diagnostics import Passage, included_at, written_at
from tavusctl.core.model import ABSENT, Declared, Desired, FieldChange, Plan
from tavusctl.core.resource_kind import ResourceKind
from tavusctl.fields.equivalence import same
from tavusctl.lib.json_types import Json, KeyPath
from tavusctl.lib.texts import common_prefix
from tavusctl.patch import split
from tavusctl.patch.pointer import escape


def with_sources(plan: Plan, desired: Iterable[Desired]) -> Plan:
    """The plan with the source of every field that a manifest sets."""
    items = {item.address: item for item in desired if item.source.path}

    def fields(address: Address, changes: tuple[FieldChange, ...]) -> tuple[FieldChange, ...]:
        item = items.get(address)
        return (
            tuple(replace(entry, source=field_source(item.kind, item, entry)) for entry in changes) if item else changes
        )

    steps = tuple(replace(step, fields=fields(step.address, step.fields)) for step in plan.steps)
    refused = tuple(
        replace(refusal, change=replace(refusal.change, fields=fields(refusal.change.address, refusal.change.fields)))
        for refusal in plan.refused
    )
    drift = tuple(replace(drifted, fields=fields(drifted.address, drifted.fields)) for drifted in plan.drift)
    return replace(plan, steps=steps, refused=refused, drift=drift)


def innermost_differences(
    kind: ResourceKind, path: KeyPath, pointer: str, old: Json, new: Json
) -> Iterator[tuple[str, Json, Json]]:
    """The innermost differing values of `new`, each as pointer, old value (or ABSENT) and new value."""
    if same(kind, path, new, old):
        return
    if isinstance(old, dict) and isinstance(new, dict):
        for key, value in new.items():
            yield from innermost_differences(
                kind, (*path, key), f"{pointer}/{escape(key)}", old.get(key, ABSENT), value
            )
    elif isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        for index, (before, after) in enumerate(zip(old, new, strict=True)):
            yield from innermost_differences(kind, (*path, "*"), f"{pointer}/{index}", before, after)
    elif isinstance(old, list) and isinstance(new, list):
        for index, item in enumerate(new):
            if not any(same(kind, (*path, "*"), item, other) for other in old):
                yield f"{pointer}/{index}", ABSENT, item
    else:
        yield pointer, old, new


def field_source(kind: ResourceKind, item: Declared, entry: FieldChange) -> Source:
    """The source of a field; of a text, its first line that differs from `live`."""
    attachment = kind.attachment
    if attachment and item.file and entry.path == f"/{attachment.file}":
        return Source(item.file.name, 1, 1)
    whole = (entry.path, entry.live, entry.desired)
    inner = () if entry.sensitive else innermost_differences(kind, split(entry.path), *whole)
    pointer, old, new = next(iter(inner), whole)
    written = written_at(item.sources, pointer, item.source)
    below = [key for key in item.passages if key == pointer or key.startswith(f"{pointer}/")]
    if entry.sensitive or not below:
        return written
    if not isinstance(new, str):  # all of it is new: take its first included text
        return Source(item.passages[below[0]][0].path, 1, 1)
    offset = _first_difference(old if isinstance(old, str) else "", new, item.passages[pointer])
    return included_at(new, offset, item.passages[pointer]) or written


def _first_difference(old: str, new: str, passages: Sequence[Passage]) -> int:
    """The offset of the first character of `new` that differs; if text was only removed, one next to the gap."""
    offset = common_prefix(old, new)
    if offset == len(old) and new.startswith("\n", offset):
        return min(offset + 1, len(new) - 1)  # only lines after the last one were added
    if old.endswith(new[offset:]):
        # The removed text began anywhere from `first` to `offset`; prefer the end of an included file in that range.
        first = len(new) - common_prefix(old[::-1], new[::-1])
        passage = next((part for part in reversed(passages) if part.start <= offset), None)
        offset = passage.start - 1 if passage and not passage.path and passage.start >= first else offset
    return max(min(offset, len(new) - 1), 0)
