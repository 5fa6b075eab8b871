"""What past applies did: the journals of runs that have ended, kept for `undo`."""

from __future__ import annotations

import contextlib
import hmac
import json
from collections.abc import Callable, Iterator, Mapping, Sequence

from msgspec import Struct, field

from tavusctl.core.errors import StateError, TavusctlError
from tavusctl.core.ports import ArtifactStore
from tavusctl.lib.json_types import JsonObject, as_integer, as_object, as_text
from tavusctl.lib.strict_json import strict_json
from tavusctl.secrets import redaction
from tavusctl.state import journal
from tavusctl.state.artifacts import RUNS, TRASH, run_name, runs_of
from tavusctl.state.journal import FinishedRun
from tavusctl.state.seals import Seals
from tavusctl.state.serialization import leaves_in

KEPT_RUNS = 20
KEPT_SECONDS = 30 * 24 * 3600


class RunRecords(Struct):
    """The records of runs, one file each, and the bodies they deleted, beside the state; no secret is in them."""

    shelf: ArtifactStore
    kept: list[str] = field(default_factory=list)  # runs that were put here by this process
    withheld: dict[str, Sequence[str]] = field(default_factory=dict)  # of these only that they were, and why

    def keep(self, records: Sequence[bytes]) -> None:
        """Put the records of ended runs here; without room for them they cannot be reversed, and are still done."""
        for run in _runs(records):
            if not any(record["is"] in ("intent", "forget") for record in map(_record, run)):
                continue
            begin = _record(run[0])
            lineage, serial, identity = as_text(begin["lineage"]), as_integer(begin["serial"]), as_text(begin["run"])
            name = run_name(lineage, serial, identity)
            text = "".join(f"{record.decode()}\n" for record in run)
            held = redaction.names_in(text)
            if held:  # redacted, it would do harm: undo would write the redacted text into the account
                self.withheld[identity] = held
                text = f"{journal.withheld(run[0], held).decode()}\n"
            with contextlib.suppress(TavusctlError, OSError):
                self.shelf.put(name, text.encode())
                self.kept.append(identity)
                self._clear_out(lineage, name)

    def past(self, lineage: str, run: str, check: Callable[[Sequence[bytes]], None]) -> FinishedRun:
        """What one run did; StateError when nothing is known of it, or `check` refuses its records."""
        name = runs_of(lineage, self.shelf.names(RUNS)).get(run)
        found = _read(self.shelf, name) if name else None
        if found and found.withheld:  # nothing is done by what it says; its one record follows none
            names = ", ".join(found.withheld)
            message = f"the run `{run}` has no record, which would have contained the value of {names}"
            raise StateError(message, "revert the manifests and apply them instead", id="E935")
        if found and name:
            check((self.shelf.get(name) or b"").splitlines())
        if found is None or found.run != run:
            message = f"unknown run `{run}` of this state"
            raise StateError(message, "run `tavusctl undo` to list the runs that can be undone", id="E934")
        return found

    def all(self, lineage: str) -> list[FinishedRun]:
        """The runs of a state, newest first."""
        names = runs_of(lineage, self.shelf.names(RUNS)).values()
        return [past for past in (_read(self.shelf, name) for name in names) if past]

    def bodies(self, run: str, custody: Seals) -> dict[str, JsonObject]:
        """The bodies of what a run deleted, by id; what cannot be read, or has no right seal, counts as not there."""
        found: dict[str, JsonObject] = {}
        for name in sorted(self.shelf.names(f"{TRASH}/{run}")):
            with contextlib.suppress(ValueError, KeyError, TypeError, StateError):
                document = as_object(strict_json(self.shelf.get(name) or b""))
                mac = as_text(document.pop("mac"))
                if mac and hmac.compare_digest(mac, custody.mark([run, document])):
                    found[as_text(document["id"])] = as_object(leaves_in(document["body"]))
        return found

    def _clear_out(self, lineage: str, newest: str) -> None:
        """Remove what is old: all but the newest runs of the state, and what was deleted a month ago."""
        known, trash = self.shelf.names(RUNS), self.shelf.names(TRASH)
        # By the clock of whoever keeps it: ours may have been wrong today or a month ago.
        now = known.get(newest, 0.0)
        self.shelf.drop(list(runs_of(lineage, known).values())[KEPT_RUNS:])
        self.shelf.drop(_old(trash, now))


def _runs(records: Sequence[bytes]) -> Iterator[list[bytes]]:
    """Records, run by run: that of a later one may follow those of one that was killed before it cleared them."""
    run: list[bytes] = []
    for record in records:
        if run and _record(record)["is"] == "begin":
            yield run
            run = []
        run.append(record)
    if run:
        yield run


def _record(line: bytes) -> JsonObject:
    return as_object(json.loads(line))


def _read(shelf: ArtifactStore, name: str) -> FinishedRun | None:
    content = shelf.get(name)
    try:
        return None if content is None else journal.past(content.splitlines())
    except StateError as error:
        message = f"{error.message}: {name}, beside the state"
        raise StateError(
            message, f"{error.hint}; without that file, the other runs can be undone", id=error.id
        ) from None


def _old(trash: Mapping[str, float], now: float) -> list[str]:
    return [name for name, written in trash.items() if now - written > KEPT_SECONDS]
