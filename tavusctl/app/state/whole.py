"""The state as a whole: opened, replaced, checked before it is changed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from msgspec.structs import replace

from tavusctl.app.session import keyring
from tavusctl.app.session.local import LocalSession
from tavusctl.core.errors import StateError
from tavusctl.core.ports import ArtifactStore, State, Store
from tavusctl.state.artifacts import RUNS, TRASH, newest_serial, runs_of
from tavusctl.state.codec import decode
from tavusctl.state.file.state_version import LIMIT
from tavusctl.state.file.store import FileStore
from tavusctl.state.seals import Seals, Trust, judged, opened
from tavusctl.state.stores import open_store


def push(session: LocalSession, file: Path, lock_timeout: float, *, allow_older: bool) -> tuple[State, bool]:
    """Replace the state by that of a file, and keep the records beside it; the state, and whether it was written."""
    pushed = _read(file)
    store, beside = store_of(session), FileStore(file)
    check_settled(beside)
    with store.lock(lock_timeout, "state push"):
        check_settled(store)
        known = store.read(older=allow_older)
        custody = judged(pushed, (), keyring.keys_at_hand(session)).custody
        if pushed == known and not allow_older:
            _carry(beside.shelf, store.shelf, pushed.lineage)
            return known, False
        _check_lineage(pushed, known, file)
        if allow_older:
            newest = newest_serial(known.lineage, store.shelf.names(RUNS))
            pushed = _renumbered(pushed, max(pushed.serial, known.serial, newest) + 1, custody)
        _check_successor(pushed, known, file)
        store.write(pushed)
        _carry(beside.shelf, store.shelf, pushed.lineage)
    return pushed, True


def _carry(beside: ArtifactStore, shelf: ArtifactStore, lineage: str) -> None:
    """Keep what `undo` needs where the state is now: a state that moves takes the records of its runs along."""
    runs = runs_of(lineage, beside.names(RUNS))
    bodies = [name for name in beside.names(TRASH) if name.split("/")[1] in runs]
    known = {*shelf.names(RUNS), *shelf.names(TRASH)}
    for name in (*runs.values(), *bodies):
        content = None if name in known else beside.get(name)
        if content is not None:
            shelf.put(name, content)


def _read(file: Path) -> State:
    try:
        with file.open("rb") as opened_file:
            content = opened_file.read(LIMIT + 1)
        if len(content) > LIMIT:
            message = f"`{file}` is larger than {LIMIT // 1024**2} MiB, so it is not a state of tavusctl"
            raise StateError(message, "use a file that `tavusctl state pull` wrote", id="E903")
        return decode(content, str(file))
    except OSError as error:
        message = f"cannot read `{file}`: {error.strerror}"
        raise StateError(message, "check its path and permissions", id="E903") from None


def store_of(session: LocalSession) -> Store:
    """The store of the environment."""
    return open_store(session.environment.state, session.root, session.environment.name)


def to_write(session: LocalSession, store: Store) -> tuple[State, Callable[[State], State]]:
    """The state for a command that changes it, and what seals it; the store must be locked."""
    check_settled(store)
    found = opened(store, keyring.keys(session))
    found.custody.check_trusted()
    return found.replay.state, found.custody.sealed


def _renumbered(state: State, serial: int, custody: Seals) -> State:
    """A state with another serial; one that was sealed needs a new seal, one that was not gets none."""
    if custody.trust is Trust.FOREIGN:
        custody.check_trusted()
    return custody.sealed(replace(state, serial=serial))


def check_settled(store: Store) -> None:
    """Refuse while an interrupted run has left records that the state does not have yet."""
    if store.journal():
        message = "a run was interrupted, and its journal is not merged into the state yet"
        raise StateError(message, "run `tavusctl apply` first, which merges the journal", id="E913")


def _check_lineage(pushed: State, known: State, file: Path) -> None:
    if known.serial and pushed.lineage != known.lineage:  # else nothing was ever written here
        message = f"`{file}` has another lineage: it is not a copy of this state"
        hint = "check the environment; to start from that file, set `state:` to an empty place"
        raise StateError(message, hint, id="E904")


def _check_successor(pushed: State, known: State, file: Path) -> None:
    if known.serial and pushed.serial <= known.serial:
        message = (
            f"`{file}` has serial {pushed.serial}, older than {known.serial} of the state, "
            "and would lose the changes since"
        )
        hint = "pull the state again, and import missing objects with `tavusctl import`; or add `--allow-older`"
        raise StateError(message, hint, id="E904")
