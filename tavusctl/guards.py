"""`test` operations before a patch, so that it fails where somebody edited in the meantime (RFC 6902, section 4.6).

All tests come before all operations: a server that carries out what precedes a failed test would leave a part of the
patch behind.  They say what each operation relies on, at the places where that is in the document as it was read: the
value it replaces or removes; for what lies inside a list, the name of the item that an index stands for; for an
insertion, the item that gives way.  A value that may not be shown (a secret, a mask) is never tested, and neither is
what an earlier operation of the patch has put there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tavusctl import patch
from tavusctl.document import leaves
from tavusctl.kind import Document, Path, ResourceKind, Value
from tavusctl.patch import Pinned
from tavusctl.patch.origins import origins
from tavusctl.secret import Secret


def protect(kind: ResourceKind, body: Document, operations: Sequence[Document]) -> list[Document]:
    """The operations after their tests; `body` is the document as it was read."""
    tests: dict[str, Document] = {}
    for operation, places in zip(operations, origins(body, operations), strict=True):
        for test in [*_names(kind, body, places), *_value(body, places[-1], operation["op"])]:
            tests.setdefault(test["path"], test)
    return [*tests.values(), *operations]


def _names(kind: ResourceKind, body: Document, places: Sequence[Path | None]) -> list[Document]:
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


def _value(body: Document, place: Path | None, operation: str) -> list[Document]:
    """The test of the value that is about to go."""
    if operation == "add" or not place:
        return []
    old = _at(body, place)
    hidden = any(isinstance(leaf, Secret | Pinned) for _, leaf in leaves(old))
    return [] if hidden else [_test(place, old)]


def _test(path: Path, value: Value) -> Document:
    return {"op": "test", "path": patch.join(path), "value": value}


def _at(body: Value, path: Path) -> Value:
    for segment in path:
        if isinstance(body, dict):
            body = body.get(segment)
        elif isinstance(body, list) and segment.isdigit() and int(segment) < len(body):
            body = body[int(segment)]
        else:
            return None
    return body


def _pattern(body: Document, path: Path) -> Path:
    """A path as kinds declare it: `*` for list indices."""
    return tuple("*" if isinstance(_at(body, path[:depth]), list) else path[depth] for depth in range(len(path)))


def tests_of(operations: Sequence[Document]) -> tuple[Document, ...]:
    """The tests alone."""
    return tuple(operation for operation in operations if operation["op"] == "test")


def moved(before: Mapping[str, Value], now: Mapping[str, Value], operations: Sequence[Document]) -> list[str]:
    """Paths that a patch writes and whose values are no longer what they were."""
    paths = places(before, operations)
    return [patch.join(path) for path in paths if value_at(before, path) != value_at(now, path)]


def places(body: Mapping[str, Value], operations: Sequence[Document]) -> list[Path]:
    """The places that a patch writes; a list that it reaches into is one place."""
    return sorted({_whole_list(body, patch.split(operation["path"])) for operation in operations})


def value_at(body: Mapping[str, Value], path: Path) -> Value:
    """The value at a path, None where there is none."""
    return _at(dict(body), path)


def _whole_list(body: Mapping[str, Value], path: Path) -> Path:
    """A path up to the first list on it: inside a list that has moved, an index says nothing."""
    for depth in range(1, len(path)):
        if isinstance(_at(dict(body), path[:depth]), list):
            return path[:depth]
    return path
