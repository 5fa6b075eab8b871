"""Replays a history: the account, the runs and the states as they were at each event."""

from __future__ import annotations

import html
import unicodedata
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from tests.history.events import (
    Begin,
    Call,
    Commit,
    Event,
    Fields,
    Lock,
    ManifestsChanged,
    ObjectAdopted,
    Planned,
    Present,
    Read,
    StateWritten,
)

_CUT = 20  # a server that shortens a long name keeps at least so many characters


@dataclass(slots=True)
class PortalEdit:
    """An edit of a field by a person."""

    version: int
    before: str | None
    after: str | None
    time: float
    event: int  # the index of the event in the history
    told: bool = False  # whether a run reported it as a value that the server does not keep


@dataclass(slots=True)
class AccountObject:
    """An object of the account; if the server uses its id again, that is another `AccountObject`."""

    id: str
    kind: str
    project: str  # the project that created or imported it; empty: an object of nobody
    fields: Fields
    version: int
    event: int  # the index of the event that created it
    time: float = 0.0  # the time of that event
    maker: str = ""  # the run that created it
    addresses: tuple[str, ...] = ()
    gone: int = 0  # the version at which it was deleted; 0: it exists
    remover: str = ""  # the run that deleted it
    released: bool = False  # the project removed the binding on purpose
    edits: dict[str, PortalEdit] = field(default_factory=dict)  # by pointer: edits that are not overwritten
    past: list[tuple[int, str, str | None]] = field(default_factory=list)  # version, pointer, value before it

    def values(self, pointer: str, since: int) -> Iterator[str | None]:
        """The values of a field since a version: the current value first, then the earlier ones."""
        yield self.fields.get(pointer)
        yield from (before for version, changed, before in self.past if changed == pointer and version > since)

    def value_at(self, pointer: str, version: int) -> str | None:
        """The value of a field at a version."""
        for later, changed, before in self.past:
            if changed == pointer and later > version:
                return before
        return self.fields.get(pointer)


@dataclass(slots=True)
class Run:
    """A run of a command."""

    who: str
    project: str
    state: str
    command: str
    begun: int  # the newest version when it began
    event: int
    wants: dict[str, Fields] = field(default_factory=dict)  # the manifests when it began
    reads: dict[str, int] = field(default_factory=dict)
    deletes: frozenset[str] = frozenset()
    overwrites: frozenset[str] = frozenset()
    wrote: dict[str, list[int]] = field(default_factory=lambda: defaultdict(list))  # versions that it made, by id
    crawled: set[str] = field(default_factory=set)
    untold: list[tuple[int, tuple[str, ...], str, PortalEdit]] = field(
        default_factory=list
    )  # overwritten edits: index of the commit, addresses, pointer, edit
    quiet: int = 0  # the end event of an earlier run that left this one nothing to do; 0: none
    open: bool = True


@dataclass(slots=True)
class Scene:
    """The account, the runs and the states after the last event that was applied."""

    at: int = 0  # the index of that event
    version: int = 0
    things: dict[str, AccountObject] = field(default_factory=dict)
    buried: list[AccountObject] = field(default_factory=list)  # deleted objects whose id the server used again
    runs: dict[str, Run] = field(default_factory=dict)
    calls: dict[int, Call] = field(default_factory=dict)
    sent: dict[int, int] = field(default_factory=dict)  # the event index of each call, by its number
    holders: dict[str, tuple[str, int]] = field(default_factory=dict)  # by state: the lock's holder, and since when
    known: dict[str, StateWritten] = field(default_factory=dict)
    projects: dict[str, str] = field(default_factory=dict)  # by state
    wants: dict[str, dict[str, Fields]] = field(default_factory=dict)
    person: int = -1  # the index of the last event that a person caused
    settled: dict[str, int] = field(default_factory=dict)  # by state: the end event of a run that left nothing to do

    def follow(self, event: Event, at: int) -> None:
        """Apply an event."""
        self.at = at
        apply = _APPLY_BY_TYPE.get(type(event))
        if apply:
            apply(self, event)

    def caller(self, commit: Commit) -> Run | None:
        """The run whose call caused a commit; None if it was not a run."""
        call = self.calls.get(commit.call)
        return self.runs.get(call.who) if call and commit.by == "api" else None

    def object_for(self, run: Run, id_: str, address: str) -> AccountObject | None:
        """The object that a run refers to by an id and an address.

        The server may have used the id again since, even for an object of the same project.
        """
        thing = self.things.get(id_)
        past = [old for old in self.buried if old.id == id_ and old.project == run.project]
        if thing is None or not past or address in thing.addresses:
            return thing
        mine = [old for old in past if address in old.addresses] or past
        if thing.project == run.project and address not in mine[-1].addresses:
            return thing
        wrote_since = thing.project != run.project and any(v > mine[-1].gone for v in run.wrote.get(id_, ()))
        return thing if wrote_since else mine[-1]

    def bound(self, run: Run) -> dict[str, str]:
        """The bindings in the state of a run: ids by address."""
        known = self.known.get(run.state)
        return known.bound if known else {}

    def states(self, project: str) -> Iterator[StateWritten]:
        """The content of all states of a project."""
        return (self.known[state] for state, owner in self.projects.items() if owner == project and state in self.known)

    def holds(self, run: Run, address: str, pointer: str, wanted: str, since: int) -> bool:
        """Whether a field had the value `wanted` at any moment since a version."""
        thing = self.object_for(run, self.bound(run).get(address, ""), address)
        if thing is None:
            return False
        return any(alike(pointer, self.resolved(run, wanted), value) for value in thing.values(pointer, since))

    def resolved(self, run: Run, wanted: str) -> str:
        """A desired value; a reference `ref:KIND/NAME` is replaced by the id that is bound to it."""
        return self.bound(run).get(wanted.removeprefix("ref:"), wanted) if wanted.startswith("ref:") else wanted

    def _present(self, event: Present) -> None:
        self.things[event.id] = AccountObject(event.id, event.kind, "", dict(event.fields), self.version, self.at)

    def _consent(self, event: ObjectAdopted) -> None:
        if event.id in self.things:
            self.things[event.id].project = event.project

    def _plan(self, event: Planned) -> None:
        run = self.runs[event.who]
        run.deletes, run.overwrites = event.deletes, frozenset(event.overwrites)

    def _call(self, event: Call) -> None:
        self.calls[event.number], self.sent[event.number] = event, self.at

    def _read(self, event: Read) -> None:
        reads = self.runs[event.who].reads
        for id_, version in event.shown.items():
            reads[id_] = max(version, reads.get(id_, -1))

    def _commit(self, event: Commit) -> None:
        self.version = event.version
        run = self.caller(event)
        if event.action == "create":
            if event.id in self.things:
                self.buried.append(self.things[event.id])
            self.things[event.id] = self._made(event, run)
        thing = self.things.get(event.id)
        if thing is None:
            return
        if event.action == "delete":
            thing.gone, thing.remover = event.version, run.who if run else ""
        elif event.action != "create":
            self._change(thing, event, by_person=run is None)
        if run and (event.changes or event.action != "update"):
            run.wrote[event.id].append(event.version)
        if run and event.action == "recrawl":
            run.crawled.add(event.id)
        self.settled.clear()
        if run is None:
            self.person = self.at
            for other_run in self.runs.values():
                other_run.quiet = 0

    def _made(self, event: Commit, run: Run | None) -> AccountObject:
        fields = {pointer: value for pointer, value in event.changes.items() if value is not None}
        call = self.calls.get(event.call)
        addresses = call.addresses if call and run else ()
        project, who = (run.project, run.who) if run else ("", "")
        return AccountObject(event.id, event.kind, project, fields, event.version, self.at, event.time, who, addresses)

    def _change(self, thing: AccountObject, event: Commit, *, by_person: bool) -> None:
        thing.version = event.version
        for pointer, value in event.changes.items():
            before = thing.fields.get(pointer)
            thing.past.append((event.version, pointer, before))
            edit = thing.edits.pop(pointer, None)
            if by_person:
                original = edit.before if edit else before
                if original != value:
                    thing.edits[pointer] = PortalEdit(event.version, original, value, event.time, self.at)
            if value is None:
                thing.fields.pop(pointer, None)
            else:
                thing.fields[pointer] = value

    def _begin(self, event: Begin) -> None:
        self.projects[event.state] = event.project
        wants = self.wants.get(event.project, {})
        run = Run(event.who, event.project, event.state, event.command, self.version, self.at, wants)
        run.quiet = self.settled.get(event.state, 0) if event.command == "apply" else 0
        self.runs[event.who] = run

    def _know(self, event: StateWritten) -> None:
        before, manifests = self.known.get(event.state), self.wants.get(self.projects.get(event.state, ""), {})
        self.known[event.state] = event
        if before:
            for address, id_ in before.bound.items():
                if address not in event.bound and address not in manifests and id_ in self.things:
                    self.things[id_].released = True

    def _lock(self, event: Lock) -> None:
        if event.what == "released":
            if self.holders.get(event.state, ("",))[0] == event.who:
                self.holders[event.state] = ("", self.at)
        else:
            self.holders[event.state] = (event.who, self.at)

    def _want(self, event: ManifestsChanged) -> None:
        """Apply new manifests; an edit whose value a manifest has now does not count as an edit any more."""
        self.wants[event.project] = event.objects
        self.settled.clear()
        self.person = self.at
        for known in self.states(event.project):
            for address, id_ in known.bound.items():
                thing, desired = self.things.get(id_), event.objects.get(address, {})
                for pointer in list(thing.edits) if thing else ():
                    if thing and alike(pointer, desired.get(pointer), thing.fields.get(pointer)):
                        del thing.edits[pointer]


_APPLY_BY_TYPE: dict[type, Callable[[Scene, Any], None]] = {
    Present: Scene._present,
    ManifestsChanged: Scene._want,
    Begin: Scene._begin,
    Planned: Scene._plan,
    Lock: Scene._lock,
    Read: Scene._read,
    Call: Scene._call,
    Commit: Scene._commit,
    StateWritten: Scene._know,
    ObjectAdopted: Scene._consent,
}


def alike(pointer: str, wanted: str | None, found: str | None) -> bool:
    """Whether a value is the desired one.

    A name counts as equal if the server trimmed, Unicode-composed, HTML-escaped or shortened it.
    """
    if wanted == found:
        return True
    if wanted is None or found is None or not pointer.endswith("name"):
        return False
    ours, theirs = _plain(wanted), _plain(found)
    return ours == theirs or (len(theirs) >= _CUT and ours.startswith(theirs))


def _plain(name: str) -> str:
    return " ".join(unicodedata.normalize("NFC", html.unescape(name)).split())


def covers(told: str, pointer: str) -> bool:
    """Whether a difference reported at one pointer includes the other: equal, or one is inside the other."""
    return told == pointer or pointer.startswith(told + "/") or told.startswith(pointer + "/")
