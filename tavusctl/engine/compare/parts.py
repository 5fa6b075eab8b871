"""Parts of objects, which calls of their own write: split a change into the calls that carry it out.  Pure.

A change of an object is one list of operations (RFC 6902), also if it has parts.  It is computed part by part, so that
no operation writes into two parts; this module splits it again into the calls that carry it out one after the other:

    the object itself   one PATCH, before all parts but those written alone that only lose members
    members             a DELETE for each removed member, then one POST of the new ones
    entries             a DELETE, a PUT or a PATCH for each entry that differs
    alone               a PATCH that writes nothing else
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from msgspec import Struct

from tavusctl import patch
from tavusctl.core.json_tree import set_at, value_at, with_value_of
from tavusctl.core.model import ABSENT
from tavusctl.core.resource_kind import Part, PartStyle, ResourceKind
from tavusctl.engine.compare.updates import update_of
from tavusctl.fields.equivalence import is_unset, same
from tavusctl.lib.json_types import Json, JsonObject, KeyPath, as_list, as_object

PATCH: Final = "PATCH"


class Call(Struct, frozen=True):
    """One call of a change, with the document before and after the call; references in all of these are ids."""

    operations: tuple[JsonObject, ...]
    before: JsonObject
    after: JsonObject
    part: Part | None = None  # None: the object itself
    method: str = PATCH
    path: str = ""  # only for a part that has a path of its own
    body: Json = None
    place: KeyPath = ()  # where a call of a part writes

    @property
    def has_path(self) -> bool:
        """Whether the call writes a part with a path of its own, where no server checks guards before it writes."""
        return bool(self.path)

    @property
    def name(self) -> str:
        """The last segment of the path: the member to remove, or the entry to write; empty for a POST."""
        return self.path.rpartition("/")[2] if self.method != "POST" else ""


def calls(kind: ResourceKind, remote_id: str, body: JsonObject, operations: Sequence[JsonObject]) -> tuple[Call, ...]:
    """The calls that carry out a change of an object whose last read is `body`."""
    result: list[Call] = []
    for part, section in _sections(kind, body, operations):
        before = result[-1].after if result else body
        after = update_of(kind).apply(before, section)
        if part is None or part.style is PartStyle.ALONE:
            result.append(Call(tuple(section), before, after, part, place=part.spec_path if part else ()))
        else:
            result += _of_part(kind, remote_id, part, before, after)
    return tuple(result)


def _sections(
    kind: ResourceKind, body: JsonObject, operations: Sequence[JsonObject]
) -> Iterator[tuple[Part | None, list[JsonObject]]]:
    """Consecutive operations that write the same part (None: the object itself), with that part."""
    section: list[JsonObject] = []
    current_part: Part | None = None
    for operation in operations:
        after = update_of(kind).apply(body, [operation]) if kind.parts else body
        owner = next(
            (
                part
                for part in kind.parts
                if not patch.same(value_at(body, part.spec_path), value_at(after, part.spec_path))
            ),
            None,
        )
        if section and owner != current_part:
            yield current_part, section
            section = []
        body, current_part = after, owner
        section.append(operation)
    if section:
        yield current_part, section


def _of_part(kind: ResourceKind, remote_id: str, part: Part, before: JsonObject, after: JsonObject) -> Iterator[Call]:
    path, desired = part.path.format(id=remote_id), value_at(after, part.spec_path)
    steps = _members if part.style is PartStyle.MEMBERS else _entries
    for method, name, body, place, value in steps(part, value_at(before, part.spec_path), desired):
        result = set_at(before, place, value)
        update = update_of(kind)
        yield Call(
            tuple(update.diff(kind, before, result, {})),
            before,
            result,
            part,
            method,
            f"{path}/{name}" if name else path,
            body,
            place,
        )
        before = result


_Step = tuple[str, str, Json, KeyPath, Json]  # method, last path segment, body, written place, its value afterwards


def _members(part: Part, before: Json, after: Json) -> Iterator[_Step]:
    """The steps that change a set; removals come first, because the size of a set is limited."""
    present, desired = as_list(before or []), as_list(after or [])
    for member in [member for member in present if member not in desired]:
        present = [other for other in present if other != member]
        yield "DELETE", str(member), None, part.spec_path, present
    added = [member for member in desired if member not in present]
    if added:
        yield "POST", "", {part.key: added}, part.spec_path, [*present, *added]


def _entries(part: Part, before: Json, after: Json) -> Iterator[_Step]:
    present, desired = as_object(before or {}), as_object(after or {})
    for key in present:
        if key not in desired:
            yield "DELETE", key, None, (*part.spec_path, key), ABSENT
    for key, value in desired.items():
        place = (*part.spec_path, key)
        if key not in present:
            yield "PUT", key, {part.key: value}, place, value
        elif not patch.same(value, present[key]):
            old, new = as_object(present[key]), as_object(value)
            names = (name for name in {**old, **new} if not patch.same(old.get(name, ABSENT), new.get(name, ABSENT)))
            changed = {name: new.get(name) for name in names}
            yield PATCH, key, {part.key: changed}, place, value


def is_done(kind: ResourceKind, call: Call, now: JsonObject) -> bool:
    """Whether a read shows that a call of a part was carried out; other members of a set make no difference."""
    shown, desired = value_at(now, call.place), value_at(call.after, call.place)
    if call.part is None or call.part.style is not PartStyle.MEMBERS:
        return same(kind, call.place, desired, shown)
    members = as_list(shown or [])
    return (
        call.name not in members if call.method == "DELETE" else all(member in members for member in as_list(desired))
    )


def was_edited(kind: ResourceKind, call: Call, now: JsonObject) -> bool:
    """Whether somebody else has changed what a call of a part is about to write."""
    before, shown = value_at(call.before, call.place), value_at(now, call.place)
    return is_unset(kind, call.place, before) != is_unset(kind, call.place, shown) or not same(
        kind, call.place, before, shown
    )


def without_parts(kind: ResourceKind, document: JsonObject) -> JsonObject:
    """A document without its parts, and without objects that held nothing but parts."""
    for part in kind.parts:
        document = with_value_of(document, part.spec_path, {})
    return document


def with_part_containers(kind: ResourceKind, document: JsonObject) -> JsonObject:
    """A document with the objects that contain parts, which a read shows even if they are empty."""
    for part in kind.parts:
        for length in range(1, len(part.spec_path)):
            if value_at(document, part.spec_path[:length]) is None:
                document = set_at(document, part.spec_path[:length], {})
    return document
