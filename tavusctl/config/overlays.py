"""Overlays: a document merged into the one of the same address; every value keeps its position in the files.  Pure.

`spec` and `lifecycle` are merged key by key; everything else, lists included, is replaced as a whole.  `null` removes
the value of the base; where the base has none, it means what it means in any manifest.  The result is one document, so
its readers need not know that there were two.
"""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Iterator, Mapping
from typing import Final

from msgspec import Struct

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
from tavusctl.patch.pointer import escape, with_parents

_IDENTITY: Final = ("kind", "name")
_MERGED: Final = ("spec", "lifecycle")


class MergedDocument(Struct, frozen=True):
    """The document merged from two, and the problems of merging them."""

    node: Node
    diagnostics: tuple[Diagnostic, ...] = ()


def address_of(node: Node, kinds: Collection[str], scope: ScopeAt) -> Address | None:
    """The address of a document before it is opened; None if it has no valid one."""
    value = node.value if isinstance(node.value, dict) else {}
    kind, name = (
        interpolation.expand(text, node.source, scope(node.source)).value
        if isinstance(text, str) and "${" in text
        else text
        for text in map(value.get, _IDENTITY)
    )
    if not isinstance(kind, str) or not isinstance(name, str) or not NAME.fullmatch(name):
        return None
    return Address(name_of(kind), name) if name_of(kind) in kinds else None


def merge(base: Node, over: Node, kind: ResourceKind, address: Address) -> MergedDocument:
    """Merge two documents of the same address, which are both mappings."""
    merger = _Merge(base, over, kind, address)
    value = merger.document()
    return MergedDocument(
        Node(value, base.source, *merger.places(), {**base.numbers, **over.numbers}), tuple(merger.diagnostics)
    )


def former_addresses(node: Node) -> Iterator[Address]:
    """The addresses in `moved_from` of a document, without invalid ones."""
    written = node.value.get("moved_from") if isinstance(node.value, dict) else None
    for former in written if isinstance(written, list) else [written]:
        with contextlib.suppress(ValueError):
            if isinstance(former, str):
                yield address_in(former)


def renamed_base_diagnostic(over: Node, address: Address, now: Address, source: Source) -> Diagnostic:
    """The diagnostic for a document of an overlay with a former address of a manifest, which is `now` another."""
    message = f"the overlay has no manifest `{address}` to be laid over: its address is `{now}` now, at {source}"
    return Diagnostic("TV132", message, over.sources["/name"], f"write `name: {now.name}`", address)


def missing_base_diagnostic(over: Node, address: Address, bases: Mapping[Address, Source]) -> Diagnostic | None:
    """The diagnostic for a document of an overlay that has no base and is not a complete manifest.

    None if no address of a base is similar enough to be the one that was meant.
    """
    same_name = next((base for base in sorted(bases) if base.name == address.name), None)
    similar = nearest(address.name, [base.name for base in bases if base.kind == address.kind])
    meant = same_name or (Address(address.kind, similar) if similar else None)
    if meant is None:
        return None
    key, right = ("kind", meant.kind) if same_name else ("name", meant.name)
    message = f"the overlay has no manifest `{address}` to be laid over, but there is `{meant}` at {bases[meant]}"
    return Diagnostic("TV132", message, over.sources[f"/{key}"], f"write `{key}: {right}`", address)


class _Merge(Struct):
    """Two documents being merged: the manifest of the base, and `over`, the document of the overlay."""

    base: Node
    over: Node
    kind: ResourceKind
    address: Address
    diagnostics: list[Diagnostic] = []
    _overridden: set[str] = set()  # pointers at which the base does not count
    _targets: dict[str, str] = {}  # pointer into the overlay -> pointer into the result

    def document(self) -> JsonObject:
        """The merged value."""
        base, over = _object(self.base.value), _object(self.over.value)
        if "external" in over and bool(over["external"]) is not bool(base.get("external")):
            # One is managed and one external: fields of the one do not fit the other.
            self._overridden.update(f"/{escape(key)}" for key in base if key not in _IDENTITY)
            base = {key: value for key, value in base.items() if key in _IDENTITY}
        merged = dict(base)
        for key, value in over.items():
            if key == "moved_from" and key in base and value is not None:
                message = f"moved_from: `{self.address}` has this key here and at {self.base.keys['/moved_from']}"
                hint = "list all former addresses in one of the two"
                self.diagnostics.append(Diagnostic("TV118", message, self.over.keys["/moved_from"], hint, self.address))
            elif key not in _IDENTITY:
                self._merge_member(merged, key, value, (f"/{escape(key)}",) * 2, None)
        return merged

    def places(self) -> tuple[dict[str, Source], dict[str, Source]]:
        """The positions of the merged values, and of their keys."""
        sources, keys = self._remaining(self.base.sources), self._remaining(self.base.keys)
        sources.update(self._moved_positions(self.over.sources))
        keys.update(self._moved_positions(self.over.keys))
        return sources, keys

    def _merge_member(
        self, merged: JsonObject, key: str, value: Json, at: tuple[str, str], path: KeyPath | None
    ) -> None:
        """Merge a member of the overlay into `merged`.

        `at` has its pointers into the base and into the overlay; `path` leads into `spec`, None outside of it.
        """
        base_pointer, overlay_pointer = at
        old = merged.get(key)
        merges = path is not None or base_pointer.removeprefix("/") in _MERGED
        if isinstance(old, dict) and isinstance(value, dict) and merges:
            below = () if path is None and key == "spec" else path
            merged[key] = self._merge_objects(old, value, at, below)
        elif value is None and old is not None:
            del merged[key]
            self._override(base_pointer, overlay_pointer)
        elif merges and {type(old), type(value)} == {dict, list}:
            self._refuse_other_type(base_pointer, overlay_pointer, old)
        else:
            merged[key] = value
            self._override(base_pointer, overlay_pointer)

    def _merge_objects(
        self, base: JsonObject, over: JsonObject, at: tuple[str, str], path: KeyPath | None
    ) -> JsonObject:
        merged, used = dict(base), set[str]()
        for key, value in over.items():
            # A field that the overlay has under two names keeps both, and is reported later.
            name = self._base_key(base, key, path)
            name = key if name in used or name in over else name
            used.add(name)
            below = (
                () if path == () and key == "extra" else None if path is None else (*path, self._model_key(key, path))
            )
            self._merge_member(merged, name, value, (f"{at[0]}/{escape(name)}", f"{at[1]}/{escape(key)}"), below)
        return merged

    def _model_key(self, key: str, path: KeyPath) -> str:
        return self.kind.other_names(path).get(key, key)

    def _base_key(self, base: JsonObject, key: str, path: KeyPath | None) -> str:
        """The key of the base for a key of the overlay; the two may be different names of one field."""
        if path is None or key in base:
            return key
        return next(
            (candidate for candidate in base if self._model_key(candidate, path) == self._model_key(key, path)), key
        )

    def _override(self, base_pointer: str, overlay_pointer: str) -> None:
        self._overridden.add(base_pointer)
        self._targets[overlay_pointer] = base_pointer

    def _remaining(self, places: Mapping[str, Source]) -> dict[str, Source]:
        if not self._overridden:
            return dict(places)
        return {
            pointer: source for pointer, source in places.items() if self._overridden.isdisjoint(with_parents(pointer))
        }

    def _moved_positions(self, places: Mapping[str, Source]) -> Iterator[tuple[str, Source]]:
        """Positions of the values of the overlay, by their pointers into the result."""
        for pointer, source in places.items():
            root = next((ancestor for ancestor in with_parents(pointer) if ancestor in self._targets), None)
            if root is not None:
                yield self._targets[root] + pointer[len(root) :], source

    def _refuse_other_type(self, base_pointer: str, overlay_pointer: str, old: Json) -> None:
        base_type, overlay_type = ("a mapping", "a list") if isinstance(old, dict) else ("a list", "a mapping")
        message = f"{dotted(base_pointer)}: the overlay has {overlay_type}, and the manifest below it has {base_type}"
        hint = f"write {base_type}, as at {self.base.sources[base_pointer]}, or `null` to remove it"
        self.diagnostics.append(Diagnostic("TV104", message, self.over.sources[overlay_pointer], hint, self.address))


def _object(value: Json) -> JsonObject:
    return value if isinstance(value, dict) else {}
