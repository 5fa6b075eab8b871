"""Bind the functions of other stages that an apply calls to its plan."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import replace

from tavusctl.core.address import Address
from tavusctl.core.model import Live
from tavusctl.core.ports import Reader
from tavusctl.core.resource_kind import ResourceKind
from tavusctl.engine import apply, diff
from tavusctl.engine.account import observe
from tavusctl.engine.compare import match_create
from tavusctl.engine.compare.match_create import Sent, Sight
from tavusctl.engine.compare.three_way import kept
from tavusctl.engine.prepared_plan import Kinds, PreparedPlan
from tavusctl.state.recorder import Recorder


def dependencies(
    prepared: PreparedPlan, kinds: Kinds, api: Reader, recorder: Recorder, keep: apply.Keep, link: apply.Link
) -> apply.Dependencies:
    """The functions of other stages that an apply calls, bound to the plan that it carries out."""
    lens = observe.lens(
        kinds, recorder.ids, prepared.custody.prints, recorder.state.bindings.values(), prepared.desired
    )

    def look(kind: ResourceKind, remote_id: str) -> Live:
        return observe.read(api, kind, remote_id, lens)

    def users(kind: ResourceKind, remote_id: str, address: Address | None) -> Sequence[str]:
        return observe.users(api, kinds, kind, remote_id, address, lens)

    def listed(kind: ResourceKind) -> tuple[Live, ...]:
        # Successors and old versions of replacements are ours as well as the objects that are bound now.
        managed_ids = {**observe.halves(recorder.state.bindings.values()), **recorder.ids}
        return tuple(observe.listed(api, kind, replace(lens, ids=managed_ids)))

    def find(sent: Sent, known_ids: Sequence[str]) -> Sight:
        live = listed(sent.kind)
        newest = max((obj.created for obj in live), default="")
        return Sight(match_create.found(sent, live, frozenset(known_ids)), newest)

    def twins(sent: Sent, known_ids: Sequence[str]) -> tuple[Live, ...]:
        return match_create.twins(sent, listed(sent.kind), frozenset(known_ids))

    return apply.Dependencies(look, users, diff.with_applied, kept, find, twins, kinds.__getitem__, keep, link)
