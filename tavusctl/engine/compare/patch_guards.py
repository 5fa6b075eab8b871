"""`test` operations ahead of a patch, which make it fail if somebody edited the object (RFC 6902, section 4.6).

All tests come before all operations: a server that carries out operations ahead of a failed test would leave a part of
the patch behind.  The tests cover what each operation relies on, at its place in the document as it was read: the value
that it replaces or removes; inside a list, the name of the item at an index; for an insertion, the item that gives way.
A value that must not be shown (a secret, a mask) is never tested, and neither is what an earlier operation wrote.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from tavusctl import patch
from tavusctl.core.json_tree import leaves, path_to_list, pattern_in, value_at
from tavusctl.core.resource_kind import ResourceKind
from tavusctl.lib.json_types import Json, JsonObject, KeyPath, as_text
from tavusctl.patch import Pinned
from tavusctl.patch.origins import origins
from tavusctl.secrets.values import Secret


def tests(kind: ResourceKind, body: JsonObject, operations: Sequence[JsonObject]) -> tuple[JsonObject, ...]:
    """The tests to send ahead of the operations; `body` is the document as it was read."""
    found: dict[str, JsonObject] = {}
    for operation, places in zip(operations, origins(body, operations), strict=True):
        for test in [*_names(kind, body, places), *_value(kind, body, places[-1], as_text(operation["op"]))]:
            found.setdefault(as_text(test["path"]), test)
    return tuple(found.values())


def _names(kind: ResourceKind, body: JsonObject, places: Sequence[KeyPath | None]) -> list[JsonObject]:
    """Tests that the list indices in `places` still lead to the same items; an item is known by its name or value."""
    tests = []
    for depth, place in enumerate(places):
        if not place or not isinstance(value_at(body, place[:-1]), list):
            continue
        keyed_by = kind.field_at(pattern_in(body, place[:-1])).keyed_by
        name_path = (*place, *keyed_by.split(".")) if keyed_by else ()
        name = value_at(body, name_path) if name_path else None
        if isinstance(name, str):
            tests.append(_test(name_path, name))
        elif depth == len(places) - 1 and not isinstance(value_at(body, place), dict | list):
            tests.append(_test(place, value_at(body, place)))
    return tests


def _value(kind: ResourceKind, body: JsonObject, place: KeyPath | None, operation: str) -> list[JsonObject]:
    """The test of the value that an operation replaces or removes; none for an insertion or a hidden value."""
    if operation == "add" or not place:
        return []
    return [*_value_tests(kind, place, pattern_in(body, place), value_at(body, place))]


def _value_tests(kind: ResourceKind, place: KeyPath, pattern: KeyPath, value: Json) -> Iterator[JsonObject]:
    """The test of a value; of a value of which the server has more than `body`, the tests of its members."""
    if kind.is_read_in_part(pattern) and isinstance(value, dict | list):
        members = value if isinstance(value, dict) else {str(index): item for index, item in enumerate(value)}
        for key, member in members.items():
            inner = (*pattern, key if isinstance(value, dict) else "*")
            yield from _value_tests(kind, (*place, key), inner, member)
    elif not kind.field_at(pattern).masked and not any(_is_hidden(kind, pattern, *found) for found in leaves(value)):
        yield _test(place, value)


def _is_hidden(kind: ResourceKind, pattern: KeyPath, path: KeyPath, leaf: Json) -> bool:
    """Whether a leaf at a path below `pattern` is a secret, or what a read shows in place of one."""
    return isinstance(leaf, Secret | Pinned) or (leaf is not None and kind.field_at((*pattern, *path)).masked)


def cover(kind: ResourceKind, body: JsonObject, operations: Sequence[JsonObject]) -> bool:
    """Whether the tests notice every edit of what the operations write.

    No test notices a member that somebody adds where an operation adds it too, or another value in place of a hidden
    one; a new member or item of a value is noticed only if the value is tested as a whole.
    """
    return not any(_is_uncovered(kind, body, patch.split(one["path"]), as_text(one["op"])) for one in operations)


def _is_uncovered(kind: ResourceKind, body: JsonObject, path: KeyPath, operation: str) -> bool:
    value = value_at(body, path)
    if operation == "add" or not path:
        return not (path and isinstance(value_at(body, path[:-1]), list))
    read_in_part = isinstance(value, dict | list) and kind.is_read_in_part(pattern_in(body, path))
    return read_in_part or any(isinstance(leaf, Secret | Pinned) for _, leaf in leaves(value))


def _test(path: KeyPath, value: Json) -> JsonObject:
    return {"op": "test", "path": patch.join(path), "value": value}


def changed_pointers(
    before: Mapping[str, Json], now: Mapping[str, Json], operations: Sequence[JsonObject]
) -> list[str]:
    """Pointers that a patch writes and whose values have changed from `before` to `now`."""
    written = places(before, operations)
    return [patch.join(path) for path in written if not patch.same(value_at(before, path), value_at(now, path))]


def places(body: Mapping[str, Json], operations: Sequence[JsonObject]) -> list[KeyPath]:
    """The paths that a patch writes; a list in which it changes items counts as one path."""
    # Up to a list: an index means nothing once the list has changed.
    return sorted({path_to_list(body, patch.split(operation["path"])) for operation in operations})


def touches(pointer: str, places: Iterable[str]) -> bool:
    """Whether a pointer is equal to, inside or above one of `places`."""
    return any(f"{pointer}/".startswith(f"{place}/") or f"{place}/".startswith(f"{pointer}/") for place in places)
