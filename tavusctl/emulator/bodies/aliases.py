"""The older and the newer name of a field: persona and PAL, replica and face.  Stored documents have the older."""

from __future__ import annotations

from collections.abc import Mapping

from tavusctl.emulator.http.messages import Object, Request, refuse

Table = Mapping[str, str]
PERSONA: Table = {
    "persona_id": "pal_id",
    "persona_name": "pal_name",
    "persona_description": "pal_description",
    "default_replica_id": "default_face_id",
}
REPLICA: Table = {"replica_id": "face_id", "replica_name": "face_name", "replica_type": "face_type"}
CONVERSATION: Table = {"persona_id": "pal_id", "replica_id": "face_id"}
INTERRUPTIBILITY = ("replica_interruptibility", "pal_interruptibility", "face_interruptibility")
# Fields that a body must not have under both names.
EXCLUSIVE = frozenset({"replica_id", "replica_name", "default_replica_id"})


def uses_newer_names(request: Request) -> bool:
    """Whether the path of a request is below `pals` or `faces`, the newer names."""
    segments = request.segments()
    return len(segments) > 1 and segments[1] in ("pals", "faces")


def to_newer_names(document: Object, table: Table) -> Object:
    """A document with its fields under their newer names."""
    return {table.get(name, name): value for name, value in document.items()}


def to_older_names(body: Object, table: Table, *, new: bool) -> Object:
    """A body with its fields under their older names.

    If it has both names of a field, the value under the newer name counts if `new`, else that under the older name; for
    the fields in EXCLUSIVE it is refused.
    """
    result = dict(body)
    for old_name, new_name in table.items():
        if new_name not in result:
            continue
        value = result.pop(new_name)
        if old_name in result and old_name in EXCLUSIVE:
            raise refuse(f"Bad Request. Please provide only one of {old_name} and {new_name}.")
        if new or old_name not in result:
            result[old_name] = value
    return result


def patched_to_older_names(before: Object, after: Object, table: Table) -> Object:
    """A patched document with its fields under their older names.

    `before` is the document as the read shows it.  If `after` has both names of a field, the value under the name that
    `before` lacks counts, because the patch has written it.
    """
    result = dict(after)
    for old_name, new_name in table.items():
        shown_name, other_name = (old_name, new_name) if old_name in before else (new_name, old_name)
        value = result.pop(other_name, result.get(shown_name, result))
        result.pop(shown_name, None)
        if value is not result:
            result[old_name] = value
    return result


def with_stored_interruptibility(layer: Object, shown_name: str) -> Object:
    """The conversational_flow layer with the interruptibility under its oldest name only.

    `shown_name` is the name that a read shows; a value under another name takes precedence.
    """
    values = {name: layer[name] for name in INTERRUPTIBILITY if name in layer}
    if not values:
        return layer
    unshown_values = [value for name, value in values.items() if name != shown_name]
    rest = {name: value for name, value in layer.items() if name not in INTERRUPTIBILITY}
    return rest | {INTERRUPTIBILITY[0]: unshown_values[0] if unshown_values else values[shown_name]}
