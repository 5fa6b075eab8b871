"""A new value as edits of a document and of the one that lies over it: each in the file that has the value.  Pure."""

from __future__ import annotations

from collections.abc import Iterator

from tavusctl.core.address import Address
from tavusctl.core.diagnostics import Edit
from tavusctl.core.model import ABSENT
from tavusctl.fields import spellings
from tavusctl.kinds import KINDS
from tavusctl.lib.json_types import Json, JsonObject, KeyPath
from tavusctl.patch.pointer import join, split
from tavusctl.rewrite.edit_steps import exact


def layered(
    address: Address, base: Json, over: Json, where: KeyPath, new: Json
) -> tuple[tuple[Edit, ...], tuple[Edit, ...]]:
    """The edits of the base and of the overlay after which both together have a value at a place, or ABSENT.

    `over` is None where nothing lies over the base.  What the overlay says is changed there; what it says nothing of is
    changed in the base.
    """
    if over is None:
        return tuple(_edits(address, base, where, new)), ()
    found: tuple[list[Edit], list[Edit]] = ([], [])
    for path, value, is_over in _divided(address, base, over, where, new):
        found[is_over].extend(_edits(address, over if is_over else base, path, value))
    return tuple(found[0]), tuple(found[1])


def _divided(
    address: Address, base: Json, over: Json, where: KeyPath, new: Json
) -> Iterator[tuple[KeyPath, Json, bool]]:
    """The places of a value with what is to be there, and whether the overlay has them."""
    (low, low_depth), (high, high_depth) = (_followed(address, one, where) for one in (base, over))
    ended = _ended_at(address, over, where)
    if ended and new is not ABSENT:
        for key in reversed(where[len(ended) :]):
            new = {key: new}
        yield ended, _over(address, _followed(address, base, ended)[0], ended, new), True
    elif isinstance(low, dict) and isinstance(high, dict) and isinstance(new, dict):
        low, high, new = (_named(address, where, one) for one in (low, high, new))
        for key in dict.fromkeys((*low, *high, *new)):
            is_merged = isinstance(low.get(key), dict) and isinstance(high.get(key), dict)
            if is_merged or not _alike(new.get(key, ABSENT), high.get(key, low.get(key, ABSENT))):
                yield from _divided(address, base, over, (*where, key), new.get(key, ABSENT))
    elif high is ABSENT and high_depth <= low_depth:
        yield where, new, False
    elif new is ABSENT and low is not ABSENT:
        yield where, None, True  # without the overlay's word, the value of the base would come back
    else:
        yield where, _over(address, low, where, new), True


def _ended_at(address: Address, over: Json, where: KeyPath) -> KeyPath:
    """The place on the way to another at which the overlay says `null`: nothing of the base is below it."""
    for depth, key in enumerate(_written(address, over, where)):
        if over is None and depth:
            return where[:depth]
        over = over.get(key, ABSENT) if isinstance(over, dict) else ABSENT
    return ()


def _over(address: Address, low: Json, where: KeyPath, new: Json) -> Json:
    """What the overlay says to make a value of what the base has: it takes away the members that are not in it."""
    if not (isinstance(low, dict) and isinstance(new, dict)):
        return new
    low = _named(address, where, low)
    said = {key: _over(address, low.get(key), (*where, key), value) for key, value in new.items()}
    return said | dict.fromkeys(key for key, value in low.items() if key not in new and value is not None)


def _named(address: Address, where: KeyPath, found: JsonObject) -> JsonObject:
    """The members of a mapping under the names of the kind."""
    names = KINDS[address.kind].other_names(where[1:]) if where[:1] == ("spec",) else {}
    return {names.get(key, key): value for key, value in found.items()}


def _alike(one: Json, other: Json) -> bool:
    return one is other or (ABSENT not in (one, other) and exact(one) == exact(other))


def _followed(address: Address, document: Json, where: KeyPath) -> tuple[Json, int]:
    """The value at a place, or ABSENT, and how far the way there goes; `null` on the way is its end."""
    for depth, key in enumerate(_written(address, document, where)):
        if document is None and depth:
            return ABSENT, len(where)
        if not isinstance(document, dict) or key not in document:
            return ABSENT, depth
        document = document[key]
    return document, len(where)


def _edits(address: Address, document: Json, where: KeyPath, new: Json) -> Iterator[Edit]:
    """The edit that writes a value; one that goes takes the mappings with it that would be empty."""
    where = _written(address, document, where)
    if new is not ABSENT:
        yield Edit(address, join(where), "set", new)
        return
    while len(where) > len(("spec", "key")) and _is_alone(document, where):
        where = where[:-1]
    if _at(document, where) is not ABSENT:
        yield Edit(address, join(where), "remove")


def _written(address: Address, document: Json, where: KeyPath) -> KeyPath:
    """A place as a document has it, which may call fields otherwise."""
    above, *path = where or ("",)
    kind = KINDS[address.kind]
    if above != "spec" or not isinstance(document, dict) or path[:1] == ["extra"]:
        return where
    named = split(spellings.pointer(kind, join(path)))
    return (above, *spellings.written_path(kind, document.get(above), named))


def _is_alone(document: Json, where: KeyPath) -> bool:
    """Whether nothing else is in the mapping that holds a value."""
    around = _at(document, where[:-1])
    return isinstance(around, dict | list) and len(around) == 1


def _at(document: Json, where: KeyPath) -> Json:
    for key in where:
        if isinstance(document, list) and key.isdecimal() and int(key) < len(document):
            document = document[int(key)]
        elif isinstance(document, dict) and key in document:
            document = document[key]
        else:
            return ABSENT
    return document
