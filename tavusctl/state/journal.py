"""The write-ahead journal of an apply, from which a later run recovers after a kill at any point.

Every call that changes the account has an *intent* in the journal before it is sent, and a *result* after it was
answered.  An intent without a result is a call whose outcome is unknown: the next run looks at the account to find out,
and never repeats the call blindly.  Changed bindings are recorded at once, so that an id is on disk before the next
call; the state file is a checkpoint that is written at the end, after which the journal is cleared.

    begin     run, time, lineage, serial of the checkpoint it goes on from, ids known before (by kind, where creates
              follow)
    intent    op, address, action, id (none for a create), spec (what is about to be applied), name, time (the
              server's), before (the binding until then, if any), inverse (what would reverse an update), ids (of a
              create: what its references stood for when it was sent, by address), delay (of a slow store: seconds
              by which the call may leave later than usual after that time)
    again     op, time, delay: the call is about to be sent, later than its intent says or once more: it may show
              later; `forced` where it is to discard unpublished edits of the object
    answered  op, id: what the server answered to the create, and nobody has looked at yet
    left      op, left: what an update left at the places of its inverse, as the account shows it
    bind      address, binding, op (whose result it is, if any)
    forget    address, op, before
    result    op, status: "failed" (surely not done) or "done"; a bind or forget with an op stands for "done"

A journal whose `serial` is behind the state's was left by a kill between checkpoint and clearing: the state has it all.
One that is ahead means that the state is older than the work: refused.  The journal of a run that has ended is kept
aside for `undo`, which reads it with `past`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from msgspec import Struct, convert, field
from msgspec.structs import asdict, replace

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
    """What would reverse an update, as plain JSON with ids, and the places by which to tell whether it still may."""

    operations: tuple[JsonObject, ...] = ()
    left: JsonObject = field(default_factory=dict)  # by pointer: what the update left there
    was: JsonObject = field(default_factory=dict)  # by pointer: what was there before
    lost: tuple[str, ...] = ()  # pointers of secrets, which nobody can bring back


class Intent(Struct, frozen=True):
    """A journal record of a call, written before the call is sent."""

    op: str
    address: Address
    action: Action
    remote_id: str = ""  # empty: a create
    spec: JsonObject = field(default_factory=dict)  # secrets as fingerprints
    name: str = ""  # display name of what is created
    time: str = ""  # the server's, ISO 8601
    before: Binding | None = None
    inverse: Inverse = Inverse()
    ids: Mapping[str, str] = field(default_factory=dict)  # by address: what references stood for in a create
    delay: int = 0  # seconds by which the call may leave later than usual, where a record takes its time
    answered: str = ""  # id in the answer to a create
    forced: bool = False  # unpublished edits of the object are lost when it was carried out


class ReplayResult(Struct, frozen=True):
    """A state brought up to date, and the calls whose outcome is unknown."""

    state: State
    pending: tuple[Intent, ...] = ()
    known: Mapping[str, frozenset[str]] = field(default_factory=dict)  # ids by kind, from before the interrupted run
    records: int = 0
    run: str = ""  # the last run whose records are there
    discarded: frozenset[Address] = frozenset()  # objects of which it has surely discarded unpublished edits


class FinishedRun(Struct, frozen=True):
    """A run that has ended, from its records."""

    run: str
    time: str  # when it began, ISO 8601
    lineage: str
    intents: tuple[Intent, ...] = ()
    failed: frozenset[str] = frozenset()  # operations that were surely not carried out
    made: Mapping[str, Binding] = field(default_factory=dict)  # by operation: the binding that was its result
    withheld: tuple[str, ...] = ()  # secrets whose values stood in its records, which were not kept for that
    adopted: tuple[Binding, ...] = ()  # objects taken over, as they were bound first
    forgotten: tuple[Binding, ...] = ()  # bindings dropped while the objects stayed


def begin(state: State, run: str, known: Mapping[str, Sequence[str]], time: str = "") -> bytes:
    """The first record of a run."""
    listed = {kind: sorted(ids) for kind, ids in sorted(known.items())}
    head = {"is": "begin", "run": run, "time": time, "lineage": state.lineage, "serial": state.serial}
    return _line({**head, "known": listed})


def withheld(begin: bytes, names: Sequence[str]) -> bytes:
    """What is kept of a run whose records hold the values of secrets: that it was, and when."""
    head = {
        name: value for name, value in as_object(json.loads(begin)).items() if name != "mac"
    }  # it was of the whole record
    return _line({**head, "known": {}, "withheld": list(names)})


def intent(entry: Intent) -> bytes:
    """The record of a call to come."""
    return _line(
        {
            "is": "intent",
            "op": entry.op,
            "address": str(entry.address),
            "action": entry.action.value,
            "id": entry.remote_id,
            "spec": plain(entry.spec),
            "name": entry.name,
            "time": entry.time,
            "before": _binding_out(entry.before),
            "inverse": plain(asdict(entry.inverse)),
            **({"ids": dict(entry.ids)} if entry.ids else {}),
            **({"delay": entry.delay} if entry.delay else {}),
        }
    )


def answered(op: str, remote_id: str) -> bytes:
    """The record of an id that a create was answered with."""
    return _line({"is": "answered", "op": op, "id": remote_id})


def again(op: str, time: str, *, delay: int = 0, forced: bool = False) -> bytes:
    """The record of a second attempt at a call, whose outcome is as unknown as that of the first."""
    more = {**({"delay": delay} if delay else {}), **({"forced": True} if forced else {})}
    return _line({"is": "again", "op": op, "time": time, **more})


def bind(binding: Binding, op: str = "") -> bytes:
    """The record of a binding as it is from now on."""
    body = plain(binding_out(binding))
    return _line({"is": "bind", "op": op, "address": str(binding.address), "binding": body})


def forget(address: Address, op: str = "", before: Binding | None = None) -> bytes:
    """The journal record of a removed binding."""
    return _line({"is": "forget", "op": op, "address": str(address), "before": _binding_out(before)})


def left(op: str, places: JsonObject) -> bytes:
    """The record of what an update left, with what the server filled in."""
    return _line({"is": "left", "op": op, "left": plain(places)})


def result(op: str, status: str) -> bytes:
    """The record of an outcome that leaves bindings as they are."""
    return _line({"is": "result", "op": op, "status": status})


def recall(store: Store) -> State:
    """The state as an interrupted run left it: what its journal has and the checkpoint does not is part of it."""
    return replay(store.read(), store.journal()).state


def replay(state: State, lines: Sequence[bytes]) -> ReplayResult:
    """Bring a state up to date with the journal of a run that did not come to its end."""
    try:
        return _replayed(state, _records(lines))
    except (ValueError, KeyError, TypeError, AttributeError):
        message = "the journal beside the state has an invalid record"
        hint = "keep the journal for a bug report, move it away, and check the account with `tavusctl plan`"
        raise StateError(message, hint, id="E930") from None


def _records(lines: Sequence[bytes]) -> list[Record]:
    return [as_object(record) for record in strict_lines(lines)]


def _replayed(state: State, records: Sequence[Record]) -> ReplayResult:
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
        # The checkpoint was written, only the clearing was not; counted, so that it is cleared before more is added.
        return ReplayResult(state, records=len(records))
    if serial > state.serial:
        message = f"the state (serial {state.serial}) is older than its journal (serial {serial})"
        raise StateError(message, "restore the newest state: an old copy would repeat changes", id="E932")
    return _followed(state, records)


def _followed(state: State, records: Sequence[Record]) -> ReplayResult:
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
                pending[_op(record)] = _intent_in(record)
            case "again" | "answered":
                pending[_op(record)] = _known_better(pending[_op(record)], record)
            case "bind":
                address = _address(record)
                bindings[address] = binding_in(address, as_object(record["binding"]))
                done = pending.pop(_op(record), None)
                discarded |= {address} if done and done.forced else set()
            case "forget":
                bindings.pop(_address(record), None)
                pending.pop(_op(record), None)
            case "result":
                pending.pop(_op(record), None)
            case "left":
                pass  # of use to `undo` alone
            case other:
                raise ValueError(other)
    frozen = {kind: frozenset(ids) for kind, ids in known.items()}
    run = as_text(next(record["run"] for record in reversed(records) if record["is"] == "begin"))
    followed = replace(state, bindings=bindings)
    return ReplayResult(followed, tuple(pending.values()), frozen, len(records), run, frozenset(discarded))


def _known_better(intent: Intent, record: Record) -> Intent:
    """A call with what was put on record of it since: when and how it was sent, or what a create was answered with."""
    if record["is"] == "again":
        forced = intent.forced or bool(record.get("forced"))
        return replace(intent, time=as_text(record["time"]), delay=_delay(record), forced=forced)
    return replace(intent, answered=as_text(record["id"]))


def past(lines: Sequence[bytes]) -> FinishedRun:
    """What a run did, from the records that were kept of it; StateError when they cannot be understood."""
    try:
        return _past(_records(lines))
    except (ValueError, KeyError, TypeError, AttributeError, IndexError):
        message = "the records of that run are invalid"
        raise StateError(message, "revert the manifests and apply them instead", id="E933") from None


def _past(records: Sequence[Record]) -> FinishedRun:
    first = records[0]
    results = [record for record in records if record["is"] == "result"]
    bound = [(_op(one), _binding_in(one, "binding")) for one in records if one["is"] == "bind"]
    dropped = [_binding_in(one, "before") for one in records if one["is"] == "forget" and not one["op"]]
    shown = {_op(record): as_object(record["left"]) for record in records if record["is"] == "left"}
    intents = [_intent_in(record) for record in records if record["is"] == "intent"]
    return FinishedRun(
        run=as_text(first["run"]),
        time=as_text(first.get("time", "")),
        lineage=as_text(first["lineage"]),
        withheld=tuple(map(as_text, as_list(first.get("withheld", [])))),
        intents=tuple(_as_shown(one, shown.get(one.op)) for one in intents),
        failed=frozenset(_op(record) for record in results if record["status"] == "failed"),
        made={op: binding for op, binding in bound if op and binding},
        # A taken-over object is bound with nothing applied to it, before anything is.
        adopted=tuple(binding for op, binding in bound if binding and not op and not binding.applied),
        forgotten=tuple(binding for binding in dropped if binding),
    )


def _op(record: Record) -> str:
    return as_text(record["op"])


def _address(record: Record) -> Address:
    return Address.parse(as_text(record["address"]))


def _as_shown(entry: Intent, shown: JsonObject | None) -> Intent:
    return entry if shown is None else replace(entry, inverse=replace(entry.inverse, left=leaves_in(shown)))


def _intent_in(record: Record) -> Intent:
    return Intent(
        op=_op(record),
        address=_address(record),
        action=Action(as_text(record["action"])),
        remote_id=as_text(record["id"]),
        spec=as_object(leaves_in(record["spec"])),
        name=as_text(record["name"]),
        time=as_text(record["time"]),
        before=_binding_in(record, "before"),
        inverse=convert(leaves_in(record.get("inverse") or {}), Inverse),
        ids={address: as_text(one) for address, one in as_object(record.get("ids") or {}).items()},
        delay=_delay(record),
    )


def _delay(record: Record) -> int:
    return as_integer(record.get("delay") or 0)


def _binding_out(binding: Binding | None) -> JsonObject | None:
    return as_object(plain(binding_out(binding))) if binding else None


def _binding_in(record: Record, name: str) -> Binding | None:
    """The binding that a record has under a name, if any."""
    body = record.get(name)
    return binding_in(_address(record), as_object(body)) if body else None


def _line(record: Record) -> bytes:
    return json.dumps(record, separators=(",", ":")).encode()
