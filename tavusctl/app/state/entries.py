"""Single bindings of the state: show, forget and rename them."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import replace

from tavusctl.app.session import named_addresses
from tavusctl.app.session.local import LocalSession
from tavusctl.app.state.whole import to_write
from tavusctl.core.address import Address
from tavusctl.core.binding import Binding
from tavusctl.core.errors import StateError, UsageError
from tavusctl.core.json_tree import manifest_notation
from tavusctl.core.messages import suggestion
from tavusctl.core.ports import State
from tavusctl.engine.renames import renamed, unbound
from tavusctl.kinds import canonical_address
from tavusctl.lib.json_types import JsonObject
from tavusctl.state.journal import read_current_state


def bindings(session: LocalSession) -> Sequence[Binding]:
    """All bindings, sorted by address."""
    state = read_current_state(session.store())
    return [state.bindings[address] for address in sorted(state.bindings)]


def describe(session: LocalSession, address: str) -> JsonObject:
    """One binding as JSON, without secrets; StateError if the address is not in the state."""
    binding = _binding(read_current_state(session.store()), address)
    return {
        "address": str(binding.address),
        "id": binding.remote_id,
        "prevent_destroy": binding.prevent_destroy,
        "on_remove": binding.on_remove,
        "successor": binding.successor or None,
        "retired": list(binding.retired),
        "applied": manifest_notation(binding.applied),
    }


def forget(session: LocalSession, addresses: Sequence[str], lock_timeout: float) -> Sequence[Binding]:
    """Remove bindings from the state, and return them; the objects stay in the account."""
    store = session.store()
    with store.lock(lock_timeout, "state rm"):
        state, seal = to_write(session, store)
        forgotten = {_binding(state, address).address for address in addresses}
        remaining = unbound(state.bindings, {address: state.bindings[address].remote_id for address in forgotten})
        store.write(seal(replace(state, serial=state.serial + 1, bindings=remaining)))
    return [state.bindings[address] for address in sorted(forgotten)]


def rename(session: LocalSession, old: str, new: str, lock_timeout: float) -> tuple[Binding, Address]:
    """Give an object another address; return its old binding and its new address."""
    store = session.store()
    with store.lock(lock_timeout, "state mv"):
        state, seal = to_write(session, store)
        binding = _binding(state, old)
        target = _unbound_address(state, binding.address, new)
        bindings = renamed(state.bindings, {binding.address: target})
        store.write(seal(replace(state, serial=state.serial + 1, bindings=bindings)))
    return binding, target


def _unbound_address(state: State, old: Address, text: str) -> Address:
    """The new address, parsed; UsageError or StateError if it is invalid, of another kind, or bound already."""
    new = named_addresses.parse(text)
    if new == old:
        raise UsageError(f"`{old}` and its new address are the same", "name another address")
    if new.kind != old.kind:
        raise UsageError(f"`{old}` cannot become `{new}`: an object cannot change its kind")
    if new in state.bindings:
        message = f"the state has `{new}` already, bound to {state.bindings[new].remote_id}"
        raise StateError(
            message, f"run `tavusctl state rm {new}` first, if that object is no longer to be managed", id="E905"
        )
    return new


def _binding(state: State, text: str) -> Binding:
    canonical_text = canonical_address(text)
    binding = next((one for address, one in state.bindings.items() if str(address) == canonical_text), None)
    if binding is None:
        nothing_known = "the state has no objects; `tavusctl import ADDRESS ID` adds an object of the account"
        hint = suggestion(text, map(str, state.bindings)) or nothing_known
        raise StateError(f"`{text}` is not in the state", hint, id="E907")
    return binding
