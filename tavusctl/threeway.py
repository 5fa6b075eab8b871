"""Compare one object three ways, field by field: last applied, live, desired.  Pure.

Terms.  A field is *managed* when the manifest has its key, or had it at the last apply.  Objects are managed key by
key, lists as a whole.  `base` is the last applied value, `live` the account's, `desired` the manifest's; a key the
manifest dropped, or set to null, is desired empty.

    desired = live                     nothing to do
    desired # live, base = live        edited: the manifest moved
    desired # live, base = desired     drifted: the account moved
    all three differ                   both: a conflict on exactly this field
    no base                            edited: never applied before

What the account answered to our own write is the base of the live side: a field that the server keeps otherwise than it
was sent is neither drift nor a conflict, and it is listed until both agree, or one of them moves.

The wanted document is the live one with managed fields laid over it: a field that already means the same keeps the
live spelling, and a field that is not managed is pinned, so that no patch can write it.
"""

from __future__ import annotations

from collections.abc import Iterable

import jsonpatch
from msgspec import Struct, field

from tavusctl import links, patch, sources
from tavusctl.document import digest, emptied, is_empty, is_hidden, map_leaves
from tavusctl.equality import same
from tavusctl.errors import InternalError
from tavusctl.guards import value_at
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
from tavusctl.secret import UNSEEN, Fingerprint, Secret
from tavusctl.wanted import wanted_value


class Difference(Struct, frozen=True):
    """What separates one managed object from its manifest, and the patch that settles it."""

    fields: tuple[FieldChange, ...] = ()
    patch: tuple[Document, ...] = ()
    drift: tuple[FieldChange, ...] = ()  # managed fields whose live side moved away from what the manifest says
    otherwise: tuple[FieldChange, ...] = ()  # what the server keeps otherwise than it was sent, and neither side moved
    replaces: tuple[str, ...] = ()  # pointers of changed fields that are fixed at creation

    @property
    def conflicts(self) -> tuple[FieldChange, ...]:
        """Fields that both sides changed, differently."""
        return tuple(change for change in self.fields if change.cause is Cause.BOTH)

    @property
    def answers(self) -> dict[str, Value]:
        """What the server keeps otherwise, as a binding remembers it."""
        return {one.path: remembered(one.live) for one in self.otherwise}


class _Comparison(Struct):
    kind: ResourceKind
    ignored: frozenset[Path]
    binding: Binding
    changes: list[FieldChange] = field(default_factory=list)
    drift: list[FieldChange] = field(default_factory=list)
    otherwise: list[FieldChange] = field(default_factory=list)


class _Base(Struct, frozen=True):
    """The two bases of one field: what was applied, and what the account answered to that."""

    applied: Value
    answered: Value
    moved: bool  # the account, since then
    kept: bool  # the answer is to what was applied: neither side has moved since


def compare(desired: Desired, live: Live, binding: Binding | None) -> Difference:
    """The difference of one object; pure."""
    ignored = frozenset(patch.split(pointer) for pointer in desired.lifecycle.ignore_changes)
    run = _Comparison(desired.kind, ignored, binding or Binding(desired.address, ""))
    base = sources.sent(binding.applied) if binding else ABSENT
    before, after = _objects(run, (), sources.sent(desired.spec), base, live.body)
    _leftovers(run, sources.sent(desired.spec), live.body)
    changes = _in_order(run.changes)
    operations = _operations(desired.kind, before, after) if changes else ()
    replaces = tuple(change.path for change in changes if _replaces(desired.kind, change.path))
    # What a patch cannot change is no change.
    changes = changes if operations or replaces else ()
    return Difference(changes, operations, _in_order(run.drift), _in_order(run.otherwise), replaces)


def _in_order(changes: Iterable[FieldChange]) -> tuple[FieldChange, ...]:
    return tuple(sorted(changes, key=lambda change: change.path))


def _leftovers(run: _Comparison, desired: Document, live: Document) -> None:
    """What the manifest has dropped, was removed, and is still there."""
    for pointer, answer in run.binding.answered.items():
        path = patch.split(pointer)
        gone = is_empty(value_at(desired, path)) and is_empty(value_at(run.binding.applied, path))
        shown = value_at(live, path)
        noted = any(one.path == pointer for one in (*run.otherwise, *run.changes))
        stays = gone and not is_empty(shown) and same(run.kind, path, answer, shown)
        if stays and not noted and not _is_ignored(run, path):
            run.otherwise.append(FieldChange(pointer, Cause.EDITED, answer, shown, None, _hides(run, path, shown)))


def _is_ignored(run: _Comparison, path: Path) -> bool:
    return any(path[:length] in run.ignored for length in range(len(path) + 1))


def kept(desired: Desired, live: Live) -> tuple[FieldChange, ...]:
    """Managed fields of a freshly written object that do not read as they were written."""
    return compare(desired, live, None).fields


def remembered(value: Value) -> Value:
    """A value of the account as a binding remembers it: secrets as fingerprints, nothing as null."""
    return map_leaves(None if value is ABSENT else value, _rememberable)


def _rememberable(leaf: Value) -> Value:
    if isinstance(leaf, patch.Pinned):
        return UNSEEN
    return leaf.fingerprint if isinstance(leaf, Secret) else leaf


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
    base = _secret_base(run, path, base, aim, found)
    masked = declared.masked and shown and found is ABSENT and isinstance(base, Fingerprint | Secret)
    live = found
    if declared.unread or masked:  # what no read tells is as it was last applied
        live = base if base is not ABSENT else aim
    known = _base(run, path, base, aim, live)
    agrees = _agrees(kind, path, aim, base, live)
    cause = _cause(kind, path, base, aim, moved=known.moved)
    change = FieldChange(
        patch.join(path), cause, known.answered, live, aim, _hides(run, path, known.answered, live, aim)
    )
    if known.kept and not agrees:
        run.otherwise.append(change)
        return found
    if agrees:
        return found  # what was edited to what the manifest says is no drift: the state learns it, nothing is written
    if known.moved:
        run.drift.append(change)
    run.changes.append(change)
    # A key that reads leave out may be there or not: only an empty one can be written over both.
    return "" if masked and is_empty(aim) else wanted_value(kind, path, aim, live)


def _secret_base(run: _Comparison, path: Path, base: Value, aim: Value, found: Value) -> Value:
    """What stands for a secret that was applied and of which nothing on record tells what it was."""
    if base != UNSEEN:
        return base
    # The account may show another secret than was sent; otherwise, what can be read has not moved.
    told = patch.join(path) in run.binding.answered or "" in run.binding.unconfirmed
    if isinstance(found, Secret) and not told:
        return found
    return aim if isinstance(aim, Secret) else base  # whoever took the key over says now what it is


def _base(run: _Comparison, path: Path, applied: Value, aim: Value, live: Value) -> _Base:
    """What the account was last seen to say of a field, and what has moved since."""
    pointer, answer, told = patch.join(path), applied, False
    if pointer in run.binding.answered:
        answer, told = run.binding.answered[pointer], True
    elif pointer in run.binding.unkept and run.binding.unkept[pointer] == digest([aim, live]):
        return _Base(applied, live, moved=False, kept=True)
    elif not same(run.kind, path, applied, live):
        answer, told = _unconfirmed(run, pointer, applied, live)
    # What goes whole takes along what others put into it: that is no change of what was applied.
    held = _shared(applied, live) if aim is None else live
    moved = applied is not ABSENT and not any(same(run.kind, path, one, held) for one in (applied, answer))
    kept = told and not moved and same(run.kind, path, applied, aim)
    return _Base(applied, answer, moved=moved, kept=kept)


def _shared(applied: Value, live: Value) -> Value:
    """The account's value without members that were never applied."""
    if isinstance(applied, dict) and isinstance(live, dict):
        return {key: _shared(applied[key], item) for key, item in live.items() if key in applied}
    return live


def _unconfirmed(run: _Comparison, pointer: str, applied: Value, live: Value) -> tuple[Value, bool]:
    """The answer to a write that nobody has read back: what is there now, unless that is what was there before."""
    if "" in run.binding.unconfirmed:
        return live, True
    above = [one for one in run.binding.unconfirmed if f"{pointer}/".startswith(f"{one}/")]
    if not above:
        return applied, False
    pieces = patch.split(pointer.removeprefix(above[0]))
    before = value_at({"": run.binding.unconfirmed[above[0]]}, ("", *pieces))
    return live, not same(run.kind, patch.split(pointer), before, live)


def _hides(run: _Comparison, path: Path, *values: Value) -> bool:
    """Whether a field is not to be shown."""
    declared = run.kind.field_at(path)
    return declared.secret or any(map(is_hidden, values)) or (declared.fetched and any(map(links.signatures, values)))


def _agrees(kind: ResourceKind, path: Path, aim: Value, base: Value, live: Value) -> bool:
    """A masked key cannot be compared; it is what was last applied, as far as anybody can tell."""
    if isinstance(live, patch.Pinned):
        return not is_empty(aim) and base is not ABSENT and same(kind, path, aim, base)
    return same(kind, path, aim, live)


def _cause(kind: ResourceKind, path: Path, base: Value, aim: Value, *, moved: bool) -> Cause:
    if base is ABSENT or not moved:
        return Cause.EDITED
    return Cause.DRIFTED if same(kind, path, base, aim) else Cause.BOTH


def _unpinned(value: Value) -> Value:
    return value.value if isinstance(value, patch.Pinned) else value


def _replaces(kind: ResourceKind, pointer: str) -> bool:
    path = patch.split(pointer)
    return any(kind.field_at(path[:length]).replaces for length in range(1, len(path) + 1))


def _operations(kind: ResourceKind, before: Document, after: Document) -> tuple[Document, ...]:
    if kind.update is not Update.JSON_PATCH:
        # Such an update names whole members; one that goes is sent as the empty value of its type.
        return tuple(
            {"op": "replace", "path": patch.join((key,)), "value": after.get(key, emptied(before.get(key, "")))}
            for key in sorted({**before, **after})
            if before.get(key, ABSENT) != after.get(key, ABSENT)
        )
    keyed = {pointer: declared.keyed_by for pointer, declared in kind.fields.items() if declared.keyed_by}
    operations = patch.diff(before, after, keyed_by=keyed)
    _verify(before, after, operations)
    return tuple(operations)


def _verify(before: Document, after: Document, operations: list[Document]) -> None:
    """No patch leaves that another hand does not find right: it must lead from the live document to the wanted one."""
    reached = jsonpatch.JsonPatch(operations).apply(before)
    if not patch.same(reached, after):
        message = "a patch does not lead to what the manifest says; nothing was sent"
        raise InternalError(message, "this is a defect of tavusctl")
