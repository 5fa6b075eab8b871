"""The record of a plan: which objects were equal to their manifests, and everything that this result depends on.

An object is recorded only if the plan says nothing about it, and if the comparison depended on its own manifest, its
own binding and its own body alone.  Whatever can change by other causes has no record and is compared in every plan:
objects with secrets, files, schedules or a replacement, external objects, and objects that are read one by one.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from msgspec import Struct

from tavusctl.app.incremental.listings import Listings
from tavusctl.app.session.online import Session
from tavusctl.config.cache.disk_answers import DiskAnswers
from tavusctl.core.address import Address
from tavusctl.core.binding import Binding
from tavusctl.core.json_tree import quick_bytes
from tavusctl.core.model import Manifest, Plan
from tavusctl.engine.account import observe
from tavusctl.engine.prepared_plan import PreparedPlan
from tavusctl.kinds import KINDS
from tavusctl.lib.json_types import KeyPath, special_leaves
from tavusctl.secrets.values import NO_KEY
from tavusctl.state.seals import Trust
from tavusctl.state.serialization import binding_out

NAME: Final = "compared"  # of the cache file, behind the name of the environment


class KnownManifest(Struct, frozen=True, array_like=True):
    """What other manifests, and rules about these, may know of a manifest; and its file."""

    address: Address
    file: str  # path
    name: str  # display name in its spec; empty if it has none
    external_id: str
    refers_to: tuple[Address, ...]


class EqualObject(Struct, frozen=True, array_like=True):
    """An object that was equal to its manifest, with digests of what it was compared with."""

    address: Address
    binding: bytes
    body: bytes  # as the listing returned it


class ComparisonRecord(Struct, frozen=True, array_like=True):
    """The equal objects of a plan, and all that the comparison depends on beside these."""

    settings_digest: bytes
    files: Mapping[str, str]  # digests of all manifest files, by path
    texts: Mapping[str, Mapping[str, str]]  # digests of the included texts by path, by manifest file
    disk: DiskAnswers  # the answers of the disk to lint rules
    manifests: tuple[KnownManifest, ...]
    bound_ids: dict[str, str]  # ids of bound objects, by address
    seal: str  # of the state: with the same seal, all bindings are the same
    secret_places: list[tuple[str, KeyPath]]  # see `secret_places`
    equal: tuple[EqualObject, ...]


def keep(session: Session, settings_digest: bytes, prepared: PreparedPlan, listings: Listings) -> None:
    """Record the equal objects of a plan of the whole project, if its files were read with the cache."""
    cache, plan = session.cache, prepared.plan
    manifests = cache.manifests if cache else None
    if cache is None or manifests is None or manifests.disk_answers is None or not manifests.is_within_half:
        return
    if plan.moves or plan.recovered or prepared.seals.trust is not Trust.SEALED or session.environment.overlay:
        return
    texts = manifests.texts_by_file
    known = tuple(_known(prepared, manifests.paths))
    file_of = {one.address: one.file for one in known}
    said = set(_addresses(plan))
    refers_to = {item.address: item.refers_to for item in prepared.desired}
    equal = tuple(
        EqualObject(manifest.address, binding_digest(binding), body)
        for manifest in prepared.manifests
        if manifest.address not in said and manifest.address in refers_to and file_of.get(manifest.address) in texts
        if (binding := prepared.state.bindings.get(manifest.address)) and is_simple(manifest, binding)
        if (body := listings.digest_of(KINDS[manifest.address.kind].collection, binding.remote_id))
    )
    if len(known) == len(prepared.manifests):
        record = ComparisonRecord(
            settings_digest,
            manifests.files,
            texts,
            manifests.disk_answers,
            known,
            bound_ids(prepared.state.bindings),
            prepared.state.mac,
            secret_places(prepared.manifests, prepared.state.bindings.values()),
            equal,
        )
        cache.write(NAME, record)


def is_simple(manifest: Manifest, binding: Binding) -> bool:
    """Whether the comparison of an object depends on nothing but its manifest, its binding and its body."""
    kind = KINDS[manifest.address.kind]
    has_rest = binding.successor or binding.successor_spec or binding.retired or binding.unconfirmed or binding.not_live
    return not (
        has_rest
        or binding.unkept
        or binding.answered
        or manifest.external_id
        or manifest.recrawl
        or manifest.file
        or manifest.watch
        or manifest.moved_from
        or (kind.crawl_key and manifest.spec.get(kind.crawl_key))
        or not name_of(manifest)
        or any(not isinstance(leaf, Address) for _, leaf in manifest.special_leaves)
        or any(not isinstance(leaf, Address) for _, leaf in special_leaves(binding.applied))
    )


def name_of(manifest: Manifest) -> str:
    """The display name in the spec of a manifest; empty if it has none."""
    name = manifest.spec.get(KINDS[manifest.address.kind].name_field)
    return name if isinstance(name, str) else ""


def binding_digest(binding: Binding) -> bytes:
    """A digest of all that the state records of an object."""
    return hashlib.sha256(quick_bytes(binding_out(binding))).digest()


def bound_ids(bindings: Mapping[Address, Binding]) -> dict[str, str]:
    """The ids of bound objects, by address."""
    return {str(address): binding.remote_id for address, binding in bindings.items()}


def secret_places(manifests: Iterable[Manifest], bindings: Iterable[Binding]) -> list[tuple[str, KeyPath]]:
    """The places that count as secrets in every object of a kind, because one manifest or binding says so."""
    written = [one for one in manifests if any(not isinstance(leaf, Address) for _, leaf in one.special_leaves)]
    return sorted(observe.decoder(KINDS, {}, NO_KEY, tuple(bindings), written).declared_secrets.of_kinds)


def _known(prepared: PreparedPlan, paths: Mapping[str, str]) -> Iterator[KnownManifest]:
    refers_to = {item.address: item.refers_to for item in prepared.desired}
    for manifest in prepared.manifests:
        path = paths.get(manifest.source.path)
        if path is not None:
            references = refers_to.get(manifest.address, ())
            yield KnownManifest(manifest.address, path, name_of(manifest), manifest.external_id, references)


def _addresses(plan: Plan) -> Iterator[Address]:
    """The addresses of all objects that a plan says something about."""
    for change in (*plan.steps, *plan.awaited, *(refusal.change for refusal in plan.refused)):
        yield change.address
    yield from (drift.address for drift in plan.drift)
    yield from (binding.address for binding in (*plan.settled, *plan.form_changes))
    yield from (warning.address for warning in plan.warnings if warning.address)
