"""`tavusctl state rekey`: let an API key check and seal the state."""

from __future__ import annotations

import json

import click
from msgspec import Struct
from msgspec.structs import replace

from tavusctl.cli.keyring import keys
from tavusctl.cli.local import say
from tavusctl.cli.locking import lock_timeout
from tavusctl.cli.session import Session, options
from tavusctl.custody import Keys, Opened, Trust, judged, taken_over
from tavusctl.engine import observe, owner
from tavusctl.kinds import KINDS
from tavusctl.ports import State, Store
from tavusctl.reports.json import FORMAT_VERSION
from tavusctl.wrapping import slot


class Rekeyed(Struct, frozen=True):
    """What became of a state."""

    state: State
    trust: Trust  # before
    written: bool
    renewed: bool = False
    shut_out: int = 0  # keys that could open the state, and cannot any more


@click.command("rekey")
@click.option(
    "--old-key-env", metavar="NAME", default="", help="The variable with an API key that opens the state now."
)
@click.option("--renew", is_flag=True, help="Make a new key of the state, such as after an API key was stolen.")
@click.option("-f", "--format", "format_", type=click.Choice(["text", "json"]), default="text", help="Output format.")
@lock_timeout
@options
def rekey(session: Session, *, old_key_env: str, renew: bool, format_: str, lock_timeout: float) -> int:
    """Let the present API key open the state: check its seal, make new ones, compare secrets.

    With a key at hand that opens it already (TAVUS_API_KEY_OLD, --old-key-env, TAVUSCTL_FINGERPRINT_KEY), nothing else
    changes.  Without one, the state is taken as it is, so look at `state list` first: it gets a new key, other API keys
    have to be enrolled again, and secrets that cannot be read count as what the manifests say now.

    \b
    tavusctl state rekey
    OLD=... tavusctl state rekey --old-key-env OLD
    """  # noqa: D301
    store, known = session.store(), keys(session.environment, old_key_env)
    with store.lock(lock_timeout, "state rekey"):
        done = _rekey(session, store, known, renew=renew)
    click.echo(_document(done) if format_ == "json" else _text(done), nl=False)
    if done.renewed and done.shut_out:
        say(session, f"{done.shut_out} other keys can no longer open it: run state rekey with each, and --old-key-env")
    return 0


def _rekey(session: Session, store: Store, known: Keys, *, renew: bool) -> Rekeyed:
    state, lines = store.read(), store.journal()
    found = judged(state, lines, known)
    trust = found.custody.trust
    if trust is Trust.NEW:
        return Rekeyed(state, trust, written=False)
    _check_account(session, state, found)
    if trust is Trust.SEALED and not renew:
        behind = found.custody.is_behind(state)
        if behind:  # it keeps its serial: whatever was planned on it, a plan file for one, is as good as before
            store.write(found.custody.sealed(state))
        return Rekeyed(state, trust, written=behind)
    # The journal says which serial it goes on from: the state it belongs to keeps that one.
    new, _ = taken_over(replace(state, serial=state.serial + (not lines)), lines, known)
    store.write(new)
    shut_out = state.keys.keys() - new.keys.keys() - {slot(known.former, state.lineage)}
    return Rekeyed(new, trust, written=True, renewed=True, shut_out=len(shut_out))


def _check_account(session: Session, state: State, found: Opened) -> None:
    """Refuse a key that does not see the objects of the state: it is of another account."""
    bindings = tuple(state.bindings.values())
    lens = observe.Lens(observe.known_ids(bindings), found.custody.prints)
    with session.reader() as api:
        missing = observe.snapshot(api, KINDS, (), bindings, lens).missing
    owner.check(state, session.environment, session.api_key, bound=len(bindings), missing=len(missing))


def _text(done: Rekeyed) -> str:
    if done.trust is Trust.NEW:
        return "there is no state yet: the first apply makes its key\n"
    if not done.written:
        return "this API key opens the state already\n"
    if not done.renewed:
        return "this API key opens the state from now on\n"
    bound = "".join(f"  {address} {one.remote_id}\n" for address, one in sorted(done.state.bindings.items()))
    return f"the state has a new key, and counts as ours with {len(done.state.bindings)} objects:\n{bound}"


def _document(done: Rekeyed) -> str:
    document = {
        "format_version": FORMAT_VERSION,
        "before": done.trust.value,
        "written": done.written,
        "renewed": done.renewed,
        "shut_out": done.shut_out,
        "objects": {str(address): one.remote_id for address, one in sorted(done.state.bindings.items())},
    }
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"
