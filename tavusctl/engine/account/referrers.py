"""Find what refers to an object, also in parts that a listing does not show."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from functools import partial

from msgspec.structs import replace

from tavusctl.core.address import Address, ObjectKey
from tavusctl.core.binding import Binding
from tavusctl.core.model import Live
from tavusctl.core.ports import Reader
from tavusctl.core.resource_kind import ResourceKind
from tavusctl.engine.account.observe import AccountSnapshot, Decoder, find, listed
from tavusctl.engine.compare.references import uses
from tavusctl.kinds import KINDS
from tavusctl.lib.concurrency import run_all


def users(
    api: Reader, kind: ResourceKind, remote_id: str, address: Address | None, decoder: Decoder
) -> tuple[str, ...]:
    """Which objects refer to an object now, managed or not: addresses, or kinds and ids.  Read before a delete."""
    referring = (one for one in KINDS.values() if any(each.refers_to == kind.name for each in one.fields.values()))
    objects = [live for one in referring for live in listed(api, one, decoder, needed=False)]
    referrers = [live for live in _complete(api, objects, {kind.name}, decoder) if uses(live, address, remote_id)]
    return tuple(sorted(str(live.address or f"{live.kind.name} {live.remote_id}") for live in referrers))


def with_referring_parts(
    api: Reader,
    account: AccountSnapshot,
    staying: AbstractSet[Address],
    bindings: Iterable[Binding],
    decoder: Decoder,
    whole: AbstractSet[Address] = frozenset(),
) -> AccountSnapshot:
    """A snapshot with all parts that may refer to objects which have to be deleted: bound ones that are not `staying`.

    The objects of `whole` have every part that may refer to others.
    """
    leaving = {one.address.kind for one in bindings if one.address not in staying or one.other_versions}
    decoder = replace(decoder, ids=account.ids)
    of_whole = [one for one in account.live if one.address in whole]
    every_kind = {declared.refers_to for one in of_whole for declared in one.kind.fields.values()}
    others = [one for one in account.live if one.address not in whole]
    live = [*_complete(api, of_whole, every_kind, decoder), *_complete(api, others, leaving, decoder)]
    return replace(account, live=tuple(live), ids_with_secrets=account.ids_with_secrets | decoder.ids_with_secrets)


def _complete(api: Reader, live: Sequence[Live], targets: AbstractSet[str], decoder: Decoder) -> Iterator[Live]:
    """The objects with their parts that may refer to kinds of `targets`, read by id where a listing lacks these."""
    lacking: dict[str, list[Live]] = {}
    for one in live:
        if _lacks_part(one, targets):
            lacking.setdefault(one.kind.name, []).append(one)
    read = {key: found for objects in lacking.values() for key, found in _read(api, objects, targets, decoder)}
    for one in live:
        if found := read.get(one.key, one):
            yield found


def _read(
    api: Reader, objects: Sequence[Live], targets: AbstractSet[str], decoder: Decoder
) -> Iterator[tuple[ObjectKey, Live | None]]:
    """Objects of one kind, read by id, with their kind and id; None for one that was deleted meanwhile.

    If the API of the account does not have the part, it is not in the first object that is read, and the rest is not
    read.
    """
    for index, one in enumerate(objects):
        first = find(api, one.kind, one.remote_id, decoder)
        yield one.key, first
        if first:
            rest = [] if _lacks_part(first, targets) else objects[index + 1 :]
            reads = run_all([partial(find, api, each.kind, each.remote_id, decoder) for each in rest])
            yield from zip((each.key for each in rest), reads, strict=True)
            return


def _lacks_part(one: Live, targets: AbstractSet[str]) -> bool:
    """Whether an object was shown without a part that may refer to an object of these kinds."""
    return any(
        part.path
        and part.spec_path[0] not in one.body
        and any(
            declared.refers_to in targets and pointer.startswith(f"{part.pointer}/")
            for pointer, declared in one.kind.fields.items()
        )
        for part in one.kind.parts
    )
