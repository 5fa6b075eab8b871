"""Steps from one JSON value to another, as small as a person would make them, and edits as such steps.

Mappings are changed key by key, lists item by item: equal items stay, then items of the same name are paired, then
items at the same position.  Steps must be made in their order: a pointer is valid once the steps before it are made.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher
from typing import Final, Literal

from msgspec import Struct

from tavusctl import patch
from tavusctl.core.diagnostics import Edit
from tavusctl.lib.json_types import Json, JsonObject, KeyPath, as_text
from tavusctl.patch.pointer import PatchError, child, escape, join, resolve, split

_OPERATIONS: Final = {"replace": "replace", "insert": "add", "remove": "remove", "rename": "remove"}
_NAMES = ("name", "_name", "id", "_id")  # ends of keys that tell an item from its neighbours


class Step(Struct, frozen=True):
    """One change at one place: replace a value, insert a key or an item, remove either, or rename a key."""

    op: Literal["replace", "insert", "remove", "rename"]
    pointer: str
    value: Json = None


def exact_text(value: Json) -> str:
    """A text that only equal values share: 1, 1.0 and true differ, the order of keys does not matter."""
    return json.dumps(value, sort_keys=True)


def steps_between(old: Json, new: Json, pointer: str = "") -> Iterator[Step]:
    """The steps that turn one value into another."""
    if exact_text(old) == exact_text(new):
        return
    if isinstance(old, dict) and isinstance(new, dict) and old.keys() & new.keys():
        yield from _members(old, new, pointer)
    elif isinstance(old, list) and isinstance(new, list) and old and new:
        yield from _items(old, new, pointer)
    else:
        yield Step("replace", pointer, new)


def steps_of_edit(edit: Edit, value: Json) -> list[Step]:
    """The steps of an edit of a document; PatchError says why the edit does not fit the document."""
    path = split(edit.pointer)
    values = _values_along(value, path)
    if len(values) <= len(path):
        return [_creation(edit, value, path, len(values) - 1)]
    if edit.op == "set":
        return list(steps_between(values[-1], edit.value, edit.pointer))
    if not path:
        raise PatchError("the document as a whole can be neither removed nor renamed")
    if edit.op == "rename" and (not isinstance(values[-2], dict) or edit.value in values[-2]):
        raise PatchError(f"`{edit.pointer}` cannot be renamed to `{edit.value}`")
    return [Step(edit.op, edit.pointer, edit.value)]


def apply_step(value: Json, step: Step) -> Json:
    """The value after one step; PatchError if the step does not fit it."""
    operations: list[JsonObject] = [{"op": _OPERATIONS[step.op], "path": step.pointer, "value": step.value}]
    if step.op == "rename":
        renamed = join((*split(step.pointer)[:-1], as_text(step.value)))
        operations.append({"op": "add", "path": renamed, "value": resolve(value, step.pointer)})
    return patch.apply(value, operations)


def _values_along(value: Json, path: KeyPath) -> list[Json]:
    """The values along a path, the outermost first, up to the last one that exists."""
    values = [value]
    for segment in path:
        try:
            values.append(child(values[-1], segment))
        except PatchError:
            break
    return values


def _creation(edit: Edit, value: Json, path: KeyPath, depth: int) -> Step:
    """The step that creates a missing value, with the mappings above it; PatchError if it cannot be created."""
    parent = _values_along(value, path)[-1]
    end = str(len(parent)) if isinstance(parent, list) else ""
    has_place = path[depth] in ("-", end) if end else isinstance(parent, dict | None)
    if edit.op != "set" or not has_place:
        raise PatchError(f"`{edit.pointer}` does not exist")
    if parent is None:
        return Step("replace", join(path[:depth]), _nested(path[depth:], edit.value))
    return Step("insert", join((*path[:depth], end or path[depth])), _nested(path[depth + 1 :], edit.value))


def _nested(path: KeyPath, value: Json) -> Json:
    for segment in reversed(path):
        value = [value] if segment == "-" else {segment: value}
    return value


def _members(old: dict[str, Json], new: dict[str, Json], pointer: str) -> Iterator[Step]:
    yield from (Step("remove", f"{pointer}/{escape(key)}") for key in old if key not in new)
    for key, value in new.items():
        below = f"{pointer}/{escape(key)}"
        if key in old:
            yield from steps_between(old[key], value, below)
        else:
            yield Step("insert", below, value)


def _items(old: list[Json], new: list[Json], pointer: str) -> Iterator[Step]:
    """Steps from the last item to the first, so that the indexes of the items still to be changed stay valid."""
    texts = [exact_text(item) for item in old], [exact_text(item) for item in new]
    for operation, i1, i2, j1, j2 in reversed(SequenceMatcher(None, *texts, autojunk=False).get_opcodes()):
        if operation == "replace":
            yield from _gap(old[i1:i2], new[j1:j2], i1, pointer)
        elif operation != "equal":
            yield from _remove_and_insert(i1, i2, new[j1:j2], pointer)


def _gap(old: list[Json], new: list[Json], first: int, pointer: str) -> Iterator[Step]:
    """Steps for items without equals: items of the same name are paired, the others by position."""
    labels = [_label(item) for item in old], [_label(item) for item in new]
    matcher = SequenceMatcher(None, *labels, autojunk=False)
    for _, i1, i2, j1, j2 in reversed(matcher.get_opcodes()):
        pair_count = min(i2 - i1, j2 - j1)
        yield from _remove_and_insert(first + i1 + pair_count, first + i2, new[j1 + pair_count : j2], pointer)
        for offset in reversed(range(pair_count)):
            yield from steps_between(old[i1 + offset], new[j1 + offset], f"{pointer}/{first + i1 + offset}")


def _remove_and_insert(start: int, end: int, new: Sequence[Json], pointer: str) -> Iterator[Step]:
    for index in reversed(range(start, end)):
        yield Step("remove", f"{pointer}/{index}")
    for offset, value in enumerate(new):
        yield Step("insert", f"{pointer}/{start + offset}", value)


def _label(item: Json) -> str:
    """A text that identifies an item of a list: the first name or id in it, else the whole item."""
    return next(_names(item), exact_text(item))


def _names(item: Json) -> Iterator[str]:
    if isinstance(item, dict):
        for key, value in item.items():
            if isinstance(value, str) and key.endswith(_NAMES):
                yield exact_text([key, value])
        for value in item.values():
            yield from _names(value)
