"""Resolve what manifests refer to: addresses and secrets.  Pure; all diagnostics are reported at once."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from graphlib import CycleError, TopologicalSorter
from typing import TypeVar

from msgspec import Struct
from msgspec.structs import replace

from tavusctl.core.address import Address, Source
from tavusctl.core.binding import Binding
from tavusctl.core.diagnostics import Diagnostic, Edit
from tavusctl.core.errors import ConfigError
from tavusctl.core.json_tree import Leaf, leaves, map_leaves, pattern_of, texts, value_at, with_leaves
from tavusctl.core.messages import nearest, one_of
from tavusctl.core.model import Declared, Desired, Manifest
from tavusctl.core.resource_kind import ResourceKind
from tavusctl.fields import secret_fields
from tavusctl.fields.free_objects import Spot
from tavusctl.kinds import KINDS
from tavusctl.lib.json_types import EMPTY, Json, JsonObject, KeyPath, special_leaves
from tavusctl.patch import join
from tavusctl.secrets import redaction
from tavusctl.secrets.values import (
    NO_KEY,
    REDACTED,
    Fingerprint,
    FingerprintKey,
    Secret,
    SecretText,
    UnreadSecret,
    Values,
    why_unsendable,
    why_unusable,
)


def resolve(
    manifests: Sequence[Manifest],
    *,
    secrets: Values | None,
    key: FingerprintKey = NO_KEY,
    ids: Mapping[str, Address] | None = None,
    declared: AbstractSet[Address] = frozenset(),
    agreed: Agreed | None = None,
    applied: Sequence[Binding] = (),
    sent: Collection[str] | None = None,
) -> tuple[Desired, ...]:
    """Manifests with references resolved and secrets sealed; each comes after all that it refers to.

    `secrets` maps names to values; None leaves secrets as they are, for checks that need no values.  `ids` maps an id
    to the address that it belongs to: a manifest that contains such an id refers to that address.  `declared` are
    further addresses that exist although their manifests are not among these.

    A value in the place of a secret that is not `agreed` is compared with nothing: it may be a guess.  A secret without
    a value counts as the one in `applied`.  If its name is not in `sent`, the names whose values were sent then (None:
    not known), its value is unknown.

    ConfigError carries all references that lead nowhere, and a circle of references if there is one.
    """
    problems = diagnostics(manifests, secrets=secrets, declared=declared, needs_values=False)
    if problems:
        raise ConfigError(problems)
    externals = sorted(((m.external_id, m.address) for m in manifests if m.external_id), reverse=True)
    by_id = {**dict(externals), **(ids or {})}
    canonical_addresses = {address: by_id[remote_id] for remote_id, address in externals}
    vault = _Vault(secrets, key, {binding.address: binding.applied for binding in applied}, agreed, sent)
    resolved = {m.address: _desired(m, vault, by_id, canonical_addresses) for m in manifests}
    by_address = {str(address): remote_id for remote_id, address in externals}
    desired = {
        address: replace(item, externals=found) if (found := _externals(item, by_address)) else item
        for address, item in resolved.items()
    }
    places = {address: item.source for address, item in desired.items()}
    return tuple(desired[a] for a in _ordered({a: item.refers_to for a, item in desired.items()}, places))


def diagnostics(
    manifests: Sequence[Manifest],
    *,
    secrets: Values | None,
    declared: AbstractSet[Address] = frozenset(),
    needs_values: bool = True,
) -> tuple[Diagnostic, ...]:
    """All errors in the references and secrets of manifests; the parameters are those of `resolve`.

    A secret without a value is an error only with `needs_values`; a value that no secret can have always is.  The
    manifests may have other errors, too.
    """
    by_address = {manifest.address: manifest for manifest in manifests}
    elsewhere = declared - by_address.keys()
    problems = [
        problem
        for manifest in manifests
        for problem in _diagnostics_of(manifest, by_address, elsewhere, secrets, needs_values=needs_values)
    ]
    targets = {m.address: {leaf for _, leaf in m.special_leaves if isinstance(leaf, Address)} for m in manifests}
    try:
        _ordered({a: targets[a] - {a} for a in targets}, {a: by_address[a].source for a in targets})
    except ConfigError as error:
        problems += error.diagnostics
    return tuple(problems)


Agreed = AbstractSet[tuple[Address, KeyPath, Json]]  # a field, with `*` for list indices, and a value agreed there


def variable_in(hint: str) -> str:
    """The variable that the hint of a diagnostic of `unset_secrets` names."""
    return hint.removeprefix("export ").removesuffix("=...")


def unset_secrets(manifests: Sequence[Manifest], secrets: Values) -> tuple[Diagnostic, ...]:
    """A diagnostic for each place of a secret that has no value."""
    return tuple(
        problem
        for manifest in manifests
        for path, leaf in manifest.special_leaves
        if isinstance(leaf, SecretText)
        for problem in _check_secrets(manifest, path, [name for name in leaf.names if not secrets.get(name)], secrets)
    )


Held = TypeVar("Held")
Places = Mapping[tuple[Address, str], Held]


def sealed_secrets(
    manifests: Sequence[Manifest], secrets: Values, key: FingerprintKey
) -> tuple[Places[Secret], Places[tuple[str, ...]]]:
    """The secrets that manifests name, and the names of secrets without a value; both by address and pointer."""
    by_place: dict[tuple[Address, str], Secret] = {}
    missing_names: dict[tuple[Address, str], tuple[str, ...]] = {}
    for manifest in manifests:
        for path, leaf in manifest.special_leaves:
            if isinstance(leaf, SecretText):
                place = (manifest.address, join(path))
                names = tuple(name for name in leaf.names if why_unusable(secrets.get(name, "")))
                if names:
                    missing_names[place] = names
                else:
                    by_place[place] = leaf.fill(secrets, key)
    return by_place, missing_names


def _diagnostics_of(
    manifest: Manifest,
    by_address: Mapping[Address, Manifest],
    elsewhere: AbstractSet[Address],
    secrets: Values | None,
    *,
    needs_values: bool,
) -> Iterator[Diagnostic]:
    kind = KINDS[manifest.address.kind]
    for path, leaf in manifest.special_leaves:
        if isinstance(leaf, Address) and leaf not in elsewhere:
            yield from _check_reference(manifest, kind.field_at(pattern_of(path)).refers_to, leaf, by_address, path)
        elif (
            isinstance(leaf, SecretText)
            and secrets is not None
            and secret_fields.allows_secret_reference(kind, pattern_of(path))
        ):
            names = [name for name in leaf.names if needs_values or secrets.get(name)]
            unusable = list(_check_secrets(manifest, path, names, secrets))
            yield from unusable
            if not unusable and kind.field_at(pattern_of(path)).in_header:
                yield from _check_secrets(manifest, path, names, secrets, why_unsendable)


def _check_reference(
    manifest: Manifest, expected_kind: str, target: Address, by_address: Mapping[Address, Manifest], path: KeyPath
) -> Iterator[Diagnostic]:
    source = _source(manifest, path)
    is_declared = target in by_address
    moved_to = None if is_declared else next((m.address for m in by_address.values() if target in m.moved_from), None)
    if moved_to:
        message = f"`{manifest.address}` refers to `{target}`, which is `{moved_to}` now"
        reference = f"${{ref:{moved_to}}}"
        fix = (Edit(manifest.address, f"/spec{join(path)}", "set", reference),)
        yield Diagnostic("TV121", message, source, f"write `{reference}`", manifest.address, fix=fix)
    elif not is_declared:
        message = f"`{manifest.address}` refers to `{target}`, which no manifest declares"
        candidates = [
            address
            for address in by_address
            if address != manifest.address and (not expected_kind or address.kind == expected_kind)
        ]
        yield Diagnostic(
            "TV121", message, source, _suggest(target, expected_kind, candidates, by_address), manifest.address
        )
    elif expected_kind and target.kind != expected_kind:
        message = f"`{target}` is {one_of(target.kind)}; this field takes {one_of(expected_kind)}"
        same_name = Address(expected_kind, target.name)
        closest = nearest(target.name, [address.name for address in by_address if address.kind == expected_kind])
        reference = same_name.name if same_name in by_address else closest
        hint = f"write `${{ref:{expected_kind}/{reference or '...'}}}`"
        hint = hint if reference else _field_hint(manifest.address.kind, target.kind) or hint
        yield Diagnostic("TV123", message, source, hint, manifest.address)


def _field_hint(kind: str, target_kind: str) -> str:
    """A hint that names the outermost field of a kind that refers to another kind; empty if there is none."""
    fields = [pattern for pattern, declared in KINDS[kind].fields.items() if declared.refers_to == target_kind]
    if not fields:
        return ""
    field = min(fields, key=lambda pattern: pattern.count("/"))
    name = field.removesuffix("/*").strip("/").replace("/", ".")
    return f"write it under `{name}:`" + (", as an item of a list" if field.endswith("/*") else "")


def _suggest(
    target: Address, expected_kind: str, candidates: Sequence[Address], by_address: Mapping[Address, Manifest]
) -> str:
    """A hint that names the address that was probably meant, if one of `candidates` is similar."""
    match = nearest(str(target), map(str, candidates))
    if not match:
        return f"add a manifest with `kind: {expected_kind or target.kind}` and `name: {target.name}`"
    return f"did you mean `{match}` ({by_address[Address.parse(match)].source})?"


def _check_secrets(
    manifest: Manifest,
    path: KeyPath,
    names: Iterable[str],
    secrets: Values,
    problem_of: Callable[[str | UnreadSecret], str] = why_unusable,
) -> Iterator[Diagnostic]:
    """A diagnostic for each of these names, at a path of a manifest, whose value has a problem."""
    source, pointer = _source(manifest, path), join(path)
    for name in names:
        problem = problem_of(secrets.get(name, ""))
        if problem:
            detail = f"{problem}: the environment variable {name} is not set" if not secrets.get(name) else problem
            message = f"the secret `{name}` {detail}"
            yield Diagnostic("TV124", message, source, f"export {name}=...", manifest.address, pointer=pointer)


class _Vault(Struct, frozen=True):
    """The values of secrets, what was applied in place of missing ones, and what may be compared with them."""

    secrets: Values | None
    key: FingerprintKey
    applied: Mapping[Address, JsonObject]
    agreed: Agreed | None
    sent: Collection[str] | None = None  # names of secrets whose values were applied; None: not known

    def open(self, manifest: Manifest) -> dict[KeyPath, Leaf | str]:
        """The texts of a manifest's secrets; for one without a value, its applied fingerprint, or else `REDACTED`."""
        applied = self.applied.get(manifest.address, {})
        secrets = ((path, leaf) for path, leaf in manifest.special_leaves if isinstance(leaf, SecretText))
        return {path: self._text(leaf, value_at(applied, path)) for path, leaf in secrets}

    def _text(self, text: SecretText, applied: Json) -> Leaf | str:
        if self.secrets is not None and all(self.secrets.get(name) for name in text.names):
            return text.text(self.secrets)
        is_new = self.sent is not None and not all(name in self.sent for name in text.names)
        return applied if isinstance(applied, Fingerprint) and not is_new else REDACTED


def _desired(
    manifest: Manifest, vault: _Vault, by_id: Mapping[str, Address], canonical_addresses: Mapping[Address, Address]
) -> Desired:
    kind = KINDS[manifest.address.kind]

    def address_of(leaf: Json) -> Json:
        if isinstance(leaf, Address):
            return canonical_addresses.get(leaf, leaf)
        return by_id.get(leaf, leaf) if isinstance(leaf, str) else leaf

    is_as_written = not manifest.special_leaves and by_id.keys().isdisjoint(texts(manifest.spec))  # most are
    spec = manifest.spec if is_as_written else map_leaves(manifest.spec, address_of)
    if vault.secrets is not None:
        spec = with_leaves(spec, vault.open(manifest))
        secret_places = _secret_spots(kind, spec, manifest)
        guesses = {path: UnreadSecret(differs=True) for path in _guesses(manifest, secret_places, vault.agreed)}
        spec = with_leaves(spec, {**_sealed(secret_places, manifest.spec, guesses, vault.key), **guesses})
    special = manifest.special_leaves if spec is manifest.spec else special_leaves(spec)
    targets = {leaf for _, leaf in special if isinstance(leaf, Address) and leaf != manifest.address}
    declared = {name: getattr(manifest, name) for name in Declared.__struct_fields__}
    declared["spec"] = spec
    names = {join(path): leaf.names for path, leaf in manifest.special_leaves if isinstance(leaf, SecretText)}
    return Desired(**declared, kind=kind, refers_to=tuple(sorted(targets)), secret_names=names or EMPTY)


def _secret_spots(kind: ResourceKind, spec: JsonObject, manifest: Manifest) -> dict[KeyPath, Spot]:
    """The secrets in a spec by path: those that the manifest names, and those that would be sealed on a read."""
    named_paths = (path for path, leaf in manifest.special_leaves if isinstance(leaf, SecretText))
    named_spots = {path: Spot(path, text) for path in named_paths if isinstance(text := value_at(spec, path), str)}
    return {**named_spots, **{spot.path: spot for spot in secret_fields.secret_places(kind, spec)}}


def _guesses(manifest: Manifest, secret_places: Collection[KeyPath], agreed: Agreed | None) -> Iterator[KeyPath]:
    """Paths of values in places of secrets that nobody has agreed to: comparing them would reveal a right guess."""
    if agreed is None:
        return
    addresses = (manifest.address, *manifest.moved_from)
    agreed_places = {(address, pattern) for address, pattern, _ in agreed}
    for path, leaf in leaves(manifest.spec):
        pattern = pattern_of(path)
        is_secret_place = (
            isinstance(leaf, SecretText)
            or path in secret_places
            or any((address, pattern) in agreed_places for address in addresses)
        )
        if is_secret_place and not any((address, pattern, leaf) in agreed for address in addresses):
            yield path


def _sealed(
    secret_places: Mapping[KeyPath, Spot], written: JsonObject, guesses: Collection[KeyPath], key: FingerprintKey
) -> dict[KeyPath, Secret]:
    for path, spot in secret_places.items():
        if path not in guesses and not spot.spans and isinstance(value_at(written, path), SecretText):
            redaction.register(spot.text)  # also a text that looks public
    return {path: secret_fields.sealed(spot, key) for path, spot in secret_places.items() if path not in guesses}


def _externals(desired: Desired, ids: Mapping[str, str]) -> dict[str, str]:
    return {str(address): ids[str(address)] for address in desired.refers_to if str(address) in ids}


def _ordered(targets: Mapping[Address, Collection[Address]], places: Mapping[Address, Source]) -> list[Address]:
    """The addresses, each after all that it refers to: by the longest chain of references below it, then by address.

    The order of any addresses is the same whatever others there are that none of these refers to.
    """
    # A literal id may name a bound object whose manifest is gone; such a target is not in this graph.
    graph = {
        address: sorted(target for target in references if target in targets)
        for address, references in sorted(targets.items())
    }
    referred_to = {target for targets_of_one in graph.values() for target in targets_of_one}
    linked = {address: found for address, found in graph.items() if found or address in referred_to}
    depths = dict.fromkeys(graph, 1)
    try:
        for address in TopologicalSorter(linked).static_order():
            depths[address] = 1 + max((depths[target] for target in graph[address]), default=0)
    except CycleError as error:
        cycle = list(reversed(error.args[1]))
        first = min(cycle)
        message = "circular references: " + " -> ".join(str(address) for address in cycle)
        hint = "remove one of these references"
        raise ConfigError([Diagnostic("TV122", message, places[first], hint, first)]) from None
    return sorted(depths, key=lambda address: (depths[address], address))


def _source(manifest: Manifest, path: KeyPath) -> Source:
    for length in range(len(path), -1, -1):
        source = manifest.sources.get(join(path[:length]))
        if source:
            return source
    return manifest.source
