"""Enrol an API key, so that it can check and make seals of the state."""

from __future__ import annotations

from msgspec import Struct
from msgspec.structs import replace

from tavusctl.app.session.keyring import keys
from tavusctl.app.session.online import Session
from tavusctl.core.messages import counted
from tavusctl.core.ports import State, Store
from tavusctl.engine.account import observe
from tavusctl.engine.safety import account_guard
from tavusctl.reports.json import result_text
from tavusctl.secrets.key_wrapping import slot
from tavusctl.state.seals import Keys, SealedState, Trust, accept, verify


class RekeyResult(Struct, frozen=True):
    """The result of `state rekey`."""

    state: State
    trust: Trust  # before
    written: bool
    renewed: bool = False
    shut_out: int = 0  # the number of keys that can no longer open the state


def rekey(session: Session, old_key_env: str, lock_timeout: float, *, renew: bool) -> RekeyResult:
    """Let the current API key check and make seals of the state; with `renew`, give the state a new random key, too."""
    store, available_keys = session.store(), keys(session, old_key_env)
    with store.lock(lock_timeout, "state rekey"):
        return _rekey(session, store, available_keys, renew=renew)


def _rekey(session: Session, store: Store, available_keys: Keys, *, renew: bool) -> RekeyResult:
    state, journal = store.read_both()
    sealed_state = verify(state, journal, available_keys)
    trust = sealed_state.seals.trust
    if trust is Trust.NEW:
        return RekeyResult(state, trust, written=False)
    _check_account(session, state, sealed_state)
    if trust is Trust.SEALED and not renew:
        behind = sealed_state.seals.is_behind(state)
        if behind:  # the serial stays the same, so a plan file for this state is still valid
            store.write(sealed_state.seals.sealed(state))
        return RekeyResult(state, trust, written=behind)
    # The journal names the serial of the state that it belongs to: with a journal, the serial stays the same.
    new, _ = accept(replace(state, serial=state.serial + (not journal)), journal, available_keys)
    store.write(new)
    shut_out = state.keys.keys() - new.keys.keys() - {slot(available_keys.former, state.lineage)}
    return RekeyResult(new, trust, written=True, renewed=True, shut_out=len(shut_out))


def _check_account(session: Session, state: State, sealed_state: SealedState) -> None:
    """Refuse an API key with which the bound objects cannot be read: it belongs to another account."""
    bindings = tuple(state.bindings.values())
    decoder = observe.Decoder(observe.known_ids(bindings), sealed_state.seals.fingerprint_key)
    with session.reader() as api:
        missing = observe.snapshot(api, (), bindings, decoder, state.bindings.keys()).missing
    account_guard.check(state, session.environment, session.api_key, bound=len(bindings), missing=len(missing))


def text(result: RekeyResult) -> str:
    """The result as text."""
    if result.trust is Trust.NEW:
        return "no state yet: the first apply generates its key\n"
    if not result.written:
        return "this API key opens the state already\n"
    if not result.renewed:
        return "this API key opens the state from now on\n"
    bound = "".join(f"  {address} {binding.remote_id}\n" for address, binding in sorted(result.state.bindings.items()))
    return f"the state has a new key and is trusted with {counted(len(result.state.bindings), 'object')}:\n{bound}"


def document(result: RekeyResult) -> str:
    """The result as JSON."""
    return result_text(
        before=result.trust.value,
        written=result.written,
        renewed=result.renewed,
        shut_out=result.shut_out,
        objects={str(address): binding.remote_id for address, binding in sorted(result.state.bindings.items())},
    )
