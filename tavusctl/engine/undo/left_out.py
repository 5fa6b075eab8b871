"""Objects that an undo fills again, and that the API leaves out of reads while they are empty."""

from __future__ import annotations

from collections.abc import Iterable

from tavusctl import patch
from tavusctl.core.json_tree import set_at, value_at
from tavusctl.core.model import ABSENT
from tavusctl.lib.json_types import JsonObject, KeyPath


def with_objects_added(body: JsonObject, operations: Iterable[JsonObject]) -> tuple[JsonObject, ...]:
    """A patch in which what writes an object that is missing from the body, or into one, adds that object."""
    rest: list[JsonObject] = []
    added: dict[KeyPath, JsonObject] = {}
    for operation in operations:
        path = patch.split(operation["path"])
        missing = next((size for size in range(1, len(path)) if value_at(body, path[:size]) is None), 0)
        if missing and operation["op"] == "add":
            added[path[:missing]] = set_at(added.get(path[:missing], {}), path[missing:], operation["value"])
        elif operation["op"] == "replace" and value_at(body, path, ABSENT) is ABSENT:
            rest.append({**operation, "op": "add"})
        else:
            rest.append(operation)
    rest += [{"op": "add", "path": patch.join(path), "value": value} for path, value in added.items()]
    return tuple(rest)
