"""Read the account: every object that matters to the manifests and the state, in the spelling of manifests.

A listing is complete or it is an error, and an object that a listing lacks is asked for by its id before it counts
as missing: a gap in an answer is never taken for an absence.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from functools import partial

from msgspec import Struct, field
from msgspec.structs import replace

from tavusctl.core.address import Address
from tavusctl.core.binding import MADE, Binding
from tavusctl.core.diagnostics import Diagnostic
from tavusctl.core.errors import ApiError, ConfigError, Gone
from tavusctl.core.json_tree import Leaf, leaves, map_leaves, with_leaves
from tavusctl.core.model import Desired, Live, Manifest
from tavusctl.core.ports import Reader, State
from tavusctl.core.resource_kind import ResourceKind
from tavusctl.engine.compare.not_live import tells_of_draft
from tavusctl.engine.compare.patch_guards import value_at
from tavusctl.fields import secret_fields, spellings
from tavusctl.fields.free_objects import Spot
from tavusctl.fields.secret_fields import NOWHERE, Declared
from tavusctl.lib.concurrency import run_all
from tavusctl.lib.json_types import Json, JsonObject
from tavusctl.patch import Pinned, split
from tavusctl.secrets.values import MASK, NO_KEY, FingerprintKey, is_mask
from tavusctl.state.journal import Intent


class AccountSnapshot(Struct, frozen=True):
    """A snapshot of the account: live objects by kind and id, and the bound ids that no longer exist."""

    live: tuple[Live, ...]
    missing: frozenset[Address] = frozenset()
    ids: dict[str, Address] = field(default_factory=dict)  # known ids of what is there, with their addresses

    @property
    def by_id(self) -> dict[tuple[str, str], Live]:
        """Objects by kind and id."""
        return {(one.kind.name, one.remote_id): one for one in self.live}

    def known(self, kinds: Iterable[str]) -> dict[str, tuple[str, ...]]:
        """Ids by kind."""
        return {name: tuple(one.remote_id for one in self.live if one.kind.name == name) for name in kinds}


class Names(Struct, frozen=True):
    """What objects are called now, and what addresses of external ones have stood for until now."""

    ids: Mapping[str, Address]
    externals: Mapping[str, str]  # ids by address, as text

    def today(self, binding: Binding) -> Binding:
        """A binding in the names that objects have now: a reference is the id that it leads to, whatever its name."""
        known, ids = {**self.externals, **binding.externals}, self.ids

        def named(leaf: Json) -> Json:
            if type(leaf) is str:
                return ids.get(leaf, leaf)
            remote_id = known.get(str(leaf), "") if isinstance(leaf, Address) else ""
            return ids.get(remote_id, remote_id) or leaf

        return binding.with_documents(lambda document: map_leaves(document, named))


class Decoder(Struct, frozen=True):
    """What turns a read body into a Live: the addresses of known ids, and the key that seals secrets.

    `named` are places that hold secrets because somebody has said so; the rest is known by what it is.
    """

    ids: Mapping[str, Address]
    key: FingerprintKey
    named: Declared = NOWHERE

    def view(self, kind: ResourceKind, raw: JsonObject) -> Live:
        """An object as the account has it, less what the server computes."""
        shown = kind.unwrap(raw)
        remote_id = kind.id_of(shown)
        body = self._sealed(kind, remote_id, spellings.read(kind, raw))
        return Live(
            kind=kind,
            remote_id=remote_id,
            body=map_leaves(body, partial(_address_of, self.ids)),
            name=str(body.get(kind.name_field) or ""),
            status=str(shown.get("status") or ""),
            address=self.ids.get(remote_id),
            created=str(shown.get("created_at") or ""),
            crawled=str(shown.get("last_crawled_at") or ""),
            error=str(shown.get("error_message") or ""),
            draft=tells_of_draft(raw),
            holds=tuple(one for key in kind.holds if isinstance(one := shown.get(key), str) and one),
            names=spellings.shown(kind, shown),
        )

    def _sealed(self, kind: ResourceKind, remote_id: str, body: JsonObject) -> JsonObject:
        """A body whose secrets no later stage can print; a mask is pinned, so that none can send it."""
        secret_places = secret_fields.all_spots(kind, remote_id, body, self.named)
        return with_leaves(body, {one.path: self._seal(one) for one in secret_places})

    def _seal(self, spot: Spot) -> Leaf:
        return Pinned(MASK) if is_mask(spot.text) else secret_fields.sealed(spot, self.key)


def _address_of(ids: Mapping[str, Address], leaf: Json) -> Json:
    return ids.get(leaf, leaf) if type(leaf) is str else leaf


def lens(
    kinds: Mapping[str, ResourceKind],
    ids: Mapping[str, Address],
    key: FingerprintKey,
    bindings: Collection[Binding],
    manifests: Iterable[Manifest | Desired] = (),
    sent: Iterable[Intent] = (),
) -> Decoder:
    """A lens that also seals what a manifest names as a secret, did so at the last apply, or when it was sent."""
    bound = {one.address: one.remote_id for one in bindings}
    specs = [(one.address.kind, bound.get(one.address, ""), one.spec) for one in manifests]
    specs += [(one.address.kind, one.remote_id, one.spec) for one in sent]
    for one in bindings:
        answered = [_at(pointer, value) for pointer, value in one.answered.items()]
        specs += [(one.address.kind, one.remote_id, spec) for spec in (one.applied, *answered)]
        specs += [(one.address.kind, one.successor, one.successor_spec)] if one.successor else []
    return Decoder(ids, key, secret_fields.declared(kinds, specs))


def _at(pointer: str, value: Json) -> JsonObject:
    """A document that has nothing but a value at a place."""
    for key in reversed(split(pointer)):
        value = {key: value}
    return value if isinstance(value, dict) else {}


def known_ids(
    bindings: Iterable[Binding],
    externals: Iterable[tuple[str, Address]] = (),
    managed: AbstractSet[Address] = frozenset(),
) -> dict[str, Address]:
    """Ids of bound and external objects, with their addresses; of several names for one object, always the same.

    What has a manifest of its own comes before what is external, and that before what no manifest names any more.
    """
    bound = {binding.remote_id: binding.address for binding in bindings}
    named = dict(sorted(externals, reverse=True))
    return {**bound, **named, **{one: address for one, address in bound.items() if address in managed}}


def names(state: State, manifests: Sequence[Manifest] = ()) -> Names:
    """What the objects of a state and of manifests are called."""
    bindings = state.bindings.values()
    externals = [(one.external_id, one.address) for one in manifests if one.external_id]
    managed = frozenset(one.address for one in manifests if not one.external_id)
    declared = {address for _, address in externals}
    ids = known_ids((one for one in bindings if one.address not in declared), externals, managed)
    # Until now an address has meant what is bound to it, also where the manifests call another object external there.
    meant = {str(one): remote_id for remote_id, one in externals}
    meant |= {str(one.address): one.remote_id for one in bindings if one.address in declared}
    return Names(ids, meant)


def halves(bindings: Iterable[Binding]) -> dict[str, Address]:
    """Ids of the other halves of replacements, with the addresses that they will mean, or did."""
    return {one: binding.address for binding in bindings for one in (binding.successor, *binding.retired) if one}


def read(api: Reader, kind: ResourceKind, remote_id: str, lens: Decoder) -> Live:
    """Read one object by id; raise errors.Gone if it does not exist."""
    raw = api.get(f"{kind.collection}/{remote_id}", kind.get_query)
    live = lens.view(kind, raw)
    if not kind.is_one(kind.unwrap(raw)):
        message = f"{remote_id} of {kind.collection} is no {kind.name}"
        raise ApiError(message, "check the kind and the id: objects of two kinds are kept there")
    if live.remote_id and live.remote_id != remote_id:
        # A confused proxy answered another question; what it says is about another object.
        message = f"GET {kind.collection}/{remote_id} returned the object {live.remote_id}"
        raise ApiError(message)
    return live if live.remote_id else lens.view(kind, {**raw, kind.id_fields[0]: remote_id})


def exists(api: Reader, kind: ResourceKind, remote_id: str, lens: Decoder) -> bool:
    """Whether the account has an object."""
    try:
        read(api, kind, remote_id, lens)
    except Gone:
        return False
    return True


def snapshot(
    api: Reader,
    kinds: Mapping[str, ResourceKind],
    desired: Sequence[Desired],
    bindings: Sequence[Binding],
    lens: Decoder,
) -> AccountSnapshot:
    """Everything of the kinds in use, and proof of what is missing; ConfigError when an external object is gone."""
    used = {item.address.kind for item in desired if not item.external_id}
    used |= {binding.address.kind for binding in bindings}
    listings = [
        partial(_all, api, kind, lens, needed=name in used)
        for name, kind in kinds.items()
        if name in used or _may_hold(kind, used, desired, bindings)
    ]
    externals = [partial(_external, api, item, lens) for item in desired if item.external_id]
    seen = [one for some in run_all([*listings, *externals]) for one in some]
    _refuse_lost(item for item in seen if isinstance(item, Desired))
    live = {(one.kind.name, one.remote_id): one for one in seen if isinstance(one, Live)}
    short = dict.fromkeys(_short(live.values(), desired, bindings))
    whole = run_all([partial(_ask, api, kinds[name], remote_id, lens) for name, remote_id in short])
    live.update({(one.kind.name, one.remote_id): one for one in whole if one})
    unseen = [
        (binding, remote_id)
        for binding in bindings
        for remote_id in filter(None, (binding.remote_id, binding.successor))
        if (binding.address.kind, remote_id) not in live
    ]
    asked = run_all([partial(_ask, api, kinds[binding.address.kind], remote_id, lens) for binding, remote_id in unseen])
    live.update({(one.kind.name, one.remote_id): one for one in asked if one})
    missing = {
        binding.address
        for (binding, remote_id), one in zip(unseen, asked, strict=True)
        if one is None and remote_id == binding.remote_id
    }
    gone = {one.address: one.remote_id for one in bindings if one.address in missing}
    # Should an id of what is gone be given out again, it is of something new.
    ids = {remote_id: address for remote_id, address in lens.ids.items() if address not in missing}
    return AccountSnapshot(tuple(_dangling(live[key], gone) for key in sorted(live)), frozenset(missing), ids)


def _short(live: Iterable[Live], desired: Sequence[Desired], bindings: Sequence[Binding]) -> list[tuple[str, str]]:
    """Objects of which a listing has left out a part that is managed: the object itself tells."""
    specs: dict[Address, list[JsonObject]] = {}
    for address, spec in [*((one.address, one.spec) for one in desired), *((b.address, b.applied) for b in bindings)]:
        specs.setdefault(address, []).append(spec)
    return [
        (one.kind.name, one.remote_id)
        for one in live
        for part in one.kind.parts
        if one.address and part.path and part.at[0] not in one.body
        if any(value_at(spec, part.at) is not None for spec in specs.get(one.address, ()))
    ]


def with_kinds(
    api: Reader, kinds: Mapping[str, ResourceKind], account: AccountSnapshot, wanted: AbstractSet[str], lens: Decoder
) -> AccountSnapshot:
    """An account with the objects of further kinds."""
    unseen = wanted - {one.kind.name for one in account.live}
    more = [one for name in kinds if name in unseen for one in listed(api, kinds[name], lens)]
    return replace(account, live=(*account.live, *more))


def finish_replacements(api: Reader, kinds: Mapping[str, ResourceKind], state: State) -> State:
    """A state in which the new halves of replacements that have become usable stand for their addresses."""
    bindings = {
        address: _promoted(api, kinds[address.kind], one) if one.successor else one
        for address, one in state.bindings.items()
    }
    return replace(state, bindings=bindings)


def users(
    api: Reader,
    kinds: Mapping[str, ResourceKind],
    kind: ResourceKind,
    remote_id: str,
    address: Address | None,
    lens: Decoder,
) -> tuple[str, ...]:
    """Who refers to an object now, anyone's: read afresh, right before it is deleted."""
    found = []
    for referring in kinds.values():
        if any(declared.refers_to == kind.name for declared in referring.fields.values()):
            for one in _listed(api, referring, lens, needed=False):
                named = (*one.holds, *(leaf for _, leaf in leaves(one.body)))
                if any(leaf in (remote_id, address) for leaf in named if leaf is not None):
                    found.append(str(one.address or f"{referring.name} {one.remote_id}"))
    return tuple(sorted(found))


def _promoted(api: Reader, kind: ResourceKind, binding: Binding) -> Binding:
    try:
        successor = read(api, kind, binding.successor, Decoder({}, NO_KEY))
    except Gone:
        return replace(binding, successor="", successor_spec={})
    if successor.status not in kind.ready_statuses:
        return binding
    return replace(
        binding,
        remote_id=binding.successor,
        applied=binding.successor_spec,
        successor="",
        successor_spec={},
        retired=(*binding.retired, binding.remote_id),
        answered={},
        not_live={},
        unconfirmed=MADE,
        created_at=successor.created,
    )


def listed(api: Reader, kind: ResourceKind, lens: Decoder) -> Iterable[Live]:
    """Every object of a kind that is not stock."""
    return _listed(api, kind, lens, needed=True)


def listed_if_any(api: Reader, kind: ResourceKind, lens: Decoder) -> Iterable[Live]:
    """The same; nothing where the account is of an API that does not have the kind yet."""
    return _listed(api, kind, lens, needed=False)


def _listed(api: Reader, kind: ResourceKind, lens: Decoder, *, needed: bool) -> Iterator[Live]:
    try:
        items = api.list(kind.collection, kind.listing, kind.id_fields)
    except Gone as gone:
        if not kind.optional:
            raise
        if not needed:
            return
        message = f"this account has no {kind.collection}: its API is older than the kind `{kind.name}`"
        raise ApiError(message, "remove its manifests, or ask support@tavus.io for the present API") from gone
    for raw in items:
        if kind.is_builtin(raw) or not kind.is_one(raw):
            continue
        if kind.listing.whole_by and not isinstance(raw.get(kind.listing.whole_by), list):
            yield read(api, kind, kind.id_of(raw), lens)
        else:
            yield lens.view(kind, raw)


def _dangling(one: Live, gone: Mapping[Address, str]) -> Live:
    """An object whose references to what is gone are ids: its address will mean another object."""
    if not gone:
        return one
    body = map_leaves(one.body, lambda leaf: gone.get(leaf, leaf) if isinstance(leaf, Address) else leaf)
    return replace(one, body=body, address=None if one.address in gone else one.address)


def _ask(api: Reader, kind: ResourceKind, remote_id: str, lens: Decoder) -> Live | None:
    try:
        return read(api, kind, remote_id, lens)
    except Gone:
        return None


def _all(api: Reader, kind: ResourceKind, lens: Decoder, *, needed: bool) -> Sequence[Live | Desired]:
    return tuple(_listed(api, kind, lens, needed=needed))


def _may_hold(
    kind: ResourceKind, used: AbstractSet[str], desired: Sequence[Desired], bindings: Sequence[Binding]
) -> bool:
    """Whether objects of a kind may keep from being deleted what is to be deleted: they have to be seen, too.

    What an account need not have is asked for only where something surely is to be.
    """
    if kind.optional:
        staying = {item.address for item in desired}
        used = {one.address.kind for one in bindings if one.address not in staying}
    return any(declared.refers_to in used for declared in kind.fields.values())


def _external(api: Reader, item: Desired, lens: Decoder) -> Sequence[Live | Desired]:
    """An external object; what was desired when there is none."""
    try:
        return (read(api, item.kind, item.external_id, lens),)
    except Gone:
        return (item,)


def _refuse_lost(externals: Iterable[Desired]) -> None:
    diagnostics = []
    for item in externals:
        message = f"`{item.address}` is external, but the account has no {item.address.kind} `{item.external_id}`"
        hint = "check the id and the API key: objects of other accounts are invisible"
        diagnostics.append(Diagnostic("TV125", message, item.beside.get("id", item.source), hint, item.address))
    if diagnostics:
        raise ConfigError(diagnostics)
