"""Compare one object three ways, field by field: last applied, live, desired.  Pure.

Terms.  A field is *managed* when the manifest has its key, or had it at the last apply.  Objects are managed key by
key, lists as a whole.  `base` is the last applied value, `live` the account's, `desired` the manifest's; a key the
manifest dropped, or set to null, is desired empty.

    desired = live                     nothing to do
    desired != live, base = live       edited: the manifest changed
    desired != live, base = desired    drifted: the account changed
    all three differ                   both: a conflict on exactly this field
    no base                            edited: never applied before

The account's answer to our own write is the base of the live side: a field that the server stores differently from what
was sent is neither drift nor a conflict; it is listed until both values agree, or one of them changes.  Removing a
field lets the server choose its value: whatever it shows afterwards in place of the old value is accepted.

The desired document is the live one with the desired values of managed fields: a field that already means the same
keeps the live spelling, and a field that is not managed is pinned, so that no patch can write it.
"""

from __future__ import annotations

from collections.abc import Iterable

from msgspec import Struct

from tavusctl import patch
from tavusctl.core.address import NOWHERE, Address
from tavusctl.core.binding import Binding
from tavusctl.core.errors import InternalError
from tavusctl.core.json_tree import canonical, is_empty, is_hidden, map_leaves, pattern_of, unshared, value_at
from tavusctl.core.model import ABSENT, Cause, Desired, FieldChange, Live
from tavusctl.core.resource_kind import ResourceKind
from tavusctl.crawl import source_fingerprint
from tavusctl.engine.compare import dropped_objects
from tavusctl.engine.compare.desired import desired_value
from tavusctl.engine.compare.updates import update_of
from tavusctl.fields import presigned_urls
from tavusctl.fields.equivalence import is_unset, may_be_filled_in, same, without_unknown_members
from tavusctl.lib.json_types import PLAIN, Json, JsonObject, KeyPath, special_leaves
from tavusctl.secrets.values import REDACTED, Fingerprint, Secret, TextFingerprint


class Difference(Struct, frozen=True):
    """The differences between a managed object and its manifest, and the patch that settles them."""

    fields: tuple[FieldChange, ...] = ()
    patch: tuple[JsonObject, ...] = ()
    drift: tuple[FieldChange, ...] = ()  # managed fields whose live value changed and differs from the manifest
    stored_differently: tuple[FieldChange, ...] = ()  # fields of which neither side has changed since the last write
    server_chosen: tuple[FieldChange, ...] = ()  # removed fields, and masked keys, with the values that reads show
    replaces: tuple[str, ...] = ()  # pointers of changed fields that are fixed at creation
    unknown_secrets: tuple[str, ...] = ()  # pointers of secrets that must be sent too, and whose values are unknown

    @property
    def answers(self) -> dict[str, Json]:
        """The values of fields that the server stores differently or chose itself, as a binding records them."""
        return {change.path: recorded_value(change.live) for change in (*self.stored_differently, *self.server_chosen)}


class _Comparison(Struct):
    kind: ResourceKind
    ignored: frozenset[KeyPath]
    binding: Binding
    exists: bool  # whether there is an object, as opposed to one that is to be created
    changes: list[FieldChange] = []
    drift: list[FieldChange] = []
    stored_differently: list[FieldChange] = []
    server_chosen: list[FieldChange] = []


class _Base(Struct, frozen=True):
    """The account's answer to the applied value of one field; without one, the applied value itself."""

    answered: Json
    moved: bool  # the account has changed since then
    kept: bool  # the answer belongs to what was applied, and neither side has changed since


def compare(desired: Desired, live: Live, binding: Binding | None) -> Difference:
    """The difference between one object and its manifest."""
    complete = desired.kind.complete_spec
    base = complete(source_fingerprint.without_fingerprint(binding.applied), live.body) if binding else ABSENT
    desired_spec = complete(source_fingerprint.without_fingerprint(desired.spec), live.body)
    is_unchanged = _is_unchanged(desired_spec, base, live.body)
    if is_unchanged and binding and not binding.answered:
        return Difference()
    ignored = frozenset(patch.split(pointer) for pointer in desired.lifecycle.ignore_changes)
    ctx = _Comparison(desired.kind, ignored, binding or Binding(desired.address, ""), bool(live.remote_id))
    before, after = ({}, {}) if is_unchanged else _objects(ctx, (), desired_spec, base, live.body)
    _leftovers(ctx, desired_spec, live.body)
    changes = _in_order(ctx.changes)
    operations = _operations(desired.kind, before, after) if changes else ()
    replaces = tuple(change.path for change in changes if _replaces(desired.kind, change.path))
    changes = changes if operations or replaces else ()  # a difference that yields no operation is not a change
    chosen = _in_order(ctx.server_chosen)
    lacks = update_of(desired.kind).unknown_secrets(live, operations, desired.spec)
    return Difference(
        changes, operations, _in_order(ctx.drift), _in_order(ctx.stored_differently), chosen, replaces, lacks
    )


def _is_unchanged(desired: JsonObject, base: Json, live: Json) -> bool:
    """Whether manifest, state and account have exactly the same managed values, as most objects do: a fast path."""
    if not isinstance(base, dict) or not isinstance(live, dict) or base.keys() != desired.keys():
        return False
    for key, value in desired.items():
        base_value, live_value = base[key], live.get(key, ABSENT)
        if value is base_value is live_value and value:  # equal texts, and other equal parts, are usually one object
            continue
        if isinstance(value, dict):
            if not value or not _is_unchanged(value, base_value, live_value):
                return False
        elif not (_is_alike(value, base_value) and _is_alike(value, live_value)):
            return False
    return True


def _is_alike(one: Json, other: Json) -> bool:
    """Whether two values are the same JSON, including number types, or the same address; false for two nulls."""
    if type(one) is not type(other):
        return False
    if type(one) in PLAIN or one is other:
        return one is not None and one == other
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_is_alike, one, other))
    if isinstance(one, dict) and isinstance(other, dict):
        if one.keys() != other.keys():
            return False
        for key, value in one.items():
            if not (value is (other_value := other[key]) and type(value) is str) and not _is_alike(value, other_value):
                return False
        return True
    return isinstance(one, Address) and one == other


def _in_order(changes: Iterable[FieldChange]) -> tuple[FieldChange, ...]:
    return tuple(sorted(changes, key=lambda change: change.path))


def _leftovers(ctx: _Comparison, desired: JsonObject, live: JsonObject) -> None:
    """Record fields that the manifest dropped and an apply removed, but that the account still shows."""
    for pointer, answer in ctx.binding.answered.items():
        path = patch.split(pointer)
        is_removed = all(is_unset(ctx.kind, path, value_at(spec, path)) for spec in (desired, ctx.binding.applied))
        shown = value_at(live, path)
        is_recorded = any(
            change.path == pointer for change in (*ctx.stored_differently, *ctx.server_chosen, *ctx.changes)
        )
        is_ignored = any(path[:length] in ctx.ignored for length in range(len(path) + 1))
        stays = is_removed and not is_unset(ctx.kind, path, shown) and same(ctx.kind, path, answer, shown)
        if stays and not is_recorded and not is_ignored:
            ctx.stored_differently.append(
                FieldChange(pointer, Cause.EDITED, answer, shown, None, _hides(ctx, path, shown))
            )


def unkept_fields(desired: Desired, live: Live) -> tuple[FieldChange, ...]:
    """The managed fields of a freshly written object that do not read as they were written."""
    return compare(desired, live, None).fields


def edited_fields(live: Live, binding: Binding) -> tuple[FieldChange, ...]:
    """The fields of an object that do not read as they were applied according to a binding."""
    return compare(Desired(binding.address, binding.applied, NOWHERE, kind=live.kind), live, binding).fields


def is_taken_away(kind: ResourceKind, pointer: str, desired: Json, before: Json, live: Json) -> bool:
    """Whether a field that was to be removed has lost its old value, or has one that the server may have filled in."""
    pattern = pattern_of(patch.split(pointer))
    if not is_unset(kind, pattern, desired):
        return False
    return canonical(before) != canonical(live) or may_be_filled_in(kind, pattern, live)


def server_chooses(binding: Binding, pointer: str) -> bool:
    """Whether a field was last applied as null or empty, which lets the server choose its value."""
    *above, key = patch.split(pointer)
    holder = value_at(binding.applied, tuple(above))
    return isinstance(holder, dict) and key in holder and is_empty(holder[key])


def recorded_value(value: Json) -> Json:
    """A value of the account as a binding records it: secrets as fingerprints, an absent value as null."""
    return map_leaves(None if value is ABSENT else value, _recordable)


def _recordable(leaf: Json) -> Json:
    if isinstance(leaf, patch.Pinned):
        return REDACTED
    return leaf.fingerprint if isinstance(leaf, Secret) else leaf


def _objects(
    ctx: _Comparison, path: KeyPath, desired: JsonObject, base: Json, live: Json
) -> tuple[JsonObject, JsonObject]:
    """The live object and the desired one, both with unmanaged members pinned."""
    live_members = live if isinstance(live, dict) else {}
    base_members = base if isinstance(base, dict) else {}
    before: JsonObject = {}
    after: JsonObject = {}
    for key in {**live_members, **desired, **base_members}:
        member_path = (*path, key)
        live_member = live_members.get(key, ABSENT)
        desired_member = desired.get(key, ABSENT)
        base_member = base_members.get(key, ABSENT)
        if isinstance(base_member, TextFingerprint) and isinstance(desired_member, dict):
            base_member = _readable(ctx.kind, member_path, base_member, live_member, desired_member)
        if member_path in ctx.ignored or (desired_member is ABSENT and is_unset(ctx.kind, member_path, base_member)):
            pinned = live_member if live_member is ABSENT else patch.Pinned(live_member)
            _put(before, after, key, pinned, pinned)
        elif _descends(ctx.kind, member_path, desired_member, base_member, live_member):
            _descend(ctx, member_path, desired_member, base_member, live_member, (before, after))
        else:
            leaf = _leaf(ctx, member_path, desired_member, base_member, live_member, holder=isinstance(live, dict))
            _put(before, after, key, live_member, leaf)
    return before, after


def _descends(kind: ResourceKind, path: KeyPath, desired: Json, base: Json, live: Json) -> bool:
    """Whether to compare member by member: the manifest has an object, or dropped one that had members (not `{}`)."""
    if kind.field_at(path).empty_counts and not (isinstance(desired, dict) and isinstance(live, dict)):
        return False
    by_member = isinstance(desired, dict) or (desired is ABSENT and isinstance(base, dict) and bool(base))
    return by_member and (isinstance(live, dict) or is_empty(live) or kind.field_at(path).write_only)


def _descend(
    ctx: _Comparison, path: KeyPath, desired: Json, base: Json, live: Json, documents: tuple[JsonObject, JsonObject]
) -> None:
    members = desired if isinstance(desired, dict) else {}
    if ctx.kind.field_at(path).write_only:
        live = _assumed(ctx, base, desired)
    changes_before = len(ctx.changes)
    inner_before, inner_after = _objects(ctx, path, members, base, live)
    is_emptied = desired is ABSENT and len(ctx.changes) > changes_before
    is_emptied = is_emptied and dropped_objects.is_removed_whole(ctx.kind, path, live, inner_after)
    for name, value in dropped_objects.added_members(ctx.kind, path, inner_after).items() if is_emptied else ():
        pointer, hides = patch.join((*path, name)), _hides(ctx, (*path, name), value)
        ctx.changes.append(FieldChange(pointer, Cause.EDITED, ABSENT, value, None, hides))
    if isinstance(live, dict):
        _put(*documents, path[-1], inner_before, ABSENT if is_emptied else inner_after)
    else:
        _put(*documents, path[-1], live, inner_after or live)


def _put(before: JsonObject, after: JsonObject, key: str, live: Json, desired: Json) -> None:
    if live is not ABSENT:
        before[key] = live
    if desired is not ABSENT:
        after[key] = desired


def _leaf(ctx: _Comparison, path: KeyPath, desired: Json, base: Json, read_value: Json, *, holder: bool) -> Json:
    """The new value of one managed field; differences are recorded.  `holder`: the read shows its parent object."""
    kind, declared = ctx.kind, ctx.kind.field_at(path)
    effective_desired = None if desired is ABSENT else desired  # a dropped key is desired empty
    base = _secret_base(ctx, path, base, effective_desired, read_value)
    if declared.cannot_be_unset and is_empty(base):
        base = ABSENT  # applied as empty, it kept the value that the account had
    masked = declared.masked and holder and read_value is ABSENT and isinstance(base, Fingerprint | Secret)
    live = _assumed(ctx, base, effective_desired) if declared.write_only or masked else read_value
    if declared.replaces and base is not ABSENT and is_empty(live):
        # What is fixed at creation cannot be unset later: a read without it shows less than there is.
        live = ctx.binding.answered.get(patch.join(path), base)
    bases = _base(ctx, path, base, effective_desired, live)
    agrees = _agrees(kind, path, effective_desired, base, live)
    cause = _cause(kind, path, base, effective_desired, moved=bases.moved)
    before = _readable(kind, path, bases.answered, live, effective_desired)
    shown, hides = without_unknown_members(kind, path, live), _hides(ctx, path, before, live, effective_desired)
    change = FieldChange(patch.join(path), cause, before, shown, effective_desired, hides)
    if bases.kept and not agrees:
        is_usual = declared.masked or is_unset(kind, path, effective_desired)
        (ctx.server_chosen if is_usual else ctx.stored_differently).append(change)
        return read_value
    if agrees or (declared.cannot_be_unset and is_empty(effective_desired)):
        return read_value  # an edit in the account to the manifest's value is not drift: only the state is updated
    if bases.moved:
        ctx.drift.append(change)
    ctx.changes.append(change)
    if masked and is_empty(effective_desired):  # it may be set or not: an empty value can be written in both cases
        return None if declared.nullable else ""
    if desired is ABSENT and declared.defaults:
        return ABSENT  # the default is written, or the value is removed: both are valid where null may not be
    return desired_value(kind, path, effective_desired, live)


def _assumed(ctx: _Comparison, base: Json, desired: Json) -> Json:
    """The live value of a field that no read shows: the last applied one, or the desired one before the first apply."""
    return desired if base is ABSENT and ctx.exists and not ctx.binding.applied else base


def _readable(kind: ResourceKind, path: KeyPath, base: Json, live: Json, desired: Json) -> Json:
    """The base, with the text of a side that has not changed in place of a fingerprint; unchanged if both have."""
    if not any(isinstance(leaf, TextFingerprint) for _, leaf in special_leaves(base)):
        return base
    return next((value for value in (live, desired) if same(kind, path, base, value)), base)


def _secret_base(ctx: _Comparison, path: KeyPath, base: Json, desired: Json, read_value: Json) -> Json:
    """The base of a field; for an applied secret without a recorded fingerprint, the value that takes its place."""
    if base != REDACTED:
        return base
    # After an answer, the account may show another secret than was sent; without one, a readable secret is unchanged.
    has_answer = patch.join(path) in ctx.binding.answered or "" in ctx.binding.unconfirmed
    if isinstance(read_value, Secret) and not has_answer:
        return read_value
    return desired if isinstance(desired, Secret) else base  # the manifest says now what the secret is


def _base(ctx: _Comparison, path: KeyPath, applied: Json, desired: Json, live: Json) -> _Base:
    """What the account answered for a field, and whether the account has changed the field since."""
    pointer, answer, is_answer = patch.join(path), applied, False
    if pointer in ctx.binding.answered:
        answer, is_answer = ctx.binding.answered[pointer], True
    elif not same(ctx.kind, path, applied, live):
        answer, is_answer = _unconfirmed(ctx, pointer, applied, live)
    # Removing an object also removes members that others added: these are not a change of what was applied.
    compared = _applied_members(applied, live) if desired is None else live
    moved = applied is not ABSENT and not any(same(ctx.kind, path, base, compared) for base in (applied, answer))
    kept = is_answer and not moved and same(ctx.kind, path, applied, desired)
    return _Base(answer, moved=moved, kept=kept)


def _applied_members(applied: Json, live: Json) -> Json:
    """The account's value without members that were never applied."""
    if isinstance(applied, dict) and isinstance(live, dict):
        return {key: _applied_members(applied[key], item) for key, item in live.items() if key in applied}
    return live


def _unconfirmed(ctx: _Comparison, pointer: str, applied: Json, live: Json) -> tuple[Json, bool]:
    """The answer to a write that was not read back (the live value), and whether the write changed the value."""
    if "" in ctx.binding.unconfirmed:
        return live, True
    written_pointers = [written for written in ctx.binding.unconfirmed if f"{pointer}/".startswith(f"{written}/")]
    if not written_pointers:
        return applied, False
    segments = patch.split(pointer.removeprefix(written_pointers[0]))
    before = value_at({"": ctx.binding.unconfirmed[written_pointers[0]]}, ("", *segments))
    return live, not same(ctx.kind, patch.split(pointer), before, live)


def _hides(ctx: _Comparison, path: KeyPath, *values: Json) -> bool:
    """Whether the values of a field must not be shown."""
    declared = ctx.kind.field_at(path)
    return (
        declared.secret
        or any(map(is_hidden, values))
        or (declared.must_stay_reachable and any(map(presigned_urls.access_parameters, values)))
    )


def _agrees(kind: ResourceKind, path: KeyPath, desired: Json, base: Json, live: Json) -> bool:
    """Whether the live value is the desired one; a masked secret cannot be compared and counts as last applied."""
    if isinstance(live, patch.Pinned):
        return not is_empty(desired) and base is not ABSENT and same(kind, path, desired, base)
    return same(kind, path, desired, live)


def _cause(kind: ResourceKind, path: KeyPath, base: Json, desired: Json, *, moved: bool) -> Cause:
    if base is ABSENT or not moved:
        return Cause.EDITED
    return Cause.DRIFTED if same(kind, path, base, desired) else Cause.BOTH


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
    """Check a patch with an independent library: it must lead from the live document to the desired one."""
    import jsonpatch  # noqa: PLC0415 - most plans have no patch, and must start fast

    result = jsonpatch.apply_patch(unshared(before), unshared(operations), in_place=True)
    if not patch.same(result, after):
        message = "the patch does not produce the values of the manifest; nothing was sent"
        raise InternalError(message, "report this bug of tavusctl")
