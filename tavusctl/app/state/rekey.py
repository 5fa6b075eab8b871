"""Let an API key check and seal the state."""

from __future__ import annotations

import json

from msgspec import Struct
from msgspec.structs import replace

from tavusctl.app.session.keyring import keys
from tavusctl.app.session.online import Session
from tavusctl.core.ports import State, Store
from tavusctl.engine.account import observe
from tavusctl.engine.safety import account_guard
from tavusctl.kinds import KINDS
from tavusctl.reports.json import FORMAT_VERSION
from tavusctl.secrets.key_wrapping import slot
from tavusctl.state.seals import Keys, SealedState, Trust, judged, taken_over


class RekeyResult(Struct, frozen=True):
    """The result of `state rekey`."""

    state: State
    trust: Trust  # before
    written: bool
    renewed: bool = False
    shut_out: int = 0  # keys that could open the state, and cannot any more


def rekey(session: Session, old_key_env: str, lock_timeout: float, *, renew: bool) -> RekeyResult:
    """Make the seals of the state with the present API key; with `renew`, with a new key of its own."""
    store, known = session.store(), keys(session, old_key_env)
    with store.lock(lock_timeout, "state rekey"):
        return _rekey(session, store, known, renew=renew)


def _rekey(session: Session, store: Store, known: Keys, *, renew: bool) -> RekeyResult:
    state, lines = store.read(), store.journal()
    found = judged(state, lines, known)
    trust = found.custody.trust
    if trust is Trust.NEW:
        return RekeyResult(state, trust, written=False)
    _check_account(session, state, found)
    if trust is Trust.SEALED and not renew:
        behind = found.custody.is_behind(state)
        if behind:  # it keeps its serial: whatever was planned on it, a plan file for one, is as good as before
            store.write(found.custody.sealed(state))
        return RekeyResult(state, trust, written=behind)
    # The journal says which serial it goes on from: the state it belongs to keeps that one.
    new, _ = taken_over(replace(state, serial=state.serial + (not lines)), lines, known)
    store.write(new)
    shut_out = state.keys.keys() - new.keys.keys() - {slot(known.former, state.lineage)}
    return RekeyResult(new, trust, written=True, renewed=True, shut_out=len(shut_out))


def _check_account(session: Session, state: State, found: SealedState) -> None:
    """Refuse a key that does not see the objects of the state: it is of another account."""
    bindings = tuple(state.bindings.values())
    lens = observe.Decoder(observe.known_ids(bindings), found.custody.prints)
    with session.reader() as api:
        missing = observe.snapshot(api, KINDS, (), bindings, lens).missing
    account_guard.check(state, session.environment, session.api_key, bound=len(bindings), missing=len(missing))


def text(done: RekeyResult) -> str:
    """What became of the state, for people."""
    if done.trust is Trust.NEW:
        return "no state yet: the first apply generates its key\n"
    if not done.written:
        return "this API key opens the state already\n"
    if not done.renewed:
        return "this API key opens the state from now on\n"
    bound = "".join(f"  {address} {one.remote_id}\n" for address, one in sorted(done.state.bindings.items()))
    return f"the state has a new key and is trusted with {len(done.state.bindings)} objects:\n{bound}"


def document(done: RekeyResult) -> str:
    """The same as JSON."""
    known = {
        "format_version": FORMAT_VERSION,
        "before": done.trust.value,
        "written": done.written,
        "renewed": done.renewed,
        "shut_out": done.shut_out,
        "objects": {str(address): one.remote_id for address, one in sorted(done.state.bindings.items())},
    }
    return json.dumps(known, indent=2, ensure_ascii=False) + "\n"
