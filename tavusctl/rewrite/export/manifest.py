"""What a manifest says of a live object: in the order of the model, without what is empty or filled in by the server.

Ids of known objects become references and secrets become `${secret:}`.  A field that a manifest cannot say, because it
is newer than tavusctl or has a value that the kind does not take, is left out, and so is not managed; an object whose
manifest could not be valid without it is referred to, and not managed at all.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from msgspec import Struct, field

from tavusctl.core.address import Address
from tavusctl.core.json_tree import canonical, is_empty, leaves, map_leaves, pattern_of
from tavusctl.core.model import Live
from tavusctl.core.resource_kind import ResourceKind
from tavusctl.core.schema.model_fields import fields_at
from tavusctl.core.schema.spec_model import RULES, FieldError, field_errors
from tavusctl.fields import presigned_urls
from tavusctl.fields.equivalence import is_left_alone, is_unset, same
from tavusctl.lib.json_types import Json, JsonObject, KeyPath, as_object
from tavusctl.patch import PatchError, Pinned, join, resolve, split
from tavusctl.rewrite import keys, yaml_text
from tavusctl.secrets import detection
from tavusctl.secrets.values import REDACTED, Fingerprint, Secret, SecretText

# Members of free-form objects that people expect first: they are mostly JSON Schemas.
_FIRST: Final = ("type", "name", "title", "description", "enum", "properties", "items", "required")
UNTOLD: Final = "the API does not return its source"
_WORDS: Final = {"true": True, "false": False}


class Exported(Struct, frozen=True):
    """One object as a manifest says it; leaves of `spec` are JSON values, addresses and secret texts."""

    live: Live
    address: Address
    spec: JsonObject = field(default_factory=dict)
    left_out: Mapping[str, str] = field(default_factory=dict)  # pointer into spec -> why
    fault: str = ""  # why it can be referred to only
    values: Mapping[str, str] = field(default_factory=dict)  # of secrets that reads show, by name; never written
    prints: Mapping[SecretText, Fingerprint] = field(default_factory=dict)  # of the same
    plain: Mapping[KeyPath, Fingerprint] = field(default_factory=dict)  # of what stands among secrets and is none

    @property
    def secrets(self) -> tuple[tuple[str, str], ...]:
        """Every secret: a pointer into spec, and the name of the variable; an address may have several."""
        found = ((path, leaf) for path, leaf in leaves(self.spec) if isinstance(leaf, SecretText))
        return tuple((join(path), name) for path, leaf in found for name in leaf.names)


def shared_names(exported: Iterable[Exported]) -> dict[str, str]:
    """One name for each secret that reads show more than once: value to name, without whose it is where that fits."""
    places: dict[str, list[tuple[str, str]]] = {}
    for one in exported:
        owner = next(keys.names(one.address, ()))
        for name, value in one.values.items():
            places.setdefault(value, []).append((name, name.removeprefix(f"{owner}_")))
    taken: set[str] = set()
    found: dict[str, str] = {}
    for value, named in places.items():
        if len(named) > 1:
            common = {short for _, short in named}
            best = (*(common if len(common) == 1 else ()), *(name for name, _ in named))
            found[value] = next(name for name in best if name not in taken)
            taken.add(found[value])
    return found


def described(
    live: Live, address: Address, ids: Mapping[str, Address], shared: Mapping[str, str] | None = None
) -> Exported:
    """A live object, whose body has ids as the account has them, as a manifest at an address.

    Values of secrets that are `shared` with other places have their names already.
    """
    whole = _Description(live.kind, address, ids, shared or {})
    spec = as_object(whole.tidy(live.body, ()))
    # A key that reads leave out may be there: it is, when without it the rest makes no sense.
    for path in list(_unshown(live.kind, spec, live.body)):
        told = _with(spec, path, whole.secret(path))
        spec = told if len(_errors(live.kind, told)) < len(_errors(live.kind, spec)) else spec
    spec, left_out, fault = _fitted(live.kind, spec)
    if live.kind.field_at((fault.partition(" ")[0].strip("`"),)).write_only:
        fault = UNTOLD
    return Exported(live, address, {} if fault else spec, left_out, fault, whole.values, whole.prints, whole.plain)


def applied(exported: Exported) -> JsonObject:
    """What a binding remembers of it: secrets as fingerprints; one that no read shows is whatever the account has."""

    def print_of(leaf: Json) -> Json:
        return exported.prints.get(leaf, REDACTED) if isinstance(leaf, SecretText) else leaf

    remembered: JsonObject = map_leaves(exported.spec, print_of)
    for path, fingerprint in exported.plain.items():
        if _has(remembered, path):
            remembered = _with(remembered, path, fingerprint)
    return remembered


class _Description(Struct):
    """One object on its way into a manifest."""

    kind: ResourceKind
    address: Address
    ids: Mapping[str, Address]
    shared: Mapping[str, str] = field(default_factory=dict)
    values: dict[str, str] = field(default_factory=dict)
    prints: dict[SecretText, Fingerprint] = field(default_factory=dict)
    plain: dict[KeyPath, Fingerprint] = field(default_factory=dict)
    _names: set[str] = field(default_factory=set)

    def tidy(self, value: Json, path: KeyPath) -> Json:
        """A value of the body as the manifest has it."""
        if isinstance(value, dict):
            return self._object(value, path)
        if isinstance(value, list):
            return self._list(value, path)
        return self._leaf(value, path)

    def secret(self, path: KeyPath) -> SecretText:
        """The secret for a place, under a name that says whose it is and what for."""
        return SecretText(("", ""), (self._name(path),))

    def _name(self, path: KeyPath) -> str:
        unique = next(one for one in keys.names(self.address, path) if one not in self._names)
        self._names.add(unique)
        return unique

    def _name_of(self, path: KeyPath, value: str) -> str:
        name = self.shared.get(value) or self._name(path)
        self.values[name] = value
        return name

    def _shown(self, value: Secret, path: KeyPath) -> Json:
        """A secret that a read shows; of an address with a key in it, all but the key stays to be read.

        What stands among secrets and is none, such as the header of a content type, is written as it is.
        """
        text = value.reveal()
        if self.kind.field_at(path).may_be_plain and detection.is_plain_header(path[-1], text) and "*" not in path:
            self.plain[path] = value.fingerprint
            return text
        if self.kind.field_at(path).must_stay_reachable and presigned_urls.signatures(text):
            return text  # no manifest has it
        found = keys.referring(text, path, self._name_of)
        self.prints[found] = value.fingerprint
        return found

    def _object(self, value: JsonObject, path: KeyPath) -> JsonObject:
        known = fields_at(self.kind.model, path)
        if not known:
            return {key: self.tidy(value[key], (*path, key)) for key in _free_order(value)}
        ordered = [*(key for key in known if key in value), *(key for key in value if key not in known)]
        kept = [key for key in ordered if not self._goes_without_saying(value, path, key)]
        formatted = {key: self.tidy(value[key], (*path, key)) for key in kept}
        return {key: item for key, item in formatted.items() if not is_unset(self.kind, (*path, key), item)}

    def _goes_without_saying(self, value: JsonObject, path: KeyPath, key: str) -> bool:
        """Whether a member is empty, a default, or another spelling of one that is there."""
        twins = (one for one in self.kind.scalar_aliases(path) if self.kind.field_at((*path, one)).scalar_alias == key)
        doubled = any(not is_empty(value.get(twin)) for twin in twins)
        return doubled or same(self.kind, (*path, key), None, value[key])

    def _list(self, value: list[Json], path: KeyPath) -> list[Json]:
        items = [self.tidy(item, (*path, "*")) for item in value]
        if not self.kind.field_at(path).unordered:
            return items
        return [one for _, one in sorted({canonical(map_leaves(one, _said)): one for one in items}.items())]

    def _leaf(self, value: Json, path: KeyPath) -> Json:
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


def _free_order(value: JsonObject) -> list[str]:
    return [*(key for key in _FIRST if key in value), *(key for key in value if key not in _FIRST)]


def _unshown(kind: ResourceKind, spec: JsonObject, body: JsonObject) -> Iterator[KeyPath]:
    """Places of secrets of which the read says nothing, in objects that the spec has."""
    for path in (split(pointer) for pointer, declared in kind.fields.items() if declared.masked):
        if _has(spec, path[:-1]) and not _has(body, path):
            yield path


def _with(spec: JsonObject, path: KeyPath, value: Json) -> JsonObject:
    """A copy with a member of an object in it."""
    key, *rest = path
    return {**spec, key: _with(as_object(spec[key]), tuple(rest), value) if rest else value}


def _without(spec: Json, path: KeyPath) -> Json:
    """A copy without a member, and without the objects that it alone filled."""
    key, *rest = path
    if isinstance(spec, list):
        return [_without(item, tuple(rest)) if str(index) == key else item for index, item in enumerate(spec)]
    members = as_object(spec)
    inner = _without(members[key], tuple(rest)) if rest else None
    return {name: inner if name == key else item for name, item in members.items() if name != key or inner}


def _fitted(kind: ResourceKind, spec: JsonObject) -> tuple[JsonObject, dict[str, str], str]:
    """The largest part of a spec that its kind takes, what is left out of it and why, and why nothing is left."""
    left_out: dict[str, str] = {}
    while wrong := [*_unwritable(spec, ()), *_signed(kind, spec), *_misfits(kind, spec)]:
        for whole, why in [(_managed(kind, spec, path), why) for path, why in wrong]:
            if not whole:
                return spec, {}, next(iter(left_out.values()), why)
            if _has(spec, whole):
                left_out[join(whole)] = why
                spec = as_object(_without(spec, whole))
    return spec, left_out, ""


def _misfits(kind: ResourceKind, spec: JsonObject) -> Iterator[tuple[KeyPath, str]]:
    return ((one.path, _why(kind, one)) for one in _errors(kind, spec))


def _signed(kind: ResourceKind, spec: JsonObject) -> Iterator[tuple[KeyPath, str]]:
    """Places of links that give access to whoever reads them: they belong in no repository."""
    for path, leaf in leaves(spec):
        if kind.field_at(path).must_stay_reachable and presigned_urls.signatures(leaf):
            yield path, keys.SIGNED


def _managed(kind: ResourceKind, spec: JsonObject, path: KeyPath) -> KeyPath:
    """The member that is managed as a whole with the value at a path: a list is, with all that is known in it."""
    here: Json = spec
    outermost_list: KeyPath | None = None
    for length, step in enumerate(path):
        if is_left_alone(kind, pattern_of(path[:length])):
            return path[:length]
        if isinstance(here, list):
            outermost_list = outermost_list or path[:length]
            here = here[int(step)]
        else:
            here = as_object(here)[step]
    return path if is_left_alone(kind, pattern_of(path)) else outermost_list or path


def _has(spec: Json, path: KeyPath) -> bool:
    try:
        resolve(spec, join(path))
    except PatchError:
        return False
    return True


def _errors(kind: ResourceKind, spec: JsonObject) -> list[FieldError]:
    return field_errors(kind.model, _view(spec))


def _why(kind: ResourceKind, wrong: FieldError) -> str:
    """In words; a value that may be secret is not among them."""
    if wrong.type == "extra_forbidden":
        return "a field that this version does not know"
    if wrong.missing:
        return f"the key `{wrong.missing}` is missing"
    if kind.field_at(wrong.path).secret and wrong.type not in (*RULES, "value_error"):
        return "a value that the kind does not accept"
    expected = wrong.message.removeprefix("Input should be ")
    return expected if expected == wrong.message else f"the kind takes {expected}"


def _unwritable(value: Json, path: KeyPath) -> Iterator[tuple[KeyPath, str]]:
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
            yaml_text.line(value)
        except ValueError as error:
            yield path, f"it contains {error}, which YAML cannot represent"


def _view(spec: Json) -> Json:
    """A spec as the model reads it: words for references and secrets."""
    return map_leaves(spec, _word)


def _said(leaf: Json) -> Json:
    return str(leaf) if isinstance(leaf, SecretText) else leaf


def _word(leaf: Json) -> Json:
    if isinstance(leaf, SecretText):
        return leaf.text(dict.fromkeys(leaf.names, "word"))
    return "word" if isinstance(leaf, Address) else leaf
