"""Which values of a document are secrets: by what the kind declares, by name, by place and by looks.  Pure.

The API itself has secrets in two fields only.  Other secrets are wherever the user's own server needs them: in objects
of any form, at any depth, in the queries of URLs and in front of their `@`.  The secrets that are found here are sealed
when the account is read, and refused when a manifest has them in plain text.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Final
from urllib.parse import unquote_plus

from msgspec import Struct

from tavusctl.core.json_tree import leaves_with_patterns
from tavusctl.core.resource_kind import ResourceKind
from tavusctl.fields import free_objects, presigned_urls
from tavusctl.fields.free_objects import Spot
from tavusctl.fields.places import Place, members, root
from tavusctl.lib.json_types import Json, JsonObject, KeyPath, special_leaves
from tavusctl.secrets import detection, redaction, url_credentials
from tavusctl.secrets.url_credentials import Span
from tavusctl.secrets.values import Fingerprint, FingerprintKey, Secret, SecretText

_LEAST_TEXT: Final = 12  # a shorter text may be a word that is in other texts as well


class DeclaredSecrets(Struct, frozen=True):
    """Places that documents name as secrets, whatever the values look like; list indices are `*`."""

    of_kinds: AbstractSet[tuple[str, KeyPath]] = frozenset()  # in every object of a kind
    of_objects: Mapping[str, AbstractSet[KeyPath]] = {}  # by remote id
    plain: AbstractSet[tuple[str, KeyPath, str]] = frozenset()  # texts in the same lists that are not secrets
    # Texts at places of `of_kinds` that the documents of an object have in plain text: with its id, or with the kind of
    # an object that has none yet.
    own: AbstractSet[tuple[str, KeyPath, str]] = frozenset()

    def has(self, kind: str, remote_id: str, pattern: KeyPath, text: str) -> bool:
        """Whether a text at a place of an object is a secret."""
        if (kind, pattern, text) in self.plain:
            return False
        if pattern in self.of_objects.get(remote_id, ()):
            return True
        is_own = (remote_id, pattern, text) in self.own or (kind, pattern, text) in self.own
        return (kind, pattern) in self.of_kinds and not is_own

    def knows_any(self, kind: str, remote_id: str) -> bool:
        """Whether an object has such places at all."""
        return remote_id in self.of_objects or any(named_kind == kind for named_kind, _ in self.of_kinds)


NONE_DECLARED: Final = DeclaredSecrets()


def secret_places(kind: ResourceKind, body: JsonObject) -> Iterator[Spot]:
    """Every secret of a document, in its order; keys among the words of a text are not included."""
    return (spot for spot in _spots(kind, body) if not spot.is_in_text)


def register(spot: Spot) -> bool:
    """Register a secret that was found, or its parts in a URL, for redaction in other texts; whether all of it is."""
    for span in spot.spans:
        part = spot.text[span.start : span.end]
        for text in {part, unquote_plus(part)}:
            redaction.register(text)
    is_word = not detection.is_opaque(spot.text) and len(spot.text) < _LEAST_TEXT
    if spot.is_open or spot.spans or is_word:
        return False
    redaction.register(spot.text)
    return True


def sealed(spot: Spot, key: FingerprintKey) -> Secret:
    """A secret that was found, sealed against printing, and registered."""
    return key.seal(spot.text, public=not register(spot), compared_as=spot.compared_as)


def allows_secret_reference(kind: ResourceKind, pattern: KeyPath) -> bool:
    """Whether `${secret:}` is allowed at a place: in a secret field, an object of any form, or a URL."""
    return kind.field_at(pattern).secret or kind.is_free(pattern) or _is_url(kind, pattern)


def has_known_form(kind: ResourceKind, pattern: KeyPath, text: SecretText) -> bool:
    """Whether a text is for a URL, and begins with more than a part of a scheme, so that its form can be checked."""
    start = text.parts[0].lower()
    return _is_url(kind, pattern) and not any(scheme.startswith(start) for scheme in ("https:/", "http:/"))


def declared_paths(kind: ResourceKind, spec: JsonObject) -> Iterator[KeyPath]:
    """Paths at which a document names or records a secret in a field that its kind does not declare as secret."""
    for path, leaf in _leaves(spec):
        if isinstance(leaf, SecretText | Secret | Fingerprint) and not kind.field_at(path).secret:
            yield path


def declared_secrets(
    kinds: Mapping[str, ResourceKind], specs: Iterable[tuple[str, str, JsonObject]]
) -> DeclaredSecrets:
    """The places that documents name as secrets; `specs` have kind, object id (empty: none yet) and document.

    In an object of any form, a name that one manifest treats as a secret is one everywhere, also in a new object; but
    not for a text that the documents of an object have there in plain text.
    """
    specs = list(specs)
    of_kinds: set[tuple[str, KeyPath]] = set()
    of_objects: dict[str, set[KeyPath]] = {}
    plain: set[tuple[str, KeyPath, str]] = set()
    for kind, remote_id, spec in specs:
        if not special_leaves(spec):
            continue
        paths = set(declared_paths(kinds[kind], spec))
        plain |= {(kind, path, leaf) for path, leaf in _leaves(spec) if path in paths and isinstance(leaf, str)}
        for path in paths:
            if kinds[kind].is_free(path) or not remote_id:
                of_kinds.add((kind, path))
            if remote_id:
                of_objects.setdefault(remote_id, set()).add(path)
    own = {
        (remote_id or kind, pattern, text)
        for named_kind, pattern in of_kinds
        for kind, remote_id, spec in specs
        if kind == named_kind and pattern not in of_objects.get(remote_id, ())
        for text in _texts_at(spec, pattern)
    }
    return DeclaredSecrets(of_kinds, of_objects, plain, own)


def all_secrets(kind: ResourceKind, remote_id: str, body: JsonObject, places: DeclaredSecrets) -> Iterator[Spot]:
    """Every secret of an object: those that are recognised, also inside of texts, and those that documents name."""
    recognised = _spots(kind, body)
    yield from recognised
    if places.knows_any(kind.name, remote_id):
        found_paths = {spot.path for spot in recognised}
        for path, pattern, leaf in leaves_with_patterns(body):
            if (
                isinstance(leaf, str)
                and leaf
                and path not in found_paths
                and places.has(kind.name, remote_id, pattern, leaf)
            ):
                yield Spot(path, leaf)


def contains_recognisable_secret(text: str) -> bool:
    """Whether a text contains a recognisable secret, wherever it is."""
    return detection.is_credential(text) or bool(url_credentials.spans(text))


def _spots(kind: ResourceKind, body: JsonObject) -> list[Spot]:
    found: list[Spot] = []
    _collect(root(kind), body, found)
    return found


def _collect(here: Place, value: Json, found: list[Spot]) -> None:
    """Collect secrets from declared fields, and from the objects of any form inside them."""
    below = here.below
    # Without a call for each object of thousands of documents.
    for key, item in value.items() if type(value) is dict else members(value):
        if not item:  # most fields of a read are not set
            continue
        place = below.get(key) or here.at(key)
        if place.declared.is_free:
            around = free_objects.TEMPLATE if place.declared.traits.has_placeholders else free_objects.NOTHING
            found += free_objects.secrets(item, place.path, place.path[-1], around)
        elif type(item) is not str:
            _collect(place, item, found)
        elif place.declared.is_shown:
            if detection.is_key(item):
                found.append(_spot_in_text(place.path, item))
        elif place.declared.traits.secret or "://" in item or detection.is_key(item):  # nearly all have none of these
            found += _spots_in_field(place, item)


def _spots_in_field(place: Place, text: str) -> Sequence[Spot]:
    """The secret in the text of a declared field, if there is one."""
    path, field = place.path, place.declared.traits
    if field.secret:
        return (Spot(path, text, field.allows_plain_text(path[-1], text)),)
    if url_credentials.is_url(text):
        spans = url_credentials.spans(text)
        signed = field.must_stay_reachable and presigned_urls.access_parameters(text)
        means = str(presigned_urls.without_access_parameters(text)) if signed else ""
        return (Spot(path, text, spans=spans, compared_as=means),) if spans or signed else ()
    if not detection.is_key(text):
        return ()
    if len(text.split(maxsplit=1)) == 1:
        return (Spot(path, text),)
    return (_spot_in_text(path, text),)


def _spot_in_text(path: KeyPath, text: str) -> Spot:
    return Spot(path, text, spans=tuple(Span(*span, "key") for span in detection.key_spans(text)), is_in_text=True)


def _leaves(value: Json) -> Iterator[tuple[KeyPath, Json]]:
    return ((pattern, leaf) for _, pattern, leaf in leaves_with_patterns(value))


def _texts_at(value: Json, pattern: KeyPath) -> Iterator[str]:
    """The texts of a document at the places with a pattern."""
    if not pattern:
        yield from [value] if isinstance(value, str) else ()
    elif isinstance(value, list) and pattern[0] == "*":
        for item in value:
            yield from _texts_at(item, pattern[1:])
    elif isinstance(value, dict) and pattern[0] in value:
        yield from _texts_at(value[pattern[0]], pattern[1:])


def _is_url(kind: ResourceKind, pattern: KeyPath) -> bool:
    """Whether a field is a URL, of which the whole or a part may be a secret."""
    field, key = kind.field_at(pattern), next((segment for segment in reversed(pattern) if segment != "*"), "")
    return field.receives_data or field.must_stay_reachable or key == "url" or key.endswith("_url")
