"""Where in the document as it was the places are that the operations of a patch mean, one after the other."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from msgspec import Struct

from tavusctl.lib.json_types import Json, KeyPath
from tavusctl.patch.pointer import split


class _Node(Struct):
    """A value while a patch is applied: where it was before, None when the patch has put it there, and its parts."""

    was: KeyPath | None
    parts: dict[str, _Node] | list[_Node]


def origins(document: Json, operations: Sequence[Mapping[str, Json]]) -> list[tuple[KeyPath | None, ...]]:
    """For each operation, where the values on the way to its target were, the root first and the target last.

    None stands for a value that was not there: one that the patch has put there, or none at all.
    """
    top = _Node((), {"": _node(document, ())})
    found = []
    for operation in operations:
        found.append(tuple(_way(top, split(operation["path"]))))
        _carry_out(top, operation)
    return found


def _node(value: Json, was: KeyPath | None) -> _Node:
    def part(key: str, inner: Json) -> _Node:
        return _node(inner, None if was is None else (*was, key))

    if isinstance(value, dict):
        return _Node(was, {key: part(key, inner) for key, inner in value.items()})
    if isinstance(value, list):
        return _Node(was, [part(str(index), inner) for index, inner in enumerate(value)])
    return _Node(was, {})


def _way(top: _Node, path: KeyPath) -> Iterator[KeyPath | None]:
    node: _Node | None = top
    for segment in ("", *path):
        node = _part(node, segment) if node else None
        yield node.was if node else None


def _part(node: _Node, segment: str) -> _Node | None:
    if isinstance(node.parts, dict):
        return node.parts.get(segment)
    return node.parts[int(segment)] if segment.isdigit() and int(segment) < len(node.parts) else None


def _carry_out(top: _Node, operation: Mapping[str, Json]) -> None:
    path = split(operation["path"])
    match operation["op"]:
        case "add":
            _put(top, path, _node(operation["value"], None))
        case "replace":
            _take(top, path)
            _put(top, path, _node(operation["value"], None))
        case "remove":
            _take(top, path)


def _parent(top: _Node, path: KeyPath) -> tuple[_Node, str]:
    way = ("", *path)
    node = top
    for segment in way[:-1]:
        inner = _part(node, segment)
        if inner is None:
            message = f"{segment!r} holds nothing"
            raise ValueError(message)
        node = inner
    return node, way[-1]


def _put(top: _Node, path: KeyPath, value: _Node) -> None:
    parent, segment = _parent(top, path)
    if isinstance(parent.parts, dict):
        parent.parts[segment] = value
    else:
        parent.parts.insert(len(parent.parts) if segment == "-" else int(segment), value)


def _take(top: _Node, path: KeyPath) -> None:
    parent, segment = _parent(top, path)
    if isinstance(parent.parts, dict):
        del parent.parts[segment]
    else:
        del parent.parts[int(segment)]
