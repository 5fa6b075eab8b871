"""What `undo` needs beside the state: the journals of finished runs, and the bodies of deleted objects."""

from __future__ import annotations

import contextlib
import hmac
import json
import math
from collections.abc import Callable, Iterator, Sequence

from msgspec import Struct

from tavusctl.core.address import Address
from tavusctl.core.errors import StateError, TavusctlError
from tavusctl.core.model import Action
from tavusctl.core.ports import ArtifactStore
from tavusctl.core.timestamps import parse_timestamp
from tavusctl.lib.json_types import JsonObject, as_integer, as_object, as_text
from tavusctl.lib.strict_json import strict_json
from tavusctl.secrets import redaction
from tavusctl.state import journal
from tavusctl.state.artifacts import RUNS, TRASH, run_name, runs_of
from tavusctl.state.journal import FinishedRun
from tavusctl.state.seals import Seals
from tavusctl.state.serialization import leaves_in, plain

KEPT_RUNS = 20
KEPT_SECONDS = 30 * 24 * 3600


class Trash(Struct, frozen=True):
    """The trash of one run: a file in `trash/RUN` for the body of each deleted object; without secrets."""

    artifacts: ArtifactStore
    run: str
    seals: Seals
    warn: Callable[[str], None] = lambda _: None

    def keep(self, address: Address, remote_id: str, body: JsonObject) -> None:
        """Store the body of an object before it is deleted, or tell why not: it may contain the value of a secret."""
        document = {"address": str(address), "id": remote_id, "body": plain(body)}
        names = redaction.secret_names_in(json.dumps(document, ensure_ascii=False))
        if names:
            self.warn(f"{address}: undo cannot restore it: its record would contain the value of {', '.join(names)}")
            return
        document["mac"] = self.seals.seal_document([self.run, document])
        text = json.dumps(document, indent=1, ensure_ascii=False) + "\n"
        self.artifacts.put(f"{TRASH}/{self.run}/{address.kind}-{address.name}-{remote_id}.json", text.encode())


class RunRecords(Struct):
    """The records of runs, one file each, and the bodies of deleted objects, beside the state; without secrets."""

    artifacts: ArtifactStore
    archived_runs: list[FinishedRun] = []  # by this process
    withheld: dict[str, Sequence[str]] = {}  # by run: secrets in its records
    failures: list[str] = []  # why records of runs could not be archived

    def keep(self, records: Sequence[bytes]) -> None:
        """Archive the records of finished runs; if that fails, `failures` has the reason."""
        for run in _split_by_run(records):
            if not _has_changes(run):
                continue  # it would only push out the records of a run that can be undone
            begin = _decode_record(run[0])
            lineage, serial, run_id = as_text(begin["lineage"]), as_integer(begin["serial"]), as_text(begin["run"])
            name = run_name(lineage, serial, run_id)
            content = b"\n".join([*run, b""])
            secret_names = redaction.secret_names_in(content.decode())
            if secret_names:  # redacting the text would do harm: undo would write the redacted text into the account
                self.withheld[run_id] = secret_names
                content = journal.withheld_record(run[0], secret_names) + b"\n"
            try:
                self.artifacts.put(name, content)
            except TavusctlError as error:
                self.failures.append(error.message)
                continue
            self.archived_runs.append(journal.parse_finished_run(run))
            with contextlib.suppress(TavusctlError, OSError):
                self._remove_old(lineage, name, _last_time(run))

    def finished_run(self, lineage: str, run: str, check: Callable[[Sequence[bytes]], None]) -> FinishedRun:
        """One finished run; StateError if it has no records, or if `check` refuses them."""
        name = runs_of(lineage, self.artifacts.names(RUNS)).get(run)
        finished = _read_run(self.artifacts, name) if name else None
        if finished and finished.withheld:  # not checked: nothing is done with its only record, which has no seal
            names = ", ".join(finished.withheld)
            message = f"the run `{run}` has no record, which would have contained the value of {names}"
            raise StateError(message, "revert the manifests and apply them instead", id="E935")
        if finished and name:
            check((self.artifacts.get(name) or b"").splitlines())
        if finished is None or finished.run != run:
            message = f"unknown run `{run}` of this state"
            raise StateError(message, "run `tavusctl undo` to list the runs that can be undone", id="E934")
        return finished

    def all(self, lineage: str) -> list[FinishedRun]:
        """The runs of a state, newest first."""
        names = runs_of(lineage, self.artifacts.names(RUNS)).values()
        return [past for past in (_read_run(self.artifacts, name) for name in names) if past]

    def bodies(self, finished_run: FinishedRun, seals: Seals) -> dict[str, JsonObject]:
        """The bodies of objects that a run deleted, and of old versions that it replaced and a later run deleted.

        By id, of several the newest: a delete that failed leaves one.  Without those that are unreadable or wrongly
        sealed.
        """
        replaced = [one.before for one in finished_run.intents if one.action is Action.REPLACE and one.before]
        endings = tuple(f"-{binding.remote_id}.json" for binding in replaced)
        bodies_by_id: dict[str, JsonObject] = {}
        write_times = self.artifacts.names(TRASH)
        for name in sorted(write_times, key=write_times.__getitem__):
            run = name.split("/")[1]
            if run != finished_run.run and not name.endswith(endings):
                continue
            with contextlib.suppress(ValueError, KeyError, TypeError, StateError):
                document = as_object(strict_json(self.artifacts.get(name) or b""))
                mac = as_text(document.pop("mac"))
                if mac and hmac.compare_digest(mac, seals.seal_document([run, document])):
                    bodies_by_id[as_text(document["id"])] = as_object(leaves_in(document["body"]))
        return bodies_by_id

    def _remove_old(self, lineage: str, newest: str, called: float) -> None:
        """Remove all but the newest KEPT_RUNS runs of the state, and bodies in the trash older than KEPT_SECONDS.

        `called` is when the API was last called, by its own clock, in seconds since the epoch.
        """
        written_times, trash = self.artifacts.names(RUNS), self.artifacts.names(TRASH)
        # By the clock of the artifact store, which may be that of this machine, and show next year today.
        now = min(written_times.get(newest, 0.0), called)
        self.artifacts.drop(list(runs_of(lineage, written_times).values())[KEPT_RUNS:])
        self.artifacts.drop([name for name, written in trash.items() if now - written > KEPT_SECONDS])


def _has_changes(records: Sequence[bytes]) -> bool:
    """Whether a run has done anything to undo: imported or released an object, or made a call that may have effect."""
    decoded = [_decode_record(record) for record in records]
    failed = {record["op"] for record in decoded if record["is"] == "result" and record["status"] == "failed"}
    calls = (record["op"] not in failed for record in decoded if record["is"] in ("intent", "forget"))
    return any(calls) or bool(journal.parse_finished_run(records).imported)


def _last_time(records: Sequence[bytes]) -> float:
    """The last time of the API in the records of a run, in seconds since the epoch; infinite if there is none."""
    calls = (record for record in map(_decode_record, records) if record["is"] in ("intent", "again"))
    times = (parse_timestamp(record["time"]) for record in calls)
    return max((time.timestamp() for time in times if time), default=math.inf)


def _split_by_run(records: Sequence[bytes]) -> Iterator[list[bytes]]:
    """Records, grouped by run: those of a run that was killed before it cleared them may precede those of the next."""
    run: list[bytes] = []
    for record in records:
        if run and _decode_record(record)["is"] == "begin":
            yield run
            run = []
        run.append(record)
    if run:
        yield run


def _decode_record(line: bytes) -> JsonObject:
    return as_object(json.loads(line))


def _read_run(artifacts: ArtifactStore, name: str) -> FinishedRun | None:
    content = artifacts.get(name)
    try:
        return None if content is None else journal.parse_finished_run(content.splitlines())
    except StateError as error:
        message = f"{error.message}: {name}, beside the state"
        raise StateError(
            message, f"{error.hint}; without that file, the other runs can be undone", id=error.id
        ) from None
