"""What a manifest says of a live object: in the order of the model, without what is empty or filled in by the server.

Ids of known objects become references and secrets become `${secret:}`.  A field that a manifest cannot say, because it
is newer than tavusctl or has a value that the kind does not take, is left out, and so is not managed; an object whose
manifest could not be valid without it is referred to, and not managed at all.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Final

from msgspec import Struct, field

from tavusctl import credentials, links
from tavusctl.document import canonical, is_empty, leaves, map_leaves
from tavusctl.equality import same
from tavusctl.fit import Misfit, fields_at, misfits
from tavusctl.model import Address, Document, Live, Path, ResourceKind, Value
from tavusctl.patch import Pinned, join, split
from tavusctl.secret import UNSEEN, Fingerprint, Secret, SecretText
from tavusctl.writeback import yamltext

# Members of free-form objects that people expect first: they are mostly JSON Schemas.
_FIRST: Final = ("type", "name", "title", "description", "enum", "properties", "items", "required")
SIGNED: Final = "it is at a signed link, which gives access to whoever reads it, and ends to work"
UNTOLD: Final = "no read tells what it was made from"
_WORDS: Final = {"true": True, "false": False}
_NO_NAME = re.compile(r"[^A-Z0-9]+")


class Exported(Struct, frozen=True):
    """One object as a manifest says it; leaves of `spec` are JSON values, addresses and secret texts."""

    live: Live
    address: Address
    spec: Document = field(default_factory=dict)
    left_out: Mapping[str, str] = field(default_factory=dict)  # pointer into spec -> why
    fault: str = ""  # why it can be referred to only
    values: Mapping[str, str] = field(default_factory=dict)  # of secrets that reads show, by name; never written
    prints: Mapping[SecretText, Fingerprint] = field(default_factory=dict)  # of the same

    @property
    def secrets(self) -> tuple[tuple[str, str], ...]:
        """Every secret: a pointer into spec, and the name of the variable; an address may have several."""
        found = ((path, leaf) for path, leaf in leaves(self.spec) if isinstance(leaf, SecretText))
        return tuple((join(path), name) for path, leaf in found for name in leaf.names)


def described(live: Live, address: Address, ids: Mapping[str, Address]) -> Exported:
    """A live object, whose body has ids as the account has them, as a manifest at an address."""
    whole = _Description(live.kind, address, ids)
    spec: Document = whole.tidy(live.body, ())
    # A key that reads leave out may be there: it is, when without it the rest makes no sense.
    for path in list(_unshown(live.kind, spec, live.body)):
        told = _with(spec, path, whole.secret(path))
        spec = told if len(misfits(live.kind, _view(told))) < len(misfits(live.kind, _view(spec))) else spec
    spec, left_out, fault = _fitted(live.kind, spec)
    if live.kind.field_at((fault.partition(" ")[0],)).unread:
        fault = UNTOLD
    return Exported(live, address, {} if fault else spec, left_out, fault, whole.values, whole.prints)


def applied(exported: Exported) -> Document:
    """What a binding remembers of it: secrets as fingerprints; one that no read shows is whatever the account has."""

    def print_of(leaf: Value) -> Value:
        return exported.prints.get(leaf, UNSEEN) if isinstance(leaf, SecretText) else leaf

    remembered: Document = map_leaves(exported.spec, print_of)
    return remembered


class _Description(Struct):
    """One object on its way into a manifest."""

    kind: ResourceKind
    address: Address
    ids: Mapping[str, Address]
    values: dict[str, str] = field(default_factory=dict)
    prints: dict[SecretText, Fingerprint] = field(default_factory=dict)
    _names: set[str] = field(default_factory=set)

    def tidy(self, value: Value, path: Path) -> Value:
        """A value of the body as the manifest has it."""
        if isinstance(value, dict):
            return self._object(value, path)
        if isinstance(value, list):
            return self._list(value, path)
        return self._leaf(value, path)

    def secret(self, path: Path) -> SecretText:
        """The secret for a place, under a name that says whose it is and what for."""
        return SecretText(("", ""), (self._name(path),))

    def _name(self, path: Path) -> str:
        inner = path[1:] if len(path) > 1 else path
        name = _NO_NAME.sub("_", "_".join((self.address.kind, self.address.name, *inner)).upper()).strip("_")
        unique = next(one for one in _numbered(name) if one not in self._names)
        self._names.add(unique)
        return unique

    def _shown(self, value: Secret, path: Path) -> Value:
        """A secret that a read shows; of an address with a key in it, all but the key stays to be read."""
        text = value.reveal()
        if self.kind.field_at(path).fetched and links.signatures(text):
            return text  # no manifest has it
        parts, names, end = [], [], 0
        for span in credentials.spans(text) if credentials.is_address(text) else ():
            if span.start >= end:
                parts.append(text[end : span.start])
                names.append(self._name((*path, span.name)))
                self.values[names[-1]] = text[span.start : span.end]
                end = span.end
        if names:
            found = SecretText((*parts, text[end:]), tuple(names))
        else:
            found = self.secret(path)
            self.values[found.names[0]] = text
        self.prints[found] = value.fingerprint
        return found

    def _object(self, value: Document, path: Path) -> Document:
        known = fields_at(self.kind.model, path)
        if not known:
            return {key: self.tidy(value[key], (*path, key)) for key in _free_order(value)}
        ordered = [*(key for key in known if key in value), *(key for key in value if key not in known)]
        kept = [key for key in ordered if not self._goes_without_saying(value, path, key)]
        tidied = {key: self.tidy(value[key], (*path, key)) for key in kept}
        return {key: item for key, item in tidied.items() if not is_empty(item)}

    def _goes_without_saying(self, value: Document, path: Path, key: str) -> bool:
        """Whether a member is empty, a default, or another spelling of one that is there."""
        twins = (one for one in self.kind.aliased(path) if self.kind.field_at((*path, one)).single == key)
        doubled = any(not is_empty(value.get(twin)) for twin in twins)
        return doubled or same(self.kind, (*path, key), None, value[key])

    def _list(self, value: list[Value], path: Path) -> list[Value]:
        items = [self.tidy(item, (*path, "*")) for item in value]
        if not self.kind.field_at(path).unordered:
            return items
        return [one for _, one in sorted({canonical(map_leaves(one, _said)): one for one in items}.items())]

    def _leaf(self, value: Value, path: Path) -> Value:
        declared = self.kind.field_at(path)
        if isinstance(value, Secret):
            return self._shown(value, path)
        if isinstance(value, Pinned):
            return self.secret(path)
        if not isinstance(value, str):
            return value
        found = self.ids.get(value)
        if declared.refers_to and found and found.kind == declared.refers_to:
            return found
        return _WORDS.get(value.lower(), value) if declared.boolean else value


def _numbered(name: str) -> Iterator[str]:
    yield name
    number = 2
    while True:
        yield f"{name}_{number}"
        number += 1


def _free_order(value: Document) -> list[str]:
    return [*(key for key in _FIRST if key in value), *(key for key in value if key not in _FIRST)]


def _unshown(kind: ResourceKind, spec: Document, body: Document) -> Iterator[Path]:
    """Places of secrets of which the read says nothing, in objects that the spec has."""
    for path in (split(pointer) for pointer, declared in kind.fields.items() if declared.masked):
        if _has(spec, path[:-1]) and not _has(body, path):
            yield path


def _with(spec: Document, path: Path, value: Value) -> Document:
    """A copy with a member of an object in it."""
    key, *rest = path
    return {**spec, key: _with(spec[key], tuple(rest), value) if rest else value}


def _without(spec: Document, path: Path) -> Document:
    """A copy without a member, and without the objects that it alone filled."""
    key, *rest = path
    inner = _without(spec[key], tuple(rest)) if rest else None
    return {name: inner if name == key else item for name, item in spec.items() if name != key or inner}


def _fitted(kind: ResourceKind, spec: Document) -> tuple[Document, dict[str, str], str]:
    """The largest part of a spec that its kind takes, what is left out of it and why, and why nothing is left."""
    left_out: dict[str, str] = {}
    while wrong := [*_unwritable(spec, ()), *_signed(kind, spec), *_misfits(kind, spec)]:
        for whole, why in [(_managed(spec, path), why) for path, why in wrong]:
            if not whole:
                return spec, {}, next(iter(left_out.values()), why)
            if _has(spec, whole):
                left_out[join(whole)] = why
                spec = _without(spec, whole)
    return spec, left_out, ""


def _misfits(kind: ResourceKind, spec: Document) -> Iterator[tuple[Path, str]]:
    return ((one.path, _why(kind, one)) for one in misfits(kind, _view(spec)))


def _signed(kind: ResourceKind, spec: Document) -> Iterator[tuple[Path, str]]:
    """Places of links that give access to whoever reads them: they belong in no repository."""
    for path, leaf in leaves(spec):
        if kind.field_at(path).fetched and links.signatures(leaf):
            yield path, SIGNED


def _managed(spec: Document, path: Path) -> Path:
    """The member that is managed as a whole with the value at a path: a list is, with all that is in it."""
    here: Value = spec
    for length, step in enumerate(path):
        if isinstance(here, list):
            return path[:length]
        here = here[step]
    return path


def _has(spec: Value, path: Path) -> bool:
    for step in path:
        if not isinstance(spec, dict) or step not in spec:
            return False
        spec = spec[step]
    return True


def _why(kind: ResourceKind, wrong: Misfit) -> str:
    """In words; a value that may be secret is not among them."""
    if wrong.type == "extra_forbidden":
        return "a field that this version does not know"
    if wrong.name:
        return f"the key {wrong.name!r} is missing"
    if kind.field_at(wrong.path).secret and not wrong.told:
        return "a value that the kind does not take"
    expected = wrong.message.removeprefix("Input should be ")
    return expected if expected == wrong.message else f"the kind takes {expected}"


def _unwritable(value: Value, path: Path) -> Iterator[tuple[Path, str]]:
    """Places of what no YAML text can hold."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield from _unwritable(key, (*path, key))
            yield from _unwritable(item, (*path, key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _unwritable(item, (*path, str(index)))
    elif not isinstance(value, Address | SecretText):
        try:
            yamltext.line(value)
        except ValueError as error:
            yield path, f"it has {error}, which YAML cannot say"


def _view(spec: Value) -> Value:
    """A spec as the model reads it: words for references and secrets."""
    return map_leaves(spec, _word)


def _said(leaf: Value) -> Value:
    return str(leaf) if isinstance(leaf, SecretText) else leaf


def _word(leaf: Value) -> Value:
    if isinstance(leaf, SecretText):
        return leaf.text(dict.fromkeys(leaf.names, "word"))
    return "word" if isinstance(leaf, Address) else leaf
