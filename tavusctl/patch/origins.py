"""For the operations of a patch, the original places of the values that their pointers lead through."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from msgspec import Struct

from tavusctl.lib.json_types import Json, KeyPath
from tavusctl.patch.pointer import split


class _Node(Struct):
    """A value while a patch is applied: its path in the original document, and its members or items.

    The path is None if the patch has added the value.
    """

    was: KeyPath | None
    parts: dict[str, _Node] | list[_Node]


def origins(document: Json, operations: Sequence[Mapping[str, Json]]) -> list[tuple[KeyPath | None, ...]]:
    """For each operation, the original paths of the values that its pointer leads through, from the root to the target.

    Each pointer refers to the document after the earlier operations.  None stands for a value that the original
    document did not have there: the patch has added it, or there is no such value.
    """
    top = _Node((), {"": _node(document, ())})
    paths = []
    for operation in operations:
        paths.append(tuple(_paths_along(top, split(operation["path"]))))
        _apply(top, operation)
    return paths


def _node(value: Json, path: KeyPath | None) -> _Node:
    def child(key: str, inner: Json) -> _Node:
        return _node(inner, None if path is None else (*path, key))

    if isinstance(value, dict):
        return _Node(path, {key: child(key, inner) for key, inner in value.items()})
    if isinstance(value, list):
        return _Node(path, [child(str(index), inner) for index, inner in enumerate(value)])
    return _Node(path, {})


def _paths_along(top: _Node, path: KeyPath) -> Iterator[KeyPath | None]:
    node: _Node | None = top
    for segment in ("", *path):
        node = _child(node, segment) if node else None
        yield node.was if node else None


def _child(node: _Node, segment: str) -> _Node | None:
    if isinstance(node.parts, dict):
        return node.parts.get(segment)
    return (
        node.parts[int(segment)]
        if segment.isdecimal() and segment.isascii() and int(segment) < len(node.parts)
        else None
    )


def _apply(top: _Node, operation: Mapping[str, Json]) -> None:
    path = split(operation["path"])
    match operation["op"]:
        case "add":
            _insert(top, path, _node(operation["value"], None))
        case "replace":
            _remove(top, path)
            _insert(top, path, _node(operation["value"], None))
        case "remove":
            _remove(top, path)


def _parent(top: _Node, path: KeyPath) -> tuple[_Node, str]:
    segments = ("", *path)
    node = top
    for segment in segments[:-1]:
        inner = _child(node, segment)
        if inner is None:
            raise ValueError(f"{segment!r} holds nothing")
        node = inner
    return node, segments[-1]


def _insert(top: _Node, path: KeyPath, value: _Node) -> None:
    parent, segment = _parent(top, path)
    if isinstance(parent.parts, dict):
        parent.parts[segment] = value
    else:
        parent.parts.insert(len(parent.parts) if segment == "-" else int(segment), value)


def _remove(top: _Node, path: KeyPath) -> None:
    parent, segment = _parent(top, path)
    if isinstance(parent.parts, dict):
        del parent.parts[segment]
    else:
        del parent.parts[int(segment)]
