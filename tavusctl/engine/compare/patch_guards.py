"""`test` operations before a patch, so that it fails where somebody edited in the meantime (RFC 6902, section 4.6).

All tests come before all operations: a server that carries out what precedes a failed test would leave a part of the
patch behind.  They say what each operation relies on, at the places where that is in the document as it was read: the
value it replaces or removes; for what lies inside a list, the name of the item that an index stands for; for an
insertion, the item that gives way.  A value that may not be shown (a secret, a mask) is never tested, and neither is
what an earlier operation of the patch has put there.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from tavusctl import patch
from tavusctl.core.json_tree import leaves
from tavusctl.core.resource_kind import ResourceKind
from tavusctl.lib.json_types import Json, JsonObject, KeyPath, as_text
from tavusctl.patch import Pinned
from tavusctl.patch.origins import origins
from tavusctl.secrets.values import Secret


def protect(kind: ResourceKind, body: JsonObject, operations: Sequence[JsonObject]) -> list[JsonObject]:
    """The operations after their tests; `body` is the document as it was read."""
    tests: dict[str, JsonObject] = {}
    for operation, places in zip(operations, origins(body, operations), strict=True):
        for test in [*_names(kind, body, places), *_value(body, places[-1], as_text(operation["op"]))]:
            tests.setdefault(as_text(test["path"]), test)
    return [*tests.values(), *operations]


def _names(kind: ResourceKind, body: JsonObject, places: Sequence[KeyPath | None]) -> list[JsonObject]:
    """Tests that list indices on the way still stand for the items they stood for."""
    tests = []
    for depth, item in enumerate(places):
        if not item or not isinstance(_at(body, item[:-1]), list):
            continue
        keyed_by = kind.field_at(_pattern(body, item[:-1])).keyed_by
        named = (*item, *keyed_by.split(".")) if keyed_by else ()
        name = _at(body, named) if named else None
        if isinstance(name, str):
            tests.append(_test(named, name))
        elif depth == len(places) - 1 and not isinstance(_at(body, item), dict | list):
            tests.append(_test(item, _at(body, item)))
    return tests


def _value(body: JsonObject, place: KeyPath | None, operation: str) -> list[JsonObject]:
    """The test of the value that is about to go."""
    if operation == "add" or not place:
        return []
    old = _at(body, place)
    hidden = any(isinstance(leaf, Secret | Pinned) for _, leaf in leaves(old))
    return [] if hidden else [_test(place, old)]


def _test(path: KeyPath, value: Json) -> JsonObject:
    return {"op": "test", "path": patch.join(path), "value": value}


def _at(body: Json, path: KeyPath) -> Json:
    for segment in path:
        if isinstance(body, dict):
            body = body.get(segment)
        elif isinstance(body, list) and segment.isdigit() and int(segment) < len(body):
            body = body[int(segment)]
        else:
            return None
    return body


def _pattern(body: JsonObject, path: KeyPath) -> KeyPath:
    """A path as kinds declare it: `*` for list indices."""
    return tuple("*" if isinstance(_at(body, path[:depth]), list) else path[depth] for depth in range(len(path)))


def tests_of(operations: Sequence[JsonObject]) -> tuple[JsonObject, ...]:
    """The tests alone."""
    return tuple(operation for operation in operations if operation["op"] == "test")


def moved(before: Mapping[str, Json], now: Mapping[str, Json], operations: Sequence[JsonObject]) -> list[str]:
    """Paths that a patch writes and whose values are no longer what they were."""
    paths = places(before, operations)
    return [patch.join(path) for path in paths if value_at(before, path) != value_at(now, path)]


def places(body: Mapping[str, Json], operations: Sequence[JsonObject]) -> list[KeyPath]:
    """The places that a patch writes; a list that it reaches into is one place."""
    return sorted({_whole_list(body, patch.split(operation["path"])) for operation in operations})


def touches(pointer: str, places: Iterable[str]) -> bool:
    """Whether a pointer leads into one of some places, or to what they are in."""
    return any(f"{pointer}/".startswith(f"{one}/") or f"{one}/".startswith(f"{pointer}/") for one in places)


def value_at(body: Mapping[str, Json], path: KeyPath) -> Json:
    """The value at a path, or None."""
    return _at(dict(body), path)


def _whole_list(body: Mapping[str, Json], path: KeyPath) -> KeyPath:
    """A path up to the first list on it: inside a list that has moved, an index says nothing."""
    for depth in range(1, len(path)):
        if isinstance(_at(dict(body), path[:depth]), list):
            return path[:depth]
    return path
