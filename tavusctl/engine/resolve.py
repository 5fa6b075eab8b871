"""Find what manifests refer to: addresses and secrets.  Pure; every complaint of the run at once."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from graphlib import CycleError, TopologicalSorter
from typing import TypeVar

from msgspec import Struct
from msgspec.structs import replace

from tavusctl.core.address import Address, Source
from tavusctl.core.binding import Binding
from tavusctl.core.diagnostics import Diagnostic, Edit
from tavusctl.core.errors import ConfigError
from tavusctl.core.json_tree import Leaf, leaves, map_leaves, pattern_of, with_leaves
from tavusctl.core.messages import nearest
from tavusctl.core.model import Desired, Manifest
from tavusctl.core.resource_kind import ResourceKind
from tavusctl.engine.compare.patch_guards import value_at
from tavusctl.fields import secret_fields
from tavusctl.fields.free_objects import Spot
from tavusctl.lib.json_types import Json, JsonObject, KeyPath, special_leaves
from tavusctl.patch import join
from tavusctl.secrets import redaction
from tavusctl.secrets.values import (
    NO_KEY,
    REDACTED,
    Fingerprint,
    FingerprintKey,
    Secret,
    SecretText,
    Unread,
    Values,
    unusable,
)


def resolve(
    manifests: Sequence[Manifest],
    kinds: Mapping[str, ResourceKind],
    *,
    secrets: Values | None,
    key: FingerprintKey = NO_KEY,
    ids: Mapping[str, Address] | None = None,
    declared: AbstractSet[Address] = frozenset(),
    agreed: Agreed | None = None,
    applied: Sequence[Binding] = (),
    sent: Collection[str] | None = None,
) -> tuple[Desired, ...]:
    """Manifests with references found and secrets sealed, in an order in which nothing comes before what it refers to.

    `secrets` maps names to values; None leaves them as they are, for checks that need no values.  `ids` are the ids
    known to belong to an address: a manifest that writes such an id means that address.  `declared` are further
    addresses that exist although their manifests are not among these.  What is not `agreed` to stand in the place of a
    secret is compared with nothing: it may be a guess.  A secret without a value counts as the one that was `applied`;
    one whose name is not among those that were `sent` then, as far as they are known, may be any.
    ConfigError carries every reference that leads nowhere or round in a circle.
    """
    found = diagnostics(manifests, kinds, secrets=secrets, declared=declared, needs_values=False)
    if found:
        raise ConfigError(found)
    externals = sorted(((m.external_id, m.address) for m in manifests if m.external_id), reverse=True)
    by_id = {**dict(externals), **(ids or {})}
    names = {address: by_id[remote_id] for remote_id, address in externals}
    vault = _Vault(secrets, key, {one.address: one.applied for one in applied}, agreed, sent)
    resolved = {m.address: _desired(m, kinds, vault, by_id, names) for m in manifests}
    by_address = {str(address): remote_id for remote_id, address in externals}
    desired = {address: replace(one, externals=_externals(one, by_address)) for address, one in resolved.items()}
    places = {address: item.source for address, item in desired.items()}
    return tuple(desired[one] for one in _ordered({a: item.refers_to for a, item in desired.items()}, places))


def diagnostics(
    manifests: Sequence[Manifest],
    kinds: Mapping[str, ResourceKind],
    *,
    secrets: Values | None,
    declared: AbstractSet[Address] = frozenset(),
    needs_values: bool = True,
) -> tuple[Diagnostic, ...]:
    """Everything wrong with what manifests refer to, as `resolve` takes them; they may have other faults, too.

    That a secret has no value is wrong only where values are needed; one that cannot be its value always is.
    """
    known = {manifest.address: manifest for manifest in manifests}
    elsewhere = declared - known.keys()
    found = [one for manifest in manifests for one in _complaints(manifest, kinds, known, elsewhere, secrets)]
    found = [one for one in found if needs_values or not _lacks_value(one)]
    targets = {m.address: {leaf for _, leaf in m.marks if isinstance(leaf, Address)} for m in manifests}
    try:
        _ordered({one: targets[one] - {one} for one in targets}, {one: known[one].source for one in targets})
    except ConfigError as error:
        found += error.diagnostics
    return tuple(found)


Agreed = AbstractSet[tuple[Address, KeyPath, Json]]  # fields, with `*` for places in lists, and what may stand there


def unset(manifests: Sequence[Manifest], secrets: Values) -> tuple[Diagnostic, ...]:
    """A complaint for each place of a secret that has no value."""
    found: list[Diagnostic] = []
    for manifest in manifests:
        for path, leaf in manifest.marks:
            if isinstance(leaf, SecretText):
                found += _check_secret(manifest, leaf, secrets, _source(manifest, path), join(path))
    return tuple(one for one in found if _lacks_value(one))


def _lacks_value(diagnostic: Diagnostic) -> bool:
    return diagnostic.id == "TV124" and diagnostic.message.endswith(" is not set")


Held = TypeVar("Held")
Places = Mapping[tuple[Address, str], Held]


def sealed(
    manifests: Sequence[Manifest], secrets: Values, key: FingerprintKey
) -> tuple[Places[Secret], Places[tuple[str, ...]]]:
    """By address and pointer, the secrets that manifests name; of those without a value, the names."""
    found: dict[tuple[Address, str], Secret] = {}
    unset: dict[tuple[Address, str], tuple[str, ...]] = {}
    for manifest in manifests:
        for path, leaf in manifest.marks:
            if isinstance(leaf, SecretText):
                place = (manifest.address, join(path))
                missing = tuple(name for name in leaf.names if unusable(secrets.get(name, "")))
                if missing:
                    unset[place] = missing
                else:
                    found[place] = leaf.fill(secrets, key)
    return found, unset


def _complaints(
    manifest: Manifest,
    kinds: Mapping[str, ResourceKind],
    known: Mapping[Address, Manifest],
    elsewhere: AbstractSet[Address],
    secrets: Values | None,
) -> Iterator[Diagnostic]:
    kind = kinds[manifest.address.kind]
    for path, leaf in manifest.marks:
        source = _source(manifest, path)
        if isinstance(leaf, Address) and leaf not in elsewhere:
            yield from _check_reference(manifest, kind.field_at(pattern_of(path)).refers_to, leaf, known, source, path)
        elif (
            isinstance(leaf, SecretText) and secrets is not None and secret_fields.may_be_named(kind, pattern_of(path))
        ):
            yield from _check_secret(manifest, leaf, secrets, source, join(path))


def _check_reference(
    manifest: Manifest,
    wanted_kind: str,
    target: Address,
    known: Mapping[Address, Manifest],
    source: Source,
    path: KeyPath,
) -> Iterator[Diagnostic]:
    is_known = target in known
    renamed = None if is_known else next((one.address for one in known.values() if target in one.moved_from), None)
    if renamed:
        message = f"`{manifest.address}` refers to `{target}`, which is `{renamed}` now"
        right = f"${{ref:{renamed}}}"
        fix = (Edit(manifest.address, f"/spec{join(path)}", "set", right),)
        yield Diagnostic("TV121", message, source, f"write `{right}`", manifest.address, fix=fix)
    elif not is_known:
        message = f"`{manifest.address}` refers to `{target}`, which no manifest declares"
        fitting = [a for a in known if a != manifest.address and (not wanted_kind or a.kind == wanted_kind)]
        yield Diagnostic("TV121", message, source, _suggest(target, wanted_kind, fitting, known), manifest.address)
    elif wanted_kind and target.kind != wanted_kind:
        message = f"`{target}` is a {target.kind}; this field takes a {wanted_kind}"
        same = Address(wanted_kind, target.name)
        close = nearest(target.name, [one.name for one in known if one.kind == wanted_kind])
        right = same.name if same in known else close or "..."
        yield Diagnostic("TV123", message, source, f"write `${{ref:{wanted_kind}/{right}}}`", manifest.address)


def _suggest(target: Address, wanted_kind: str, fitting: Sequence[Address], known: Mapping[Address, Manifest]) -> str:
    """What was probably meant: nothing that the next check would refuse."""
    close = difflib.get_close_matches(str(target), [str(address) for address in fitting], n=1)
    if not close:
        return f"add a manifest with `kind: {wanted_kind or target.kind}` and `name: {target.name}`"
    return f"did you mean `{close[0]}` ({known[Address.parse(close[0])].source})?"


def _check_secret(
    manifest: Manifest, text: SecretText, secrets: Values, source: Source, pointer: str
) -> Iterator[Diagnostic]:
    for name in text.names:
        why = unusable(secrets.get(name, ""))
        if why:
            told = f"{why}: the environment variable {name} is not set" if not secrets.get(name) else why
            message = f"the secret `{name}` {told}"
            yield Diagnostic("TV124", message, source, f"export {name}=...", manifest.address, pointer=pointer)


class _Vault(Struct, frozen=True):
    """Values of secrets, what was applied where there is none, and what may be compared with them."""

    secrets: Values | None
    key: FingerprintKey
    applied: Mapping[Address, JsonObject]
    agreed: Agreed | None
    sent: Collection[str] | None = None  # names whose values were applied; None: not known

    def open(self, manifest: Manifest) -> dict[KeyPath, Leaf | str]:
        """The texts of its secrets; without its value the one that was applied, or one that nobody has seen."""
        before = self.applied.get(manifest.address, {})
        named = ((path, leaf) for path, leaf in manifest.marks if isinstance(leaf, SecretText))
        return {path: self._text(leaf, value_at(before, path)) for path, leaf in named}

    def _text(self, text: SecretText, before: Json) -> Leaf | str:
        if self.secrets is not None and all(self.secrets.get(name) for name in text.names):
            return text.text(self.secrets)
        is_new = self.sent is not None and not all(name in self.sent for name in text.names)
        return before if isinstance(before, Fingerprint) and not is_new else REDACTED


def _desired(
    manifest: Manifest,
    kinds: Mapping[str, ResourceKind],
    vault: _Vault,
    by_id: Mapping[str, Address],
    names: Mapping[Address, Address],
) -> Desired:
    kind = kinds[manifest.address.kind]

    def settle(leaf: Json) -> Json:
        if isinstance(leaf, Address):
            return names.get(leaf, leaf)
        return by_id.get(leaf, leaf) if isinstance(leaf, str) else leaf

    spec = map_leaves(manifest.spec, settle)
    if vault.secrets is not None:
        spec = with_leaves(spec, vault.open(manifest))
        secret_places = _spots(kind, spec, manifest)
        guesses = {one: Unread(differs=True) for one in _guesses(manifest, secret_places, vault.agreed)}
        spec = with_leaves(spec, {**_sealed(secret_places, manifest.spec, guesses, vault.key), **guesses})
    targets = {leaf for _, leaf in special_leaves(spec) if isinstance(leaf, Address) and leaf != manifest.address}
    return Desired(
        kind=kind,
        address=manifest.address,
        spec=spec,
        source=manifest.source,
        refers_to=tuple(sorted(targets)),
        lifecycle=manifest.lifecycle,
        sources=manifest.sources,
        external_id=manifest.external_id,
        recrawl=manifest.recrawl,
        file=manifest.file,
        watch=manifest.watch,
        reads={join(path): leaf.names for path, leaf in manifest.marks if isinstance(leaf, SecretText)},
        passages=manifest.passages,
        overlay=manifest.overlay,
        beside=manifest.beside,
    )


def _spots(kind: ResourceKind, spec: JsonObject, written: Manifest) -> dict[KeyPath, Spot]:
    """What is to be kept secret of a spec: what the manifest names as such, and what reads would seal."""
    named = (path for path, leaf in written.marks if isinstance(leaf, SecretText))
    found = {path: Spot(path, text) for path in named if isinstance(text := value_at(spec, path), str)}
    return {**found, **{one.path: one for one in secret_fields.secret_places(kind, spec)}}


def _guesses(manifest: Manifest, secret_places: Collection[KeyPath], agreed: Agreed | None) -> Iterator[KeyPath]:
    """What is new in the place of a secret: compared with it, it would tell whether it is the same."""
    if agreed is None:
        return
    addresses = (manifest.address, *manifest.moved_from)
    places = {(address, pattern) for address, pattern, _ in agreed}
    for path, leaf in leaves(manifest.spec):
        pattern = pattern_of(path)
        secret = (
            isinstance(leaf, SecretText) or path in secret_places or any((one, pattern) in places for one in addresses)
        )
        if secret and not any((one, pattern, leaf) in agreed for one in addresses):
            yield path


def _sealed(
    secret_places: Mapping[KeyPath, Spot], written: JsonObject, guesses: Collection[KeyPath], key: FingerprintKey
) -> dict[KeyPath, Secret]:
    for path, spot in secret_places.items():
        if path not in guesses and not spot.spans and isinstance(value_at(written, path), SecretText):
            redaction.remember(spot.text)  # also where it looks as if anybody might know it
    return {path: secret_fields.sealed(spot, key) for path, spot in secret_places.items() if path not in guesses}


def _externals(desired: Desired, ids: Mapping[str, str]) -> dict[str, str]:
    return {str(one): ids[str(one)] for one in desired.refers_to if str(one) in ids}


def _ordered(targets: Mapping[Address, Collection[Address]], places: Mapping[Address, Source]) -> list[Address]:
    # A literal id may name a bound object whose manifest is gone; such a target is no node of this graph.
    graph = {address: sorted(one for one in found if one in targets) for address, found in sorted(targets.items())}
    try:
        return list(TopologicalSorter(graph).static_order())
    except CycleError as error:
        circle = list(reversed(error.args[1]))
        first = min(circle)
        message = "circular references: " + " -> ".join(str(address) for address in circle)
        hint = "remove one of these references"
        raise ConfigError([Diagnostic("TV122", message, places[first], hint, first)]) from None


def _source(manifest: Manifest, path: KeyPath) -> Source:
    for length in range(len(path), -1, -1):
        found = manifest.sources.get(join(path[:length]))
        if found:
            return found
    return manifest.source
