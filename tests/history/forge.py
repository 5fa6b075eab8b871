"""Builds histories by hand: a project, correct runs, and people; a test then adds one wrong event."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from tests.history.events import (
    Answer,
    Begin,
    Call,
    Commit,
    Edit,
    End,
    Event,
    Fields,
    Lock,
    ManifestsChanged,
    ObjectAdopted,
    Outcome,
    Planned,
    Present,
    Read,
    StateWritten,
)

ONE, TWO = "persona/one", "persona/two"
PROMPT = "/system_prompt"


@dataclass
class Forge:
    """A history that is being built, and its counters."""

    events: list[Event] = field(default_factory=list)
    bound: dict[str, str] = field(default_factory=dict)
    wants: dict[str, Fields] = field(default_factory=dict)
    version: int = 0
    number: int = 0
    versions: dict[str, int] = field(default_factory=dict)
    outcomes: list[Outcome] = field(default_factory=list)
    project: str = "p"
    state: str = "s"

    def add(self, event: Event) -> None:
        """Append an event."""
        self.events.append(event)

    def want(self, **prompts: str) -> None:
        """Declare manifests of personas: the prompt of each, by name."""
        self.wants = {f"persona/{name}": {"/persona_name": name, PROMPT: text} for name, text in prompts.items()}
        self.add(ManifestsChanged(self.project, self.wants))

    def begin(self, who: str, command: str = "apply", *, deletes: tuple[str, ...] = (), reads: bool = True) -> None:
        """A command begins and plans: `apply` takes the lock; all objects are read unless `reads` is False."""
        self.outcomes = []
        self.add(Begin(who, self.project, self.state, command))
        if command == "apply":
            self.add(Lock(who, self.state, "taken"))
        if reads:
            self.read(who)
        self.add(Planned(who, frozenset(deletes)))

    def read(self, who: str) -> None:
        """A command reads all objects."""
        self.add(Read(who, dict(self.versions)))

    def call(self, who: str, method: str, id_: str = "", address: str = "") -> int:
        """A call is sent; return its number."""
        self.number += 1
        path = "/v2/personas" + (f"/{id_}" if id_ else "")
        self.add(Call(self.number, who, method, path, "", (address,) if address else ()))
        return self.number

    def commit(self, action: str, id_: str, changes: dict[str, str | None], call: int = 0) -> None:
        """The account changes, by a call or, if `call` is 0, in the portal."""
        self.version += 1
        self.versions[id_] = self.version
        if action == "delete":
            del self.versions[id_]
        self.add(Commit(self.version, id_, "persona", action, "api" if call else "portal", changes, call))

    def create(self, who: str, address: str, id_: str, *, told: bool = True) -> None:
        """A run creates an object; if `told`, it writes the id to the state and reports the outcome."""
        call = self.call(who, "POST", "", address)
        self.commit("create", id_, dict(self.wants[address]), call)
        self.add(Answer(call, 200, id_))
        if told:
            self.bound[address] = id_
            self.know()
            self.outcomes.append(Outcome(address, "create", "done", id_))

    def update(self, who: str, address: str) -> None:
        """A run writes the fields of the manifest to the object."""
        call = self.call(who, "PATCH", self.bound[address])
        self.commit("update", self.bound[address], dict(self.wants[address]), call)
        self.add(Answer(call, 200, self.bound[address]))
        self.outcomes.append(Outcome(address, "update", "done", self.bound[address], self.wants[address]))

    def delete(self, who: str, address: str) -> None:
        """A run deletes the object that is bound to an address."""
        id_ = self.bound.pop(address)
        call = self.call(who, "DELETE", id_)
        self.commit("delete", id_, {}, call)
        self.add(Answer(call, 200, id_))
        self.know()
        self.outcomes.append(Outcome(address, "delete", "done", id_))

    def know(self) -> None:
        """The bindings are written to the state."""
        applied = {address: tuple(self.wants.get(address, ())) for address in self.bound}
        self.add(StateWritten(self.state, dict(self.bound), applied=applied))

    def end(self, who: str, code: int = 0, *edits: Edit, lock: bool = True, **more: Any) -> None:
        """A command ends and reports its outcomes; it releases the lock if `lock`."""
        if lock:
            self.add(Lock(who, self.state, "released"))
        self.add(End(who, code, tuple(self.outcomes), frozenset(edits), **more))

    @contextmanager
    def run(
        self, who: str, code: int = 0, *edits: Edit, lock: bool = True, deletes: tuple[str, ...] = ()
    ) -> Iterator[None]:
        """An apply that does in between what the block says; the parameters are those of `begin` and `end`."""
        self.begin(who, deletes=deletes)
        yield
        self.end(who, code, *edits, lock=lock)

    def says(self, who: str, sentence: str, command: str = "plan") -> None:
        """A read-only command that reports a sentence."""
        self.begin(who, command)
        self.end(who, lock=False, sentences=frozenset({sentence}))

    def stranger(self, id_: str) -> None:
        """An object that does not belong to the project."""
        self.add(Present(id_, "persona", {"/persona_name": "theirs"}))
        self.versions[id_] = self.version

    def given(self, id_: str) -> None:
        """A person makes an object part of the project."""
        self.add(ObjectAdopted(self.project, id_))


def applied() -> Forge:
    """A history in which run A has created two personas."""
    forge = Forge()
    forge.want(one="first", two="first")
    forge.begin("A")
    forge.create("A", ONE, "p1")
    forge.create("A", TWO, "p2")
    forge.end("A")
    return forge
