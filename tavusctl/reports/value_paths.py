"""The places inside a changed value, named as people name them: tools by function, goals by name, the rest by path."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from itertools import zip_longest
from typing import TypeGuard

from msgspec import Struct

from tavusctl.core.json_tree import canonical, plain
from tavusctl.core.model import ABSENT
from tavusctl.core.resource_kind import PLAIN, ResourceKind
from tavusctl.fields.equivalence import same
from tavusctl.fields.identity import identity_of
from tavusctl.lib.diffing import sequence_alignment
from tavusctl.lib.json_types import Json, JsonObject, KeyPath

LONG = 72  # characters of a text that is read rather than glanced at
WIDTH = 200  # characters of a value that is shown on one line
_SIMPLE = re.compile(r"[\w.-]+")


class Place(Struct, frozen=True):
    """One place that differs: ABSENT is a side that has nothing there.  `note` says what values cannot show."""

    name: str  # "/book_demo/function/description"
    old: Json
    new: Json
    note: str = ""


def is_prose(value: Json) -> TypeGuard[str]:
    """Whether a value is long text, which is compared line by line."""
    return isinstance(value, str) and (len(value) > LONG or "\n" in value)


def is_nothing(value: Json) -> bool:
    """Whether a value says that there is none."""
    return value is ABSENT or value is None


def as_texts(old: Json, new: Json) -> tuple[str, str] | None:
    """Both sides of a comparison as texts, nothing as an empty one; None where one of them is something else."""
    old, new = ("" if is_nothing(side) else side for side in (old, new))
    return (old, new) if isinstance(old, str) and isinstance(new, str) else None


def compact(value: Json) -> str:
    """A whole value on one line."""
    return "(not set)" if is_nothing(value) else json.dumps(plain(value), ensure_ascii=False)


def one_line(value: Json) -> str:
    """A value on one line; of a long one the beginning and how long it is."""
    text = compact(value)
    return text if len(text) <= WIDTH else f"{text[:WIDTH]}… ({len(text):,} characters)"


class Reading(Struct, frozen=True):
    """Two values of a kind, read against each other: `told` is what somebody wrote, the other what the account shows.

    What the account fills in of its own accord is no difference.
    """

    kind: ResourceKind | None = None
    old_is_told: bool = False  # drift: what was applied comes first

    def within(self, path: KeyPath, old: Json, new: Json, name: str = "") -> Iterator[Place]:
        """Every place in which two values differ, in the order of the new one; `path` has `*` for places in lists."""
        if self._agree(path, old, new):
            return
        old, new = self._as_list(path, old, new), self._as_list(path, new, old)
        if isinstance(old, dict) and isinstance(new, dict):
            for key in {**new, **old}:
                here = f"{name}/{_told(key)}"
                yield from self.within((*path, key), old.get(key, ABSENT), new.get(key, ABSENT), here)
        elif isinstance(old, list) and isinstance(new, list):
            yield from self._lists(path, old, new, name)
        else:
            yield from self._sides(path, old, new, name)

    def _agree(self, path: KeyPath, old: Json, new: Json) -> bool:
        if old is ABSENT and new is ABSENT:
            return True
        told, shown = (old, new) if self.old_is_told else (new, old)
        if self.kind is None:
            return canonical(old) == canonical(new)
        return same(self.kind, path, told, shown)

    def _as_list(self, path: KeyPath, value: Json, other: Json) -> Json:
        """A list that the account shows as one text, where the other side is a list."""
        joined_by = self.kind.field_at(path).joined_by if self.kind else ""
        return value.split(joined_by) if joined_by and isinstance(value, str) and isinstance(other, list) else value

    def _sides(self, path: KeyPath, old: Json, new: Json, name: str) -> Iterator[Place]:
        """What came is told in one line where that holds it, else place by place; what went is one thing that went."""
        if is_nothing(old) and isinstance(new, dict | list) and len(compact(new)) > LONG:
            yield from self.within(path, type(new)(), new, name)
        else:
            yield Place(name, old, new)

    def _lists(self, path: KeyPath, old: list[Json], new: list[Json], name: str) -> Iterator[Place]:
        declared = self.kind.field_at(path) if self.kind else PLAIN
        call = _key_of(declared.keyed_by)
        before, after = {call(item): item for item in old}, {call(item): item for item in new}
        if "" not in before and "" not in after and len(before) == len(old) and len(after) == len(new):
            yield from self._named((*path, "*"), before, after, name)
        elif declared.unordered:
            yield from (Place(f"{name}/*", item, ABSENT) for item in old if item not in new)
            yield from (Place(f"{name}/*", ABSENT, item) for item in new if item not in old)
        else:
            yield from self._aligned((*path, "*"), old, new, name)

    def _named(self, path: KeyPath, before: JsonObject, after: JsonObject, name: str) -> Iterator[Place]:
        for key in {**after, **before}:
            yield from self.within(path, before.get(key, ABSENT), after.get(key, ABSENT), f"{name}/{_told(key)}")
        kept, now = [key for key in before if key in after], [key for key in after if key in before]
        if kept != now:
            yield Place(name, kept, now, "the order changed")

    def _aligned(self, path: KeyPath, old: list[Json], new: list[Json], name: str) -> Iterator[Place]:
        matched = sequence_alignment.pairs([canonical(item) for item in old], [canonical(item) for item in new])
        for low, high, start, stop in sequence_alignment.gaps(matched, len(old), len(new)):
            for left, right in zip_longest(range(low, high), range(start, stop)):
                before = ABSENT if left is None else old[left]
                after = ABSENT if right is None else new[right]
                yield from self.within(path, before, after, f"{name}/{left if right is None else right}")


def as_told(kind: ResourceKind, path: KeyPath, shown: Json, told: Json) -> Json:
    """What the account shows, in the words of a manifest wherever both mean the same."""
    if same(kind, path, told, shown):
        return told
    if isinstance(shown, dict) and isinstance(told, dict):
        found = {key: as_told(kind, (*path, key), item, told.get(key, ABSENT)) for key, item in shown.items()}
        return {key: item for key, item in found.items() if item is not ABSENT}
    if isinstance(shown, list) and isinstance(told, list):
        call = _key_of(kind.field_at(path).keyed_by)
        mine = {call(item): item for item in told}
        return [as_told(kind, (*path, "*"), item, mine.get(call(item), ABSENT)) for item in shown]
    return shown


def _key_of(keyed_by: str) -> Callable[[Json], str]:
    """How the items of a list are called: by the declared member, else by what looks like a name."""

    def call(item: Json) -> str:
        name = identity_of(item, keyed_by)
        return name if isinstance(name, str) and name else item_name(item)

    return call


def item_name(item: Json) -> str:
    """What people would call an item of a list, or an empty string."""
    if not isinstance(item, dict):
        return ""
    inner = item.get("function")
    named = inner if isinstance(inner, dict) else item
    return next((value for key, value in named.items() if _names(key) and isinstance(value, str)), "")


def _names(key: str) -> bool:
    return key == "name" or key.endswith("_name")


def _told(key: str) -> str:
    """A key as a step of a path; one with other characters in quotes, so that it cannot look like two."""
    return key if _SIMPLE.fullmatch(key) else json.dumps(key, ensure_ascii=False)
