"""`tavusctl state pull|push|unlock`: the state as a whole, and its lock."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import click
from msgspec.structs import replace

from tavusctl.cli import keyring
from tavusctl.cli.local import LocalSession, local_options, say
from tavusctl.cli.locking import lock_timeout
from tavusctl.cli.output import print_record
from tavusctl.custody import Custody, Trust, judged, opened
from tavusctl.errors import StateError
from tavusctl.ports import State, Store
from tavusctl.stores import open_store
from tavusctl.stores.codec import decode, encode
from tavusctl.stores.file import LIMIT
from tavusctl.stores.holder import printable
from tavusctl.stores.shelf import RUNS, newest_serial

_older = click.option("--allow-older", is_flag=True, help="Agree to a state that was put back from a backup.")


@click.command("pull")
@_older
@local_options
def pull(session: LocalSession, *, allow_older: bool) -> int:
    """Print the state as JSON, such as for a backup."""
    print_record(encode(store_of(session).read(older=allow_older)).decode(), "a copy of the state")
    return 0


@click.command("push")
@click.argument("file", type=click.Path(dir_okay=False, exists=True, path_type=Path))
@_older
@lock_timeout
@local_options
def push(session: LocalSession, *, file: Path, allow_older: bool, lock_timeout: float) -> int:
    """Replace the state by FILE, from `state pull`; an older state, or that of something else, is refused.

    With --allow-older, what was done after FILE was written is forgotten: objects made since are nobody's, and the
    next plan shows what of them has the names of manifests.
    """
    try:
        with file.open("rb") as opened:
            content = opened.read(LIMIT + 1)
        if len(content) > LIMIT:
            message = f"{file} is larger than {LIMIT // 1024**2} MiB, so it is no state that tavusctl wrote"
            raise StateError(message, "give the file that state pull wrote", id="E903")
        pushed = decode(content, str(file))
    except OSError as error:
        message = f"cannot read {file}: {error.strerror}"
        raise StateError(message, "check its path and rights", id="E903") from None
    store = store_of(session)
    with store.lock(lock_timeout, "state push"):
        check_settled(store)
        known, custody = (
            store.read(older=allow_older),
            judged(pushed, (), keyring.keys_at_hand(session.environment)).custody,
        )
        if pushed == known and not allow_older:
            say(session, f"the state is already that of {file}, serial {known.serial}")
            return 0
        _check_lineage(pushed, known, file)
        if allow_older:
            newest = newest_serial(known.lineage, store.shelf.names(RUNS))
            pushed = _renumbered(pushed, max(pushed.serial, known.serial, newest) + 1, custody)
        _check_successor(pushed, known, file)
        store.write(pushed)
    say(session, f"the state is now that of {file}, serial {pushed.serial}")
    return 0


@click.command("unlock")
@click.argument("owner", metavar="ID")
@click.option("--holder-is-dead", "dead", metavar="HOLDER", default="", help="Repeat the name of a holder just heard.")
@local_options
def unlock(session: LocalSession, *, owner: str, dead: str) -> int:
    """Free the lock of a run that is no more.

    ID is shown to every run that is refused the lock.  A lock that has missed its heartbeats frees itself; a holder
    that was heard just now is freed only when its name is repeated.

    \b
    tavusctl state unlock 0f3a... --holder-is-dead build-7:4711
    """  # noqa: D301
    store_of(session).unlock(owner, dead=dead)
    say(session, f"the lock {printable(owner)} is free; run tavusctl plan to see where things stand")
    return 0


def store_of(session: LocalSession) -> Store:
    """The store of the environment."""
    return open_store(session.environment.state, session.root, session.environment.name)


def to_write(session: LocalSession, store: Store) -> tuple[State, Callable[[State], State]]:
    """The state for a command that changes it, and what seals it; the store must be locked."""
    check_settled(store)
    found = opened(store, keyring.keys(session.environment))
    found.custody.check_trusted()
    return found.replay.state, found.custody.sealed


def _renumbered(state: State, serial: int, custody: Custody) -> State:
    """A state with another serial; one that was sealed needs a new seal, one that was not gets none."""
    if custody.trust is Trust.FOREIGN:
        custody.check_trusted()
    return custody.sealed(replace(state, serial=serial))


def check_settled(store: Store) -> None:
    """Refuse while an interrupted run has left records that the state does not have yet."""
    if store.journal():
        message = "a run was interrupted, and its journal has what the state does not have yet"
        raise StateError(message, "run tavusctl apply first: it settles the journal", id="E913")


def _check_lineage(pushed: State, known: State, file: Path) -> None:
    if known.serial and pushed.lineage != known.lineage:  # else nothing was ever written here
        message = f"{file} is of another lineage: it is not a copy of this state"
        hint = "check the environment; to begin anew from that file, point `state` at a place that is empty"
        raise StateError(message, hint, id="E904")


def _check_successor(pushed: State, known: State, file: Path) -> None:
    if known.serial and pushed.serial <= known.serial:
        message = (
            f"{file} has serial {pushed.serial}, and the state is at {known.serial}: it would forget what was done"
        )
        hint = "pull the state again, and bind what is missing with tavusctl import; or add --allow-older"
        raise StateError(message, hint, id="E904")
