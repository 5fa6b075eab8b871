"""The objects that must be compared: those that may differ from the record, and those that their changes concern."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from functools import partial
from pathlib import Path

from msgspec import Struct

from tavusctl.app.incremental.listings import Listings, ObjectKey
from tavusctl.app.incremental.record import ComparisonRecord, KnownManifest, binding_digest, name_of
from tavusctl.config import files
from tavusctl.config.cache.disk_answers import Disk
from tavusctl.config.cache.document_digests import Digests
from tavusctl.config.cache.trace import has_content, has_text, manifest_paths
from tavusctl.config.limits import LimitExceededError
from tavusctl.core.address import Address
from tavusctl.core.json_tree import leaves
from tavusctl.core.model import Manifest
from tavusctl.core.ports import State
from tavusctl.core.project_settings import Environment, Project
from tavusctl.core.resource_kind import ResourceKind
from tavusctl.engine.compare import claim
from tavusctl.engine.compare.match_create import plain_text
from tavusctl.fields import spellings
from tavusctl.kinds import KINDS
from tavusctl.lib.concurrency import run_all
from tavusctl.lib.json_types import Json, JsonObject


def changed_files(record: ComparisonRecord, project: Project, environment: Environment) -> AbstractSet[str] | None:
    """The manifest files that have changed, or that include a changed text; None if others may declare objects now."""
    root = Path(project.root)
    try:
        with files.keep_folders_open():
            if manifest_paths(project, environment) != record.files.keys() or not Disk(project).answers_alike(
                record.disk
            ):
                return None
            changed = {
                path
                for path, known in record.files.items()
                if not has_content(path, known, root)
                or not all(has_text(text, digest, root) for text, digest in record.texts.get(path, {}).items())
            }
    except (files.UnreadableFileError, LimitExceededError):
        return None
    # A file that declared nothing may declare something now.
    return changed if changed <= {one.file for one in record.manifests} else None


class Account(Struct, frozen=True):
    """The listed objects of the collections of all kinds of managed objects."""

    objects: Mapping[ObjectKey, JsonObject]
    body_digests: Mapping[ObjectKey, bytes]
    keys: Mapping[Address, ObjectKey]  # of bound objects
    digests: Digests

    @classmethod
    def listed(cls, listings: Listings, record: ComparisonRecord) -> Account:
        """The objects, as they are listed now."""
        managed = {one.address.kind for one in record.manifests if not one.external_id}
        kinds = [kind for name, kind in KINDS.items() if name in managed]
        lists = run_all([partial(listings.listed, kind) for kind in kinds])
        objects = {
            (kind.collection, remote_id): body
            for kind, bodies in zip(kinds, lists, strict=True)
            for remote_id, body in bodies.items()
        }
        digests = {key: listings.digest_of(*key) for key in objects}
        bound = {Address.parse(name): remote_id for name, remote_id in record.bound_ids.items()}
        keys = {address: (KINDS[address.kind].collection, remote_id) for address, remote_id in bound.items()}
        return cls(objects, digests, keys, listings.digests)

    def body_of(self, address: Address) -> JsonObject:
        """The body of a bound object; empty if it is not listed."""
        return self.objects.get(self.keys[address], {})


def equal_objects(record: ComparisonRecord, changed: AbstractSet[str], state: State, account: Account) -> set[Address]:
    """The recorded objects whose file, binding and body are as they were."""
    file_of = {one.address: one.file for one in record.manifests}
    is_same_state = bool(state.mac) and state.mac == record.seal
    return {
        one.address
        for one in record.equal
        if file_of[one.address] not in changed
        and account.body_digests.get(account.keys[one.address]) == one.body
        and (is_same_state or binding_digest(state.bindings[one.address], account.digests) == one.binding)
    }


class Relations:
    """Which manifests belong together: by references, and by the file that declares them."""

    def __init__(self, record: ComparisonRecord) -> None:
        self._manifests = {one.address: one for one in record.manifests}
        self._address_of = {remote_id: Address.parse(name) for name, remote_id in record.bound_ids.items()}
        self._address_of |= {one.external_id: one.address for one in record.manifests if one.external_id}
        self._in_file: defaultdict[str, set[Address]] = defaultdict(set)
        self._referrers: defaultdict[Address, set[Address]] = defaultdict(set)
        for one in record.manifests:
            self._in_file[one.file].add(one.address)
            for target in one.refers_to:
                self._referrers[target].add(one.address)
        # Returns the base and the body of a managed object, once they are known.
        self.documents: Callable[[Address], Iterable[Json]] = lambda _: ()

    def concerned(self, equal: AbstractSet[Address]) -> set[Address]:
        """All but equal objects, those that refer to them, and all that any of these refers to; some of each kind.

        A plan lists only the collections of kinds that it has.
        """
        unequal = self._manifests.keys() - equal
        representatives = {one.address.kind: one.address for one in self._manifests.values() if not one.external_id}
        referrers = (referrer for address in unequal for referrer in self._referrers[address])
        return self.with_targets({*unequal, *referrers, *representatives.values()})

    def with_targets(self, addresses: Iterable[Address]) -> set[Address]:
        """Objects and all that they refer to, directly or not, with all that their files declare."""
        found, queue = set[Address](), list(addresses)
        while queue:
            address = queue.pop()
            if address in self._manifests and address not in found:
                known = self._manifests[address]
                found.add(address)
                queue += (*self._in_file[known.file], *known.refers_to)
                queue += () if known.external_id else self.targets_in([*self.documents(address)])
        return found

    def targets_in(self, document: Json) -> Iterator[Address]:
        """The objects that a document refers to, by address or by id."""
        for _, leaf in leaves(document):
            if isinstance(leaf, Address):
                yield leaf
            elif isinstance(leaf, str) and leaf in self._address_of:
                yield self._address_of[leaf]

    def without(self, addresses: AbstractSet[Address]) -> list[KnownManifest]:
        """All manifests but these."""
        return [one for one in self._manifests.values() if one.address not in addresses]

    def file_of(self, address: Address) -> str:
        """The path of the file that declares an object."""
        return self._manifests[address].file

    def files_of(self, addresses: Iterable[Address]) -> list[Path]:
        """The files that declare objects, sorted."""
        return sorted({Path(self.file_of(address)) for address in addresses})

    def are_as_known(self, manifests: Sequence[Manifest], addresses: AbstractSet[Address]) -> bool:
        """Whether these addresses are declared, with the names and ids that were recorded, and none was renamed."""
        identities = {one.address: (name_of(one), one.external_id) for one in manifests}
        known = {address: self._manifests[address] for address in addresses}
        return identities == {address: (one.name, one.external_id) for address, one in known.items()} and not any(
            one.moved_from for one in manifests
        )


def has_namesake(equal: Collection[KnownManifest], account: Account) -> bool:
    """Whether an object that is not managed has the name of an equal one: then a plan warns of it."""
    bound = set(account.keys.values())
    kinds: defaultdict[str, list[ResourceKind]] = defaultdict(list)
    for kind in KINDS.values():
        kinds[kind.collection].append(kind)
    unmanaged = ((kind, body) for key, body in account.objects.items() if key not in bound for kind in kinds[key[0]])
    names = {_name(kind, body) for kind, body in unmanaged}
    return bool(names) and any(_name(KINDS[one.address.kind], account.body_of(one.address)) in names for one in equal)


def _name(kind: ResourceKind, body: JsonObject) -> str:
    """The display name in a body, as it is compared with others."""
    return plain_text(claim.without_claim(str(spellings.read(kind, body).get(kind.name_field) or "")))
