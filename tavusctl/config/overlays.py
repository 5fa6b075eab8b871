"""Overlays: a document laid over the one of the same address, each value with the position where it is written.  Pure.

`spec` and `lifecycle` are merged key by key; everything else, lists included, is taken as a whole.  `null` takes away
what the base says; where the base says nothing, it means what it means in any manifest.  What comes out is one
document, so nothing that reads it has to know that there were two.
"""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Iterator, Mapping
from typing import Final

from msgspec import Struct, field

from tavusctl.config import interpolation
from tavusctl.config.collector import dotted
from tavusctl.config.envelope import ScopeAt
from tavusctl.config.yaml12 import Node
from tavusctl.core.address import NAME, Address, Source
from tavusctl.core.diagnostics import Diagnostic
from tavusctl.core.messages import nearest
from tavusctl.core.resource_kind import ResourceKind
from tavusctl.kinds import address_in, name_of
from tavusctl.lib.json_types import Json, JsonObject, KeyPath
from tavusctl.patch.pointer import escape

_IDENTITY: Final = ("kind", "name")
_MERGED: Final = ("spec", "lifecycle")


class Laid(Struct, frozen=True):
    """Two documents as one, and what is wrong between them."""

    node: Node
    diagnostics: tuple[Diagnostic, ...] = ()


def address_of(node: Node, kinds: Collection[str], scope: ScopeAt) -> Address | None:
    """The address of a document before it is opened; None where it has none that is right."""
    value = node.value if isinstance(node.value, dict) else {}
    kind, name = (
        interpolation.expand(found, node.source, scope(node.source)).value if isinstance(found, str) else None
        for found in map(value.get, _IDENTITY)
    )
    if not isinstance(kind, str) or not isinstance(name, str) or not NAME.fullmatch(name):
        return None
    return Address(name_of(kind), name) if name_of(kind) in kinds else None


def lay(base: Node, over: Node, kind: ResourceKind, address: Address) -> Laid:
    """One document of two that are both mappings of the same address."""
    merge = _Merge(base, over, kind, address)
    value = merge.document()
    return Laid(Node(value, base.source, *merge.places()), tuple(merge.diagnostics))


def left_by(node: Node) -> Iterator[Address]:
    """The addresses that a document had before, as far as they are right."""
    found = node.value.get("moved_from") if isinstance(node.value, dict) else None
    for one in found if isinstance(found, list) else [found]:
        with contextlib.suppress(ValueError):
            if isinstance(one, str):
                yield address_in(one)


def left_behind(over: Node, address: Address, now: Address, source: Source) -> Diagnostic:
    """What to say of a document of an overlay whose address belongs to a manifest that has another one now."""
    message = f"no manifest is `{address}` for the overlay to be laid over: it is `{now}` now, at {source}"
    return Diagnostic("TV132", message, over.sources["/name"], f"write `name: {now.name}`", address)


def without_base(over: Node, address: Address, bases: Mapping[Address, Source]) -> Diagnostic | None:
    """What to say of a document of an overlay that is no manifest by itself, where it was meant for another address."""
    same_name = next((one for one in sorted(bases) if one.name == address.name), None)
    alike = nearest(str(address), [str(one) for one in bases])
    meant = same_name or next((one for one in bases if str(one) == alike), None)
    if meant is None:
        return None
    key, right = ("kind", meant.kind) if same_name else ("name", meant.name)
    message = f"no manifest is `{address}` for the overlay to be laid over, but `{meant}` is, at {bases[meant]}"
    return Diagnostic("TV132", message, over.sources[f"/{key}"], f"write `{key}: {right}`", address)


class _Merge(Struct):
    """Two documents while one is made of them; pointers are those of the base, or of the overlay where they say so."""

    base: Node
    over: Node
    kind: ResourceKind
    address: Address
    diagnostics: list[Diagnostic] = field(default_factory=list)
    _gone: set[str] = field(default_factory=set)  # what the base says there does not count
    _taken: dict[str, str] = field(default_factory=dict)  # pointers of the overlay, and where they come to stand

    def document(self) -> JsonObject:
        """The value of both."""
        base, over = _object(self.base.value), _object(self.over.value)
        if "external" in over and bool(over["external"]) is not bool(base.get("external")):
            # Ours or somebody else's: what is said of the one does not fit the other.
            self._gone.update(f"/{escape(key)}" for key in base if key not in _IDENTITY)
            base = {key: value for key, value in base.items() if key in _IDENTITY}
        merged = dict(base)
        for key, value in over.items():
            if key == "moved_from" and key in base and value is not None:
                self._refuse_moves()
            elif key not in _IDENTITY:
                self._put(merged, key, value, (f"/{escape(key)}",) * 2, None)
        return merged

    def places(self) -> tuple[dict[str, Source], dict[str, Source]]:
        """The positions of values, and of keys."""
        sources, keys = self._kept(self.base.sources), self._kept(self.base.keys)
        sources.update(self._moved(self.over.sources))
        keys.update(self._moved(self.over.keys))
        return sources, keys

    def _put(self, merged: JsonObject, key: str, value: Json, at: tuple[str, str], path: KeyPath | None) -> None:
        """Put a member of the overlay over that of the base; `at` are its pointers in both, `path` leads into spec."""
        here, there = at
        old = merged.get(key)
        merges = path is not None or here.removeprefix("/") in _MERGED
        if isinstance(old, dict) and isinstance(value, dict) and merges:
            below = () if path is None and key == "spec" else path
            merged[key] = self._members(old, value, at, below)
        elif value is None and old is not None:
            del merged[key]
            self._take(here, there)
        elif _collections_differ(old, value) and merges:
            self._refuse_sort(here, there, old)
        else:
            merged[key] = value
            self._take(here, there)

    def _members(self, base: JsonObject, over: JsonObject, at: tuple[str, str], path: KeyPath | None) -> JsonObject:
        merged, used = dict(base), set[str]()
        for key, value in over.items():
            name = self._written(base, key, path)
            name = key if name in used else name  # a field that the overlay has twice: told as in any manifest
            used.add(name)
            below = () if path == () and key == "extra" else None if path is None else (*path, self._own(key, path))
            self._put(merged, name, value, (f"{at[0]}/{escape(name)}", f"{at[1]}/{escape(key)}"), below)
        return merged

    def _own(self, key: str, path: KeyPath) -> str:
        return self.kind.other_names(path).get(key, key)

    def _written(self, base: JsonObject, key: str, path: KeyPath | None) -> str:
        """A key of the overlay as the base has it, which may call the field otherwise."""
        if path is None or key in base:
            return key
        return next((one for one in base if self._own(one, path) == self._own(key, path)), key)

    def _take(self, here: str, there: str) -> None:
        self._gone.add(here)
        self._taken[there] = here

    def _kept(self, places: Mapping[str, Source]) -> dict[str, Source]:
        if not self._gone:
            return dict(places)
        return {one: source for one, source in places.items() if self._gone.isdisjoint(_upward(one))}

    def _moved(self, places: Mapping[str, Source]) -> Iterator[tuple[str, Source]]:
        """Positions of what the overlay says, by where it comes to stand."""
        for pointer, source in places.items():
            above = next((one for one in _upward(pointer) if one in self._taken), None)
            if above is not None:
                yield self._taken[above] + pointer[len(above) :], source

    def _refuse_moves(self) -> None:
        message = f"moved_from: `{self.address}` has it here and at {self.base.keys['/moved_from']}"
        hint = "list all former addresses in one of the two"
        self.diagnostics.append(Diagnostic("TV118", message, self.over.keys["/moved_from"], hint, self.address))

    def _refuse_sort(self, here: str, there: str, old: Json) -> None:
        sort, other = ("a mapping", "a list") if isinstance(old, dict) else ("a list", "a mapping")
        message = f"{dotted(here)}: the overlay has {other}, and the manifest below it has {sort}"
        hint = f"write {sort}, as at {self.base.sources[here]}, or `null` to remove it"
        self.diagnostics.append(Diagnostic("TV104", message, self.over.sources[there], hint, self.address))


def _collections_differ(old: Json, new: Json) -> bool:
    return isinstance(old, dict | list) and isinstance(new, dict | list) and type(old) is not type(new)


def _object(value: Json) -> JsonObject:
    return value if isinstance(value, dict) else {}


def _upward(pointer: str) -> Iterator[str]:
    while pointer:
        yield pointer
        pointer = pointer.rpartition("/")[0]
