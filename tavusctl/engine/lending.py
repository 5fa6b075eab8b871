"""What the other stages lend to apply."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import replace

from tavusctl import lookup
from tavusctl.engine import apply, diff, observe
from tavusctl.engine.reconcile import Kinds, Prepared
from tavusctl.ledger import Ledger
from tavusctl.lookup import Sent, Sight
from tavusctl.model import Address, Live, ResourceKind
from tavusctl.ports import Reader
from tavusctl.threeway import kept


def tools(
    prepared: Prepared, kinds: Kinds, api: Reader, ledger: Ledger, keep: apply.Keep, link: apply.Link
) -> apply.Tools:
    """The means of a run, for the plan that it carries out."""
    lens = observe.lens(kinds, ledger.ids, prepared.custody.prints, ledger.state.bindings.values(), prepared.desired)

    def look(kind: ResourceKind, remote_id: str) -> Live:
        return observe.read(api, kind, remote_id, lens)

    def users(kind: ResourceKind, remote_id: str, address: Address | None) -> Sequence[str]:
        return observe.users(api, kinds, kind, remote_id, address, lens)

    def listed(kind: ResourceKind) -> tuple[Live, ...]:
        # Ids that an address meant before belong to us as those do that it means now.
        known = {**observe.halves(ledger.state.bindings.values()), **ledger.ids}
        return tuple(observe.listed(api, kind, replace(lens, ids=known)))

    def find(sent: Sent, known: Sequence[str]) -> Sight:
        live = listed(sent.kind)
        newest = max((one.created for one in live), default="")
        return Sight(lookup.found(sent, live, frozenset(known)), newest)

    def twins(sent: Sent, known: Sequence[str]) -> tuple[Live, ...]:
        return lookup.twins(sent, listed(sent.kind), frozenset(known))

    return apply.Tools(look, users, diff.remembering, kept, find, twins, kinds.__getitem__, keep, link)
