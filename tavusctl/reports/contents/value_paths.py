"""The places inside a changed value, with readable names: tools by function, goals by name, the rest by path."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from itertools import zip_longest
from typing import TypeGuard

from msgspec import Struct

from tavusctl.core.json_tree import canonical, identity_of, manifest_notation
from tavusctl.core.model import ABSENT
from tavusctl.core.resource_kind import PLAIN, ResourceKind
from tavusctl.fields.equivalence import same
from tavusctl.lib.diffing import sequence_alignment
from tavusctl.lib.json_types import Json, JsonObject, KeyPath
from tavusctl.lib.patterns import pattern

LONG = 72  # characters of a text on one line; longer texts are compared line by line
WIDTH = 200  # characters of a value that is shown on one line
_SIMPLE = pattern(r"[\w.-]+")


class Place(Struct, frozen=True):
    """One place that differs; a side without a value is ABSENT.  `note` says what the values cannot show."""

    name: str  # "/book_demo/function/description"
    old: Json
    new: Json
    note: str = ""


def is_prose(value: Json) -> TypeGuard[str]:
    """Whether a value is long text, which is compared line by line."""
    return isinstance(value, str) and (len(value) > LONG or "\n" in value)


def is_nothing(value: Json) -> bool:
    """Whether a value is absent or null."""
    return value is ABSENT or value is None


def as_texts(old: Json, new: Json) -> tuple[str, str] | None:
    """Both sides of a comparison as texts, an absent side as an empty one; None if a side is neither."""
    old, new = ("" if is_nothing(side) else side for side in (old, new))
    return (old, new) if isinstance(old, str) and isinstance(new, str) else None


def compact(value: Json) -> str:
    """A whole value on one line."""
    return "(not set)" if is_nothing(value) else json.dumps(manifest_notation(value), ensure_ascii=False)


def one_line(value: Json) -> str:
    """A value on one line; of a long one the beginning and the length."""
    text = compact(value)
    return text if len(text) <= WIDTH else f"{text[:WIDTH]}… ({len(text):,} characters)"


class ValueComparison(Struct, frozen=True):
    """A comparison of two values of a kind: one side is declared by a manifest, the other is live.

    A default that the server fills in is not a difference.
    """

    kind: ResourceKind | None = None
    old_is_declared: bool = False  # for drift, where the old side is the last applied value

    def differences(self, path: KeyPath, old: Json, new: Json, name: str = "") -> Iterator[Place]:
        """Every place in which two values differ, in the order of the new one.

        `path` has `*` for indices of lists; `name` is the beginning of the names of places.
        """
        if self._agree(path, old, new):
            return
        old, new = self._as_list(path, old, new), self._as_list(path, new, old)
        if isinstance(old, dict) and isinstance(new, dict):
            for key in {**new, **old}:
                member_name = f"{name}/{_path_step(key)}"
                yield from self.differences((*path, key), old.get(key, ABSENT), new.get(key, ABSENT), member_name)
        elif isinstance(old, list) and isinstance(new, list):
            yield from self._lists(path, old, new, name)
        else:
            yield from self._sides(path, old, new, name)

    def _agree(self, path: KeyPath, old: Json, new: Json) -> bool:
        if old is ABSENT and new is ABSENT:
            return True
        declared, live = (old, new) if self.old_is_declared else (new, old)
        if self.kind is None:
            return canonical(old) == canonical(new)
        return same(self.kind, path, declared, live)

    def _as_list(self, path: KeyPath, value: Json, other: Json) -> Json:
        """The list in a text that joins its items, if the other side is a list; any other value as it is."""
        joined_by = self.kind.field_at(path).joined_by if self.kind else ""
        return value.split(joined_by) if joined_by and isinstance(value, str) and isinstance(other, list) else value

    def _sides(self, path: KeyPath, old: Json, new: Json, name: str) -> Iterator[Place]:
        """The places of two values that are not both mappings, or both lists.

        A new collection that is too long for one line has a place for each of its members; all else is one place.
        """
        if is_nothing(old) and isinstance(new, dict | list) and len(compact(new)) > LONG:
            yield from self.differences(path, type(new)(), new, name)
        else:
            yield Place(name, old, new)

    def _lists(self, path: KeyPath, old: list[Json], new: list[Json], name: str) -> Iterator[Place]:
        declared = self.kind.field_at(path) if self.kind else PLAIN
        key_of = _item_key_function(declared.keyed_by)
        before, after = {key_of(item): item for item in old}, {key_of(item): item for item in new}
        if "" not in before and "" not in after and len(before) == len(old) and len(after) == len(new):
            yield from self._keyed_items((*path, "*"), before, after, name)
        elif declared.unordered:
            yield from (Place(name, item, ABSENT) for item in old if item not in new)
            yield from (Place(name, ABSENT, item) for item in new if item not in old)
        else:
            yield from self._aligned((*path, "*"), old, new, name)

    def _keyed_items(self, path: KeyPath, before: JsonObject, after: JsonObject, name: str) -> Iterator[Place]:
        for key in {**after, **before}:
            yield from self.differences(
                path, before.get(key, ABSENT), after.get(key, ABSENT), f"{name}/{_path_step(key)}"
            )
        old_order, new_order = [key for key in before if key in after], [key for key in after if key in before]
        if old_order != new_order:
            yield Place(name, old_order, new_order, "the order changed")

    def _aligned(self, path: KeyPath, old: list[Json], new: list[Json], name: str) -> Iterator[Place]:
        pairs = sequence_alignment.pairs([canonical(item) for item in old], [canonical(item) for item in new])
        for old_start, old_stop, new_start, new_stop in sequence_alignment.gaps_between(pairs, len(old), len(new)):
            for left, right in zip_longest(range(old_start, old_stop), range(new_start, new_stop)):
                before = ABSENT if left is None else old[left]
                after = ABSENT if right is None else new[right]
                yield from self.differences(path, before, after, f"{name}/{left if right is None else right}")


def in_manifest_form(kind: ResourceKind, path: KeyPath, shown: Json, desired: Json) -> Json:
    """A live value, with each part in the manifest's form where both mean the same."""
    if same(kind, path, desired, shown):
        return desired
    if isinstance(shown, dict) and isinstance(desired, dict):
        members = {
            key: in_manifest_form(kind, (*path, key), item, desired.get(key, ABSENT)) for key, item in shown.items()
        }
        return {key: item for key, item in members.items() if item is not ABSENT}
    if isinstance(shown, list) and isinstance(desired, list):
        key_of = _item_key_function(kind.field_at(path).keyed_by)
        desired_items = {key_of(item): item for item in desired}
        return [in_manifest_form(kind, (*path, "*"), item, desired_items.get(key_of(item), ABSENT)) for item in shown]
    return shown


def _item_key_function(keyed_by: str) -> Callable[[Json], str]:
    """A function that returns the key of an item of a list; an empty text for an item without one.

    The key is the declared member, else a member that looks like a name.
    """

    def key_of(item: Json) -> str:
        name = identity_of(item, keyed_by)
        return name if isinstance(name, str) and name else item_name(item)

    return key_of


def item_name(item: Json) -> str:
    """The name of an item of a list, from a member that looks like one; empty if there is none."""
    if not isinstance(item, dict):
        return ""
    inner = item.get("function")
    members = inner if isinstance(inner, dict) else item
    return next((value for key, value in members.items() if _is_name_key(key) and isinstance(value, str)), "")


def _is_name_key(key: str) -> bool:
    return key == "name" or key.endswith("_name")


def _path_step(key: str) -> str:
    """A key as a step of a path; in quotes if its characters could make it look like two steps."""
    return key if _SIMPLE.fullmatch(key) else json.dumps(key, ensure_ascii=False)
