"""Render a live value in the form of the manifest that it is adopted into.

A value that means the same stays as it is written, expressions included; a reference becomes `${ref:}` again, text that
came from a file goes back into that file, a new key becomes `${secret:}` (also one that no read shows), and a literal
`${` is escaped.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from typing import Final

from msgspec import Struct

from tavusctl.config.interpolation import escape_expressions, expressions
from tavusctl.core.address import Address
from tavusctl.core.json_tree import canonical, identity_of, is_empty, leaves
from tavusctl.core.model import ABSENT
from tavusctl.core.resource_kind import ResourceKind
from tavusctl.fields import presigned_urls, secret_fields, spellings
from tavusctl.fields.equivalence import is_unset, same
from tavusctl.lib.json_types import Json, KeyPath
from tavusctl.lib.patterns import pattern
from tavusctl.patch import Pinned
from tavusctl.patch.pointer import PatchError, child
from tavusctl.rewrite import keys, template_edits
from tavusctl.secrets.values import Secret, SecretText

_FILE_EXPRESSION: Final = pattern(r"\$\{file:([^}\n]*)\}")


class CannotAdoptError(ValueError):
    """A live value cannot be written into a manifest; the message says why, and what to do instead."""


class ValueRenderer(Struct, frozen=True):
    """Renders the values of one resource, and collects in `texts` the contents that included files must have."""

    kind: ResourceKind
    declared: AbstractSet[Address]
    ids: Mapping[Address, str]  # of the bound objects
    texts: dict[str, str] = {}  # new ones, by the path in `${file:PATH}`
    kept_texts: dict[str, str] = {}  # those of values that stay, likewise
    # The value of an expression amid other text; None if unknown.
    value_of: Callable[[str], str | None] = lambda _: None
    # The variable for a key at a path, by its value; None if no read shows it.
    name: Callable[[KeyPath, str | None], str] = lambda path, _: "_".join(path)

    def value(self, path: KeyPath, raw: Json, desired: Json, live: Json) -> Json:
        """The live value as the manifest is to write it in place of `raw`; ABSENT if it is to be left out.

        `desired` is the value that `raw` stands for.  CannotAdoptError if the manifest cannot have the live value.
        """
        if same(self.kind, path, desired, live) and raw is not ABSENT:
            return self._kept(raw)
        tokens = expressions(raw) if isinstance(raw, str) else ()
        if tokens:
            return self._expression(path, str(raw), tokens, live)
        if isinstance(raw, dict) and isinstance(desired, dict) and isinstance(live, dict):
            return self._members(path, raw, desired, live)
        if isinstance(raw, list) and isinstance(desired, list):
            joined_by = self.kind.field_at(path).joined_by
            live = live.split(joined_by) if joined_by and isinstance(live, str) else live
            if isinstance(live, list):
                return self._items(path, raw, desired, live)
        return ABSENT if is_unset(self.kind, path, live) else self._rendered(path, live)

    def _kept(self, raw: Json) -> Json:
        """A value that stays as it is written, and with it the texts of the files that it includes."""
        for _, name in included_files(raw):
            text = self.value_of(f"${{file:{name}}}")
            if text is not None:
                self.kept_texts[name] = text
        return raw

    def _expression(self, path: KeyPath, raw: str, tokens: tuple[str, ...], live: Json) -> Json:
        """The text in place of one with expressions; CannotAdoptError if the live value cannot be written back."""
        if included_file(raw) and isinstance(live, str):
            self._set_file(included_file(raw), live)
            return raw
        if raw.startswith("${ref:") and raw == tokens[0]:
            return ABSENT if is_empty(live) else self._rendered(path, live)
        if any(token.startswith("${secret:") for token in tokens):
            return self._changed_secret(tokens, live)
        if (raw,) == tokens:
            raise CannotAdoptError(f"the value comes from `{raw}`; edit the variable in tavusctl.yaml")
        return self._mixed_text(raw, tokens, live)

    def _changed_secret(self, tokens: tuple[str, ...], live: Json) -> Json:
        """ABSENT if the account has no value for a secret any more; CannotAdoptError if it has another one."""
        if is_empty(live):
            return ABSENT
        names = ", ".join(token[len("${secret:") : -1] for token in tokens if token.startswith("${secret:"))
        message = (
            f"a secret is never written: the value in the account is not the value of {names}; "
            f"set {names} to the new value, or run apply to restore the old value"
        )
        raise CannotAdoptError(message)

    def _mixed_text(self, raw: str, tokens: tuple[str, ...], live: Json) -> str:
        """A text with expressions after an edit of the text around them, or of the file that one of them includes."""
        parts = template_edits.split_template(raw, self.value_of)
        edited = template_edits.find_edit(parts, live) if parts and isinstance(live, str) else None
        if edited is None:
            message = f"the text of {', '.join(tokens)} cannot be told apart from the text around it in the account"
            raise CannotAdoptError(message)
        if included_file(edited.expression):
            self._set_file(included_file(edited.expression), edited.text)
        elif edited.expression:
            raise CannotAdoptError(f"the text of `{edited.expression}` was edited, but other manifests may use it, too")
        if expressions(edited.raw) != tokens:
            message = (
                f"a `$` right before an expression makes it a literal: the account has one before the value of one of "
                f"{', '.join(tokens)}; make that `$` a part of the value"
            )
            raise CannotAdoptError(message)
        return edited.raw

    def _set_file(self, name: str, text: str) -> None:
        if self.texts.setdefault(name, text) != text:
            raise several_texts(name)

    def _members(self, path: KeyPath, raw: dict[str, Json], desired: dict[str, Json], live: dict[str, Json]) -> Json:
        live = dict(self._under_list_keys(path, raw, live))
        members = {}
        for key, value in raw.items():
            member_path = (*path, key)
            if key in live:
                rendered = self.value(member_path, value, desired.get(key), live[key])
                members.update({} if rendered is ABSENT else {key: rendered})
            elif same(self.kind, member_path, desired.get(key), None):
                members[key] = self._kept(value)
        for key, value in live.items():
            if key not in raw and not self._is_left_out((*path, key), value):
                members[key] = self._rendered((*path, key), value)
        return members

    def _under_list_keys(
        self, path: KeyPath, raw: dict[str, Json], live: dict[str, Json]
    ) -> Iterator[tuple[str, Json]]:
        """The live members under the keys that the manifest uses.

        Some fields have one name for a list and one for a single value (`scalar_alias`).  A single value whose key the
        manifest does not use becomes a list with one item, unless the list itself has items.
        """
        names = {self.kind.field_at((*path, key)).scalar_alias: key for key in self.kind.scalar_aliases(path)}
        for key, value in live.items():
            list_key = names.get(key)
            is_moved = list_key and key not in raw and is_empty(live.get(list_key))
            if is_moved and not is_empty(value):
                yield str(list_key), [value]
            elif not (key in names.values() and is_empty(value) and key not in raw):
                yield key, value

    def _items(self, path: KeyPath, raw: list[Json], desired: list[Json], live: list[Json]) -> list[Json]:
        """The rendered items of a list; an item that means the same stays as it is written.

        They are in the order of the account, or of the manifest if the order of the field means nothing.
        """
        pairs = list(self._pairs(path, desired, live))
        if self.kind.field_at(path).unordered:
            pairs.sort(key=lambda pair: pair[0] if pair[0] >= 0 else len(raw))
        old_items = [(raw[i], desired[i]) if i >= 0 else (ABSENT, None) for i, _ in pairs]
        return [
            self._item((*path, "*"), raw_item, desired_item, live[j])
            for (raw_item, desired_item), (_, j) in zip(old_items, pairs, strict=True)
        ]

    def _item(self, path: KeyPath, raw: Json, desired: Json, live: Json) -> Json:
        rendered = self.value(path, raw, desired, live)
        return self._rendered(path, live) if rendered is ABSENT else rendered

    def _pairs(self, path: KeyPath, desired: list[Json], live: list[Json]) -> Iterator[tuple[int, int]]:
        """For each live item: the index of the manifest's item that it stands for, or -1, and its own index.

        The items of a pair are equal, have the same name, or are at the same position of an ordered list.
        """
        unmatched = list(range(len(desired)))
        matches: dict[int, int] = {}
        for is_match in self._matchers(path):
            for j, item in enumerate(live):
                match = next((i for i in unmatched if is_match(desired[i], item)), None) if j not in matches else None
                if match is not None:
                    matches[j] = match
                    unmatched.remove(match)
        for j in range(len(live)):
            if j not in matches and j in unmatched and not self.kind.field_at(path).unordered:
                matches[j] = j
                unmatched.remove(j)
        yield from ((matches.get(j, -1), j) for j in range(len(live)))

    def _matchers(self, path: KeyPath) -> Iterator[Callable[[Json, Json], bool]]:
        yield lambda one, other: same(self.kind, (*path, "*"), one, other)
        name = self.kind.field_at(path).keyed_by
        if name:
            yield lambda one, other: _item_identity(one, name) == _item_identity(other, name) != canonical(None)

    def _rendered(self, path: KeyPath, live: Json) -> Json:
        """A live value that the manifest does not have yet, without members that need not or cannot be written."""
        if isinstance(live, dict):
            member_paths = {
                key: (*path, key) for key, item in live.items() if not self._is_left_out((*path, key), item)
            }
            return {key: self._rendered(member_path, live[key]) for key, member_path in member_paths.items()}
        if isinstance(live, list):
            return [self._rendered((*path, "*"), item) for item in live]
        if isinstance(live, Secret | Pinned):
            return self._secret_reference(path, live.reveal() if isinstance(live, Secret) else None)
        if isinstance(live, Address):
            return f"${{ref:{live}}}" if live in self.declared else self.ids.get(live, str(live))
        return escape_expressions(live) if isinstance(live, str) else None if live is ABSENT else live

    def _secret_reference(self, path: KeyPath, text: str | None) -> str:
        """A `${secret:}` expression for a key that is new to the manifest; a public value is written as it is.

        The text of a key that no read shows is None.
        """
        declared = self.kind.field_at(path)
        if text is not None and declared.must_stay_reachable and presigned_urls.access_parameters(text):
            raise CannotAdoptError(keys.SIGNED_URL_REASON)
        if text is not None and declared.secret and declared.allows_plain_text(path[-1], text):
            return escape_expressions(text)
        if not secret_fields.allows_secret_reference(self.kind, path):
            message = (
                "the account has a key there, where a manifest cannot have a secret; remove the key in the account"
            )
            raise CannotAdoptError(message)
        if text is None:
            return f"${{secret:{self.name(path, None)}}}"
        reference = keys.secret_reference(text, path, self.name)
        return str(SecretText(tuple(map(escape_expressions, reference.parts)), reference.names))

    def _is_left_out(self, path: KeyPath, live: Json) -> bool:
        """Whether a member need not, or cannot, be written; `{}` is written, it has a meaning in a JSON Schema."""
        return self.kind.is_unknown_in_item(path) or (live != {} and same(self.kind, path, None, live))


def _item_identity(item: Json, keyed_by: str) -> str:
    return canonical(identity_of(item, keyed_by))


def several_texts(file: str) -> CannotAdoptError:
    """The error for a file that must have several texts at once."""
    return CannotAdoptError(f"`{file}` is used several times, with different texts in the account")


def included_file(text: str) -> str:
    """The path in a text that is exactly one `${file:PATH}`; empty for any other text."""
    match = _FILE_EXPRESSION.fullmatch(text)
    return match[1] if match else ""


def included_files(value: Json) -> Iterator[tuple[KeyPath, str]]:
    """The paths in all `${file:PATH}` in a value, each with the place of its text in the value."""
    for place, leaf in leaves(value):
        names = map(included_file, expressions(leaf) if isinstance(leaf, str) else ())
        yield from ((place, name) for name in names if name)


def find_field(kind: ResourceKind, document: Json, path: KeyPath) -> tuple[KeyPath, Json]:
    """The path of a field of the spec in a document, which may be in `extra`, and the raw value there or ABSENT.

    CannotAdoptError if a value above the field is an expression.
    """
    spec = document.get("spec") if isinstance(document, dict) else None
    path = spellings.written_path(kind, spec, path)
    for prefix in (("spec",), ("spec", "extra")):
        value = _lookup(document, (*prefix, *path))
        if value is not ABSENT:
            return (*prefix, *path), value
    return ("spec", *path), ABSENT


def _lookup(document: Json, path: KeyPath) -> Json:
    for segment in path:
        if isinstance(document, str) and expressions(document):
            raise CannotAdoptError(f"the value comes from {', '.join(expressions(document))}; edit it by hand")
        try:
            document = child(document, segment)
        except PatchError:
            return ABSENT
    return document
