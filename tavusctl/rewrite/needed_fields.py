"""The fields that a manifest must also have, or lose, if it is to have certain values of the account.  Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from tavusctl.core.json_tree import is_empty, map_leaves, set_at, value_at, with_value_of
from tavusctl.core.model import ABSENT, Cause, Desired, FieldChange, Live
from tavusctl.core.resource_kind import ResourceKind
from tavusctl.core.schema.spec_model import FieldError, field_errors
from tavusctl.lib.json_types import PLAIN, Json, JsonObject, KeyPath
from tavusctl.patch import Pinned, join, split
from tavusctl.secrets.values import MASK


def needed_fields(desired: Desired, live: Live, adopted: Sequence[FieldChange]) -> Iterator[FieldChange]:
    """The fields, with their live values, that make a manifest with the adopted values a valid one.

    The value of a key that is needed and that no read shows is a mask.
    """
    kind, spec, known = desired.kind, desired.spec, {split(entry.path) for entry in adopted}
    body = _with(live.body, {path: ABSENT for path in _masked(kind, live.body) if is_empty(value_at(live.body, path))})
    for place in known:
        spec = with_value_of(spec, place, body)
    while found := _needed(kind, spec, body, known):
        known |= found.keys()
        spec = _with(spec, found)
        for place, value in found.items():
            yield FieldChange(join(place), Cause.DRIFTED, ABSENT, value, value_at(desired.spec, place, ABSENT))


def _needed(kind: ResourceKind, spec: JsonObject, live: JsonObject, known: set[KeyPath]) -> dict[KeyPath, Json]:
    """The fewest values with which a spec has fewer errors, by path; empty if there are none."""
    errors = _errors(kind, spec)
    found = {
        place: value for error in errors for place, value in _candidates(kind, spec, live, error) if place not in known
    }
    for place in sorted(found, key=lambda place: (not isinstance(found[place], Pinned), place)):
        rest = {other: value for other, value in found.items() if other != place}
        if len(_errors(kind, _with(spec, rest))) <= len(_errors(kind, _with(spec, found))):
            found = rest
    return found if len(_errors(kind, _with(spec, found))) < len(errors) else {}


def _candidates(
    kind: ResourceKind, spec: JsonObject, live: JsonObject, error: FieldError
) -> Iterator[tuple[KeyPath, Json]]:
    """What may settle an error: the live value at its path, others near it that the spec lacks, and unshown keys."""
    lacks_member = bool(error.missing or error.choice)
    holder = error.path if lacks_member else error.path[:-1]
    if error.path and not lacks_member and value_at(live, error.path) != value_at(spec, error.path):
        yield error.path, value_at(live, error.path)
    shown = value_at(live, holder)
    for key, value in shown.items() if isinstance(shown, dict) else ():
        if not is_empty(value) and is_empty(value_at(spec, (*holder, key))):
            yield (*holder, key), value
    for path in _masked(kind, spec):
        if path[:-1] == holder and all(is_empty(value_at(document, path)) for document in (live, spec)):
            yield path, Pinned(MASK)


def _masked(kind: ResourceKind, document: JsonObject) -> Iterator[KeyPath]:
    """Paths of keys that reads do not show, in the objects that a document has."""
    for path in (split(pointer) for pointer, declared in kind.fields.items() if declared.masked):
        if isinstance(value_at(document, path[:-1]), dict):
            yield path


def _with(document: JsonObject, values: dict[KeyPath, Json]) -> JsonObject:
    for place, value in values.items():
        document = set_at(document, place, value)
    return document


def _errors(kind: ResourceKind, spec: JsonObject) -> list[FieldError]:
    return field_errors(kind.model, map_leaves(spec, lambda leaf: leaf if type(leaf) in PLAIN else "word"))
