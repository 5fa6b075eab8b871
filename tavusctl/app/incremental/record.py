"""The record of a plan: which objects were equal to their manifests, and everything that this result depends on.

An object is recorded only if the plan says nothing about it, and if the comparison depended on its own manifest, its
own binding and its own body alone.  Whatever can change by other causes has no record and is compared in every plan:
objects with secrets (in the manifest or the account), files, schedules or a replacement, external objects, and objects
that are read one by one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from tavusctl.app.incremental.listings import Listings
from tavusctl.app.session.online import Session
from tavusctl.config.cache.disk_answers import DiskAnswers
from tavusctl.config.cache.document_digests import Digests
from tavusctl.config.cache.manifest_cache import ManifestCache
from tavusctl.config.cache.trace import FilesRead
from tavusctl.core.address import Address
from tavusctl.core.binding import Binding
from tavusctl.core.model import Manifest, Plan
from tavusctl.engine.account import observe
from tavusctl.engine.prepared_plan import PreparedPlan
from tavusctl.kinds import KINDS
from tavusctl.lib.json_types import KeyPath, special_leaves
from tavusctl.secrets.values import NO_KEY
from tavusctl.state.seals import Trust
from tavusctl.state.serialization import binding_out

_SHARE: Final = 0.5  # of the limits of a project
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
    share_of_limits: float  # at most half, so that a part of the files may take the other half
    files: Mapping[str, bytes]  # digests of all manifest files, by path
    texts: Mapping[str, Mapping[str, bytes]]  # digests of the included texts by path, by manifest file
    disk: DiskAnswers  # the answers of the disk to lint rules
    manifests: tuple[KnownManifest, ...]
    bound_ids: dict[str, str]  # ids of bound objects, by address
    seal: str  # of the state: with the same seal, all bindings are the same
    secret_places: list[tuple[str, KeyPath]]  # see `secret_places`
    known_secrets: tuple[bytes, ...]  # of the run that made the record, see `SessionCache.known_secrets`
    equal: tuple[EqualObject, ...]


def keep(session: Session, settings_digest: bytes, prepared: PreparedPlan, listings: Listings) -> None:
    """Record the equal objects of a plan of the whole project, if its files were read with the cache."""
    cache, plan = session.cache, prepared.plan
    manifests = cache.manifests if cache else None
    if cache is None or manifests is None or manifests.disk_answers is None or manifests.share_of_limits > _SHARE:
        return
    if plan.moves or plan.recovered or prepared.seals.trust is not Trust.SEALED or session.environment.overlay:
        return
    known = _known(prepared, manifests)
    if known is None:
        return
    record = ComparisonRecord(
        settings_digest,
        manifests.share_of_limits,
        manifests.files,
        manifests.texts_by_file,
        manifests.disk_answers,
        known,
        bound_ids(prepared.state.bindings),
        prepared.state.mac,
        secret_places(prepared.manifests, prepared.state.bindings.values()),
        cache.known_secrets(),
        _equal_objects(prepared, known, manifests, listings),
    )
    cache.write(NAME, record)


def keep_part(session: Session, record: ComparisonRecord, prepared: PreparedPlan, listings: Listings) -> None:
    """Update a record after the plan of a part; if this run has parsed that part without remarks, note all files."""
    cache = session.cache
    manifests = cache.manifests if cache else None
    known = _known(prepared, manifests) if manifests else None
    if cache is None or manifests is None or manifests.disk_answers is None or known is None:
        return
    share = record.share_of_limits + manifests.share_of_limits * _SHARE  # the limits of a part are half of all
    if share > _SHARE:
        return
    others = {one.address: one for one in record.manifests} | {one.address: one for one in known}
    part = {one.address for one in known}
    equal = tuple(one for one in record.equal if one.address not in part)
    updated = replace(
        record,
        share_of_limits=share,
        files={**record.files, **manifests.files},
        texts={file: texts for file, texts in record.texts.items() if file not in manifests.files}
        | {**manifests.texts_by_file},
        disk=record.disk.with_more(manifests.disk_answers),
        manifests=tuple(others.values()),
        seal=prepared.state.mac,
        equal=(*equal, *_equal_objects(prepared, known, manifests, listings)),
    )
    if manifests.files_read:
        texts = {path: digest for texts in updated.texts.values() for path, digest in texts.items()}
        cache.files_of_part = FilesRead(dict(updated.files), texts, updated.disk)
    if replace(updated, share_of_limits=record.share_of_limits) != record:
        cache.write(NAME, updated)


def _equal_objects(
    prepared: PreparedPlan, known: Iterable[KnownManifest], manifests: ManifestCache, listings: Listings
) -> tuple[EqualObject, ...]:
    """The planned objects about which the plan says nothing, and whose comparison may be recorded."""
    said, files = set(_addresses(prepared.plan)), {one.address: one.file for one in known}
    return tuple(
        EqualObject(manifest.address, binding_digest(binding, listings.digests), body)
        for manifest in prepared.manifests
        if manifest.address not in said and files[manifest.address] in manifests.texts_by_file
        if (binding := prepared.state.bindings.get(manifest.address)) and is_simple(manifest, binding)
        if binding.remote_id not in prepared.ids_with_secrets
        if (body := listings.digest_of(KINDS[manifest.address.kind].collection, binding.remote_id))
    )


def is_simple(manifest: Manifest, binding: Binding) -> bool:
    """Whether the comparison of an object depends on nothing but its manifest, its binding and its body."""
    kind = KINDS[manifest.address.kind]
    has_rest = binding.successor or binding.successor_spec or binding.retired or binding.unconfirmed or binding.not_live
    return not (
        has_rest
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


def binding_digest(binding: Binding, digests: Digests) -> bytes:
    """A digest of all that the state records of an object."""
    return digests.of(binding_out(binding))


def bound_ids(bindings: Mapping[Address, Binding]) -> dict[str, str]:
    """The ids of bound objects, by address."""
    return {str(address): binding.remote_id for address, binding in bindings.items()}


def secret_places(manifests: Iterable[Manifest], bindings: Iterable[Binding]) -> list[tuple[str, KeyPath]]:
    """The places that count as secrets in every object of a kind, because one manifest or binding says so."""
    written = [one for one in manifests if any(not isinstance(leaf, Address) for _, leaf in one.special_leaves)]
    return sorted(observe.decoder({}, NO_KEY, tuple(bindings), written).declared_secrets.of_kinds)


def _known(prepared: PreparedPlan, manifests: ManifestCache) -> tuple[KnownManifest, ...] | None:
    """The planned manifests, each with its file; None if files cannot be told apart by their shown paths."""
    refers_to = {item.address: item.refers_to for item in prepared.desired}
    paths = [manifests.paths.get(manifest.source.path) for manifest in prepared.manifests]
    known = tuple(
        KnownManifest(one.address, path, name_of(one), one.external_id, refers_to.get(one.address, ()))
        for one, path in zip(prepared.manifests, paths, strict=True)
        if path is not None
    )
    return known if len(known) == len(paths) and len(manifests.paths) == len(manifests.files) else None


def _addresses(plan: Plan) -> Iterator[Address]:
    """The addresses of all objects that a plan says something about."""
    for change in (*plan.changes, *plan.awaited):
        yield change.address
    yield from (drift.address for drift in plan.drift)
    yield from (binding.address for binding in (*plan.settled, *plan.form_changes))
    yield from (warning.address for warning in plan.warnings if warning.address)
