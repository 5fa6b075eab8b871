"""The write-ahead journal of an apply, from which a later run recovers after a kill at any point.

Every call that changes the account has an *intent* in the journal before it is sent, and a *result* after the answer
arrived.  An intent without a result is a call whose outcome is unknown: the next run reads the account to find out,
and never repeats the call blindly.  Changed bindings are recorded at once, so that an id is on disk before the next
call; the state file is a checkpoint that is written at the end, after which the journal is cleared.

    begin     run, time, lineage, serial of the checkpoint that the run starts from, known (ids of existing objects
              by kind, for the kinds of which objects will be created)
    intent    op, address, action, id (none for a create), spec (what is about to be applied), name, time (the
              server's), before (the binding before the call, if any), inverse (what would reverse an update), ids
              (of a create: the ids that its references were resolved to, by address; of an update: those of external
              objects), delay (if the store is slow: how many seconds later than usual after `time` the call may be
              sent)
    again     op, time, delay: the call is about to be sent again, or later than its intent says, so its effect may
              appear later; `forced` if it is to discard unpublished edits of the object
    answered  op, id: the id in the server's answer to a create, before the new object was read
    left      op, left: the values after an update at the pointers of its inverse, as the account shows them
    bind      address, binding, op (the call whose result it is, if any)
    forget    address, op, before
    result    op, status: "failed" (surely not done) or "done"; a bind or forget with an op stands for "done"

A journal whose `serial` is behind the state's was left by a kill between checkpoint and clearing: everything in it is
in the state already.  One that is ahead means that the state is older than the journal: refused.  The journal of a run
that has ended is archived for `undo`, which reads it with `parse_finished_run`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from msgspec import Struct, convert, field
from msgspec.structs import fields, replace

from tavusctl.core.address import Address
from tavusctl.core.binding import Binding
from tavusctl.core.errors import StateError
from tavusctl.core.model import Action
from tavusctl.core.ports import State, Store
from tavusctl.lib.json_types import JsonObject, as_integer, as_list, as_object, as_text
from tavusctl.lib.strict_json import strict_lines
from tavusctl.state.serialization import binding_in, binding_out, leaves_in, plain

Record = JsonObject


class Inverse(Struct, frozen=True):
    """What would reverse an update, as plain JSON with ids, and the values that show whether it is still safe."""

    operations: tuple[JsonObject, ...] = ()
    values_after: JsonObject = field(default_factory=dict, name="left")  # by pointer: the value after the update
    values_before: JsonObject = field(default_factory=dict, name="was")  # by pointer: the value before the update
    unrecorded: tuple[str, ...] = field(default=(), name="lost")  # pointers of secrets, which cannot be restored


class Intent(Struct, frozen=True):
    """A journal record of a call, written before the call is sent."""

    op: str
    address: Address
    action: Action
    remote_id: str = ""  # empty: a create
    spec: JsonObject = {}  # secrets as fingerprints
    name: str = ""  # display name of the object to be created
    time: str = ""  # the server's, ISO 8601
    before: Binding | None = None
    inverse: Inverse = Inverse()
    # by address: the ids of the references of a create, of external objects of an update
    ids: Mapping[str, str] = {}
    delay: int = 0  # how many seconds later than usual the call may be sent, if records are slow to become durable
    answered: str = ""  # id in the answer to a create
    forced: bool = False  # if the call was carried out, it discarded unpublished edits of the object

    @property
    def old_id(self) -> str:
        """The id that the object had before the call; empty if it had none."""
        return self.remote_id or (self.before.remote_id if self.before else "")


class ReplayResult(Struct, frozen=True):
    """A state brought up to date, and the calls whose outcome is unknown."""

    state: State
    pending: tuple[Intent, ...] = ()
    known: Mapping[str, frozenset[str]] = {}  # ids by kind, from before the interrupted run
    records: int = 0
    run: str = ""  # the last run that has records in the journal
    discarded: frozenset[Address] = frozenset()  # objects whose unpublished edits were surely discarded


class CallOutcome(Struct, frozen=True):
    """What a later run has found out about a call: whether it was carried out, and the binding that it resulted in."""

    op: str
    binding: Binding | None = None  # None: it did not change any binding
    failed: bool = False

    def record(self) -> bytes:
        """The journal record of the outcome."""
        status = "failed" if self.failed else "done"
        return bind_record(self.binding, self.op) if self.binding else result_record(self.op, status)


class FinishedRun(Struct, frozen=True):
    """A run that has ended, as its records describe it."""

    run: str
    time: str  # when it began, ISO 8601
    lineage: str
    intents: tuple[Intent, ...] = ()
    failed: frozenset[str] = frozenset()  # operations that were surely not carried out
    unknown: frozenset[str] = frozenset()  # operations of which no outcome is on record
    results: Mapping[str, Binding] = {}  # by operation: the binding that it resulted in
    withheld: tuple[str, ...] = ()  # secrets whose values were in its records, which is why these were not kept
    imported: tuple[Binding, ...] = ()  # existing objects that were bound, with their first binding
    unbound: tuple[Binding, ...] = ()  # bindings that were removed while their objects stayed


def begin_record(state: State, run: str, known: Mapping[str, Sequence[str]], time: str = "") -> bytes:
    """The first record of a run."""
    sorted_ids = {kind: sorted(ids) for kind, ids in sorted(known.items())}
    members = {"is": "begin", "run": run, "time": time, "lineage": state.lineage, "serial": state.serial}
    return _encode_record({**members, "known": sorted_ids})


def withheld_record(begin: bytes, names: Sequence[str]) -> bytes:
    """The only record to keep of a run whose records contain values of secrets: that the run took place, and when."""
    # The seal was that of the original record.
    members = {name: value for name, value in as_object(json.loads(begin)).items() if name != "mac"}
    return _encode_record({**members, "known": {}, "withheld": list(names)})


def intent_record(entry: Intent) -> bytes:
    """The record of a call, to be written before the call is sent."""
    return _encode_record(
        {
            "is": "intent",
            "op": entry.op,
            "address": str(entry.address),
            "action": entry.action.value,
            "id": entry.remote_id,
            "spec": plain(entry.spec),
            "name": entry.name,
            "time": entry.time,
            "before": _binding_json(entry.before),
            "inverse": plain({one.encode_name: getattr(entry.inverse, one.name) for one in fields(entry.inverse)}),
            **({"ids": dict(entry.ids)} if entry.ids else {}),
            **({"delay": entry.delay} if entry.delay else {}),
        }
    )


def response_record(op: str, remote_id: str) -> bytes:
    """The record of the id in the answer to a create."""
    return _encode_record({"is": "answered", "op": op, "id": remote_id})


def retry_record(op: str, time: str, *, delay: int = 0, forced: bool = False) -> bytes:
    """The record of a second attempt at a call, whose outcome is as unknown as that of the first."""
    optional = {**({"delay": delay} if delay else {}), **({"forced": True} if forced else {})}
    return _encode_record({"is": "again", "op": op, "time": time, **optional})


def bind_record(binding: Binding, op: str = "") -> bytes:
    """The record of a new or changed binding."""
    body = plain(binding_out(binding))
    return _encode_record({"is": "bind", "op": op, "address": str(binding.address), "binding": body})


def forget_record(address: Address, op: str = "", before: Binding | None = None) -> bytes:
    """The journal record of a removed binding."""
    return _encode_record({"is": "forget", "op": op, "address": str(address), "before": _binding_json(before)})


def values_after_record(op: str, places: JsonObject) -> bytes:
    """The record of the values after an update, by pointer, including those that the server filled in."""
    return _encode_record({"is": "left", "op": op, "left": plain(places)})


def result_record(op: str, status: str) -> bytes:
    """The record of an outcome that does not change any binding."""
    return _encode_record({"is": "result", "op": op, "status": status})


def read_current_state(store: Store) -> State:
    """The state including changes of an interrupted run that are in the journal but not yet in the checkpoint."""
    return replay(*store.read_both()).state


def replay(state: State, lines: Sequence[bytes]) -> ReplayResult:
    """Bring a state up to date with the journal of an interrupted run; StateError if the journal does not fit it."""
    try:
        return _checked_replay(state, _records(lines))
    except (ValueError, KeyError, TypeError, AttributeError):
        message = "the journal beside the state has an invalid record"
        hint = (
            "upgrade tavusctl if a newer version was used; else keep the journal for a bug report, move it away, "
            "and check the account with `tavusctl plan`"
        )
        raise StateError(message, hint, id="E930") from None


def _records(lines: Sequence[bytes]) -> list[Record]:
    return [as_object(record) for record in strict_lines(lines)]


def _checked_replay(state: State, records: Sequence[Record]) -> ReplayResult:
    if not records:
        return ReplayResult(state)
    first = records[0]
    if first["is"] != "begin":
        raise ValueError
    if first["lineage"] != state.lineage:
        message = "the journal beside the state belongs to another state"
        raise StateError(message, "restore the journal of this state, or move the journal away", id="E931")
    serial = as_integer(first["serial"])
    if serial < state.serial:
        # The checkpoint was written, but the journal was not cleared.  The count tells the caller to clear it first.
        return ReplayResult(state, records=len(records))
    if serial > state.serial:
        message = f"the state (serial {state.serial}) is older than its journal (serial {serial})"
        raise StateError(message, "restore the newest state: an old copy would repeat changes", id="E932")
    return _apply_records(state, records)


def _apply_records(state: State, records: Sequence[Record]) -> ReplayResult:
    bindings = dict(state.bindings)
    pending: dict[str, Intent] = {}
    known: dict[str, set[str]] = {}
    discarded: set[Address] = set()
    for record in records:
        match record["is"]:
            case "begin":
                for kind, ids in as_object(record["known"]).items():
                    known.setdefault(kind, set()).update(map(as_text, as_list(ids)))
            case "intent":
                pending[_op_of(record)] = _intent_in(record)
            case "again" | "answered":
                pending[_op_of(record)] = _updated_intent(pending[_op_of(record)], record)
            case "bind":
                address = _address_of(record)
                bindings[address] = binding_in(address, as_object(record["binding"]))
                finished = pending.pop(_op_of(record), None)
                discarded |= {address} if finished and finished.forced else set()
            case "forget":
                bindings.pop(_address_of(record), None)
                pending.pop(_op_of(record), None)
            case "result":
                pending.pop(_op_of(record), None)
            case "left":
                pass  # only `undo` needs it
            case other:
                raise ValueError(other)
    known_ids = {kind: frozenset(ids) for kind, ids in known.items()}
    run = as_text(next(record["run"] for record in reversed(records) if record["is"] == "begin"))
    new_state = replace(state, bindings=bindings)
    return ReplayResult(new_state, tuple(pending.values()), known_ids, len(records), run, frozenset(discarded))


def _updated_intent(intent: Intent, record: Record) -> Intent:
    """A call, updated by a later record: when and how it was sent again, or the id in the answer to a create."""
    if record["is"] == "again":
        forced = intent.forced or bool(record.get("forced"))
        return replace(intent, time=as_text(record["time"]), delay=_delay_of(record), forced=forced)
    return replace(intent, answered=as_text(record["id"]))


def parse_finished_run(lines: Sequence[bytes]) -> FinishedRun:
    """A finished run, read from its archived records; StateError if they are invalid."""
    try:
        return _finished_run(_records(lines))
    except (ValueError, KeyError, TypeError, AttributeError, IndexError):
        message = "the records of that run are invalid"
        raise StateError(message, "revert the manifests and apply them instead", id="E933") from None


def _finished_run(records: Sequence[Record]) -> FinishedRun:
    first = records[0]
    results = [record for record in records if record["is"] == "result"]
    bound_by_op = [(_op_of(record), _binding_in(record, "binding")) for record in records if record["is"] == "bind"]
    removed = [_binding_in(record, "before") for record in records if record["is"] == "forget" and not record["op"]]
    values_after = {_op_of(record): as_object(record["left"]) for record in records if record["is"] == "left"}
    intents = [_intent_in(record) for record in records if record["is"] == "intent"]
    ended = {record["op"] for record in records if record["is"] in ("bind", "forget", "result")}
    return FinishedRun(
        run=as_text(first["run"]),
        time=as_text(first.get("time", "")),
        lineage=as_text(first["lineage"]),
        withheld=tuple(map(as_text, as_list(first.get("withheld", [])))),
        intents=tuple(_with_values_after(intent, values_after.get(intent.op)) for intent in intents),
        failed=frozenset(_op_of(record) for record in results if record["status"] == "failed"),
        unknown=frozenset(intent.op for intent in intents if intent.op not in ended),
        results={op: binding for op, binding in bound_by_op if op and binding},
        # The first binding of an existing object, as written by an import, has nothing applied yet.
        imported=tuple(binding for op, binding in bound_by_op if binding and not op and not binding.applied),
        unbound=tuple(binding for binding in removed if binding),
    )


def _op_of(record: Record) -> str:
    return as_text(record["op"])


def _address_of(record: Record) -> Address:
    return Address.parse(as_text(record["address"]))


def _with_values_after(entry: Intent, values: JsonObject | None) -> Intent:
    return entry if values is None else replace(entry, inverse=replace(entry.inverse, values_after=leaves_in(values)))


def _intent_in(record: Record) -> Intent:
    return Intent(
        op=_op_of(record),
        address=_address_of(record),
        action=Action(as_text(record["action"])),
        remote_id=as_text(record["id"]),
        spec=as_object(leaves_in(record["spec"])),
        name=as_text(record["name"]),
        time=as_text(record["time"]),
        before=_binding_in(record, "before"),
        inverse=convert(leaves_in(record.get("inverse") or {}), Inverse),
        ids={address: as_text(remote_id) for address, remote_id in as_object(record.get("ids") or {}).items()},
        delay=_delay_of(record),
    )


def _delay_of(record: Record) -> int:
    return as_integer(record.get("delay") or 0)


def _binding_json(binding: Binding | None) -> JsonObject | None:
    return as_object(plain(binding_out(binding))) if binding else None


def _binding_in(record: Record, name: str) -> Binding | None:
    body = record.get(name)
    return binding_in(_address_of(record), as_object(body)) if body else None


def _encode_record(record: Record) -> bytes:
    return json.dumps(record, separators=(",", ":")).encode()
