"""The ways in which the API changes an object in place: how a change is written, what it leads to, how it is sent."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final, Protocol

from tavusctl import patch
from tavusctl.core.json_tree import emptied, with_value_of
from tavusctl.core.model import ABSENT, Live
from tavusctl.core.resource_kind import Part, PartStyle, ResourceKind, Update
from tavusctl.engine.compare import patch_guards, whole_members
from tavusctl.fields import spellings
from tavusctl.lib.json_types import Json, JsonObject, as_object, as_text

Operations = Sequence[JsonObject]


class Updating(Protocol):
    """One such way; changes are operations of RFC 6902 for all of them."""

    exact: bool  # the operations are sent as they are, so they must lead to the wanted document
    tested: bool  # the server compares before it writes, by `test` operations
    versioned: bool  # the same, by the version that was read

    def diff(
        self, kind: ResourceKind, before: JsonObject, after: JsonObject, keyed_by: Mapping[str, str]
    ) -> list[JsonObject]:
        """The change from one body to another."""

    def apply(self, body: JsonObject, operations: Operations) -> JsonObject:
        """The body that a change leads to."""

    def guards(self, live: Live, operations: Operations) -> tuple[JsonObject, ...]:
        """The `test` operations that go with a change."""

    def lacks(self, live: Live, operations: Operations, desired: JsonObject) -> tuple[str, ...]:
        """Pointers of secrets that have to be sent along, and that neither the account nor the manifest tells."""

    def request(
        self, live: Live, operations: Operations, desired: JsonObject
    ) -> tuple[str, JsonObject | list[JsonObject]]:
        """The path and the body of the call that makes a change, which has ids already."""


class JsonPatch:
    """The smallest patch, with tests where the server obeys them."""

    exact = tested = True
    versioned = False

    def diff(
        self,
        kind: ResourceKind,  # noqa: ARG002
        before: JsonObject,
        after: JsonObject,
        keyed_by: Mapping[str, str],
    ) -> list[JsonObject]:
        """The cheapest operations."""
        return patch.diff(before, after, keyed_by=keyed_by)

    def apply(self, body: JsonObject, operations: Operations) -> JsonObject:
        """The body with the operations carried out."""
        return as_object(patch.apply(body, operations))

    def guards(self, live: Live, operations: Operations) -> tuple[JsonObject, ...]:
        """A test of what each operation relies on."""
        return patch_guards.tests_of(patch_guards.protect(live.kind, live.body, operations))

    def lacks(self, live: Live, operations: Operations, desired: JsonObject) -> tuple[str, ...]:  # noqa: ARG002
        """None: what is not written stays."""
        return ()

    def request(
        self,
        live: Live,
        operations: Operations,
        desired: JsonObject,  # noqa: ARG002
    ) -> tuple[str, JsonObject | list[JsonObject]]:
        """A PATCH of the object, in the names that reads of it show, at the place in it that patches begin at."""
        return _path(live), [_sent(live.kind, one) for one in spellings.as_shown(operations, live.names)]


class VersionedPatch(JsonPatch):
    """The smallest patch, of the version that was compared with the plan."""

    tested = False
    versioned = True

    def guards(self, live: Live, operations: Operations) -> tuple[JsonObject, ...]:  # noqa: ARG002
        """None: the version says more."""
        return ()


class Merge:
    """Whole members by name; one that goes is sent as the empty value of its type.

    Inside an object the operations are the smallest, for people to read; it is sent whole all the same, with the
    secrets in it that reads do not show.
    """

    exact = tested = versioned = False

    def diff(
        self, kind: ResourceKind, before: JsonObject, after: JsonObject, keyed_by: Mapping[str, str]
    ) -> list[JsonObject]:
        """Operations for each member that differs."""
        differing = [key for key in sorted({**before, **after}) if before.get(key, ABSENT) != after.get(key, ABSENT)]
        return [one for key in differing for one in _of_member(kind, key, before, after, keyed_by)]

    def apply(self, body: JsonObject, operations: Operations) -> JsonObject:
        """The body with other members."""
        return whole_members.merged(body, operations)

    def guards(self, live: Live, operations: Operations) -> tuple[JsonObject, ...]:  # noqa: ARG002
        """None: it is compared right before the call."""
        return ()

    def lacks(self, live: Live, operations: Operations, desired: JsonObject) -> tuple[str, ...]:
        """Secrets inside the objects that are sent whole."""
        return whole_members.lacking(live, operations, desired)

    def request(
        self, live: Live, operations: Operations, desired: JsonObject
    ) -> tuple[str, JsonObject | list[JsonObject]]:
        """A PATCH of the object with the members alone."""
        return _path(live), _renamed(live.kind, whole_members.sent(live, operations, desired))


class Rename(Merge):
    """The name alone at a place of its own; what else can change, in newer words at the newer path."""

    def request(
        self, live: Live, operations: Operations, desired: JsonObject
    ) -> tuple[str, JsonObject | list[JsonObject]]:
        """A PATCH of the name, or of all that changes."""
        kind, members = live.kind, whole_members.sent(live, operations, desired)
        if members.keys() <= {kind.name_field}:
            return f"{_path(live)}/name", members
        newer = {(*kind.field_at((key,)).also, key)[0]: value for key, value in members.items()}
        return f"{kind.merged_at}/{live.remote_id}", newer


class Parted:
    """Any of these, for objects with parts that calls of their own write: no operation writes into two of them."""

    def __init__(self, way: Updating, parts: Sequence[Part]) -> None:
        self._way = way
        self._parts = parts
        self.exact, self.tested, self.versioned = way.exact, way.tested, way.versioned

    def diff(
        self, kind: ResourceKind, before: JsonObject, after: JsonObject, keyed_by: Mapping[str, str]
    ) -> list[JsonObject]:
        """The change of all but the parts, then that of each part; a set is written whole, for it has no places."""
        aside = after
        for part in self._parts:
            aside = with_value_of(aside, part.at, before)
        operations = self._way.diff(kind, before, aside, keyed_by)
        for part in self._parts:
            before, aside = aside, with_value_of(aside, part.at, after)
            some = self._way.diff(kind, before, aside, keyed_by)
            is_set = part.style is PartStyle.MEMBERS
            operations += [_whole(part, before, aside)] if some and is_set else some
        return [*operations, *self._way.diff(kind, aside, after, keyed_by)]

    def apply(self, body: JsonObject, operations: Operations) -> JsonObject:
        """The body that a change leads to."""
        return self._way.apply(body, operations)

    def guards(self, live: Live, operations: Operations) -> tuple[JsonObject, ...]:
        """Those of what is not in a part with a path of its own."""
        apart = tuple(f"{part.pointer}/" for part in self._parts if part.path)
        return self._way.guards(live, [one for one in operations if not f"{one['path']}/".startswith(apart)])

    def lacks(self, live: Live, operations: Operations, desired: JsonObject) -> tuple[str, ...]:
        """Those of the way itself."""
        return self._way.lacks(live, operations, desired)

    def request(
        self, live: Live, operations: Operations, desired: JsonObject
    ) -> tuple[str, JsonObject | list[JsonObject]]:
        """The path and the body of a call that writes no part, or one alone."""
        return self._way.request(live, operations, desired)


def _whole(part: Part, before: JsonObject, after: JsonObject) -> JsonObject:
    old, new = (patch_guards.value_at(one, part.at) for one in (before, after))
    if new is None:
        return {"op": "remove", "path": part.pointer}
    return {"op": "add" if old is None else "replace", "path": part.pointer, "value": new}


_WAYS: Final[Mapping[Update, Updating]] = {
    Update.JSON_PATCH: JsonPatch(),
    Update.VERSIONED_PATCH: VersionedPatch(),
    Update.MERGE: Merge(),
    Update.RENAME: Rename(),
}


def update_of(kind: ResourceKind) -> Updating:
    """How objects of a kind are changed in place."""
    way = _WAYS[kind.update]
    return Parted(way, kind.parts) if kind.parts else way


def creating(kind: ResourceKind, body: JsonObject) -> JsonObject:
    """The body of the call that makes an object."""
    return _renamed(kind, body)


def _path(live: Live) -> str:
    return f"{live.kind.collection}/{live.remote_id}"


def _renamed(kind: ResourceKind, members: JsonObject) -> JsonObject:
    return {kind.wire_names.get(key, key): value for key, value in members.items()}


def _sent(kind: ResourceKind, operation: JsonObject) -> JsonObject:
    """An operation in the API's names; to add a member that is there is to replace it (RFC 6902, section 4.1)."""
    key, *rest = patch.split(operation["path"])
    adds = kind.adds_members and not rest and operation["op"] == "replace"
    path = kind.patch_root + patch.join((kind.wire_names.get(key, key), *rest))
    return {**operation, "path": path, **({"op": "add"} if adds else {})}


def _of_member(
    kind: ResourceKind, key: str, before: JsonObject, after: JsonObject, keyed_by: Mapping[str, str]
) -> Iterable[JsonObject]:
    """How one member changes: within, where it is an object before and after."""
    here, old, new = patch.join((key,)), before.get(key), after.get(key)
    if isinstance(old, dict) and isinstance(new, dict):
        below = {one.removeprefix(here): name for one, name in keyed_by.items() if one.startswith(f"{here}/")}
        return [{**one, "path": here + as_text(one["path"])} for one in patch.diff(old, new, keyed_by=below)]
    value = after.get(key, _emptied(kind, key, old))
    return [] if value == old else [{"op": "replace", "path": here, "value": value}]


def _emptied(kind: ResourceKind, key: str, old: Json) -> Json:
    """What a member is when nobody says what it is to be."""
    usual = kind.field_at((key,)).defaults
    return usual[0] if isinstance(old, dict) and usual else emptied("" if old is None else old)
