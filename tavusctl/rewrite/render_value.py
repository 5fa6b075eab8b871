"""A live value in the spelling of the manifest it is adopted into.

What means the same stays as it is written, expressions included; a reference is written as `${ref:}` again, text that a
file brought goes back into that file, a key that is new becomes `${secret:}`, and a literal `${` is escaped.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from typing import Final

from msgspec import Struct, field

from tavusctl.config.interpolation import expressions, literally
from tavusctl.core.address import Address
from tavusctl.core.json_tree import canonical, is_empty
from tavusctl.core.model import ABSENT
from tavusctl.core.resource_kind import ResourceKind
from tavusctl.fields import presigned_urls, secret_fields, spellings
from tavusctl.fields.equivalence import is_left_alone, is_unset, same
from tavusctl.fields.identity import identity_of
from tavusctl.lib.json_types import Json, KeyPath
from tavusctl.patch import Pinned
from tavusctl.patch.pointer import PatchError, child
from tavusctl.rewrite import keys, template_edits
from tavusctl.secrets.values import Secret, SecretText

_FILE: Final = re.compile(r"\$\{file:([^}\n]*)\}")
UNSHOWN: Final = (
    "the account has a key there that no read shows; "
    "write ${secret:NAME} in its place, list NAME under secrets:, set the variable, and apply with --overwrite"
)


class CannotAdoptError(ValueError):
    """Why a live value cannot be written down; what to do instead is part of the reason."""


class ValueRenderer(Struct, frozen=True):
    """How one resource is written: its kind, who can be referred to, and the texts that files are to hold."""

    kind: ResourceKind
    declared: AbstractSet[Address]
    ids: Mapping[Address, str]  # of what is bound
    texts: dict[str, str] = field(default_factory=dict)  # by path, as the manifest writes it
    brings: Callable[[str], str | None] = lambda _: None  # what an expression stands for amid other text
    name: Callable[[KeyPath, str], str] = lambda path, _: "_".join(path)  # of the variable for a key at a place

    def value(self, path: KeyPath, raw: Json, told: Json, live: Json) -> Json:
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
        return ABSENT if is_unset(self.kind, path, live) else self._spelled(path, live)

    def _expression(self, path: KeyPath, raw: str, found: tuple[str, ...], live: Json) -> Json:
        """What stands for an expression: only a reference or a whole file can be written back."""
        if is_file(raw) and isinstance(live, str):
            self._hold(is_file(raw), live)
            return raw
        if raw.startswith("${ref:") and raw == found[0]:
            return ABSENT if is_empty(live) else self._spelled(path, live)
        if any(one.startswith("${secret:") for one in found):
            return self._changed(found, live)
        if (raw,) == found:
            message = f"the value comes from `{raw}`; edit the variable in tavusctl.yaml"
            raise CannotAdoptError(message)
        return self._mixture(raw, found, live)

    def _changed(self, found: tuple[str, ...], live: Json) -> Json:
        """What stands for a secret that the account has another value for: nothing where it is gone."""
        if is_empty(live):
            return ABSENT
        names = ", ".join(one[len("${secret:") : -1] for one in found if one.startswith("${secret:"))
        message = (
            f"a secret is never written: the account has another value there than {names} gave; "
            f"give {names} the new value, or let apply put the old one back"
        )
        raise CannotAdoptError(message)

    def _mixture(self, raw: str, found: tuple[str, ...], live: Json) -> str:
        """A text with expressions in it: the edit goes where it was made, around them or into the file of one."""
        parts = template_edits.split_template(raw, self.brings)
        edited = template_edits.edited(parts, live) if parts and isinstance(live, str) else None
        if edited is None:
            message = f"the text of {', '.join(found)} cannot be told apart from the text around it in the account"
            raise CannotAdoptError(message)
        if is_file(edited.expression):
            self._hold(is_file(edited.expression), edited.text)
        elif edited.expression:
            message = f"the text of `{edited.expression}` was edited, but other manifests may use it, too"
            raise CannotAdoptError(message)
        return edited.raw

    def _hold(self, name: str, text: str) -> None:
        if self.texts.setdefault(name, text) != text:
            message = f"`${{file:{name}}}` is used several times, with different texts in the account"
            raise CannotAdoptError(message)

    def _members(self, path: KeyPath, raw: dict[str, Json], told: dict[str, Json], live: dict[str, Json]) -> Json:
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
            if key not in raw and not self._is_unwritten((*path, key), value):
                written[key] = self._spelled((*path, key), value)
        return written

    def _unaliased(self, path: KeyPath, raw: dict[str, Json], live: dict[str, Json]) -> Iterator[tuple[str, Json]]:
        """Members under the names that the manifest has for them."""
        names = {self.kind.field_at((*path, key)).scalar_alias: key for key in self.kind.scalar_aliases(path)}
        for key, value in live.items():
            long = names.get(key)
            moved = long and key not in raw and is_empty(live.get(long))
            if moved and not is_empty(value):
                yield str(long), [value]
            elif not (key in names.values() and is_empty(value) and key not in raw):
                yield key, value

    def _items(self, path: KeyPath, raw: list[Json], told: list[Json], live: list[Json]) -> list[Json]:
        """Items that are still there as they are written, in the order of the account unless that means nothing."""
        pairs = list(self._paired(path, told, live))
        if self.kind.field_at(path).unordered:
            pairs.sort(key=lambda pair: pair[0] if pair[0] >= 0 else len(raw))
        old = [(raw[i], told[i]) if i >= 0 else (ABSENT, None) for i, _ in pairs]
        return [
            self._item((*path, "*"), written, meant, live[j])
            for (written, meant), (_, j) in zip(old, pairs, strict=True)
        ]

    def _item(self, path: KeyPath, raw: Json, told: Json, live: Json) -> Json:
        written = self.value(path, raw, told, live)
        return self._spelled(path, live) if written is ABSENT else written

    def _paired(self, path: KeyPath, told: list[Json], live: list[Json]) -> Iterator[tuple[int, int]]:
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

    def _likenesses(self, path: KeyPath) -> Iterator[Callable[[Json, Json], bool]]:
        yield lambda one, other: same(self.kind, (*path, "*"), one, other)
        name = self.kind.field_at(path).keyed_by
        if name:
            yield lambda one, other: _called(one, name) == _called(other, name) != canonical(None)

    def _spelled(self, path: KeyPath, live: Json) -> Json:
        """A live value that has no spelling of its own yet, less what the server filled in."""
        if isinstance(live, dict):
            below = {key: (*path, key) for key, item in live.items() if not self._is_unwritten((*path, key), item)}
            return {key: self._spelled(here, live[key]) for key, here in below.items()}
        if isinstance(live, list):
            return [self._spelled((*path, "*"), item) for item in live]
        if isinstance(live, Secret):
            return self._key(path, live.reveal())
        if isinstance(live, Pinned):
            raise CannotAdoptError(UNSHOWN)
        if isinstance(live, Address):
            return f"${{ref:{live}}}" if live in self.declared else self.ids.get(live, str(live))
        return literally(live) if isinstance(live, str) else None if live is ABSENT else live

    def _key(self, path: KeyPath, text: str) -> str:
        """A key that is new there, by the name of a variable that is to hold it; what anybody may know is written."""
        declared = self.kind.field_at(path)
        if declared.must_stay_reachable and presigned_urls.signatures(text):
            raise CannotAdoptError(keys.SIGNED)
        if declared.secret and declared.is_open(path[-1], text):
            return literally(text)
        if not secret_fields.may_be_named(self.kind, path):
            message = "the account has a key there, where no manifest may name one; take it out in the account"
            raise CannotAdoptError(message)
        found = keys.referring(text, path, self.name)
        return str(SecretText(tuple(map(literally, found.parts)), found.names))

    def _is_unwritten(self, path: KeyPath, live: Json) -> bool:
        """Whether a member need not, or cannot, be written; `{}` says something in a JSON Schema."""
        return is_left_alone(self.kind, path) or (live != {} and same(self.kind, path, None, live))


def _called(item: Json, keyed_by: str) -> str:
    return canonical(identity_of(item, keyed_by))


def _as_list(joined_by: str, live: Json) -> Json:
    return live.split(joined_by) if joined_by and isinstance(live, str) else live


def is_file(text: str) -> str:
    """The name of the file that a text is the whole expression of; empty when it is none."""
    found = _FILE.fullmatch(text)
    return found[1] if found else ""


def written_at(kind: ResourceKind, document: Json, path: KeyPath) -> tuple[KeyPath, Json]:
    """Where a field of the spec stands in a document, and what: in `extra` too; CannotAdoptError names a variable."""
    spec = document.get("spec") if isinstance(document, dict) else None
    path = spellings.written_path(kind, spec, path)
    for prefix in (("spec",), ("spec", "extra")):
        found = _followed(document, (*prefix, *path))
        if found is not ABSENT:
            return (*prefix, *path), found
    return ("spec", *path), ABSENT


def _followed(document: Json, path: KeyPath) -> Json:
    for segment in path:
        if isinstance(document, str) and expressions(document):
            message = f"the value comes from {', '.join(expressions(document))}; edit it by hand"
            raise CannotAdoptError(message)
        try:
            document = child(document, segment)
        except PatchError:
            return ABSENT
    return document
