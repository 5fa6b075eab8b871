"""Read the account: every object that matters to the manifests and the state, in the spelling of manifests.

A listing is complete or an error.  An object that is not in a listing is requested by its id before it counts as
missing: a gap in a response is never taken for an absence.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from functools import partial

from msgspec import Struct
from msgspec.structs import replace

from tavusctl.core.address import Address, ObjectKey
from tavusctl.core.binding import Binding
from tavusctl.core.diagnostics import Diagnostic
from tavusctl.core.errors import ApiError, ConfigError, Gone
from tavusctl.core.json_tree import Leaf, map_leaves, replace_addresses, texts, value_at, with_addresses, with_leaves
from tavusctl.core.messages import one_of
from tavusctl.core.model import Declared, Desired, Live, Manifest
from tavusctl.core.ports import Reader, State
from tavusctl.core.resource_kind import ResourceKind
from tavusctl.engine.compare.not_live import mentions_draft
from tavusctl.fields import secret_fields, spellings
from tavusctl.fields.free_objects import Spot
from tavusctl.fields.secret_fields import NONE_DECLARED, DeclaredSecrets
from tavusctl.kinds import KINDS
from tavusctl.lib.concurrency import run_all
from tavusctl.lib.json_types import Json, JsonObject
from tavusctl.patch import Pinned, split
from tavusctl.secrets.values import MASK, FingerprintKey, is_mask
from tavusctl.state.journal import Intent


class AccountSnapshot(Struct, frozen=True):
    """A snapshot of the account: live objects by kind and id, and the bound ids that no longer exist."""

    live: tuple[Live, ...]
    missing: frozenset[Address] = frozenset()
    ids: dict[str, Address] = {}  # addresses by id, without those of missing objects
    ids_with_secrets: AbstractSet[str] = frozenset()  # of objects whose bodies contain secrets

    @property
    def by_id(self) -> dict[ObjectKey, Live]:
        """The objects by kind and id."""
        return {live.key: live for live in self.live}

    def ids_by_kind(self) -> dict[str, tuple[str, ...]]:
        """The ids of objects by kind."""
        return {name: tuple(live.remote_id for live in self.live if live.kind.name == name) for name in KINDS}


class Names(Struct, frozen=True):
    """The current addresses of objects, and the ids that addresses of external objects have stood for until now."""

    ids: Mapping[str, Address]
    externals: Mapping[str, str]  # ids by address, as text

    def with_current_addresses(self, binding: Binding) -> Binding:
        """A binding with the current addresses of the objects that its references lead to by their ids."""
        return binding.with_documents(
            self._to_current_names(binding.externals), self._to_current_names(binding.successor_externals)
        )

    def _to_current_names(self, externals: Mapping[str, str]) -> Callable[[JsonObject], JsonObject]:
        """A function that puts a document into current names; `externals` are the ids at the time of the document."""
        old_ids, ids = {**self.externals, **externals}, self.ids

        def current_name(leaf: Json) -> Json:
            if type(leaf) is str:
                return ids.get(leaf, leaf)
            remote_id = old_ids.get(str(leaf), "") if isinstance(leaf, Address) else ""
            return ids.get(remote_id, remote_id) or leaf

        return lambda document: map_leaves(document, current_name)


class Decoder(Struct, frozen=True):
    """Turns a raw body into a Live, with addresses in place of known ids and with sealed secrets; `key` seals them.

    `declared_secrets` are places that hold secrets because a manifest or the state says so; other secrets are detected.
    """

    ids: Mapping[str, Address]
    key: FingerprintKey
    declared_secrets: DeclaredSecrets = NONE_DECLARED
    applied: Mapping[str, JsonObject] = {}  # last applied documents by id, with which bodies share equal parts
    ids_with_secrets: set[str] = set()  # of the objects decoded so far

    def view(self, kind: ResourceKind, raw: JsonObject) -> Live:
        """A raw object as a Live, without the fields that the server computes."""
        shown = kind.unwrap(raw)
        remote_id = kind.id_of(shown)
        body = self._sealed(kind, remote_id, spellings.read(kind, raw))
        return Live(
            kind=kind,
            remote_id=remote_id,
            body=with_addresses(body, self.ids),
            name=str(body.get(kind.name_field) or ""),
            status=str(shown.get("status") or ""),
            address=self.ids.get(remote_id),
            created=str(shown.get("created_at") or ""),
            crawled=str(shown.get("last_crawled_at") or ""),
            error=str(shown.get("error_message") or ""),
            draft=mentions_draft(raw),
            holds=tuple(held_id for key in kind.holds if isinstance(held_id := shown.get(key), str) and held_id),
            names=spellings.shown_names(kind, shown),
        )

    def _sealed(self, kind: ResourceKind, remote_id: str, body: JsonObject) -> JsonObject:
        """A body with sealed secrets, which no later stage can print, and pinned masks, which none can send."""
        secret_places = secret_fields.all_secrets(kind, remote_id, body, self.declared_secrets)
        secrets = {spot.path: self._seal(spot) for spot in secret_places}
        if secrets:
            self.ids_with_secrets.add(remote_id)
        return with_leaves(body, secrets)

    def _seal(self, spot: Spot) -> Leaf:
        return Pinned(MASK) if is_mask(spot.text) else secret_fields.sealed(spot, self.key)


def decoder(
    ids: Mapping[str, Address],
    key: FingerprintKey,
    bindings: Collection[Binding],
    manifests: Iterable[Declared] = (),
    sent: Iterable[Intent] = (),
) -> Decoder:
    """A decoder that also seals the values that a manifest, the last apply or a sent call declares as secrets."""
    ids_by_address = {binding.address: binding.remote_id for binding in bindings}
    specs = [(item.address.kind, ids_by_address.get(item.address, ""), item.spec) for item in manifests]
    specs += [(intent.address.kind, intent.remote_id, intent.spec) for intent in sent]
    for binding in bindings:
        answered = [_at(pointer, value) for pointer, value in binding.answered.items()]
        specs += [(binding.address.kind, binding.remote_id, spec) for spec in (binding.applied, *answered)]
        specs += [(binding.address.kind, binding.successor, binding.successor_spec)] if binding.successor else []
    applied = {binding.remote_id: binding.applied for binding in bindings}
    return Decoder(ids, key, secret_fields.declared_secrets(KINDS, specs), applied)


def _at(pointer: str, value: Json) -> JsonObject:
    """A document that contains a value at a place and nothing else."""
    for key in reversed(split(pointer)):
        value = {key: value}
    return value if isinstance(value, dict) else {}


def known_ids(
    bindings: Iterable[Binding],
    externals: Iterable[tuple[str, Address]] = (),
    managed: AbstractSet[Address] = frozenset(),
) -> dict[str, Address]:
    """The ids of bound and external objects, with their addresses.

    If an object has several addresses, that of a managed resource comes first, then the first external one, then one
    that no manifest declares any more.
    """
    bound = {binding.remote_id: binding.address for binding in bindings}
    named = dict(sorted(externals, reverse=True))
    return {**bound, **named, **{remote_id: address for remote_id, address in bound.items() if address in managed}}


def names(state: State, manifests: Sequence[Manifest] = ()) -> Names:
    """The current and the former addresses of the objects of a state and of manifests."""
    bindings = state.bindings.values()
    externals = [(one.external_id, one.address) for one in manifests if one.external_id]
    managed = frozenset(one.address for one in manifests if not one.external_id)
    declared = {address for _, address in externals}
    ids = known_ids((one for one in bindings if one.address not in declared), externals, managed)
    # An address stood for its bound object until now, even if the manifests now declare another, external one there.
    former_ids = {str(address): remote_id for remote_id, address in externals}
    former_ids |= {str(binding.address): binding.remote_id for binding in bindings if binding.address in declared}
    return Names(ids, former_ids)


def replacement_ids(bindings: Iterable[Binding]) -> dict[str, Address]:
    """The ids of successors and of old versions of every replacement, with the address that each belongs to."""
    return {remote_id: binding.address for binding in bindings for remote_id in binding.other_versions}


def read(api: Reader, kind: ResourceKind, remote_id: str, decoder: Decoder) -> Live:
    """Read one object by id; raise errors.Gone if it does not exist, or is marked as deleted."""
    raw = api.get(f"{kind.collection}/{remote_id}", kind.get_query)
    kind.check_exists(raw, remote_id)
    live = decoder.view(kind, raw)
    if not kind.is_of_kind(kind.unwrap(raw)):
        message = f"{remote_id} in {kind.collection} is not {one_of(kind.name)}"
        raise ApiError(message, "check the kind and the id: this collection has objects of two kinds")
    if live.remote_id and live.remote_id != remote_id:
        # A confused proxy has answered another request: this is another object.
        raise ApiError(f"GET {kind.collection}/{remote_id} returned the object {live.remote_id}")
    return live if live.remote_id else decoder.view(kind, {**raw, kind.id_fields[0]: remote_id})


def find(api: Reader, kind: ResourceKind, remote_id: str, decoder: Decoder) -> Live | None:
    """Read one object by id; None if the account does not have it."""
    try:
        return read(api, kind, remote_id, decoder)
    except Gone:
        return None


def snapshot(
    api: Reader,
    desired: Sequence[Desired],
    bindings: Sequence[Binding],
    decoder: Decoder,
    staying: AbstractSet[Address],
) -> AccountSnapshot:
    """Read all objects of the used kinds, and by id those not listed; ConfigError if an external object is missing.

    Bound objects that are not `staying` may be deleted: what may refer to them is read too.
    """
    reading: list[Callable[[], Sequence[Live | Desired]]] = [
        partial(listed, api, kind, decoder, needed=is_used)
        for kind, is_used in _kinds_to_list(desired, bindings, staying)
    ]
    reading += [partial(_external, api, item, decoder) for item in desired if item.external_id]
    objects = [item for items in run_all(reading) for item in items]
    _refuse_missing(item for item in objects if isinstance(item, Desired))
    live = {item.key: item for item in objects if isinstance(item, Live)}
    incomplete = dict.fromkeys(_incomplete(live.values(), desired, bindings))
    complete = run_all([partial(find, api, KINDS[name], remote_id, decoder) for name, remote_id in incomplete])
    live.update({item.key: item for item in complete if item})
    unlisted, missing = _unlisted(api, bindings, live, decoder)
    live = {item.key: item for item in _listed_again(api, unlisted, decoder)} | live
    live.update({item.key: item for item in unlisted})
    missing_ids = {binding.address: binding.remote_id for binding in bindings if binding.address in missing}
    # If the id of a missing object is used again, it belongs to a new object.
    ids = {remote_id: address for remote_id, address in decoder.ids.items() if address not in missing}
    unlinked = tuple(_unlinked(live[key], missing_ids) for key in sorted(live))
    return AccountSnapshot(unlinked, frozenset(missing), ids, frozenset(decoder.ids_with_secrets))


def _unlisted(
    api: Reader, bindings: Sequence[Binding], live: Mapping[ObjectKey, Live], decoder: Decoder
) -> tuple[list[Live], set[Address]]:
    """Bound objects and successors that no listing has, read by id, and the addresses of missing bound ones."""
    absent = [
        (binding, remote_id)
        for binding in bindings
        for remote_id in filter(None, (binding.remote_id, binding.successor))
        if (binding.address.kind, remote_id) not in live
    ]
    reads = run_all([partial(find, api, KINDS[one.address.kind], remote_id, decoder) for one, remote_id in absent])
    missing = {
        binding.address
        for (binding, remote_id), item in zip(absent, reads, strict=True)
        if item is None and remote_id == binding.remote_id
    }
    return [item for item in reads if item], missing


def _listed_again(api: Reader, found: Iterable[Live], decoder: Decoder) -> list[Live]:
    """The objects of the kinds of which a read by id has `found` an object: its listing may lack others as well."""
    kinds = {item.kind.name: item.kind for item in found}
    return [
        item for items in run_all([partial(listed, api, kind, decoder) for kind in kinds.values()]) for item in items
    ]


def _incomplete(live: Iterable[Live], desired: Sequence[Desired], bindings: Sequence[Binding]) -> list[ObjectKey]:
    """Kind and id of listed objects without a managed part that only a read of the object itself shows."""
    specs: dict[Address, list[JsonObject]] = {}
    for address, spec in [*((one.address, one.spec) for one in desired), *((b.address, b.applied) for b in bindings)]:
        specs.setdefault(address, []).append(spec)
    return [
        one.key
        for one in live
        for part in one.kind.parts
        if one.address and part.path and part.spec_path[0] not in one.body
        if any(value_at(spec, part.spec_path) is not None for spec in specs.get(one.address, ()))
    ]


def with_kinds(api: Reader, account: AccountSnapshot, wanted: AbstractSet[str], decoder: Decoder) -> AccountSnapshot:
    """A snapshot with the objects of further kinds."""
    unread = wanted - {live.kind.name for live in account.live}
    more = [live for name in KINDS if name in unread for live in listed(api, KINDS[name], decoder)]
    return replace(account, live=(*account.live, *more))


def listed(api: Reader, kind: ResourceKind, decoder: Decoder, *, needed: bool = True) -> tuple[Live, ...]:
    """Every object of a kind except stock objects.

    If the API of the account does not have this optional kind: none, or ApiError if it is needed.
    """
    try:
        items = api.list(kind.collection, kind.listing, kind.id_fields, decoder.applied)
    except Gone as gone:
        if not kind.optional:
            raise
        if not needed:
            return ()
        message = f"this account has no {kind.collection}: its API is older than the kind `{kind.name}`"
        raise ApiError(message, "remove its manifests, or ask support@tavus.io for the present API") from gone
    items.reverse()
    raws = (items.pop() for _ in range(len(items)))  # to save memory, each is dropped when it is decoded
    own = (raw for raw in raws if kind.is_of_kind(raw) and not (kind.is_builtin(raw) or kind.is_deleted(raw)))
    return tuple(filter(None, (_listed(api, kind, raw, decoder) for raw in own)))


def is_listed(api: Reader, kind: ResourceKind, remote_id: str) -> bool:
    """Whether the listing of a kind has an object that no read finds; ApiError if there is no listing."""
    try:
        items = api.list(kind.collection, kind.listing, kind.id_fields)
    except Gone:  # a gateway that answers 404 to everything says nothing of one object
        message = f"no read finds {remote_id}, and {kind.collection} is not found either"
        raise ApiError(message, "run again: the next plan reads the object") from None
    return any(kind.id_of(raw) == remote_id and not kind.is_deleted(raw) for raw in items)


def _listed(api: Reader, kind: ResourceKind, raw: JsonObject, decoder: Decoder) -> Live | None:
    """A listed object, read by its id if the listing does not show all of it; None if it was deleted meanwhile."""
    key = kind.listing.completeness_key
    if key and not isinstance(raw.get(key), list):
        return find(api, kind, kind.id_of(raw), decoder)
    return decoder.view(kind, raw)


def with_dangling_ids(
    bindings: Iterable[Binding], account: AccountSnapshot, desired: Iterable[Desired]
) -> list[Binding]:
    """Bindings with ids in place of addresses where an object still has the id of a missing one, as it was applied.

    Not where the manifest still refers to the missing object, which will have another id.  Without this, to remove the
    reference would be a conflict, although nobody has changed the object in the account.
    """
    all_bindings = [*bindings]
    missing_ids = {one.address: one.remote_id for one in all_bindings if one.address in account.missing}
    if not missing_ids:
        return all_bindings
    references, live = {one.address: one.refers_to for one in desired}, account.by_id

    def as_applied(binding: Binding) -> Binding:
        shown, kept = live.get(binding.key), references.get(binding.address, ())
        present = {*texts(shown.body)} if shown else set()
        ids = {one: id_ for one, id_ in missing_ids.items() if id_ in present and one not in kept}
        return replace(binding, applied=replace_addresses(binding.applied, ids)) if ids else binding

    return [as_applied(binding) for binding in all_bindings]


def _unlinked(live: Live, missing_ids: Mapping[Address, str]) -> Live:
    """An object with ids in its references to missing objects: their addresses will stand for other objects."""
    if not missing_ids:
        return live
    body = replace_addresses(live.body, missing_ids)
    return replace(live, body=body, address=None if live.address in missing_ids else live.address)


def _kinds_to_list(
    desired: Sequence[Desired], bindings: Sequence[Binding], staying: AbstractSet[Address]
) -> Iterator[tuple[ResourceKind, bool]]:
    """The used kinds, and those that may refer to objects which are to be deleted; each with whether it is used."""
    used = {item.address.kind for item in desired if not item.external_id}
    used |= {binding.address.kind for binding in bindings}
    for name, kind in KINDS.items():
        if name in used or _may_hold(kind, used, bindings, staying):
            yield kind, name in used


def _may_hold(
    kind: ResourceKind, used: AbstractSet[str], bindings: Sequence[Binding], staying: AbstractSet[Address]
) -> bool:
    """Whether objects of a kind may refer to objects that are to be deleted, and must be read too.

    An optional kind is read only if a bound object is not `staying`.
    """
    if kind.optional:
        used = {one.address.kind for one in bindings if one.address not in staying}
    return any(declared.refers_to in used for declared in kind.fields.values())


def _external(api: Reader, item: Desired, decoder: Decoder) -> Sequence[Live | Desired]:
    """An external object; the Desired itself if the account does not have it."""
    return (find(api, item.kind, item.external_id, decoder) or item,)


def _refuse_missing(externals: Iterable[Desired]) -> None:
    diagnostics = []
    for item in externals:
        message = f"`{item.address}` is external, but the account has no {item.address.kind} `{item.external_id}`"
        hint = "check the id and the API key: objects of other accounts are invisible"
        diagnostics.append(
            Diagnostic("TV125", message, item.envelope_sources.get("id", item.source), hint, item.address)
        )
    if diagnostics:
        raise ConfigError(diagnostics)
