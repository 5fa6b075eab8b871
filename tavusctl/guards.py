"""`test` operations around a patch, so that it fails where somebody edited in the meantime (RFC 6902, section 4.6).

Each operation is preceded by tests of what it relies on, at the indices that hold at that moment: the value it replaces
or removes; for what lies inside a list, the name of the item that an index stands for; for an insertion, the item that
gives way.  A value that may not be shown (a secret, a mask) is never tested.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tavusctl import patch
from tavusctl.document import leaves
from tavusctl.kind import Document, Path, ResourceKind, Value
from tavusctl.patch import Pinned
from tavusctl.secret import Secret


def protect(kind: ResourceKind, body: Document, operations: Sequence[Document]) -> list[Document]:
    """The operations with their tests in between; `body` is the document as it was read."""
    guarded: list[Document] = []
    tested: set[str] = set()
    for operation in operations:
        path = patch.split(operation["path"])
        for test in [*_names(kind, body, path), *_value(body, path, operation["op"])]:
            if test["path"] not in tested:
                tested.add(test["path"])
                guarded.append(test)
        guarded.append(operation)
        if _shifts(operation, body):
            tested.clear()  # indices mean other items from here on
        body = patch.apply(body, [operation])
    return guarded


def _names(kind: ResourceKind, body: Document, path: Path) -> list[Document]:
    """Tests that list indices on the way still stand for the items they stood for."""
    tests = []
    for depth in range(1, len(path)):
        parent, item = path[:depth], path[: depth + 1]
        held = _at(body, parent)
        if not isinstance(held, list) or not path[depth].isdigit() or int(path[depth]) >= len(held):
            continue
        keyed_by = kind.field_at(_pattern(body, parent)).keyed_by
        named = (*item, *keyed_by.split(".")) if keyed_by else ()
        name = _at(body, named) if named else None
        if isinstance(name, str):
            tests.append(_test(named, name))
        elif depth == len(path) - 1 and not isinstance(held[int(path[depth])], dict | list):
            tests.append(_test(item, held[int(path[depth])]))
    return tests


def _value(body: Document, path: Path, operation: str) -> list[Document]:
    """The test of the value that is about to go."""
    if operation == "add" or not path:
        return []
    old = _at(body, path)
    hidden = any(isinstance(leaf, Secret | Pinned) for _, leaf in leaves(old))
    return [] if hidden else [_test(path, old)]


def _shifts(operation: Document, body: Document) -> bool:
    held = _at(body, patch.split(operation["path"])[:-1])
    return isinstance(held, list) and operation["op"] in ("add", "remove")


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
