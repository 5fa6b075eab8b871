"""Read the account: every object that matters to the manifests and the state, in the spelling of manifests.

A listing is complete or it is an error, and an object that a listing lacks is asked for by its id before it counts
as missing: a gap in an answer is never taken for an absence.
"""

from __future__ import annotations

import sys
from collections.abc import Collection, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from functools import partial

from msgspec import Struct
from msgspec.structs import replace

from tavusctl import secrecy
from tavusctl.document import leaves, map_leaves, with_leaves
from tavusctl.errors import ApiError, ConfigError, Gone
from tavusctl.freeform import Spot
from tavusctl.journal import Intent
from tavusctl.model import (
    MADE,
    Address,
    Binding,
    Complaint,
    Desired,
    Document,
    Live,
    Manifest,
    ResourceKind,
    Value,
)
from tavusctl.patch import Pinned, split
from tavusctl.ports import Reader
from tavusctl.secrecy import NOWHERE, Declared
from tavusctl.secret import MASK, NO_KEY, FingerprintKey, is_mask
from tavusctl.together import together

_DRAFTS = ("is_draft_view", "has_unpublished_changes", "publish_url")  # what tells a version that nobody uses yet


class Account(Struct, frozen=True):
    """What the account holds: `live` by kind and id, and the bound ids that are surely gone."""

    live: tuple[Live, ...]
    missing: frozenset[Address] = frozenset()


class Lens(Struct, frozen=True):
    """What turns a read body into a Live: the addresses of known ids, and the key that seals secrets.

    `named` are places that hold secrets because somebody has said so; the rest is known by what it is.
    """

    ids: Mapping[str, Address]
    key: FingerprintKey
    named: Declared = NOWHERE

    def view(self, kind: ResourceKind, raw: Document) -> Live:
        """An object as the account has it, less what the server computes."""
        remote_id = kind.id_of(_unwrapped(kind, raw))
        body = self._sealed(kind, remote_id, kind.normalise(raw))
        return Live(
            kind=kind,
            remote_id=remote_id,
            body=map_leaves(body, self._address_of),
            name=str(body.get(kind.name_field) or ""),
            status=str(_unwrapped(kind, raw).get("status") or ""),
            address=self.ids.get(remote_id),
            created=str(_unwrapped(kind, raw).get("created_at") or ""),
            crawled=str(_unwrapped(kind, raw).get("last_crawled_at") or ""),
            error=str(_unwrapped(kind, raw).get("error_message") or ""),
            draft=any(one.get(key) for one in (raw, _unwrapped(kind, raw)) for key in _DRAFTS),
        )

    def _sealed(self, kind: ResourceKind, remote_id: str, body: Document) -> Document:
        """A body whose secrets no later stage can print; a mask is pinned, so that none can send it."""
        spots = secrecy.all_spots(kind, remote_id, body, self.named)
        sealed: Document = with_leaves(body, {one.path: self._seal(one) for one in spots})
        return sealed

    def _seal(self, spot: Spot) -> Value:
        return Pinned(MASK) if is_mask(spot.text) else secrecy.sealed(spot, self.key)

    def _address_of(self, leaf: Value) -> Value:
        return self.ids.get(leaf) or sys.intern(leaf) if type(leaf) is str else leaf


def lens(
    kinds: Mapping[str, ResourceKind],
    ids: Mapping[str, Address],
    key: FingerprintKey,
    bindings: Collection[Binding],
    manifests: Iterable[Manifest | Desired] = (),
    sent: Iterable[Intent] = (),
) -> Lens:
    """A lens that also seals what a manifest names as a secret, did so at the last apply, or when it was sent."""
    bound = {one.address: one.remote_id for one in bindings}
    specs = [(one.address.kind, bound.get(one.address, ""), one.spec) for one in manifests]
    specs += [(one.address.kind, one.remote_id, one.spec) for one in sent]
    for one in bindings:
        answered = [_at(pointer, value) for pointer, value in one.answered.items()]
        specs += [(one.address.kind, one.remote_id, spec) for spec in (one.applied, *answered)]
        specs += [(one.address.kind, one.successor, one.successor_spec)] if one.successor else []
    return Lens(ids, key, secrecy.declared(kinds, specs))


def _at(pointer: str, value: Value) -> Document:
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


def in_names(binding: Binding, ids: Mapping[str, Address], externals: Mapping[str, str]) -> Binding:
    """A binding in the names that objects have now: a reference is the id that it leads to, whatever it was called."""
    known = {**externals, **binding.externals}

    def named(leaf: Value) -> Value:
        remote_id = known.get(str(leaf), "") if isinstance(leaf, Address) else leaf
        return ids.get(remote_id, remote_id) or leaf if isinstance(remote_id, str) else leaf

    return replace(
        binding,
        applied=map_leaves(binding.applied, named),
        successor_spec=map_leaves(binding.successor_spec, named),
        answered=map_leaves(binding.answered, named),
        unconfirmed=map_leaves(binding.unconfirmed, named),
    )


def halves(bindings: Iterable[Binding]) -> dict[str, Address]:
    """Ids of the other halves of replacements, with the addresses that they will mean, or did."""
    return {one: binding.address for binding in bindings for one in (binding.successor, *binding.retired) if one}


def read(api: Reader, kind: ResourceKind, remote_id: str, lens: Lens) -> Live:
    """One object by id; errors.Gone when there is none."""
    raw = api.get(f"{kind.collection}/{remote_id}", kind.get_query)
    live = lens.view(kind, raw)
    if live.remote_id and live.remote_id != remote_id:
        # A confused proxy answered another question; what it says is about another object.
        message = f"GET {kind.collection}/{remote_id} was answered with the object {live.remote_id}"
        raise ApiError(message)
    return live if live.remote_id else lens.view(kind, {**raw, kind.id_fields[0]: remote_id})


def present(ids: Mapping[str, Address], missing: AbstractSet[Address]) -> dict[str, Address]:
    """Ids without those of objects that are gone: should one be given out again, it is of something new."""
    return {remote_id: address for remote_id, address in ids.items() if address not in missing}


def exists(api: Reader, kind: ResourceKind, remote_id: str, lens: Lens) -> bool:
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
    lens: Lens,
) -> Account:
    """Everything of the kinds in use, and proof of what is missing; ConfigError when an external object is gone."""
    used = {item.address.kind for item in desired if not item.external_id}
    used |= {binding.address.kind for binding in bindings}
    # What may refer to an object about to be deleted has to be seen, too.
    referring = {k.name for k in kinds.values() for f in k.fields.values() if f.refers_to in used}
    listings = [partial(_all, api, kind, lens) for name, kind in kinds.items() if name in used | referring]
    externals = [partial(_external, api, item, lens) for item in desired if item.external_id]
    seen = [one for some in together([*listings, *externals]) for one in some]
    _refuse_lost(item for item in seen if isinstance(item, Desired))
    live = {(one.kind.name, one.remote_id): one for one in seen if isinstance(one, Live)}
    unseen = [
        (binding, remote_id)
        for binding in bindings
        for remote_id in filter(None, (binding.remote_id, binding.successor))
        if (binding.address.kind, remote_id) not in live
    ]
    asked = together(
        [partial(_ask, api, kinds[binding.address.kind], remote_id, lens) for binding, remote_id in unseen]
    )
    live.update({(one.kind.name, one.remote_id): one for one in asked if one})
    missing = {
        binding.address
        for (binding, remote_id), one in zip(unseen, asked, strict=True)
        if one is None and remote_id == binding.remote_id
    }
    gone = {one.address: one.remote_id for one in bindings if one.address in missing}
    return Account(tuple(_dangling(live[key], gone) for key in sorted(live)), frozenset(missing))


def promoted(api: Reader, kinds: Mapping[str, ResourceKind], bindings: Sequence[Binding]) -> tuple[Binding, ...]:
    """Bindings as they are once the new halves of replacements that have become usable stand for their addresses."""
    return tuple(_promoted(api, kinds[one.address.kind], one) if one.successor else one for one in bindings)


def users(
    api: Reader,
    kinds: Mapping[str, ResourceKind],
    kind: ResourceKind,
    remote_id: str,
    address: Address | None,
    lens: Lens,
) -> tuple[str, ...]:
    """Who refers to an object now, anyone's: read afresh, right before it is deleted."""
    found = []
    for referring in kinds.values():
        if any(declared.refers_to == kind.name for declared in referring.fields.values()):
            for one in listed(api, referring, lens):
                if any(leaf in (remote_id, address) for _, leaf in leaves(one.body) if leaf is not None):
                    found.append(str(one.address or f"{referring.name} {one.remote_id}"))  # noqa: PERF401 - reads better
    return tuple(sorted(found))


def _promoted(api: Reader, kind: ResourceKind, binding: Binding) -> Binding:
    try:
        successor = read(api, kind, binding.successor, Lens({}, NO_KEY))
    except Gone:
        return replace(binding, successor="", successor_spec={})
    if successor.status not in kind.usable:
        return binding
    return replace(
        binding,
        remote_id=binding.successor,
        applied=binding.successor_spec,
        successor="",
        successor_spec={},
        retired=(*binding.retired, binding.remote_id),
        answered={},
        unconfirmed=MADE,
        created_at=successor.created,
    )


def listed(api: Reader, kind: ResourceKind, lens: Lens) -> Iterable[Live]:
    """Every object of a kind that is not stock."""
    items = api.list(kind.collection, first_page=kind.first_page, query=kind.list_query, id_fields=kind.id_fields)
    for raw in items:
        if kind.stock(raw):
            continue
        if kind.whole and not isinstance(raw.get(kind.whole), list):
            yield read(api, kind, kind.id_of(raw), lens)
        else:
            yield lens.view(kind, raw)


def _dangling(one: Live, gone: Mapping[Address, str]) -> Live:
    """An object whose references to what is gone are ids: its address will mean another object."""
    if not gone:
        return one
    body = map_leaves(one.body, lambda leaf: gone.get(leaf, leaf) if isinstance(leaf, Address) else leaf)
    return replace(one, body=body, address=None if one.address in gone else one.address)


def _ask(api: Reader, kind: ResourceKind, remote_id: str, lens: Lens) -> Live | None:
    try:
        return read(api, kind, remote_id, lens)
    except Gone:
        return None


def _all(api: Reader, kind: ResourceKind, lens: Lens) -> Sequence[Live | Desired]:
    return tuple(listed(api, kind, lens))


def _external(api: Reader, item: Desired, lens: Lens) -> Sequence[Live | Desired]:
    """An external object; what was desired when there is none."""
    try:
        return (read(api, item.kind, item.external_id, lens),)
    except Gone:
        return (item,)


def _refuse_lost(externals: Iterable[Desired]) -> None:
    complaints = []
    for item in externals:
        message = f"{item.address} is external, and the account has no {item.address.kind} {item.external_id}"
        hint = "check the id, or the API key: objects of another account cannot be seen"
        complaints.append(Complaint("TV125", message, item.source, hint, item.address))
    if complaints:
        raise ConfigError(complaints)


def _unwrapped(kind: ResourceKind, raw: Document) -> Document:
    """The object itself, also when it comes in the documented `data` envelope."""
    if kind.id_of(raw):
        return raw
    inner = raw.get("data")
    if isinstance(inner, list) and len(inner) == 1:
        inner = inner[0]
    return inner if isinstance(inner, dict) and kind.id_of(inner) else raw
