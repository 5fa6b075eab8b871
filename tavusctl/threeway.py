"""Compare one object three ways, field by field: last applied, live, desired.  Pure.

Terms.  A field is *managed* when the manifest has its key, or had it at the last apply.  Objects are managed key by
key, lists as a whole.  `base` is the last applied value, `live` the account's, `desired` the manifest's; a key the
manifest dropped, or set to null, is desired empty.

    desired = live                     nothing to do
    desired # live, base = live        edited: the manifest moved
    desired # live, base = desired     drifted: the account moved
    all three differ                   both: a conflict on exactly this field
    no base                            edited: never applied before

The wanted document is the live one with managed fields laid over it: a field that already means the same keeps the
live spelling, and a field that is not managed is pinned, so that no patch can write it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from tavusctl import patch
from tavusctl.document import canonical, digest, is_empty
from tavusctl.equality import same, unaliased
from tavusctl.model import (
    ABSENT,
    Binding,
    Cause,
    Desired,
    Document,
    FieldChange,
    Live,
    Path,
    ResourceKind,
    Update,
    Value,
)
from tavusctl.secret import Fingerprint

JSON_PATCH_OPS = frozenset({"add", "remove", "replace"})


@dataclass(frozen=True, slots=True)
class Difference:
    """What separates one managed object from its manifest, and the patch that settles it."""

    fields: tuple[FieldChange, ...] = ()
    patch: tuple[Document, ...] = ()
    drift: tuple[FieldChange, ...] = ()  # managed fields whose live side moved, wanted or not
    replaces: tuple[str, ...] = ()  # pointers of changed fields that are fixed at creation

    @property
    def conflicts(self) -> tuple[FieldChange, ...]:
        """Fields that both sides changed, differently."""
        return tuple(change for change in self.fields if change.cause is Cause.BOTH)


@dataclass(slots=True)
class _Comparison:
    kind: ResourceKind
    ignored: frozenset[Path]
    unkept: Mapping[str, str]
    changes: list[FieldChange] = field(default_factory=list)
    drift: list[FieldChange] = field(default_factory=list)


def compare(desired: Desired, live: Live, binding: Binding | None) -> Difference:
    """The difference of one object; pure."""
    ignored = frozenset(patch.split(pointer) for pointer in desired.lifecycle.ignore_changes)
    run = _Comparison(desired.kind, ignored, binding.unkept if binding else {})
    base = binding.applied if binding else ABSENT
    before, after = _objects(run, (), desired.spec, base, live.body)
    changes = tuple(sorted(run.changes, key=lambda change: change.path))
    return Difference(
        fields=changes,
        patch=_operations(desired.kind, before, after) if changes else (),
        drift=tuple(sorted(run.drift, key=lambda change: change.path)),
        replaces=tuple(change.path for change in changes if _replaces(desired.kind, change.path)),
    )


def kept(desired: Desired, live: Live) -> tuple[FieldChange, ...]:
    """Managed fields of a freshly written object that do not read as they were written."""
    return compare(desired, live, None).fields


def unkept_digest(change: FieldChange) -> str:
    """Names a wanted value that the server answers with another one; the pair comes back while neither side moves."""
    return digest([change.desired, change.live])


def _objects(run: _Comparison, path: Path, desired: Document, base: Value, live: Value) -> tuple[Document, Document]:
    """The live object and the wanted one, unmanaged members pinned."""
    live_members = live if isinstance(live, dict) else {}
    base_members = base if isinstance(base, dict) else {}
    before: Document = {}
    after: Document = {}
    for key in {**live_members, **desired, **base_members}:
        here = (*path, key)
        found = live_members.get(key, ABSENT)
        last = base_members.get(key, ABSENT)
        wanted = desired.get(key, ABSENT)
        if here in run.ignored or (wanted is ABSENT and is_empty(last)):
            _put(before, after, key, found if found is ABSENT else patch.Pinned(found), ABSENT, pinned=True)
        elif _descends(run.kind, here, wanted, last, found):
            _descend(run, here, wanted, last, found, (before, after))
        else:
            leaf = _leaf(run, here, wanted, last, found, shown=isinstance(live, dict))
            _put(before, after, key, found, leaf, pinned=False)
    return before, after


def _descends(kind: ResourceKind, path: Path, wanted: Value, base: Value, live: Value) -> bool:
    """Objects are compared member by member unless the manifest removes them whole; `{}` names no member."""
    by_member = isinstance(wanted, dict) or (wanted is ABSENT and isinstance(base, dict) and bool(base))
    return by_member and (isinstance(live, dict) or is_empty(live) or kind.field_at(path).unread)


def _descend(
    run: _Comparison, path: Path, wanted: Value, base: Value, live: Value, into: tuple[Document, Document]
) -> None:
    members = wanted if isinstance(wanted, dict) else {}
    if run.kind.field_at(path).unread:
        live = base if base is not ABSENT else wanted
    noted = len(run.changes)
    inner_before, inner_after = _objects(run, path, members, base, live)
    key = path[-1]
    if isinstance(live, dict):
        into[0][key] = inner_before
    elif live is not ABSENT:
        into[0][key] = live
    # What the manifest dropped and nobody else fills goes as a whole: the server would keep a shell of defaults.
    emptied = wanted is ABSENT and len(run.changes) > noted
    emptied = emptied and all(is_empty(_unpinned(item)) for item in inner_after.values())
    if (isinstance(live, dict) and not emptied) or (not isinstance(live, dict) and inner_after):
        into[1][key] = inner_after
    elif live is not ABSENT and not isinstance(live, dict):
        into[1][key] = live


def _put(before: Document, after: Document, key: str, found: Value, wanted: Value, *, pinned: bool) -> None:
    if found is not ABSENT:
        before[key] = found
    value = found if pinned else wanted
    if value is not ABSENT:
        after[key] = value


def _leaf(run: _Comparison, path: Path, wanted: Value, base: Value, found: Value, *, shown: bool) -> Value:
    """The wanted value of one managed field; what differs is noted.  `shown`: the read has the object it is in."""
    kind, declared = run.kind, run.kind.field_at(path)
    aim = None if wanted is ABSENT else wanted
    masked = declared.masked and shown and found is ABSENT and isinstance(base, Fingerprint)
    live = found
    if declared.unread or masked:  # what no read tells is as it was last applied
        live = base if base is not ABSENT else aim
    moved = base is not ABSENT and not same(kind, path, base, live)
    agrees = same(kind, path, aim, live) if not declared.secret else _secret_agrees(kind, path, aim, base, live)
    change = FieldChange(
        patch.join(path), _cause(kind, path, base, aim, moved=moved), base, live, aim, declared.secret
    )
    if run.unkept.get(change.path) == unkept_digest(change):
        return found
    if moved:
        run.drift.append(change)
    if agrees:
        return found
    run.changes.append(change)
    # A key that reads leave out may be there or not: only an empty one can be written over both.
    return "" if masked and is_empty(aim) else _wanted(kind, path, aim, live)


def _secret_agrees(kind: ResourceKind, path: Path, aim: Value, base: Value, live: Value) -> bool:
    """A masked key cannot be compared; it is what was last applied, as far as anybody can tell."""
    if isinstance(live, patch.Pinned):
        return not is_empty(aim) and base is not ABSENT and same(kind, path, aim, base)
    return same(kind, path, aim, live)


def _cause(kind: ResourceKind, path: Path, base: Value, aim: Value, *, moved: bool) -> Cause:
    if base is ABSENT or not moved:
        return Cause.EDITED
    return Cause.DRIFTED if same(kind, path, base, aim) else Cause.BOTH


def _wanted(kind: ResourceKind, path: Path, aim: Value, live: Value) -> Value:
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
        wanted = {canonical(item): item for item in aim}
        staying = {canonical(item): item for item in live if canonical(item) in wanted}
        return [*staying.values(), *(wanted[key] for key in sorted(wanted) if key not in staying)]
    item_path = (*path, "*")
    return [_wanted_value(kind, item_path, item, match) for item, match in _matched(kind, path, aim, live)]


def _matched(kind: ResourceKind, path: Path, aim: list[Value], live: list[Value]) -> Iterable[tuple[Value, Value]]:
    """Each wanted item with the live item it stands for: of the same name, or equal, or at the same place."""
    name_of = kind.field_at(path).keyed_by
    if name_of:
        named = {_name(item, name_of): item for item in reversed(live)}
        return [(item, named.get(_name(item, name_of), ABSENT)) for item in aim]
    free = dict(enumerate(live))
    found: dict[int, Value] = {}
    for index, item in enumerate(aim):
        twin = next((at for at, one in free.items() if same(kind, (*path, "*"), item, one)), None)
        if twin is not None:
            found[index] = free.pop(twin)
    return [(item, found.get(index, free.get(index, ABSENT))) for index, item in enumerate(aim)]


def _name(item: Value, dotted: str) -> Value:
    for key in dotted.split("."):
        item = item.get(key) if isinstance(item, dict) else None
    return canonical(item)


def _wanted_value(kind: ResourceKind, path: Path, aim: Value, live: Value) -> Value:
    if live is not ABSENT and same(kind, path, aim, live):
        return live
    return _wanted_item(kind, path, aim, live) if isinstance(aim, dict) and isinstance(live, dict) else _bare(aim)


def _wanted_item(kind: ResourceKind, path: Path, aim: Document, live: Document) -> Document:
    """A list item or free-form object managed as a whole: what the manifest says, and what the server fills in."""
    wanted: Document = {}
    told, shown = unaliased(kind, path, aim), unaliased(kind, path, live)
    for key, found in live.items():
        if key in aim and not is_empty(aim[key]):
            wanted[key] = _wanted_value(kind, (*path, key), aim[key], found)
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


def new_document(desired: Desired) -> Document:
    """The document that creates an object."""
    body: Document = {}
    for key, value in desired.spec.items():
        path = (key,)
        if value is None:
            continue
        body[key] = _created(desired.kind, path, value)
    return body


def _created(kind: ResourceKind, path: Path, value: Value) -> Value:
    declared = kind.field_at(path)
    if isinstance(value, dict):
        return {key: _created(kind, (*path, key), item) for key, item in value.items() if item is not None}
    return _wanted(kind, path, value, ABSENT) if isinstance(value, list) or declared.joined_by else value


def _unpinned(value: Value) -> Value:
    return value.value if isinstance(value, patch.Pinned) else value


def _replaces(kind: ResourceKind, pointer: str) -> bool:
    path = patch.split(pointer)
    return any(kind.field_at(path[:length]).replaces for length in range(1, len(path) + 1))


def _operations(kind: ResourceKind, before: Document, after: Document) -> tuple[Document, ...]:
    if kind.update is not Update.JSON_PATCH:
        # Such an update names whole members; one that goes is sent as the empty value of its type.
        return tuple(
            {"op": "replace", "path": patch.join((key,)), "value": after.get(key, type(before.get(key, ""))())}
            for key in sorted({**before, **after})
            if before.get(key, ABSENT) != after.get(key, ABSENT)
        )
    keyed = {pointer: declared.keyed_by for pointer, declared in kind.fields.items() if declared.keyed_by}
    return tuple(patch.diff(before, after, keyed_by=keyed, allowed=JSON_PATCH_OPS))
