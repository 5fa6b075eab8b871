"""The ways to change an object in place: how the change is computed, what it leads to, and how it is sent."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

from tavusctl import patch
from tavusctl.core.json_tree import empty_value_for, value_at, with_value_of
from tavusctl.core.model import ABSENT, Live
from tavusctl.core.resource_kind import Part, PartStyle, ResourceKind, Update
from tavusctl.engine.compare import patch_guards, whole_members
from tavusctl.fields import spellings
from tavusctl.lib.json_types import Json, JsonObject, as_object, as_text

Operations = Sequence[JsonObject]


class UpdateMethod(ABC):
    """A way to change objects in place; every way has its changes as operations of RFC 6902."""

    exact = False  # the operations are sent as they are, so they must lead to the desired document
    tested = False  # the server checks `test` operations before it writes
    versioned = False  # the server checks before it writes that the version is the one that was read

    def diff(
        self, kind: ResourceKind, before: JsonObject, after: JsonObject, keyed_by: Mapping[str, str]
    ) -> list[JsonObject]:
        """The operations that lead from one body to the other; none writes into two parts: each has its own calls.

        First the removal from parts of what may need the rest, then the change of all but the parts, then of each part;
        a set is written whole: its members have no paths.
        """
        operations: list[JsonObject] = []
        for part, body in _steps(kind, before, after):
            changes = self._diff(kind, before, body, keyed_by)
            is_set = part is not None and part.style is PartStyle.MEMBERS
            operations += [_whole_part(part, before, body)] if part and changes and is_set else changes
            before = body
        return operations

    def guards(self, live: Live, operations: Operations) -> tuple[JsonObject, ...]:
        """The `test` operations that are sent with a change: of what it relies on outside parts with their own path."""
        if not self.tested:
            return ()
        excluded = tuple(f"{part.pointer}/" for part in live.kind.parts if part.path)
        rest = [operation for operation in operations if not f"{operation['path']}/".startswith(excluded)]
        return patch_guards.tests(live.kind, live.body, rest)

    def unknown_secrets(self, live: Live, operations: Operations, desired: JsonObject) -> tuple[str, ...]:  # noqa: ARG002
        """Pointers of secrets that must be sent along, but that neither the account nor the manifest provides."""
        return ()

    @abstractmethod
    def apply(self, body: JsonObject, operations: Operations) -> JsonObject:
        """The body that a change leads to."""

    def result(self, live: Live, operations: Operations, desired: JsonObject) -> JsonObject:  # noqa: ARG002
        """The body that an object has once a change is sent, with all that is sent along with the operations."""
        return self.apply(live.body, operations)

    @abstractmethod
    def request(
        self, live: Live, operations: Operations, desired: JsonObject
    ) -> tuple[str, JsonObject | list[JsonObject]]:
        """The path and the body of the call that makes a change; `operations` have ids in place of addresses."""

    @abstractmethod
    def _diff(
        self, kind: ResourceKind, before: JsonObject, after: JsonObject, keyed_by: Mapping[str, str]
    ) -> list[JsonObject]:
        """The operations that lead from one body to the other, for a kind without parts."""


class JsonPatch(UpdateMethod):
    """The smallest patch, with `test` operations, for servers that obey these."""

    exact = tested = True

    def _diff(
        self,
        kind: ResourceKind,  # noqa: ARG002
        before: JsonObject,
        after: JsonObject,
        keyed_by: Mapping[str, str],
    ) -> list[JsonObject]:
        """The cheapest operations; none is of the whole document, which no API accepts and no test guards."""
        return patch.diff(before, after, keyed_by=keyed_by, by_member=True)

    def apply(self, body: JsonObject, operations: Operations) -> JsonObject:
        """The body with the operations carried out."""
        return as_object(patch.apply(body, operations))

    def request(
        self,
        live: Live,
        operations: Operations,
        desired: JsonObject,  # noqa: ARG002
    ) -> tuple[str, JsonObject | list[JsonObject]]:
        """A PATCH of the object, with the field names of its last read, and paths below the patch root of its kind."""
        return _path(live), [
            _wire_operation(live.kind, operation) for operation in spellings.with_shown_names(operations, live.names)
        ]


class VersionedPatch(JsonPatch):
    """The smallest patch, which the server accepts only for the version that was compared with the plan."""

    tested = False
    versioned = True


class Merge(UpdateMethod):
    """Whole members by name; a removed member is sent as the empty value of its type.

    Inside an object the operations are the smallest ones, for people to read; the object is sent whole nevertheless,
    with those of its secrets that reads do not show.
    """

    def _diff(
        self, kind: ResourceKind, before: JsonObject, after: JsonObject, keyed_by: Mapping[str, str]
    ) -> list[JsonObject]:
        """Operations for each member that differs."""
        differing = [
            key
            for key in sorted({**before, **after})
            if not patch.same(before.get(key, ABSENT), after.get(key, ABSENT))
        ]
        return [operation for key in differing for operation in _of_member(kind, key, before, after, keyed_by)]

    def apply(self, body: JsonObject, operations: Operations) -> JsonObject:
        """The body with the changed members."""
        return whole_members.merged(body, operations)

    def result(self, live: Live, operations: Operations, desired: JsonObject) -> JsonObject:
        """The body with the members that are sent."""
        return {**live.body, **whole_members.sent(live, operations, desired)}

    def unknown_secrets(self, live: Live, operations: Operations, desired: JsonObject) -> tuple[str, ...]:
        """Pointers of missing secrets inside the objects that are sent whole."""
        return whole_members.missing_secrets(live, operations, desired)

    def request(
        self, live: Live, operations: Operations, desired: JsonObject
    ) -> tuple[str, JsonObject | list[JsonObject]]:
        """A PATCH of the object with nothing but the changed members."""
        return _path(live), with_wire_names(live.kind, whole_members.sent(live, operations, desired))


class Rename(Merge):
    """The name alone at a path of its own; other changes with newer field names at the newer path of the kind."""

    def request(
        self, live: Live, operations: Operations, desired: JsonObject
    ) -> tuple[str, JsonObject | list[JsonObject]]:
        """A PATCH of the name, or of all changed members."""
        kind, members = live.kind, whole_members.sent(live, operations, desired)
        if members.keys() <= {kind.name_field}:
            return f"{_path(live)}/name", members
        newer = {(*kind.field_at((key,)).aliases, key)[0]: value for key, value in members.items()}
        return f"{kind.merge_collection}/{live.remote_id}", newer


def _steps(kind: ResourceKind, before: JsonObject, after: JsonObject) -> Iterator[tuple[Part | None, JsonObject]]:
    """The bodies on the way from one to the other, each with the part that changes (None: the object itself)."""
    lessened = [part for part in kind.parts if part.style is PartStyle.ALONE and _only_loses(part, before, after)]
    others = [part for part in kind.parts if part not in lessened]
    for part in lessened:
        before = with_value_of(before, part.spec_path, after)
        yield part, before
    body = after
    for part in others:
        body = with_value_of(body, part.spec_path, before)
    yield None, body
    for part in others:
        body = with_value_of(body, part.spec_path, after)
        yield part, body
    yield None, after


def _only_loses(part: Part, before: JsonObject, after: JsonObject) -> bool:
    """Whether a part loses members, and neither gets a member nor another value of one."""
    old, new = (value_at(body, part.spec_path) or {} for body in (before, after))
    if not isinstance(old, dict) or not isinstance(new, dict):  # it is not managed
        return False
    return len(new) < len(old) and all(key in old and patch.same(value, old[key]) for key, value in new.items())


def _whole_part(part: Part, before: JsonObject, after: JsonObject) -> JsonObject:
    old, new = (value_at(body, part.spec_path) for body in (before, after))
    if new is None:
        return {"op": "remove", "path": part.pointer}
    return {"op": "add" if old is None else "replace", "path": part.pointer, "value": new}


_WAYS: Final[Mapping[Update, UpdateMethod]] = {
    Update.JSON_PATCH: JsonPatch(),
    Update.VERSIONED_PATCH: VersionedPatch(),
    Update.MERGE: Merge(),
    Update.RENAME: Rename(),
}


def update_of(kind: ResourceKind) -> UpdateMethod:
    """The way in which objects of a kind are changed in place."""
    return _WAYS[kind.update]


def _path(live: Live) -> str:
    return f"{live.kind.collection}/{live.remote_id}"


def with_wire_names(kind: ResourceKind, members: JsonObject) -> JsonObject:
    """The members of an object, under the names that the API takes."""
    return {kind.wire_names.get(key, key): value for key, value in members.items()}


def _wire_operation(kind: ResourceKind, operation: JsonObject) -> JsonObject:
    """An operation with the API's names; where it must, `add` replaces a member (RFC 6902, section 4.1)."""
    key, *rest = patch.split(operation["path"])
    adds = kind.adds_members and not rest and operation["op"] == "replace"
    path = patch.join((kind.wire_names.get(key, key), *rest))
    return {**operation, "path": path, **({"op": "add"} if adds else {})}


def _of_member(
    kind: ResourceKind, key: str, before: JsonObject, after: JsonObject, keyed_by: Mapping[str, str]
) -> Iterable[JsonObject]:
    """The operations that change one member: inside it, if it is an object before and after, else as a whole."""
    pointer, old, new = patch.join((key,)), before.get(key), after.get(key)
    if isinstance(old, dict) and isinstance(new, dict):
        keyed_below = {
            keyed_pointer.removeprefix(pointer): name
            for keyed_pointer, name in keyed_by.items()
            if keyed_pointer.startswith(f"{pointer}/")
        }
        return [
            {**operation, "path": pointer + as_text(operation["path"])}
            for operation in patch.diff(old, new, keyed_by=keyed_below)
        ]
    value = after.get(key, _emptied(kind, key, old))
    return [] if patch.same(value, old) else [{"op": "replace", "path": pointer, "value": value}]


def _emptied(kind: ResourceKind, key: str, old: Json) -> Json:
    """The value that unsets a member: its default, else the empty value of its type."""
    defaults = kind.field_at((key,)).defaults
    return defaults[0] if defaults else empty_value_for("" if old is None else old)
