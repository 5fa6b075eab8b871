"""Parts of objects that calls of their own write: how a change is told apart by who writes it.  Pure.

A change of an object is one list of operations (RFC 6902), whatever its parts.  It is worked out part by part, so that
no operation writes into two; here it is taken apart again, into the calls that carry it out one after the other:

    the object itself   one PATCH, before all parts
    members             a DELETE for each that goes, then one POST of those that come
    entries             a DELETE, a PUT or a PATCH for each that differs
    alone               a PATCH that writes nothing else
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from msgspec import Struct

from tavusctl.core.json_tree import set_at, with_value_of
from tavusctl.core.model import ABSENT
from tavusctl.core.resource_kind import Part, PartStyle, ResourceKind
from tavusctl.engine.compare.patch_guards import value_at
from tavusctl.engine.compare.updates import update_of
from tavusctl.fields.equivalence import is_unset, same
from tavusctl.lib.json_types import Json, JsonObject, KeyPath, as_list, as_object

PATCH: Final = "PATCH"


class Call(Struct, frozen=True):
    """One call of a change, with the document as it is before and as the call leaves it; ids stand in all of them."""

    operations: tuple[JsonObject, ...]
    before: JsonObject
    after: JsonObject
    part: Part | None = None  # None: the object itself
    method: str = PATCH
    path: str = ""  # of a call of a part that has a path of its own
    body: Json = None
    place: KeyPath = ()  # what a call of a part writes

    @property
    def has_path(self) -> bool:
        """Whether it is a call of a part with a path of its own, where no server compares before it writes."""
        return bool(self.path)

    @property
    def name(self) -> str:
        """What is written below the path: the member that goes, or the entry."""
        return self.path.rpartition("/")[2] if self.method != "POST" else ""


def calls(kind: ResourceKind, remote_id: str, body: JsonObject, operations: Sequence[JsonObject]) -> tuple[Call, ...]:
    """The calls of a change of an object that reads as `body`."""
    found: list[Call] = []
    for part, some in _sections(kind, body, operations):
        before = found[-1].after if found else body
        after = update_of(kind).apply(before, some)
        if part is None or part.style is PartStyle.ALONE:
            found.append(Call(tuple(some), before, after, part, place=part.at if part else ()))
        else:
            found += _of_part(kind, remote_id, part, before, after)
    return tuple(found)


def _sections(
    kind: ResourceKind, body: JsonObject, operations: Sequence[JsonObject]
) -> Iterator[tuple[Part | None, list[JsonObject]]]:
    """Operations that follow one another and write the same part."""
    some: list[JsonObject] = []
    whose: Part | None = None
    for operation in operations:
        after = update_of(kind).apply(body, [operation]) if kind.parts else body
        owner = next((one for one in kind.parts if value_at(body, one.at) != value_at(after, one.at)), None)
        if some and owner != whose:
            yield whose, some
            some = []
        body, whose = after, owner
        some.append(operation)
    if some:
        yield whose, some


def _of_part(kind: ResourceKind, remote_id: str, part: Part, before: JsonObject, after: JsonObject) -> Iterator[Call]:
    path, wanted = part.path.format(id=remote_id), value_at(after, part.at)
    steps = _members if part.style is PartStyle.MEMBERS else _entries
    for method, name, body, place, value in steps(part, value_at(before, part.at), wanted):
        left = set_at(before, place, value)
        way = update_of(kind)
        yield Call(
            tuple(way.diff(kind, before, left, {})),
            before,
            left,
            part,
            method,
            f"{path}/{name}" if name else path,
            body,
            place,
        )
        before = left


_Step = tuple[str, str, Json, KeyPath, Json]  # method, name below the path, body, what is written, what is there then


def _members(part: Part, before: Json, after: Json) -> Iterator[_Step]:
    """What goes makes room first: a set has a largest size."""
    there, wanted = as_list(before or []), as_list(after or [])
    for one in [one for one in there if one not in wanted]:
        there = [other for other in there if other != one]
        yield "DELETE", str(one), None, part.at, there
    new = [one for one in wanted if one not in there]
    if new:
        yield "POST", "", {part.key: new}, part.at, [*there, *new]


def _entries(part: Part, before: Json, after: Json) -> Iterator[_Step]:
    there, wanted = as_object(before or {}), as_object(after or {})
    for key in there:
        if key not in wanted:
            yield "DELETE", key, None, (*part.at, key), ABSENT
    for key, value in wanted.items():
        place = (*part.at, key)
        if key not in there:
            yield "PUT", key, {part.key: value}, place, value
        elif value != there[key]:
            old, new = as_object(there[key]), as_object(value)
            changed = {name: new.get(name) for name in {**old, **new} if old.get(name, ABSENT) != new.get(name, ABSENT)}
            yield PATCH, key, {part.key: changed}, place, value


def is_done(kind: ResourceKind, call: Call, now: JsonObject) -> bool:
    """Whether an object reads as a call of a part leaves it; what else is in a set is no matter."""
    shown, wanted = value_at(now, call.place), value_at(call.after, call.place)
    if call.part is None or call.part.style is not PartStyle.MEMBERS:
        return same(kind, call.place, wanted, shown)
    members = as_list(shown or [])
    return call.name not in members if call.method == "DELETE" else all(one in members for one in as_list(wanted))


def moved(kind: ResourceKind, call: Call, now: JsonObject) -> bool:
    """Whether somebody has written what a call of a part is about to write."""
    before, shown = value_at(call.before, call.place), value_at(now, call.place)
    return is_unset(kind, call.place, before) != is_unset(kind, call.place, shown) or not same(
        kind, call.place, before, shown
    )


def without(kind: ResourceKind, document: JsonObject) -> JsonObject:
    """A document without parts, and without the objects that they alone filled."""
    for part in kind.parts:
        document = with_value_of(document, part.at, {})
    return document


def with_holders(kind: ResourceKind, document: JsonObject) -> JsonObject:
    """A document with the objects that parts are in, which a read shows whether or not there is anything in them."""
    for part in kind.parts:
        for length in range(1, len(part.at)):
            if value_at(document, part.at[:length]) is None:
                document = set_at(document, part.at[:length], {})
    return document
