"""A new value as edits of a base document and of its overlay: each edit in the file that has the value.  Pure."""

from __future__ import annotations

from collections.abc import Iterator

from tavusctl.core.address import Address
from tavusctl.core.diagnostics import Edit
from tavusctl.core.json_tree import value_at
from tavusctl.core.model import ABSENT
from tavusctl.core.schema.model_fields import required_at
from tavusctl.fields import spellings
from tavusctl.kinds import KINDS
from tavusctl.lib.json_types import Json, JsonObject, KeyPath
from tavusctl.patch.pointer import join, split
from tavusctl.rewrite.edit_steps import exact_text


def edits_by_layer(
    address: Address, base: Json, over: Json, where: KeyPath, new: Json
) -> tuple[tuple[Edit, ...], tuple[Edit, ...]]:
    """The edits of the base and of the overlay after which the merged document has a value at a path, or ABSENT.

    `over` is None if there is no overlay.  A value that the overlay has is changed there; any other is changed in the
    base.
    """
    if over is None:
        return tuple(_edits(address, base, where, new)), ()
    edits: tuple[list[Edit], list[Edit]] = ([], [])
    for path, value, is_over in _split_by_layer(address, base, over, where, new):
        edits[is_over].extend(_edits(address, over if is_over else base, path, value))
    return tuple(edits[0]), tuple(edits[1])


def _split_by_layer(
    address: Address, base: Json, over: Json, path: KeyPath, new: Json
) -> Iterator[tuple[KeyPath, Json, bool]]:
    """The parts of a new value: each with its path, and whether the overlay has it."""
    (base_value, base_depth), (over_value, over_depth) = (_lookup(address, document, path) for document in (base, over))
    null_path = _null_above(address, over, path)
    if null_path and new is not ABSENT:
        for key in reversed(path[len(null_path) :]):
            new = {key: new}
        yield null_path, _overlay_value(address, _lookup(address, base, null_path)[0], null_path, new), True
    elif isinstance(base_value, dict) and isinstance(over_value, dict) and isinstance(new, dict):
        base_value, over_value, new = (
            _with_model_names(address, path, mapping) for mapping in (base_value, over_value, new)
        )
        for key in dict.fromkeys((*base_value, *over_value, *new)):
            is_merged = isinstance(base_value.get(key), dict) and isinstance(over_value.get(key), dict)
            if is_merged or not _alike(new.get(key, ABSENT), over_value.get(key, base_value.get(key, ABSENT))):
                yield from _split_by_layer(address, base, over, (*path, key), new.get(key, ABSENT))
    elif over_value is ABSENT and over_depth <= base_depth:
        yield path, new, False
    elif new is ABSENT and base_value is not ABSENT:
        yield path, None, True  # without a `null` in the overlay, the value of the base would come back
    else:
        yield path, _overlay_value(address, base_value, path, new), True


def _null_above(address: Address, over: Json, path: KeyPath) -> KeyPath:
    """The path above another at which the overlay has `null`, which hides all of the base below; () for none."""
    for depth, key in enumerate(_written_path(address, over, path)):
        if over is None and depth:
            return path[:depth]
        over = over.get(key, ABSENT) if isinstance(over, dict) else ABSENT
    return ()


def _overlay_value(address: Address, base_value: Json, path: KeyPath, new: Json) -> Json:
    """The value of the overlay that turns the value of the base into `new`: `null` for each member to remove."""
    if not (isinstance(base_value, dict) and isinstance(new, dict)):
        return new
    base_value = _with_model_names(address, path, base_value)
    members = {key: _overlay_value(address, base_value.get(key), (*path, key), value) for key, value in new.items()}
    return members | dict.fromkeys(key for key, value in base_value.items() if key not in new and value is not None)


def _with_model_names(address: Address, path: KeyPath, mapping: JsonObject) -> JsonObject:
    """A mapping of a document, its keys renamed to those of the kind's model."""
    names = KINDS[address.kind].other_names(path[1:]) if path[:1] == ("spec",) else {}
    return {names.get(key, key): value for key, value in mapping.items()}


def _alike(one: Json, other: Json) -> bool:
    return one is other or (ABSENT not in (one, other) and exact_text(one) == exact_text(other))


def _lookup(address: Address, document: Json, path: KeyPath) -> tuple[Json, int]:
    """The value at a path, or ABSENT, and how many keys of the path exist.

    Below a `null` the value is ABSENT, and every key counts as existing.
    """
    for depth, key in enumerate(_written_path(address, document, path)):
        if document is None and depth:
            return ABSENT, len(path)
        if not isinstance(document, dict) or key not in document:
            return ABSENT, depth
        document = document[key]
    return document, len(path)


def _edits(address: Address, document: Json, path: KeyPath, new: Json) -> Iterator[Edit]:
    """The edit that sets a value, or that removes it with the mappings that would be empty without it."""
    path = _written_path(address, document, path)
    if new is not ABSENT:
        yield Edit(address, join(path), "set", new)
        return
    while len(path) > len(("spec", "key")) and _is_alone(address, document, path):
        path = path[:-1]
    if value_at(document, path, ABSENT) is not ABSENT:
        yield Edit(address, join(path), "remove")


def _written_path(address: Address, document: Json, path: KeyPath) -> KeyPath:
    """A path in the names that a document uses, which may be other names of the same fields."""
    section, *keys = path or ("",)
    kind = KINDS[address.kind]
    if section != "spec" or not isinstance(document, dict) or keys[:1] == ["extra"]:
        return path
    model_path = split(spellings.model_pointer(kind, join(keys)))
    return (section, *spellings.written_path(kind, document.get(section), model_path))


def _is_alone(address: Address, document: Json, path: KeyPath) -> bool:
    """Whether the mapping or the list that holds a value has nothing else in it.

    A `null` counts as nothing in a mapping that would lack a key which it must have.
    """
    collection = value_at(document, path[:-1])
    if isinstance(collection, dict) and all(value is None for key, value in collection.items() if key != path[-1]):
        return len(collection) == 1 or bool(required_at(KINDS[address.kind].model, path[1:-1]))
    return isinstance(collection, list) and len(collection) == 1
