"""What an apply was about to do, and what became of it: enough to go on after a kill at any point.

Every call that changes the account has an *intent* in the journal before it is sent, and a *result* after it was
answered.  An intent without a result is a call whose outcome is unknown: the next run looks at the account to find out,
and never repeats the call blindly.  Changed bindings are recorded at once, so that an id is on disk before the next
call; the state file is a checkpoint that is written at the end, after which the journal is cleared.

    begin     run, lineage, serial of the checkpoint it goes on from, ids known before (by kind, where creates follow)
    intent    op, address, action, id (none for a create), spec (what is about to be applied), name, time (the server's)
    bind      address, binding, op (whose result it is, if any)
    forget    address, op
    result    op, status: "failed" (surely not done) or "done"; a bind or forget with an op stands for "done"

A journal whose `serial` is behind the state's was left by a kill between checkpoint and clearing: the state has it all.
One that is ahead means that the state is older than the work: refused.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from tavusctl.errors import StateError
from tavusctl.model import Action, Address, Binding, Document
from tavusctl.ports import State
from tavusctl.records import binding_in, binding_out, leaves_in, plain

Record = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Intent:
    """A call that is about to be made."""

    op: str
    address: Address
    action: Action
    remote_id: str = ""  # empty: a create
    spec: Document = field(default_factory=dict)  # secrets as fingerprints
    name: str = ""  # display name of what is created
    time: str = ""  # the server's, ISO 8601
    undo: tuple[Document, ...] = ()  # what would reverse an update, as plain JSON


@dataclass(frozen=True, slots=True)
class Replay:
    """A state brought up to date, and the calls whose outcome is unknown."""

    state: State
    pending: tuple[Intent, ...] = ()
    known: Mapping[str, frozenset[str]] = field(default_factory=dict)  # ids by kind, from before the interrupted run
    records: int = 0


def begin(state: State, run: str, known: Mapping[str, Sequence[str]]) -> bytes:
    """The first record of a run."""
    listed = {kind: sorted(ids) for kind, ids in sorted(known.items())}
    return _line({"is": "begin", "run": run, "lineage": state.lineage, "serial": state.serial, "known": listed})


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
            "undo": plain(list(entry.undo)),
        }
    )


def bind(binding: Binding, op: str = "") -> bytes:
    """The record of a binding as it is from now on."""
    body = plain(binding_out(binding))
    return _line({"is": "bind", "op": op, "address": str(binding.address), "binding": body})


def forget(address: Address, op: str = "") -> bytes:
    """The record of a binding that is no more."""
    return _line({"is": "forget", "op": op, "address": str(address)})


def result(op: str, status: str) -> bytes:
    """The record of an outcome that leaves bindings as they are."""
    return _line({"is": "result", "op": op, "status": status})


def replay(state: State, lines: Sequence[bytes]) -> Replay:
    """Bring a state up to date with the journal of a run that did not come to its end."""
    try:
        records = [json.loads(line) for line in lines]
        return _replayed(state, records)
    except (ValueError, KeyError, TypeError, AttributeError):
        message = "the journal beside the state has a record that cannot be understood"
        hint = "keep it for a defect report, move it away, and check the account with plan"
        raise StateError(message, hint, id="E930") from None


def _replayed(state: State, records: Sequence[Record]) -> Replay:
    if not records:
        return Replay(state)
    first = records[0]
    if first["is"] != "begin":
        message = "no beginning"
        raise ValueError(message)
    if first["lineage"] != state.lineage:
        message = "the journal beside the state belongs to another state"
        raise StateError(message, "put the state and its journal back together, or move the journal away", id="E931")
    if first["serial"] < state.serial:
        return Replay(state)  # the checkpoint was written, only the clearing was not
    if first["serial"] > state.serial:
        message = f"the state (serial {state.serial}) is older than its journal (serial {first['serial']})"
        raise StateError(message, "put the newest state back; an old copy would repeat what was done", id="E932")
    return _followed(state, records)


def _followed(state: State, records: Sequence[Record]) -> Replay:
    bindings = dict(state.bindings)
    pending: dict[str, Intent] = {}
    known: dict[str, set[str]] = {}
    for record in records:
        match record["is"]:
            case "begin":
                for kind, ids in record["known"].items():
                    known.setdefault(kind, set()).update(ids)
            case "intent":
                pending[record["op"]] = _intent_in(record)
            case "bind":
                address = Address.parse(record["address"])
                bindings[address] = binding_in(address, record["binding"])
                pending.pop(record["op"], None)
            case "forget":
                bindings.pop(Address.parse(record["address"]), None)
                pending.pop(record["op"], None)
            case "result":
                pending.pop(record["op"], None)
            case other:
                raise ValueError(other)
    frozen = {kind: frozenset(ids) for kind, ids in known.items()}
    return Replay(replace(state, bindings=bindings), tuple(pending.values()), frozen, len(records))


def _intent_in(record: Record) -> Intent:
    return Intent(
        op=record["op"],
        address=Address.parse(record["address"]),
        action=Action(record["action"]),
        remote_id=record["id"],
        spec=leaves_in(record["spec"]),
        name=record["name"],
        time=record["time"],
        undo=tuple(record["undo"]),
    )


def _line(record: Record) -> bytes:
    return json.dumps(record, ensure_ascii=True, separators=(",", ":")).encode()
