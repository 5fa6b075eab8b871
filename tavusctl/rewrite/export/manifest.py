"""The manifest that describes a live object: in the order of the model, without empty values and server defaults.

Ids of known objects become references and secrets become `${secret:}`.  A field that no manifest can have, because it
is newer than tavusctl or has a value that the kind does not accept, is left out, and so is not managed; an object whose
manifest would be invalid without the field is written as external, and is not managed at all.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from msgspec import Struct

from tavusctl.core.address import Address
from tavusctl.core.json_tree import canonical, is_empty, leaves, map_leaves, pattern_of, set_at, value_at
from tavusctl.core.model import ABSENT, Live
from tavusctl.core.resource_kind import ResourceKind
from tavusctl.core.schema.expectations import expected_text
from tavusctl.core.schema.model_fields import fields_at
from tavusctl.core.schema.spec_model import RULES, FieldError, field_errors
from tavusctl.fields import presigned_urls
from tavusctl.fields.equivalence import is_unset, same
from tavusctl.lib.json_types import Json, JsonObject, KeyPath, as_object
from tavusctl.patch import Pinned, join, split
from tavusctl.rewrite import keys, yaml_text
from tavusctl.secrets import detection
from tavusctl.secrets.values import REDACTED, Fingerprint, Secret, SecretText

# The first members of a free-form object, in the order that people expect: most are JSON Schemas.
_FIRST: Final = ("type", "name", "title", "description", "enum", "properties", "items", "required")
SOURCE_NOT_RETURNED: Final = "the API does not return its source"
_WORDS: Final = {"true": True, "false": False}


class Exported(Struct, frozen=True):
    """One object as a manifest; leaves of `spec` are JSON values, addresses and secret texts."""

    live: Live
    address: Address
    spec: JsonObject = {}
    left_out: Mapping[str, str] = {}  # pointer into spec -> why
    fault: str = ""  # why the object can only be external
    values: Mapping[str, str] = {}  # of secrets that reads show, by variable; never written
    fingerprints: Mapping[SecretText, Fingerprint] = {}  # of the same secrets
    plain_fingerprints: Mapping[KeyPath, Fingerprint] = {}  # of plain values in fields that hold secrets

    @property
    def secrets(self) -> tuple[tuple[str, str], ...]:
        """Every secret: a pointer into spec, and the name of the variable; a URL may have several secrets."""
        secret_leaves = ((path, leaf) for path, leaf in leaves(self.spec) if isinstance(leaf, SecretText))
        return tuple((join(path), name) for path, leaf in secret_leaves for name in leaf.names)


def shared_names(exported: Iterable[Exported]) -> dict[str, str]:
    """One variable name for each secret value that occurs more than once, by value.

    The name leaves out the address of the object if all places agree on the rest of the name, and nothing else has it.
    """
    places: dict[str, list[tuple[str, str]]] = {}
    for export in exported:
        owner = next(keys.names(export.address, ()))
        for name, value in export.values.items():
            places.setdefault(value, []).append((name, name.removeprefix(f"{owner}_")))
    taken: set[str] = set()
    shared: dict[str, str] = {}
    for value, candidates in places.items():
        if len(candidates) > 1:
            common = {short for _, short in candidates}
            preferred = (*(common if len(common) == 1 else ()), *(name for name, _ in candidates))
            shared[value] = next(name for name in preferred if name not in taken)
            taken.add(shared[value])
    return shared


def export_manifest(
    live: Live, address: Address, ids: Mapping[str, Address], shared: Mapping[str, str] | None = None
) -> Exported:
    """The manifest of a live object at an address; `ids` has the addresses of the ids in its body.

    `shared` has the variable names of secret values that occur in several places.
    """
    description = _Description(live.kind, address, ids, shared or {})
    spec = as_object(description.tidy(live.body, ()))
    # A key that reads leave out may exist: it does if the spec has fewer errors with it.
    for path in list(_hidden_secret_paths(live.kind, spec, live.body)):
        with_secret = set_at(spec, path, description.secret(path))
        spec = with_secret if len(_errors(live.kind, with_secret)) < len(_errors(live.kind, spec)) else spec
    spec, left_out, fault = _valid_part(live.kind, spec)
    if live.kind.field_at((fault.partition(" ")[0].strip("`"),)).write_only:
        fault = SOURCE_NOT_RETURNED
    return Exported(
        live,
        address,
        {} if fault else spec,
        left_out,
        fault,
        description.values,
        description.fingerprints,
        description.plain_fingerprints,
    )


def recorded_base(exported: Exported) -> JsonObject:
    """The base that a binding records for an exported object, with secrets as fingerprints.

    A secret that no read shows is REDACTED, which stands for whatever the account has.
    """

    def fingerprint_of(leaf: Json) -> Json:
        return exported.fingerprints.get(leaf, REDACTED) if isinstance(leaf, SecretText) else leaf

    base: JsonObject = map_leaves(exported.spec, fingerprint_of)
    for path, fingerprint in exported.plain_fingerprints.items():
        if _has(base, path):
            base = set_at(base, path, fingerprint)
    return base


class _Description(Struct):
    """Builds the spec of one object, and collects its secrets."""

    kind: ResourceKind
    address: Address
    ids: Mapping[str, Address]
    shared: Mapping[str, str] = {}
    values: dict[str, str] = {}
    fingerprints: dict[SecretText, Fingerprint] = {}
    plain_fingerprints: dict[KeyPath, Fingerprint] = {}
    _names: set[str] = set()

    def tidy(self, value: Json, path: KeyPath) -> Json:
        """A value of the body as a manifest has it."""
        if isinstance(value, dict):
            return self._object(value, path)
        if isinstance(value, list):
            return self._list(value, path)
        return self._leaf(value, path)

    def secret(self, path: KeyPath) -> SecretText:
        """A new secret for a path, under a name that says which object and field it belongs to."""
        return SecretText(("", ""), (self._unused_name(path),))

    def _unused_name(self, path: KeyPath) -> str:
        unused = next(name for name in keys.names(self.address, path) if name not in self._names)
        self._names.add(unused)
        return unused

    def _name_of_value(self, path: KeyPath, value: str) -> str:
        name = self.shared.get(value) or self._unused_name(path)
        self.values[name] = value
        return name

    def _visible_secret(self, value: Secret, path: KeyPath) -> Json:
        """A secret that a read shows, as `${secret:}`; in a URL, only in place of its credentials.

        A plain value in a field that holds secrets, such as the header of a content type, is written as it is.
        """
        text = value.reveal()
        if self.kind.field_at(path).may_be_plain and detection.is_plain_header(path[-1], text) and "*" not in path:
            self.plain_fingerprints[path] = value.fingerprint
            return text
        if self.kind.field_at(path).must_stay_reachable and presigned_urls.access_parameters(text):
            return text  # left out later, by `_presigned_urls`
        reference = keys.secret_reference(text, path, self._name_of_value)
        self.fingerprints[reference] = value.fingerprint
        return reference

    def _object(self, value: JsonObject, path: KeyPath) -> JsonObject:
        declared = fields_at(self.kind.model, path)
        ordered = dict.fromkeys([*(key for key in declared or _FIRST if key in value), *value])
        if not declared:
            return {key: self.tidy(value[key], (*path, key)) for key in ordered}
        member_names = [key for key in ordered if not self._is_redundant(value, path, key)]
        formatted = {key: self.tidy(value[key], (*path, key)) for key in member_names}
        return {key: item for key, item in formatted.items() if not is_unset(self.kind, (*path, key), item)}

    def _is_redundant(self, value: JsonObject, path: KeyPath, key: str) -> bool:
        """Whether a member is empty, a default, or a second name of a member that has a value."""
        twin_keys = (
            twin for twin in self.kind.scalar_aliases(path) if self.kind.field_at((*path, twin)).scalar_alias == key
        )
        is_repeated = any(not is_empty(value.get(twin)) for twin in twin_keys)
        return is_repeated or same(self.kind, (*path, key), None, value[key])

    def _list(self, value: list[Json], path: KeyPath) -> list[Json]:
        items = [self.tidy(item, (*path, "*")) for item in value]
        if not self.kind.field_at(path).unordered:
            return items
        by_text = {
            canonical(map_leaves(item, lambda leaf: str(leaf) if isinstance(leaf, SecretText) else leaf)): item
            for item in items
        }
        return [by_text[text] for text in sorted(by_text)]

    def _leaf(self, value: Json, path: KeyPath) -> Json:
        declared = self.kind.field_at(path)
        if isinstance(value, Secret):
            return self._visible_secret(value, path)
        if isinstance(value, Pinned):
            return self.secret(path)
        if not isinstance(value, str):
            return value
        address = self.ids.get(value)
        if declared.refers_to and address and address.kind == declared.refers_to:
            return address
        return _WORDS.get(value.lower(), value) if declared.boolean else value


def _hidden_secret_paths(kind: ResourceKind, spec: JsonObject, body: JsonObject) -> Iterator[KeyPath]:
    """Paths of secrets that the read left out, in objects that the spec has."""
    for path in (split(pointer) for pointer, declared in kind.fields.items() if declared.masked):
        if isinstance(value_at(spec, path[:-1]), dict) and not _has(body, path):
            yield path


def _without(spec: Json, path: KeyPath) -> Json:
    """A copy without the member at a path, and without the objects that would be empty then."""
    key, *rest = path
    if isinstance(spec, list):
        return [_without(item, tuple(rest)) if str(index) == key else item for index, item in enumerate(spec)]
    members = as_object(spec)
    inner = _without(members[key], tuple(rest)) if rest else None
    return {name: inner if name == key else item for name, item in members.items() if name != key or inner}


def _valid_part(kind: ResourceKind, spec: JsonObject) -> tuple[JsonObject, dict[str, str], str]:
    """The largest valid part of a spec, the reasons by pointer for what is left out, and an empty text.

    If no part is valid: the spec, no reasons by pointer, and the reason why.
    """
    left_out: dict[str, str] = {}
    while problems := [*_unwritable(spec, ()), *_presigned_urls(kind, spec), *_invalid_values(kind, spec)]:
        for managed, reason in [(_managed_path(kind, spec, path), reason) for path, reason in problems]:
            if not managed:
                return spec, {}, next(iter(left_out.values()), reason)
            if _has(spec, managed):
                left_out[join(managed)] = reason
                spec = as_object(_without(spec, managed))
    return spec, left_out, ""


def _invalid_values(kind: ResourceKind, spec: JsonObject) -> Iterator[tuple[KeyPath, str]]:
    return ((error.path, _reason(kind, error)) for error in _errors(kind, spec))


def _presigned_urls(kind: ResourceKind, spec: JsonObject) -> Iterator[tuple[KeyPath, str]]:
    """Paths of URLs that give access to everyone who reads them, and so belong in no repository; with the reason."""
    for path, leaf in leaves(spec):
        if kind.field_at(path).must_stay_reachable and presigned_urls.access_parameters(leaf):
            yield path, keys.SIGNED_URL_REASON


def _managed_path(kind: ResourceKind, spec: JsonObject, path: KeyPath) -> KeyPath:
    """The path of what is managed as a whole with the value at a path: the outermost list around it, else itself.

    An unknown member of a list item is not managed, and stands for itself.  () is the whole spec.
    """
    here: Json = spec
    outermost_list: KeyPath | None = None
    for length, step in enumerate(path):
        if kind.is_unknown_in_item(pattern_of(path[:length])):
            return path[:length]
        if isinstance(here, list):
            outermost_list = outermost_list or path[:length]
            here = here[int(step)]
        else:
            here = as_object(here)[step]
    return path if kind.is_unknown_in_item(pattern_of(path)) else outermost_list or path


def _has(spec: Json, path: KeyPath) -> bool:
    return value_at(spec, path, ABSENT) is not ABSENT


def _errors(kind: ResourceKind, spec: JsonObject) -> list[FieldError]:
    return field_errors(kind.model, map_leaves(spec, _placeholder))


def _reason(kind: ResourceKind, error: FieldError) -> str:
    """The reason that an error gives, in words without a value that may be secret."""
    if error.type == "extra_forbidden":
        return "a field that this version does not know"
    if error.missing:
        return f"the key `{error.missing}` is missing"
    if error.type in (*RULES, "value_error"):
        return error.message
    if kind.field_at(error.path).secret:
        return "a value that the kind does not accept"
    return f"the kind takes {expected_text([error])}"


def _unwritable(value: Json, path: KeyPath) -> Iterator[tuple[KeyPath, str]]:
    """Paths of values that YAML cannot represent, each with the reason."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield from _unwritable(key, (*path, key))
            yield from _unwritable(item, (*path, key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _unwritable(item, (*path, str(index)))
    elif not isinstance(value, Address | SecretText):
        try:
            yaml_text.line(value)
        except ValueError as error:
            yield path, f"it contains {error}, which YAML cannot represent"


def _placeholder(leaf: Json) -> Json:
    if isinstance(leaf, SecretText):
        return leaf.text(dict.fromkeys(leaf.names, "word"))
    return "word" if isinstance(leaf, Address) else leaf
