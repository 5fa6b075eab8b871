"""Values to write: what a manifest says, in the live spelling wherever that means the same.  Pure.

The nearer the wanted value is to the live one, the smaller the patch, and the less of other people's work it touches:
list items keep what the server filled in, and a one-element list stays under the name it has.
"""

from __future__ import annotations

from collections.abc import Iterable

from tavusctl import sources
from tavusctl.document import canonical, is_empty
from tavusctl.equality import same, unaliased
from tavusctl.model import ABSENT, Desired, Document, Path, ResourceKind, Value


def new_document(desired: Desired) -> Document:
    """The document that creates an object, with a name by which it can be found when the answer is lost."""
    body: Document = _created(desired.kind, (), sources.sent(desired.spec))
    return body if body.get(desired.kind.name_field) else {desired.kind.name_field: sent_name(desired), **body}


def sent_name(desired: Desired) -> str:
    """The display name that a create sends: the manifest's, or one that is made of its address."""
    kind = desired.kind
    return str(desired.spec.get(kind.name_field) or desired.address.name.replace("-", kind.joins_words))


def _created(kind: ResourceKind, path: Path, value: Value) -> Value:
    declared = kind.field_at(path)
    if isinstance(value, dict):
        return {key: _created(kind, (*path, key), item) for key, item in value.items() if item is not None}
    return wanted_value(kind, path, value, ABSENT) if isinstance(value, list) or declared.joined_by else value


def wanted_value(kind: ResourceKind, path: Path, aim: Value, live: Value) -> Value:
    """A value to write, in the live spelling wherever that means the same."""
    declared = kind.field_at(path)
    if is_empty(aim) and aim is None:
        # A reference is cleared by null: the API shows null for one that is not set, and refuses none.
        return None if declared.refers_to and live is not ABSENT else ABSENT
    if isinstance(aim, list) and declared.joined_by:
        return declared.joined_by.join(str(item) for item in aim)
    if isinstance(aim, list):
        return _wanted_list(kind, path, aim, live if isinstance(live, list) else [])
    if isinstance(aim, dict):
        return _wanted_item(kind, path, aim, live if isinstance(live, dict) else {})
    return aim


def _wanted_list(kind: ResourceKind, path: Path, aim: list[Value], live: list[Value]) -> list[Value]:
    declared = kind.field_at(path)
    if declared.unordered:
        return [*{canonical(item): item for item in aim}.values()]
    item_path = (*path, "*")
    return [_item(kind, item_path, item, match) for item, match in _matched(kind, path, aim, live)]


def _matched(kind: ResourceKind, path: Path, aim: list[Value], live: list[Value]) -> Iterable[tuple[Value, Value]]:
    """Each wanted item with the live item it stands for: of the same name, or equal, or at the same place."""
    name_of = kind.field_at(path).keyed_by
    if name_of:
        named = {_name(item, name_of): item for item in reversed(live)}
        return [(item, named.get(_name(item, name_of), ABSENT)) for item in aim]
    free = dict(enumerate(live))
    places: dict[str, list[int]] = {}
    for index in reversed(free):
        places.setdefault(canonical(live[index]), []).append(index)
    found: dict[int, Value] = {}
    for index, item in enumerate(aim):
        alike = places.get(canonical(item))
        if alike:
            found[index] = free.pop(alike.pop())
    return [(item, found.get(index, free.get(index, ABSENT))) for index, item in enumerate(aim)]


def _name(item: Value, dotted: str) -> Value:
    for key in dotted.split("."):
        item = item.get(key) if isinstance(item, dict) else None
    return canonical(item)


def _item(kind: ResourceKind, path: Path, aim: Value, live: Value) -> Value:
    if live is not ABSENT and same(kind, path, aim, live):
        return live
    return _wanted_item(kind, path, aim, live) if isinstance(aim, dict) and isinstance(live, dict) else _bare(aim)


def _wanted_item(kind: ResourceKind, path: Path, aim: Document, live: Document) -> Document:
    """A list item or free-form object managed as a whole: what the manifest says, and what the server fills in."""
    wanted: Document = {}
    told, shown = unaliased(kind, path, aim), unaliased(kind, path, live)
    for key, found in live.items():
        if key in aim and not is_empty(aim[key]):
            wanted[key] = _item(kind, (*path, key), aim[key], found)
        elif (
            same(kind, (*path, key), None, found)
            or (key not in shown and same(kind, path, told, shown))
            or (key not in shown and _single_stays(kind, path, key, told, shown))
        ):
            wanted[key] = found
    for key, value in aim.items():
        if key not in wanted and not is_empty(value) and not _covered(kind, path, key, told, shown, wanted):
            wanted[key] = _bare(value)
    return wanted


def _single_stays(kind: ResourceKind, path: Path, single: str, told: Document, shown: Document) -> bool:
    """Whether the bare spelling of a one-element list already says what is wanted."""
    owner = next(key for key in kind.aliased(path) if kind.field_at((*path, key)).single == single)
    return same(kind, (*path, owner), told.get(owner), shown.get(owner))


def _covered(kind: ResourceKind, path: Path, key: str, told: Document, shown: Document, wanted: Document) -> bool:
    single = kind.field_at((*path, key)).single
    return bool(single) and single in wanted and same(kind, (*path, key), told.get(key), shown.get(key))


def _bare(value: Value) -> Value:
    """A value without its nulls: null means "remove", and there is nothing to remove from a new object."""
    if isinstance(value, dict):
        return {key: _bare(item) for key, item in value.items() if item is not None}
    return [_bare(item) for item in value] if isinstance(value, list) else value
