"""Desired values: what a manifest declares, in the live spelling wherever both mean the same.  Pure.

The nearer the desired value is to the live one, the smaller the patch, and the less of other people's work it touches:
list items keep what the server filled in, and a one-element list stays under the name it has.
"""

from __future__ import annotations

from collections.abc import Iterable

from tavusctl.core.json_tree import canonical, empty_value_for, identity_of, is_empty
from tavusctl.core.model import ABSENT, Desired
from tavusctl.core.resource_kind import ResourceKind
from tavusctl.core.schema.model_fields import fields_at, known_values, required_at
from tavusctl.crawl import source_fingerprint
from tavusctl.fields.equivalence import is_unset, same, unaliased
from tavusctl.lib.json_types import Json, JsonObject, KeyPath, as_object


def new_document(desired: Desired) -> JsonObject:
    """The document that creates an object; it always has a name, to find the object if the answer is lost."""
    body = as_object(_new_value(desired.kind, (), source_fingerprint.without_fingerprint(desired.spec)))
    return body if body.get(desired.kind.name_field) else {desired.kind.name_field: sent_name(desired), **body}


def sent_name(desired: Desired) -> str:
    """The display name that a create sends: that of the manifest, or one derived from the address."""
    kind = desired.kind
    return str(desired.spec.get(kind.name_field) or desired.address.name.replace("-", kind.word_separator))


def _new_value(kind: ResourceKind, path: KeyPath, value: Json) -> Json:
    declared = kind.field_at(path)
    if isinstance(value, dict):
        members = {key: _new_value(kind, (*path, key), item) for key, item in value.items()}
        return {key: item for key, item in members.items() if _is_sent(kind, (*path, key), item)}
    return desired_value(kind, path, value, ABSENT) if isinstance(value, list) or declared.joined_by else value


def desired_value(kind: ResourceKind, path: KeyPath, aim: Json, live: Json) -> Json:
    """The value to write for a field, in the live spelling wherever both mean the same; ABSENT: no value."""
    declared = kind.field_at(path)
    if _is_unknown_empty(kind, path, aim):
        aim = None
    if aim is None and declared.write_only and live is not ABSENT:
        return empty_value_for(live)  # no read has the field, so no operation could remove it
    if aim is None:
        # A reference is cleared by null: the API shows null for an unset reference, and accepts it for every one.
        return None if (declared.refers_to or declared.nullable) and live is not ABSENT else ABSENT
    if isinstance(aim, list) and declared.joined_by:
        return declared.joined_by.join(str(item) for item in aim)
    if isinstance(aim, list):
        return _desired_list(kind, path, aim, live if isinstance(live, list) else [])
    if isinstance(aim, dict):
        return _desired_item(kind, path, aim, live if isinstance(live, dict) else {})
    return aim


def _desired_list(kind: ResourceKind, path: KeyPath, desired: list[Json], live: list[Json]) -> list[Json]:
    declared = kind.field_at(path)
    if declared.unordered:
        return [*{canonical(item): item for item in desired}.values()]
    item_path = (*path, "*")
    return [_item(kind, item_path, item, match) for item, match in _matched(kind, path, desired, live)]


def _matched(kind: ResourceKind, path: KeyPath, desired: list[Json], live: list[Json]) -> Iterable[tuple[Json, Json]]:
    """Each desired item with its live item: the one of the same name, or an equal one, or the one at the same index."""
    name_of = kind.field_at(path).keyed_by
    if name_of and all(identity_of(item, name_of) is not None for item in (*desired, *live)):
        by_name = {canonical(identity_of(item, name_of)): item for item in reversed(live)}
        return [(item, by_name.get(canonical(identity_of(item, name_of)), ABSENT)) for item in desired]
    unmatched = dict(enumerate(live))
    indexes: dict[str, list[int]] = {}
    for index in reversed(unmatched):
        indexes.setdefault(canonical(live[index]), []).append(index)
    matches: dict[int, Json] = {}
    for index, item in enumerate(desired):
        equal_items = indexes.get(canonical(item))
        if equal_items:
            matches[index] = unmatched.pop(equal_items.pop())
    return [(item, matches.get(index, unmatched.get(index, ABSENT))) for index, item in enumerate(desired)]


def _item(kind: ResourceKind, path: KeyPath, desired: Json, live: Json) -> Json:
    if live is not ABSENT and same(kind, path, desired, live):
        return live
    return (
        _desired_item(kind, path, desired, live)
        if isinstance(desired, dict) and isinstance(live, dict)
        else _set_members(kind, path, desired)
    )


def _desired_item(kind: ResourceKind, path: KeyPath, desired: JsonObject, live: JsonObject) -> JsonObject:
    """A list item or free-form object managed as a whole: what the manifest declares, and what the server fills in."""
    result: JsonObject = {}
    desired_members, live_members = unaliased(kind, path, desired), unaliased(kind, path, live)
    for key, live_value in live.items():
        if key in desired and not is_empty(desired[key]):
            result[key] = _item(kind, (*path, key), desired[key], live_value)
        elif (
            kind.is_unknown_in_item((*path, key))
            or same(kind, (*path, key), None, live_value)
            or (key not in live_members and same(kind, path, desired_members, live_members))
            or (key not in live_members and _single_stays(kind, path, key, desired_members, live_members))
        ):
            result[key] = live_value
    for key, value in desired.items():
        if (
            key not in result
            and not is_empty(value)
            and not _covered(kind, path, key, desired_members, live_members, result)
        ):
            result[key] = _set_members(kind, (*path, key), value)
    return result


def _single_stays(kind: ResourceKind, path: KeyPath, single: str, desired: JsonObject, live: JsonObject) -> bool:
    """Whether the live value of a one-element list, under its other name, is already the desired one."""
    owner = next(key for key in kind.scalar_aliases(path) if kind.field_at((*path, key)).scalar_alias == single)
    return same(kind, (*path, owner), desired.get(owner), live.get(owner))


def _covered(
    kind: ResourceKind, path: KeyPath, key: str, desired: JsonObject, live: JsonObject, result: JsonObject
) -> bool:
    single = kind.field_at((*path, key)).scalar_alias
    return bool(single) and single in result and same(kind, (*path, key), desired.get(key), live.get(key))


def _set_members(kind: ResourceKind, path: KeyPath, value: Json) -> Json:
    """A value without what is not set: null means "remove", and a new object has nothing to remove."""
    if isinstance(value, dict):
        members = {key: _set_members(kind, (*path, key), item) for key, item in value.items()}
        return {key: item for key, item in members.items() if _is_sent(kind, (*path, key), item)}
    return [_set_members(kind, (*path, "*"), item) for item in value] if isinstance(value, list) else value


def _is_sent(kind: ResourceKind, path: KeyPath, value: Json) -> bool:
    """Whether a member of a new object is sent: it is set, or empty where only the user knows what that means.

    The latter are free-form objects and fields newer than tavusctl.  A field that the kind requires is always sent.
    """
    *parent, key = path
    holder = tuple(parent)
    if value is None or not is_unset(kind, path, value):
        return value is not None
    is_declared = key in fields_at(kind.model, holder) and not kind.is_free(holder)
    return not is_declared or key in required_at(kind.model, holder)


def _is_unknown_empty(kind: ResourceKind, path: KeyPath, value: Json) -> bool:
    """Whether a value is an empty text where the API knows a few values: it would be refused, and counts as not set."""
    return value == "" and bool(known_values(kind.model, path))
