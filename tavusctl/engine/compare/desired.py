"""Values to write: what a manifest says, in the live spelling wherever that means the same.  Pure.

The nearer the wanted value is to the live one, the smaller the patch, and the less of other people's work it touches:
list items keep what the server filled in, and a one-element list stays under the name it has.
"""

from __future__ import annotations

from collections.abc import Iterable

from tavusctl.core.json_tree import canonical, is_empty
from tavusctl.core.model import ABSENT, Desired
from tavusctl.core.resource_kind import ResourceKind
from tavusctl.crawl import source_fingerprint
from tavusctl.fields.equivalence import is_left_alone, same, unaliased
from tavusctl.fields.identity import identity_of
from tavusctl.lib.json_types import Json, JsonObject, KeyPath, as_object


def new_document(desired: Desired) -> JsonObject:
    """The document that creates an object, with a name by which it can be found when the answer is lost."""
    body = as_object(_created(desired.kind, (), source_fingerprint.sent(desired.spec)))
    return body if body.get(desired.kind.name_field) else {desired.kind.name_field: sent_name(desired), **body}


def sent_name(desired: Desired) -> str:
    """The display name that a create sends: the manifest's, or one that is made of its address."""
    kind = desired.kind
    return str(desired.spec.get(kind.name_field) or desired.address.name.replace("-", kind.joins_words))


def _created(kind: ResourceKind, path: KeyPath, value: Json) -> Json:
    declared = kind.field_at(path)
    if isinstance(value, dict):
        return {key: _created(kind, (*path, key), item) for key, item in value.items() if item is not None}
    return desired_value(kind, path, value, ABSENT) if isinstance(value, list) or declared.joined_by else value


def desired_value(kind: ResourceKind, path: KeyPath, aim: Json, live: Json) -> Json:
    """A value to write, in the live spelling wherever that means the same."""
    declared = kind.field_at(path)
    if is_empty(aim) and aim is None:
        # A reference is cleared by null: the API shows null for one that is not set, and refuses none.
        return None if (declared.refers_to or declared.nullable) and live is not ABSENT else ABSENT
    if isinstance(aim, list) and declared.joined_by:
        return declared.joined_by.join(str(item) for item in aim)
    if isinstance(aim, list):
        return _wanted_list(kind, path, aim, live if isinstance(live, list) else [])
    if isinstance(aim, dict):
        return _wanted_item(kind, path, aim, live if isinstance(live, dict) else {})
    return aim


def _wanted_list(kind: ResourceKind, path: KeyPath, aim: list[Json], live: list[Json]) -> list[Json]:
    declared = kind.field_at(path)
    if declared.unordered:
        return [*{canonical(item): item for item in aim}.values()]
    item_path = (*path, "*")
    return [_item(kind, item_path, item, match) for item, match in _matched(kind, path, aim, live)]


def _matched(kind: ResourceKind, path: KeyPath, aim: list[Json], live: list[Json]) -> Iterable[tuple[Json, Json]]:
    """Each wanted item with the live item it stands for: of the same name, or equal, or at the same place."""
    name_of = kind.field_at(path).keyed_by
    if name_of and all(identity_of(item, name_of) is not None for item in (*aim, *live)):
        named = {canonical(identity_of(item, name_of)): item for item in reversed(live)}
        return [(item, named.get(canonical(identity_of(item, name_of)), ABSENT)) for item in aim]
    free = dict(enumerate(live))
    places: dict[str, list[int]] = {}
    for index in reversed(free):
        places.setdefault(canonical(live[index]), []).append(index)
    found: dict[int, Json] = {}
    for index, item in enumerate(aim):
        alike = places.get(canonical(item))
        if alike:
            found[index] = free.pop(alike.pop())
    return [(item, found.get(index, free.get(index, ABSENT))) for index, item in enumerate(aim)]


def _item(kind: ResourceKind, path: KeyPath, aim: Json, live: Json) -> Json:
    if live is not ABSENT and same(kind, path, aim, live):
        return live
    return _wanted_item(kind, path, aim, live) if isinstance(aim, dict) and isinstance(live, dict) else _bare(aim)


def _wanted_item(kind: ResourceKind, path: KeyPath, aim: JsonObject, live: JsonObject) -> JsonObject:
    """A list item or free-form object managed as a whole: what the manifest says, and what the server fills in."""
    wanted: JsonObject = {}
    told, shown = unaliased(kind, path, aim), unaliased(kind, path, live)
    for key, found in live.items():
        if key in aim and not is_empty(aim[key]):
            wanted[key] = _item(kind, (*path, key), aim[key], found)
        elif (
            is_left_alone(kind, (*path, key))
            or same(kind, (*path, key), None, found)
            or (key not in shown and same(kind, path, told, shown))
            or (key not in shown and _single_stays(kind, path, key, told, shown))
        ):
            wanted[key] = found
    for key, value in aim.items():
        if key not in wanted and not is_empty(value) and not _covered(kind, path, key, told, shown, wanted):
            wanted[key] = _bare(value)
    return wanted


def _single_stays(kind: ResourceKind, path: KeyPath, single: str, told: JsonObject, shown: JsonObject) -> bool:
    """Whether the bare spelling of a one-element list already says what is wanted."""
    owner = next(key for key in kind.scalar_aliases(path) if kind.field_at((*path, key)).scalar_alias == single)
    return same(kind, (*path, owner), told.get(owner), shown.get(owner))


def _covered(
    kind: ResourceKind, path: KeyPath, key: str, told: JsonObject, shown: JsonObject, wanted: JsonObject
) -> bool:
    single = kind.field_at((*path, key)).scalar_alias
    return bool(single) and single in wanted and same(kind, (*path, key), told.get(key), shown.get(key))


def _bare(value: Json) -> Json:
    """A value without its nulls: null means "remove", and there is nothing to remove from a new object."""
    if isinstance(value, dict):
        return {key: _bare(item) for key, item in value.items() if item is not None}
    return [_bare(item) for item in value] if isinstance(value, list) else value
