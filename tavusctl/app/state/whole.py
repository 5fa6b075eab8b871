"""The state as a whole: open it, replace it, and check it before it is changed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from msgspec.structs import replace

from tavusctl.app.session import keyring
from tavusctl.app.session.local import LocalSession
from tavusctl.core.errors import RefusedError, StateError
from tavusctl.core.ports import ArtifactStore, State, Store
from tavusctl.lib.private_files import LIMIT
from tavusctl.state.artifacts import RUNS, TRASH, newest_serial, runs_of
from tavusctl.state.codec import decode
from tavusctl.state.file.store import FileStore
from tavusctl.state.seals import Seals, Trust, open_state, verify


def push(session: LocalSession, file: Path, lock_timeout: float, *, allow_older: bool) -> tuple[State, bool]:
    """Replace the state by that of a file, and copy the run records beside the file.

    Return the state, and whether it was written: an equal state is not.
    """
    pushed = _read(file)
    store, source = session.store(), FileStore(file)
    check_settled(source)
    owners = session.others_with_warnings().owners
    with store.lock(lock_timeout, "state push"):
        check_settled(store)
        current = store.read(older=allow_older)
        seals = verify(pushed, (), keyring.available_keys(session)).seals
        if pushed == current and not allow_older:
            _copy_records(source.artifacts, store.artifacts, pushed.lineage)
            return current, False
        _check_lineage(pushed, current, file)
        _check_owners(pushed, current, owners, file)
        if allow_older:
            newest = newest_serial(current.lineage, store.artifacts.names(RUNS))
            pushed = _renumbered(pushed, max(pushed.serial, current.serial, newest) + 1, seals)
        _check_successor(pushed, current, file)
        store.write(pushed)
        _copy_records(source.artifacts, store.artifacts, pushed.lineage)
    return pushed, True


def _copy_records(source: ArtifactStore, target: ArtifactStore, lineage: str) -> None:
    """Copy the run records of a lineage, and the deleted bodies that they refer to: `undo` needs both."""
    runs = runs_of(lineage, source.names(RUNS))
    bodies = [name for name in source.names(TRASH) if name.split("/")[1] in runs]
    existing = {*target.names(RUNS), *target.names(TRASH)}
    for name in (*runs.values(), *bodies):
        content = None if name in existing else source.get(name)
        if content is not None:
            target.put(name, content)


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


def to_write(session: LocalSession, store: Store) -> tuple[State, Callable[[State], State]]:
    """The state for a command that changes it, and the function that seals it; the store must be locked.

    StateError if a journal is left, or if the state is not trusted.
    """
    check_settled(store)
    sealed_state = open_state(store, keyring.keys(session))
    sealed_state.seals.check_trusted()
    return sealed_state.replay.state, sealed_state.seals.sealed


def _renumbered(state: State, serial: int, seals: Seals) -> State:
    """A state with another serial, sealed again if it was sealed; StateError if its key is not available."""
    if seals.trust is Trust.FOREIGN:
        seals.check_trusted()
    return seals.sealed(replace(state, serial=serial))


def check_settled(store: Store) -> None:
    """StateError if the journal of an interrupted run is not merged into the state yet."""
    if store.journal():
        message = "a run was interrupted, and its journal is not merged into the state yet"
        raise StateError(message, "run `tavusctl apply` first, which merges the journal", id="E913")


def _check_lineage(pushed: State, current: State, file: Path) -> None:
    if current.serial and pushed.lineage != current.lineage:  # serial 0: nothing was ever written here
        message = f"`{file}` has another lineage: it is not a copy of this state"
        hint = "check the environment; to start from that file, set `state:` to an empty place"
        raise StateError(message, hint, id="E904")


def _check_owners(pushed: State, current: State, owners: Mapping[str, str], file: Path) -> None:
    """Refuse a state that binds an object of another environment, unless this environment has bound it already."""
    known_ids = {remote_id for binding in current.bindings.values() for remote_id in binding.ids}
    for binding in pushed.bindings.values():
        for remote_id in binding.ids:
            if remote_id in owners and remote_id not in known_ids:
                message = (
                    f"`{file}` binds {remote_id}, which is {owners[remote_id]}: "
                    "an object can be bound in one environment only"
                )
                hint = "check `--env`; if that environment was renamed, remove its old name from tavusctl.yaml first"
                raise RefusedError(message, hint, id="E425")


def _check_successor(pushed: State, current: State, file: Path) -> None:
    if current.serial and pushed.serial <= current.serial:
        message = (
            f"`{file}` has serial {pushed.serial}, older than {current.serial} of the state, "
            "and would lose the changes since"
        )
        hint = (
            "pull the state again, and import missing objects with `tavusctl import --match-names`; "
            "or add `--allow-older`"
        )
        raise StateError(message, hint, id="E904")
