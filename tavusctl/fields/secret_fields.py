"""Which values of a document are secrets: by what the kind declares, by name, by place and by looks.  Pure.

The API keeps secrets in two fields only.  They stand wherever a server of one's own wants them as well: in objects of
any form, at any depth, in the queries of addresses and in front of their `@`.  What is found here is sealed when the
account is read, and refused when a manifest writes it out.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Final
from urllib.parse import unquote_plus

from msgspec import Struct

from tavusctl.core.json_tree import placed
from tavusctl.core.resource_kind import FieldTraits, ResourceKind
from tavusctl.fields import free_objects, presigned_urls
from tavusctl.fields.free_objects import Spot
from tavusctl.lib.json_types import Json, JsonObject, KeyPath, special_leaves
from tavusctl.secrets import detection, redaction, url_credentials
from tavusctl.secrets.values import Fingerprint, FingerprintKey, Secret, SecretText

_MANY_KEYS: Final = 500  # of one object, each remembered with its declaration
_LEAST_TEXT: Final = 12  # a shorter one may be a word that stands in other texts as well


class Declared(Struct, frozen=True):
    """Places where somebody has named a secret, whatever it looks like; list indices are `*`."""

    of_kinds: AbstractSet[tuple[str, KeyPath]] = frozenset()  # in every object of a kind
    of_objects: Mapping[str, AbstractSet[KeyPath]] = {}  # by remote id
    plain: AbstractSet[tuple[str, KeyPath, str]] = frozenset()  # what stands in the same lists, and is no secret

    def has(self, kind: str, remote_id: str, pattern: KeyPath, text: str) -> bool:
        """Whether a text at a place of an object is meant."""
        is_named = (kind, pattern) in self.of_kinds or pattern in self.of_objects.get(remote_id, ())
        return is_named and (kind, pattern, text) not in self.plain

    def knows_any(self, kind: str, remote_id: str) -> bool:
        """Whether an object has such places at all."""
        return remote_id in self.of_objects or any(one == kind for one, _ in self.of_kinds)


NOWHERE: Final = Declared()


def secret_places(kind: ResourceKind, body: JsonObject) -> Iterator[Spot]:
    """Every secret of a document, in its order."""
    found: list[Spot] = []
    _look_inside(_declarations(kind), body, (), found)
    return iter(found)


def sealed(spot: Spot, key: FingerprintKey) -> Secret:
    """A secret that was found, so that nobody can print it; parts of an address are kept out of other texts, too."""
    for span in spot.spans:
        part = spot.text[span.start : span.end]
        for text in {part, unquote_plus(part)}:
            redaction.remember(text)
    known = spot.is_open or bool(spot.spans) or not (detection.is_opaque(spot.text) or len(spot.text) >= _LEAST_TEXT)
    return key.seal(spot.text, known=known, means=spot.means)


def may_be_named(kind: ResourceKind, pattern: KeyPath) -> bool:
    """Whether `${secret:}` may stand at a place: in a secret field, an object of any form, or an address."""
    return kind.field_at(pattern).secret or kind.is_free(pattern) or _is_address(kind, pattern)


def named(kind: ResourceKind, spec: JsonObject) -> Iterator[KeyPath]:
    """Places at which a document names a secret, or remembers one, though nothing but that says so."""
    for path, leaf in _leaves(spec, ()):
        if isinstance(leaf, SecretText | Secret | Fingerprint) and not kind.field_at(path).secret:
            yield path


def declared(kinds: Mapping[str, ResourceKind], specs: Iterable[tuple[str, str, JsonObject]]) -> Declared:
    """The places that documents name, each given with its kind and the id of its object, if it has one.

    In an object of any form a name that one manifest treats as a secret is one everywhere, also in what was just made.
    """
    of_kinds: set[tuple[str, KeyPath]] = set()
    of_objects: dict[str, set[KeyPath]] = {}
    plain: set[tuple[str, KeyPath, str]] = set()
    for kind, remote_id, spec in specs:
        if not special_leaves(spec):
            continue
        paths = set(named(kinds[kind], spec))
        plain |= {(kind, path, leaf) for path, leaf in _leaves(spec, ()) if path in paths and isinstance(leaf, str)}
        for path in paths:
            if kinds[kind].is_free(path) or not remote_id:
                of_kinds.add((kind, path))
            if remote_id:
                of_objects.setdefault(remote_id, set()).add(path)
    return Declared(of_kinds, of_objects, plain)


def all_spots(kind: ResourceKind, remote_id: str, body: JsonObject, places: Declared) -> Iterator[Spot]:
    """Every secret of an object: those that tell themselves, and those that somebody has named."""
    found = list(secret_places(kind, body))
    yield from found
    if places.knows_any(kind.name, remote_id):
        known = {one.path for one in found}
        for path, pattern, leaf in placed(body, (), ()):
            if isinstance(leaf, str) and leaf and path not in known and places.has(kind.name, remote_id, pattern, leaf):
                yield Spot(path, leaf)


def tells(text: str) -> bool:
    """Whether a text gives a secret away by itself, wherever it stands."""
    return detection.is_credential(text) or bool(url_credentials.spans(text))


class _Declared:
    """A place in the documents of a kind, and the places below it as they are met; walked by thousands of documents."""

    __slots__ = ("below", "field", "is_free", "is_shown", "kind", "pattern")

    def __init__(self, kind: ResourceKind, pattern: KeyPath) -> None:
        self.kind, self.pattern = kind, pattern
        self.field = kind.field_at(pattern)
        self.is_free = bool(pattern) and kind.is_free(pattern)
        # What people read, and names of objects, are shown as they are.
        is_read = self.field.long_text or bool(self.field.refers_to) or pattern == (kind.name_field,)
        self.is_shown = is_read and not self.field.secret
        self.below: dict[str, _Declared] = {}

    def at(self, key: str) -> _Declared:
        """The place of a member, or of the items of a list."""
        found = self.below.get(key)
        if found is None:
            found = _Declared(self.kind, (*self.pattern, key))
            if len(self.below) < _MANY_KEYS:  # a file may have keys without end
                self.below[key] = found
        return found


@functools.cache
def _declarations(kind: ResourceKind) -> _Declared:
    return _Declared(kind, ())


def _look_inside(here: _Declared, value: Json, path: KeyPath, found: list[Spot]) -> None:
    """What is declared by the kind, down to where anything may stand."""
    if isinstance(value, dict):
        known = here.below
        for key, item in value.items():
            if not item:  # most of what a read may show is not set
                continue
            below = known.get(key) or here.at(key)
            if below.is_free:
                found += free_objects.secrets(item, (*path, key), key)
            elif type(item) is not str:
                _look_inside(below, item, (*path, key), found)
            elif not below.is_shown:
                found += _known(below.field, item, path, key)
    elif isinstance(value, list):
        _look_at_items(here.at("*"), value, path, found)


def _look_at_items(here: _Declared, items: list[Json], path: KeyPath, found: list[Spot]) -> None:
    for index, item in enumerate(items):
        if type(item) is not str:
            _look_inside(here, item, (*path, str(index)), found)
        elif item and not here.is_shown:
            found += _known(here.field, item, path, str(index))


def _known(field: FieldTraits, text: str, path: KeyPath, key: str) -> Sequence[Spot]:
    """A text in a field that the kind declares, if it is a secret."""
    if field.secret:
        return (Spot((*path, key), text, field.is_open(key, text)),)
    if url_credentials.is_address(text):
        found = url_credentials.spans(text)
        signed = field.must_stay_reachable and presigned_urls.signatures(text)
        means = str(presigned_urls.file(text)) if signed else ""
        return (Spot((*path, key), text, spans=found, means=means),) if found or signed else ()
    if detection.is_key(text) and len(text.split(maxsplit=1)) == 1:
        return (Spot((*path, key), text),)
    return ()


def _leaves(value: Json, pattern: KeyPath) -> Iterator[tuple[KeyPath, Json]]:
    return ((found, leaf) for _, found, leaf in placed(value, (), pattern))


def _is_address(kind: ResourceKind, pattern: KeyPath) -> bool:
    """Whether a field is an address: the whole of it may be a secret, or a part."""
    field, key = kind.field_at(pattern), next((one for one in reversed(pattern) if one != "*"), "")
    return field.called or field.must_stay_reachable or key == "url" or key.endswith("_url")
