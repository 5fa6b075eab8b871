"""A live value in the spelling of the manifest it is adopted into.

What means the same stays as it is written, expressions included; a reference is written as `${ref:}` again, text that a
file brought goes back into that file, and a literal `${` is escaped.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from typing import Final

from msgspec import Struct, field

from tavusctl.document import canonical, is_empty
from tavusctl.equality import same
from tavusctl.interpolation import expressions, literally
from tavusctl.model import ABSENT, Address, Path, ResourceKind, Value
from tavusctl.patch import Pinned
from tavusctl.patch.pointer import MisfitError, child
from tavusctl.secret import Fingerprint, Secret, SecretText
from tavusctl.writeback import mixture

_FILE: Final = re.compile(r"\$\{file:([^}\n]*)\}")
NEW_SECRET: Final = (
    "the account has a key there; "  # noqa: S105 - a sentence
    "write ${secret:NAME} in its place, list NAME under secrets:, and set the variable"
)
SECRET: Final = "a secret is never written; set the variable it is read from"  # noqa: S105 - a sentence


class CannotAdoptError(ValueError):
    """Why a live value cannot be written down; what to do instead is part of the reason."""


class Respelling(Struct, frozen=True):
    """How one resource is written: its kind, who can be referred to, and the texts that files are to hold."""

    kind: ResourceKind
    declared: AbstractSet[Address]
    ids: Mapping[Address, str]  # of what is bound
    texts: dict[str, str] = field(default_factory=dict)  # by path, as the manifest writes it
    brings: Callable[[str], str | None] = lambda _: None  # what an expression stands for amid other text

    def value(self, path: Path, raw: Value, told: Value, live: Value) -> Value:
        """The live value as it is to be written in place of `raw`, which stands for `told`; ABSENT: not at all."""
        if same(self.kind, path, told, live) and raw is not ABSENT:
            return raw
        found = expressions(raw) if isinstance(raw, str) else ()
        if found:
            return self._expression(path, str(raw), found, live)
        if isinstance(raw, dict) and isinstance(told, dict) and isinstance(live, dict):
            return self._members(path, raw, told, live)
        if isinstance(raw, list) and isinstance(told, list):
            live = _as_list(self.kind.field_at(path).joined_by, live)
            if isinstance(live, list):
                return self._items(path, raw, told, live)
        return ABSENT if is_empty(live) else self._spelled(path, live)

    def _expression(self, path: Path, raw: str, found: tuple[str, ...], live: Value) -> Value:
        """What stands for an expression: only a reference or a whole file can be written back."""
        if is_file(raw) and isinstance(live, str):
            self._hold(is_file(raw), live)
            return raw
        if raw.startswith("${ref:") and raw == found[0]:
            return ABSENT if is_empty(live) else self._spelled(path, live)
        if any(one.startswith("${secret:") for one in found):
            raise CannotAdoptError(SECRET)
        if (raw,) == found:
            message = f"it comes from {raw}; edit the variable in tavusctl.yaml"
            raise CannotAdoptError(message)
        return self._mixture(raw, found, live)

    def _mixture(self, raw: str, found: tuple[str, ...], live: Value) -> str:
        """A text with expressions in it: the edit goes where it was made, around them or into the file of one."""
        parts = mixture.taken_apart(raw, self.brings)
        edited = mixture.edited(parts, live) if parts and isinstance(live, str) else None
        if edited is None:
            message = f"what {', '.join(found)} brings and the words around it cannot be told apart in the account"
            raise CannotAdoptError(message)
        if is_file(edited.expression):
            self._hold(is_file(edited.expression), edited.text)
        elif edited.expression:
            message = f"the words that {edited.expression} brings were edited, and others may use them, too"
            raise CannotAdoptError(message)
        return edited.raw

    def _hold(self, name: str, text: str) -> None:
        if self.texts.setdefault(name, text) != text:
            message = f"${{file:{name}}} stands in several places of it, which differ in the account"
            raise CannotAdoptError(message)

    def _members(self, path: Path, raw: dict[str, Value], told: dict[str, Value], live: dict[str, Value]) -> Value:
        live = dict(self._unaliased(path, raw, live))
        written = {}
        for key, value in raw.items():
            here = (*path, key)
            if key in live:
                found = self.value(here, value, told.get(key), live[key])
                written.update({} if found is ABSENT else {key: found})
            elif same(self.kind, here, told.get(key), None):
                written[key] = value
        for key, value in live.items():
            if key not in raw and not same(self.kind, (*path, key), None, value):
                written[key] = self._spelled((*path, key), value)
        return written

    def _unaliased(self, path: Path, raw: dict[str, Value], live: dict[str, Value]) -> Iterator[tuple[str, Value]]:
        """Members under the names that the manifest has for them."""
        names = {self.kind.field_at((*path, key)).single: key for key in self.kind.aliased(path)}
        for key, value in live.items():
            long = names.get(key)
            moved = long and key not in raw and is_empty(live.get(long))
            if moved and not is_empty(value):
                yield str(long), [value]
            elif not (key in names.values() and is_empty(value) and key not in raw):
                yield key, value

    def _items(self, path: Path, raw: list[Value], told: list[Value], live: list[Value]) -> list[Value]:
        """Items that are still there as they are written, in the order of the account unless that means nothing."""
        pairs = list(self._paired(path, told, live))
        if self.kind.field_at(path).unordered:
            pairs.sort(key=lambda pair: pair[0] if pair[0] >= 0 else len(raw))
        old = [(raw[i], told[i]) if i >= 0 else (ABSENT, None) for i, _ in pairs]
        return [
            self._item((*path, "*"), written, meant, live[j])
            for (written, meant), (_, j) in zip(old, pairs, strict=True)
        ]

    def _item(self, path: Path, raw: Value, told: Value, live: Value) -> Value:
        written = self.value(path, raw, told, live)
        return self._spelled(path, live) if written is ABSENT else written

    def _paired(self, path: Path, told: list[Value], live: list[Value]) -> Iterator[tuple[int, int]]:
        """Each live item with the written one it stands for: of the same name, or equal, or at its place; else -1."""
        free = list(range(len(told)))
        found: dict[int, int] = {}
        for alike in self._likenesses(path):
            for j, item in enumerate(live):
                match = next((i for i in free if alike(told[i], item)), None) if j not in found else None
                if match is not None:
                    found[j] = match
                    free.remove(match)
        for j in range(len(live)):
            if j not in found and j in free and not self.kind.field_at(path).unordered:
                found[j] = j
                free.remove(j)
        yield from ((found.get(j, -1), j) for j in range(len(live)))

    def _likenesses(self, path: Path) -> Iterator[Callable[[Value, Value], bool]]:
        yield lambda one, other: same(self.kind, (*path, "*"), one, other)
        name = self.kind.field_at(path).keyed_by
        if name:
            yield lambda one, other: _named(one, name) == _named(other, name) != canonical(None)

    def _spelled(self, path: Path, live: Value) -> Value:
        """A live value that has no spelling of its own yet, less what the server filled in."""
        if isinstance(live, dict):
            below = {key: (*path, key) for key, item in live.items() if not self._is_filled_in((*path, key), item)}
            return {key: self._spelled(here, live[key]) for key, here in below.items()}
        if isinstance(live, list):
            return [self._spelled((*path, "*"), item) for item in live]
        if isinstance(live, Secret | SecretText | Pinned | Fingerprint):
            raise CannotAdoptError(NEW_SECRET if isinstance(live, Secret) else SECRET)
        if isinstance(live, Address):
            return f"${{ref:{live}}}" if live in self.declared else self.ids.get(live, str(live))
        return literally(live) if isinstance(live, str) else None if live is ABSENT else live

    def _is_filled_in(self, path: Path, live: Value) -> bool:
        """Whether a member need not be written; `{}` says something in a JSON Schema."""
        return live != {} and same(self.kind, path, None, live)


def _named(item: Value, dotted: str) -> str:
    for key in dotted.split("."):
        item = item.get(key) if isinstance(item, dict) else None
    return canonical(item)


def _as_list(joined_by: str, live: Value) -> Value:
    return live.split(joined_by) if joined_by and isinstance(live, str) else live


def is_file(text: str) -> str:
    """The name of the file that a text is the whole expression of; empty when it is none."""
    found = _FILE.fullmatch(text)
    return found[1] if found else ""


def written_at(document: Value, path: Path) -> tuple[Path, Value]:
    """Where a field of the spec stands in a document, and what: in `extra` too; CannotAdoptError names a variable."""
    for prefix in (("spec",), ("spec", "extra")):
        found = _followed(document, (*prefix, *path))
        if found is not ABSENT:
            return (*prefix, *path), found
    return ("spec", *path), ABSENT


def _followed(document: Value, path: Path) -> Value:
    for segment in path:
        if isinstance(document, str) and expressions(document):
            message = f"it comes from {', '.join(expressions(document))}; edit that by hand"
            raise CannotAdoptError(message)
        try:
            document = child(document, segment)
        except MisfitError:
            return ABSENT
    return document
