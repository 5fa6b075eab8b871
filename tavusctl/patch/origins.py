"""For the operations of a patch, the original places of the values that their pointers lead through."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import cast

from tavusctl.lib.json_types import Json, JsonObject, KeyPath
from tavusctl.patch.applier import apply
from tavusctl.patch.pointer import PatchError, join, resolve, split


def origins(document: Json, operations: Sequence[Mapping[str, Json]]) -> list[tuple[KeyPath | None, ...]]:
    """For each operation, the original paths of the values that its pointer leads through, from the root to the target.

    Each pointer refers to the document after the earlier operations.  None stands for a value that the original
    document did not have there: the patch has added it, or there is no such value.
    """
    tree: Json = _node(document, ())
    paths = []
    for operation in operations:
        path = split(operation["path"])
        paths.append(tuple(_original_path(tree, path[:length]) for length in range(len(path) + 1)))
        value = {"value": _node(operation["value"], None)} if "value" in operation else {}
        tree = apply(tree, [{**operation, "path": _pointer(path), **value}])
    return paths


def _node(value: Json, path: KeyPath | None) -> JsonObject:
    """A value with its original path, None if the patch adds it, and with such nodes in place of what it contains."""

    def part(key: str, inner: Json) -> JsonObject:
        return _node(inner, None if path is None else (*path, key))

    parts: Json = {}
    if isinstance(value, dict):
        parts = {key: part(key, inner) for key, inner in value.items()}
    elif isinstance(value, list):
        parts = [part(str(index), inner) for index, inner in enumerate(value)]
    return {"path": path, "parts": parts}


def _pointer(path: KeyPath) -> str:
    """The pointer to the node of the value at a path."""
    return join(key for segment in path for key in ("parts", segment))


def _original_path(tree: Json, path: KeyPath) -> KeyPath | None:
    try:
        return cast("KeyPath | None", resolve(tree, f"{_pointer(path)}/path"))
    except PatchError:
        return None
