"""What happened, in order: the events of a history, and the file that keeps them, one JSON object per line.

A history is written by whoever saw it: the account writes down calls, reads and commits; the rig writes down commands,
kills and what the states know; the model writes down all of it.  Values of fields are short texts (see `digest`).
A version is the number of the commit that made it, and grows over the whole history.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from pathlib import Path

import msgspec
from msgspec import Struct

Fields = dict[str, str]  # JSON Pointer to value
_SHORT = 200


class Present(Struct, frozen=True, tag="present"):
    """An object that was there before the history began, or that nobody was seen to make."""

    id: str
    kind: str
    fields: Fields
    time: float = 0.0


class Wants(Struct, frozen=True, tag="wants"):
    """The manifests of a project, from here on; a value `ref:kind/name` stands for an id."""

    project: str
    objects: dict[str, Fields]
    time: float = 0.0


class Begin(Struct, frozen=True, tag="begin"):
    """A command begins."""

    who: str
    project: str
    state: str  # which state it works on: two checkouts with local states have two
    command: str
    time: float = 0.0


class Planned(Struct, frozen=True, tag="planned"):
    """What a plan listed: the plan of this command, or one that was shown before it and agreed to."""

    who: str
    deletes: frozenset[str]  # ids that may go, old halves of replacements included
    overwrites: tuple[str, ...] = ()  # addresses whose edits may be overwritten
    time: float = 0.0


class Lock(Struct, frozen=True, tag="lock"):
    """The lock of a state changes hands."""

    who: str
    state: str
    what: str  # taken, taken over, released
    epoch: int = 0
    time: float = 0.0


class Read(Struct, frozen=True, tag="read"):
    """A command was shown objects: the version of each by id."""

    who: str
    shown: dict[str, int]
    time: float = 0.0


class Call(Struct, frozen=True, tag="call"):
    """The first byte of a call that may change something leaves."""

    number: int
    who: str
    method: str
    path: str
    body: str = ""
    addresses: tuple[str, ...] = ()  # for which a create was made; several where the bodies are alike
    time: float = 0.0


class Commit(Struct, frozen=True, tag="commit"):
    """The account changes, whether or not anybody learns of it."""

    version: int
    id: str
    kind: str
    action: str  # create, update, delete, recrawl
    by: str  # api, portal
    changes: dict[str, str | None] = {}  # the new values; None: the field has gone
    call: int = 0
    time: float = 0.0


class Answer(Struct, frozen=True, tag="answer"):
    """How a call was answered; 0: not at all."""

    call: int
    status: int
    id: str = ""
    time: float = 0.0


class Known(Struct, frozen=True, tag="known"):
    """What a state knows now: the id of each address, and ids on their way in or out (successors, old halves)."""

    state: str
    bound: dict[str, str]
    others: frozenset[str] = frozenset()
    applied: dict[str, tuple[str, ...]] = {}  # pointers that the last apply managed
    time: float = 0.0


class Approvals(Struct, frozen=True, tag="consent"):
    """A person gave an object to a project: import, adopt."""

    project: str
    id: str
    time: float = 0.0


class Outcome(Struct, frozen=True):
    """What a command said of one step."""

    address: str
    action: str
    status: str
    id: str = ""
    fields: Fields = {}  # what an update was to write
    unkept: frozenset[str] = frozenset()


class Edit(Struct, frozen=True):
    """A difference that a command told: of a field, or of the whole object."""

    address: str
    path: str = ""


class End(Struct, frozen=True, tag="end"):
    """A command ends, and says what it has done and seen."""

    who: str
    code: int
    outcomes: tuple[Outcome, ...] = ()
    reported: frozenset[Edit] = frozenset()  # drift, overwritten drift, conflicts
    unkept: frozenset[Edit] = frozenset()  # said to be kept otherwise by the server
    sentences: frozenset[str] = frozenset()  # "No changes", "No drift"
    time: float = 0.0


class Killed(Struct, frozen=True, tag="killed"):
    """A command is no more."""

    who: str
    where: str = ""
    time: float = 0.0


Event = Present | Wants | Begin | Planned | Lock | Read | Call | Commit | Answer | Known | Approvals | End | Killed
_DECODER = msgspec.json.Decoder(Event)


def digest(value: object) -> str:
    """A value as a short text: itself where it is short, else a hash of it."""
    text = value if isinstance(value, str) else json.dumps(value, sort_keys=True, ensure_ascii=False)
    return text if len(text) <= _SHORT else "sha256:" + hashlib.sha256(text.encode()).hexdigest()[:16]


def flat(value: object, pointer: str = "") -> Iterator[tuple[str, str]]:
    """The leaves of a JSON value by pointer; an empty object or list is a leaf."""
    members: Iterable[tuple[object, object]] = ()
    if isinstance(value, dict):
        members = value.items()
    elif isinstance(value, list):
        members = enumerate(value)
    found = False
    for key, item in members:
        found = True
        yield from flat(item, f"{pointer}/{str(key).replace('~', '~0').replace('/', '~1')}")
    if not found:
        yield pointer, digest(value)


def spelled(event: Event) -> str:
    """An event as one line."""
    return msgspec.json.encode(event).decode()


def write(path: Path, events: Iterable[Event]) -> None:
    """Keep a history."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(spelled(one) + "\n" for one in events), "utf-8")


def read(path: Path) -> list[Event]:
    """A history that was kept; lines that begin with `#` are remarks."""
    lines = path.read_text("utf-8").splitlines()
    return [_DECODER.decode(line) for line in lines if line.strip() and not line.startswith("#")]
