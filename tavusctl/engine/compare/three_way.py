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
was sent is neither drift nor a conflict, and it is listed until both agree, or one of them moves.  To take a field away
is to let the server choose: whatever it shows afterwards in place of the old value is what was asked for.

The wanted document is the live one with managed fields laid over it: a field that already means the same keeps the
live spelling, and a field that is not managed is pinned, so that no patch can write it.
"""

from __future__ import annotations

from collections.abc import Iterable

from msgspec import Struct, field

from tavusctl import patch
from tavusctl.core.address import Address
from tavusctl.core.binding import Binding
from tavusctl.core.errors import InternalError
from tavusctl.core.json_tree import canonical, digest, is_empty, is_hidden, map_leaves, pattern_of
from tavusctl.core.model import ABSENT, Cause, Desired, FieldChange, Live
from tavusctl.core.resource_kind import ResourceKind
from tavusctl.crawl import source_fingerprint
from tavusctl.engine.compare.desired import desired_value
from tavusctl.engine.compare.patch_guards import value_at
from tavusctl.engine.compare.updates import update_of
from tavusctl.fields import presigned_urls
from tavusctl.fields.equivalence import is_unset, known_part, may_be_filled_in, same
from tavusctl.lib.json_types import PLAIN, Json, JsonObject, KeyPath, special_leaves
from tavusctl.secrets.values import REDACTED, Fingerprint, Secret, TextPrint


class Difference(Struct, frozen=True):
    """What separates one managed object from its manifest, and the patch that settles it."""

    fields: tuple[FieldChange, ...] = ()
    patch: tuple[JsonObject, ...] = ()
    drift: tuple[FieldChange, ...] = ()  # managed fields whose live side moved away from what the manifest says
    otherwise: tuple[FieldChange, ...] = ()  # what the server keeps otherwise than it was sent, and neither side moved
    chosen: tuple[FieldChange, ...] = ()  # the same of fields that were taken away: what the server has there instead
    replaces: tuple[str, ...] = ()  # pointers of changed fields that are fixed at creation
    lacks: tuple[str, ...] = ()  # pointers of secrets that have to be sent along, and that nothing tells

    @property
    def answers(self) -> dict[str, Json]:
        """What the server keeps otherwise, as a binding remembers it."""
        return {one.path: remembered(one.live) for one in (*self.otherwise, *self.chosen)}


class _Comparison(Struct):
    kind: ResourceKind
    ignored: frozenset[KeyPath]
    binding: Binding
    changes: list[FieldChange] = field(default_factory=list)
    drift: list[FieldChange] = field(default_factory=list)
    otherwise: list[FieldChange] = field(default_factory=list)
    chosen: list[FieldChange] = field(default_factory=list)


class _Base(Struct, frozen=True):
    """The two bases of one field: what was applied, and what the account answered to that."""

    applied: Json
    answered: Json
    moved: bool  # the account, since then
    kept: bool  # the answer is to what was applied: neither side has moved since


def compare(desired: Desired, live: Live, binding: Binding | None) -> Difference:
    """The difference of one object; pure."""
    ignored = frozenset(patch.split(pointer) for pointer in desired.lifecycle.ignore_changes)
    run = _Comparison(desired.kind, ignored, binding or Binding(desired.address, ""))
    base = source_fingerprint.sent(binding.applied) if binding else ABSENT
    wanted = desired.kind.completed(source_fingerprint.sent(desired.spec))
    quiet = binding is not None and _is_quiet(wanted, base, live.body)
    before, after = ({}, {}) if quiet else _objects(run, (), wanted, base, live.body)
    _leftovers(run, wanted, live.body)
    changes = _in_order(run.changes)
    operations = _operations(desired.kind, before, after) if changes else ()
    replaces = tuple(change.path for change in changes if _replaces(desired.kind, change.path))
    # What a patch cannot change is no change.
    changes = changes if operations or replaces else ()
    chosen = _in_order(run.chosen)
    lacks = update_of(desired.kind).lacks(live, operations, desired.spec)
    return Difference(changes, operations, _in_order(run.drift), _in_order(run.otherwise), chosen, replaces, lacks)


def _is_quiet(wanted: JsonObject, base: Json, live: Json) -> bool:
    """Whether manifest, record and account say the same word for word of all that is managed: most objects, mostly."""
    if not isinstance(base, dict) or not isinstance(live, dict) or base.keys() != wanted.keys():
        return False
    for key, value in wanted.items():
        last, found = base[key], live.get(key, ABSENT)
        if isinstance(value, dict):
            if not value or not _is_quiet(value, last, found):
                return False
        elif value is last is found and type(value) is str:  # equal texts are one text, as a rule
            continue
        elif not (_is_alike(value, last) and _is_alike(value, found)):
            return False
    return True


def _is_alike(one: Json, other: Json) -> bool:
    """Whether two values are the same JSON, down to the types of numbers; what is no JSON is never."""
    if type(one) is not type(other):
        return False
    if type(one) in PLAIN:
        return one is not None and one == other
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_is_alike, one, other))
    if isinstance(one, dict) and isinstance(other, dict):
        if one.keys() != other.keys():
            return False
        for key, value in one.items():
            found = other[key]
            if not (value is found and type(value) is str) and not _is_alike(value, found):
                return False
        return True
    return isinstance(one, Address) and one == other


def _in_order(changes: Iterable[FieldChange]) -> tuple[FieldChange, ...]:
    return tuple(sorted(changes, key=lambda change: change.path))


def _leftovers(run: _Comparison, desired: JsonObject, live: JsonObject) -> None:
    """What the manifest has dropped, was removed, and is still there."""
    for pointer, answer in run.binding.answered.items():
        path = patch.split(pointer)
        gone = all(is_unset(run.kind, path, value_at(one, path)) for one in (desired, run.binding.applied))
        shown = value_at(live, path)
        noted = any(one.path == pointer for one in (*run.otherwise, *run.chosen, *run.changes))
        stays = gone and not is_unset(run.kind, path, shown) and same(run.kind, path, answer, shown)
        if stays and not noted and not _is_ignored(run, path):
            run.otherwise.append(FieldChange(pointer, Cause.EDITED, answer, shown, None, _hides(run, path, shown)))


def _is_ignored(run: _Comparison, path: KeyPath) -> bool:
    return any(path[:length] in run.ignored for length in range(len(path) + 1))


def kept(desired: Desired, live: Live) -> tuple[FieldChange, ...]:
    """Managed fields of a freshly written object that do not read as they were written."""
    return compare(desired, live, None).fields


def is_taken_away(kind: ResourceKind, pointer: str, desired: Json, before: Json, live: Json) -> bool:
    """Whether a field that was to go is gone, or has what the server has chosen: another value, or one of its own."""
    pattern = pattern_of(patch.split(pointer))
    if not is_unset(kind, pattern, desired):
        return False
    return canonical(before) != canonical(live) or may_be_filled_in(kind, pattern, live)


def lets_choose(binding: Binding, pointer: str) -> bool:
    """Whether a field was last applied as null: what the server has there is its own choice."""
    *above, key = patch.split(pointer)
    holder = value_at(binding.applied, tuple(above))
    return isinstance(holder, dict) and key in holder and is_empty(holder[key])


def remembered(value: Json) -> Json:
    """A value of the account as a binding remembers it: secrets as fingerprints, nothing as null."""
    return map_leaves(None if value is ABSENT else value, _rememberable)


def _rememberable(leaf: Json) -> Json:
    if isinstance(leaf, patch.Pinned):
        return REDACTED
    return leaf.fingerprint if isinstance(leaf, Secret) else leaf


def _objects(
    run: _Comparison, path: KeyPath, desired: JsonObject, base: Json, live: Json
) -> tuple[JsonObject, JsonObject]:
    """The live object and the wanted one, unmanaged members pinned."""
    live_members = live if isinstance(live, dict) else {}
    base_members = base if isinstance(base, dict) else {}
    before: JsonObject = {}
    after: JsonObject = {}
    for key in {**live_members, **desired, **base_members}:
        here = (*path, key)
        found = live_members.get(key, ABSENT)
        wanted = desired.get(key, ABSENT)
        last = base_members.get(key, ABSENT)
        if isinstance(last, TextPrint) and isinstance(wanted, dict):
            last = _readable(run.kind, here, last, found, wanted)
        if here in run.ignored or (wanted is ABSENT and is_unset(run.kind, here, last)):
            _put(before, after, key, found if found is ABSENT else patch.Pinned(found), ABSENT, pinned=True)
        elif _descends(run.kind, here, wanted, last, found):
            _descend(run, here, wanted, last, found, (before, after))
        else:
            leaf = _leaf(run, here, wanted, last, found, holder=isinstance(live, dict))
            _put(before, after, key, found, leaf, pinned=False)
    return before, after


def _descends(kind: ResourceKind, path: KeyPath, wanted: Json, base: Json, live: Json) -> bool:
    """Objects are compared member by member unless the manifest removes them whole; `{}` names no member."""
    if kind.field_at(path).empty_counts and not (isinstance(wanted, dict) and isinstance(live, dict)):
        return False
    by_member = isinstance(wanted, dict) or (wanted is ABSENT and isinstance(base, dict) and bool(base))
    return by_member and (isinstance(live, dict) or is_empty(live) or kind.field_at(path).write_only)


def _descend(
    run: _Comparison, path: KeyPath, wanted: Json, base: Json, live: Json, into: tuple[JsonObject, JsonObject]
) -> None:
    members = wanted if isinstance(wanted, dict) else {}
    if run.kind.field_at(path).write_only:
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
    emptied = emptied and not _has_parts(run.kind, path)
    emptied = emptied and all(is_unset(run.kind, (*path, name), _unpinned(one)) for name, one in inner_after.items())
    if (isinstance(live, dict) and not emptied) or (not isinstance(live, dict) and inner_after):
        into[1][key] = inner_after
    elif live is not ABSENT and not isinstance(live, dict):
        into[1][key] = live


def _has_parts(kind: ResourceKind, path: KeyPath) -> bool:
    """Whether an object has parts in it that calls of their own write: it is not theirs to take away."""
    return any(part.at[: len(path)] == path and part.at != path for part in kind.parts)


def _put(before: JsonObject, after: JsonObject, key: str, found: Json, wanted: Json, *, pinned: bool) -> None:
    if found is not ABSENT:
        before[key] = found
    value = found if pinned else wanted
    if value is not ABSENT:
        after[key] = value


def _leaf(run: _Comparison, path: KeyPath, wanted: Json, base: Json, found: Json, *, holder: bool) -> Json:
    """The wanted value of one managed field; what differs is noted.  `holder`: the read has the object it is in."""
    kind, declared = run.kind, run.kind.field_at(path)
    aim = None if wanted is ABSENT else wanted
    base = _secret_base(run, path, base, aim, found)
    masked = declared.masked and holder and found is ABSENT and isinstance(base, Fingerprint | Secret)
    live = found
    if declared.write_only or masked:  # what no read tells is as it was last applied
        live = base if base is not ABSENT else aim
    known = _base(run, path, base, aim, live)
    agrees = _agrees(kind, path, aim, base, live)
    cause = _cause(kind, path, base, aim, moved=known.moved)
    before = _readable(kind, path, known.answered, live, aim)
    shown = known_part(kind, path, live)
    change = FieldChange(patch.join(path), cause, before, shown, aim, _hides(run, path, before, live, aim))
    if known.kept and not agrees:
        (run.chosen if is_unset(kind, path, aim) else run.otherwise).append(change)
        return found
    if agrees or (declared.lasting and is_empty(aim)):
        return found  # what was edited to what the manifest says is no drift: the state learns it, nothing is written
    if known.moved:
        run.drift.append(change)
    run.changes.append(change)
    # A key that reads leave out may be there or not: only an empty one can be written over both.
    if masked and is_empty(aim):
        return None if declared.nullable else ""
    return desired_value(kind, path, aim, live)


def _readable(kind: ResourceKind, path: KeyPath, base: Json, live: Json, aim: Json) -> Json:
    """A base of which a record keeps no text, as the side says it that has not moved; as it is when both have."""
    if not any(isinstance(leaf, TextPrint) for _, leaf in special_leaves(base)):
        return base
    return next((one for one in (live, aim) if same(kind, path, base, one)), base)


def _secret_base(run: _Comparison, path: KeyPath, base: Json, aim: Json, found: Json) -> Json:
    """What stands for a secret that was applied and of which nothing on record tells what it was."""
    if base != REDACTED:
        return base
    # The account may show another secret than was sent; otherwise, what can be read has not moved.
    told = patch.join(path) in run.binding.answered or "" in run.binding.unconfirmed
    if isinstance(found, Secret) and not told:
        return found
    return aim if isinstance(aim, Secret) else base  # whoever took the key over says now what it is


def _base(run: _Comparison, path: KeyPath, applied: Json, aim: Json, live: Json) -> _Base:
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


def _shared(applied: Json, live: Json) -> Json:
    """The account's value without members that were never applied."""
    if isinstance(applied, dict) and isinstance(live, dict):
        return {key: _shared(applied[key], item) for key, item in live.items() if key in applied}
    return live


def _unconfirmed(run: _Comparison, pointer: str, applied: Json, live: Json) -> tuple[Json, bool]:
    """The answer to a write that nobody has read back: what is there now, unless that is what was there before."""
    if "" in run.binding.unconfirmed:
        return live, True
    above = [one for one in run.binding.unconfirmed if f"{pointer}/".startswith(f"{one}/")]
    if not above:
        return applied, False
    pieces = patch.split(pointer.removeprefix(above[0]))
    before = value_at({"": run.binding.unconfirmed[above[0]]}, ("", *pieces))
    return live, not same(run.kind, patch.split(pointer), before, live)


def _hides(run: _Comparison, path: KeyPath, *values: Json) -> bool:
    """Whether a field is not to be shown."""
    declared = run.kind.field_at(path)
    return (
        declared.secret
        or any(map(is_hidden, values))
        or (declared.must_stay_reachable and any(map(presigned_urls.signatures, values)))
    )


def _agrees(kind: ResourceKind, path: KeyPath, aim: Json, base: Json, live: Json) -> bool:
    """A masked key cannot be compared; it is what was last applied, as far as anybody can tell."""
    if isinstance(live, patch.Pinned):
        return not is_empty(aim) and base is not ABSENT and same(kind, path, aim, base)
    return same(kind, path, aim, live)


def _cause(kind: ResourceKind, path: KeyPath, base: Json, aim: Json, *, moved: bool) -> Cause:
    if base is ABSENT or not moved:
        return Cause.EDITED
    return Cause.DRIFTED if same(kind, path, base, aim) else Cause.BOTH


def _unpinned(value: Json) -> Json:
    return value.value if isinstance(value, patch.Pinned) else value


def _replaces(kind: ResourceKind, pointer: str) -> bool:
    path = patch.split(pointer)
    return any(kind.field_at(path[:length]).replaces for length in range(1, len(path) + 1))


def _operations(kind: ResourceKind, before: JsonObject, after: JsonObject) -> tuple[JsonObject, ...]:
    keyed = {pointer: declared.keyed_by for pointer, declared in kind.fields.items() if declared.keyed_by}
    update = update_of(kind)
    operations = update.diff(kind, before, after, keyed)
    if update.exact:
        _verify(before, after, operations)
    return tuple(operations)


def _verify(before: JsonObject, after: JsonObject, operations: list[JsonObject]) -> None:
    """No patch leaves that another hand does not find right: it must lead from the live document to the wanted one."""
    import jsonpatch  # noqa: PLC0415 - most plans have no patch, and start at once

    reached = jsonpatch.JsonPatch(operations).apply(before)
    if not patch.same(reached, after):
        message = "the patch does not produce the values of the manifest; nothing was sent"
        raise InternalError(message, "report this bug of tavusctl")
