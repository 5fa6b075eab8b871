"""Successors of replacements: which of them have come into use."""

from __future__ import annotations

from msgspec.structs import replace

from tavusctl.core.binding import MADE, Binding
from tavusctl.core.errors import Gone
from tavusctl.core.ports import Reader, State
from tavusctl.core.resource_kind import ResourceKind
from tavusctl.engine.account import observe
from tavusctl.kinds import KINDS
from tavusctl.secrets.values import NO_KEY


def finish_replacements(api: Reader, state: State) -> State:
    """A state in which every successor that has become usable is bound to its address."""
    bindings = {
        address: _finish_replacement(api, KINDS[address.kind], binding) if binding.successor else binding
        for address, binding in state.bindings.items()
    }
    return replace(state, bindings=bindings)


def _finish_replacement(api: Reader, kind: ResourceKind, binding: Binding) -> Binding:
    plain = observe.Decoder({}, NO_KEY)
    try:
        successor = observe.read(api, kind, binding.successor, plain)
    except Gone:  # one wrong 404 must not leave a new version behind that no binding records
        return binding if observe.is_listed(api, kind, binding.successor) else binding.without_successor()
    if successor.status not in kind.ready_statuses:
        return binding
    return replace(
        binding.without_successor(),
        remote_id=binding.successor,
        applied=binding.successor_spec,
        externals=binding.successor_externals,
        retired=(*binding.retired, binding.remote_id),
        answered={},
        not_live={},
        unconfirmed=MADE,
        created_at=successor.created,
    )
