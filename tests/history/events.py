"""The events of a history, in order, and its file format: one JSON object per line.

Each event is recorded by the component that observes it: the account records calls, reads and commits; the test rig
records commands, kills and the content of the states; the model of tests/model records all of them.  Values of fields
are short texts (see `digest`).  A version is the number of the commit that made it; versions grow over a whole history.
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
    """An object that existed before the history began, or whose creation was not recorded."""

    id: str
    kind: str
    fields: Fields
    time: float = 0.0


class ManifestsChanged(Struct, frozen=True, tag="wants"):
    """The manifests of a project from this event on; a value `ref:KIND/NAME` stands for the id of that object."""

    project: str
    objects: dict[str, Fields]
    time: float = 0.0


class Begin(Struct, frozen=True, tag="begin"):
    """A command begins."""

    who: str
    project: str
    state: str  # the name of the state that it uses: two checkouts with local states have two
    command: str
    time: float = 0.0


class Planned(Struct, frozen=True, tag="planned"):
    """The content of a plan: the plan of this command, or a plan that was approved before it."""

    who: str
    deletes: frozenset[str]  # ids that may be deleted, including old versions of replaced objects
    overwrites: tuple[str, ...] = ()  # addresses whose edits may be overwritten
    time: float = 0.0


class Lock(Struct, frozen=True, tag="lock"):
    """The lock of a state is taken, taken over or released."""

    who: str
    state: str
    what: str  # taken, taken over, released
    epoch: int = 0
    time: float = 0.0


class Read(Struct, frozen=True, tag="read"):
    """A command read objects: the version of each, by id."""

    who: str
    shown: dict[str, int]
    time: float = 0.0


class Call(Struct, frozen=True, tag="call"):
    """A call that may change something: the moment when its first byte is sent."""

    number: int
    who: str
    method: str
    path: str
    body: str = ""
    addresses: tuple[str, ...] = ()  # the resource that a create is for; several if their bodies are the same
    time: float = 0.0


class Commit(Struct, frozen=True, tag="commit"):
    """A change of the account, whether or not a response reports it."""

    version: int
    id: str
    kind: str
    action: str  # create, update, delete, recrawl
    by: str  # api, portal
    changes: dict[str, str | None] = {}  # the new values; None: the field was removed
    call: int = 0
    time: float = 0.0


class Answer(Struct, frozen=True, tag="answer"):
    """The response to a call; status 0: no response arrived."""

    call: int
    status: int
    id: str = ""
    time: float = 0.0


class StateWritten(Struct, frozen=True, tag="known"):
    """The content of a state: the bound id of each address, and the ids of successors and of old versions."""

    state: str
    bound: dict[str, str]
    others: frozenset[str] = frozenset()
    applied: dict[str, tuple[str, ...]] = {}  # pointers that the last apply managed
    time: float = 0.0


class ObjectAdopted(Struct, frozen=True, tag="consent"):
    """A person made an object part of a project, by import or adopt."""

    project: str
    id: str
    time: float = 0.0


class Outcome(Struct, frozen=True):
    """The outcome that a command reported for one step."""

    address: str
    action: str
    status: str
    id: str = ""
    fields: Fields = {}  # the values that an update was to write
    unkept: frozenset[str] = frozenset()


class Edit(Struct, frozen=True):
    """A difference that a command reported: of one field, or of the whole object if `path` is empty."""

    address: str
    path: str = ""


class End(Struct, frozen=True, tag="end"):
    """The end of a command, with the outcomes and differences that it reported."""

    who: str
    code: int
    outcomes: tuple[Outcome, ...] = ()
    reported: frozenset[Edit] = frozenset()  # drift, overwritten drift, conflicts
    unkept: frozenset[Edit] = frozenset()  # reported as stored with another value by the server
    sentences: frozenset[str] = frozenset()  # "No changes", "No drift"
    time: float = 0.0


class Killed(Struct, frozen=True, tag="killed"):
    """A command was killed."""

    who: str
    where: str = ""
    time: float = 0.0


Event = (
    Present
    | ManifestsChanged
    | Begin
    | Planned
    | Lock
    | Read
    | Call
    | Commit
    | Answer
    | StateWritten
    | ObjectAdopted
    | End
    | Killed
)
_DECODER = msgspec.json.Decoder(Event)


def digest(value: object) -> str:
    """A value as text, or its SHA-256 hash if the text has more than 200 characters."""
    text = value if isinstance(value, str) else json.dumps(value, sort_keys=True, ensure_ascii=False)
    return text if len(text) <= _SHORT else "sha256:" + hashlib.sha256(text.encode()).hexdigest()[:16]


def flat(value: object, pointer: str = "") -> Iterator[tuple[str, str]]:
    """The leaves of a JSON value by pointer; an empty object or list is a leaf."""
    members: Iterable[tuple[object, object]] = ()
    if isinstance(value, dict):
        members = value.items()
    elif isinstance(value, list):
        members = enumerate(value)
    has_members = False
    for key, item in members:
        has_members = True
        yield from flat(item, f"{pointer}/{str(key).replace('~', '~0').replace('/', '~1')}")
    if not has_members:
        yield pointer, digest(value)


def to_json_line(event: Event) -> str:
    """An event as one line of JSON."""
    return msgspec.json.encode(event).decode()


def write(path: Path, events: Iterable[Event]) -> None:
    """Write a history to a file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(to_json_line(event) + "\n" for event in events), "utf-8")


def read(path: Path) -> list[Event]:
    """Read a history from a file; lines that begin with `#` are comments."""
    lines = path.read_text("utf-8").splitlines()
    return [_DECODER.decode(line) for line in lines if line.strip() and not line.startswith("#")]
