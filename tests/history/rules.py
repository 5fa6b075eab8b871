"""What must be true of every history, whatever happened: the rules, all of them, and nothing else.

`judge` goes through a history once.  Each rule counts how often it had something to look at, so that nobody takes a
rule that never looked for one that is kept.

    created-once       at most one object for an address that is not known to be on its way out
    no-write-after-loss   no call that changes something by a run that does not hold the lock of its state
    no-lost-update     what a person wrote is overwritten or deleted only by a run that has read and told it
    no-stranger        no change of an object, and no binding to one, that no run of the project made or was given
    edit-told          a person's edit that is still there is told by every command that looks
    done-is-done       "done" only for what was done
    failed-is-failed   "failed" and "skipped" never for what was done
    no-changes-true    "No changes" only when everything is as the manifests say
    no-drift-true      "No drift" only when nobody has edited what is managed
    deletes-listed     nothing is deleted that the plan did not list
    second-run-quiet   after a run that left nothing to do, a further run sends nothing that changes something
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from msgspec import Struct

from tests.history.events import Begin, Call, Commit, Edit, End, Event, Known, Outcome
from tests.history.scene import PortalEdit, Run, Scene, Thing, alike, covers

RULES = (
    "created-once",
    "no-write-after-loss",
    "no-lost-update",
    "no-stranger",
    "edit-told",
    "done-is-done",
    "failed-is-failed",
    "no-changes-true",
    "no-drift-true",
    "deletes-listed",
    "second-run-quiet",
)
_READING = frozenset({"plan", "drift"})  # they leave the state as an interrupted run has left it
_LOOKING = frozenset({"plan", "drift", "apply"})  # commands that look at everything
_TOLD = frozenset({0, 2, 3, 5})  # exit codes of commands that came as far as telling
_UNWRITTEN = 9  # the exit code of a run that could not write its state: what it knows is in its journal only
_REMOVING = frozenset({"delete", "retire"})


class Limits(Struct, frozen=True):
    """What is not promised, where a history knows better than to ask for it."""

    unseen: float = 0.0  # seconds before a call from which on an edit can be overlooked, where there is no test:
    untested: frozenset[str] = frozenset()  # ... for deletes, and for updates of these kinds


PROMISED = Limits()


class Violation(Struct, frozen=True):
    """A rule that was broken, and the places of the events that show it."""

    rule: str
    text: str
    events: tuple[int, ...]


@dataclass(slots=True)
class Verdict:
    """What was found, and how often each rule looked."""

    violations: list[Violation] = field(default_factory=list)
    looked: Counter[str] = field(default_factory=Counter)


def judge(events: Iterable[Event], limits: Limits = PROMISED) -> Verdict:
    """Go through a history."""
    this = _Judge(Verdict(), Scene(), limits)
    for at, event in enumerate(events):
        this.look(event, at)
    for project in dict.fromkeys(this.scene.projects.values()):
        this.check_created(project)
    return this.verdict


@dataclass(slots=True)
class _Judge:
    verdict: Verdict
    scene: Scene
    limits: Limits
    told: set[tuple[str, ...]] = field(default_factory=set)  # twins that were found before

    def look(self, event: Event, at: int) -> None:
        """Check an event against everything before it, let it happen, and check what it leaves."""
        if isinstance(event, Call):
            self._before_call(event, at)
        elif isinstance(event, Commit):
            self._before_commit(event, at)
        before = self.scene.known.get(event.state) if isinstance(event, Known) else None
        self.scene.follow(event, at)
        if isinstance(event, Known):
            self._check_bindings(event, before)
        elif isinstance(event, End):
            self._after_end(event, at)
        elif isinstance(event, Begin):
            self.verdict.looked["second-run-quiet"] += bool(self.scene.runs[event.who].quiet)

    def _found(self, rule: str, text: str, *events: int) -> None:
        self.verdict.violations.append(Violation(rule, text, tuple(sorted(set(events)))))

    # Calls.

    def _before_call(self, call: Call, at: int) -> None:
        run = self.scene.runs.get(call.who)
        if run is None:
            return
        if run.state in self.scene.holders:
            self.verdict.looked["no-write-after-loss"] += 1
            holder, since = self.scene.holders[run.state]
            if holder != run.who:
                text = f"{run.who} sends {call.method} {call.path}; the lock is {holder or 'nobody'}'s"
                self._found("no-write-after-loss", text, since, at)
        if run.quiet:
            text = f"{call.method} {call.path} by {run.who}, although nothing was left to do"
            self._found("second-run-quiet", text, run.quiet, run.event, at)

    # Commits.

    def _before_commit(self, commit: Commit, at: int) -> None:
        run, thing = self.scene.caller(commit), self.scene.things.get(commit.id)
        if run is None or thing is None or commit.action == "create":
            return
        sent = self.scene.sent[commit.call]
        self.verdict.looked["no-stranger"] += 1
        if thing.project != run.project and not self._is_unguarded(thing, commit, thing.time):
            self._found("no-stranger", f"{run.who} changes ({commit.action}) {commit.id}", thing.event, sent, at)
        if commit.action == "delete":
            self.verdict.looked["deletes-listed"] += 1
            if commit.id not in run.deletes:
                self._found("deletes-listed", f"{run.who} deletes {commit.id}", run.event, sent, at)
        self._check_edits(run, thing, commit, at)

    def _check_edits(self, run: Run, thing: Thing, commit: Commit, at: int) -> None:
        removed = commit.action == "delete"
        for pointer, edit in thing.edits.items():
            if not removed and (pointer not in commit.changes or commit.changes[pointer] == edit.after):
                continue
            self.verdict.looked["no-lost-update"] += 1
            later = edit.event > self.scene.sent[commit.call]  # a read after the call does not help
            unread = later or run.reads.get(thing.id, -1) < edit.version
            if unread and not self._is_unguarded(thing, commit, edit.time):
                text = f"{run.who} writes over {pointer} of {thing.id} without having read what a person wrote"
                self._found("no-lost-update", text, edit.event, self.scene.sent[commit.call], at)
            elif not removed and not unread:
                run.untold.append((at, _addresses(self.scene, run, thing), pointer, edit))

    def _is_unguarded(self, thing: Thing, commit: Commit, since: float) -> bool:
        """Whether something came so late that only a test could have told, and there is none."""
        untested = commit.action == "delete" or thing.kind in self.limits.untested
        return (
            bool(self.limits.unseen) and untested and since >= self.scene.calls[commit.call].time - self.limits.unseen
        )

    # Bindings.

    def _check_bindings(self, known: Known, before: Known | None) -> None:
        project = self.scene.projects.get(known.state)
        if project is None:
            return
        old = {*before.bound.values(), *before.others} if before else set()
        for id_ in {*known.bound.values(), *known.others} - old:
            thing = self.scene.things.get(id_)
            if thing is not None and not thing.gone:
                self.verdict.looked["no-stranger"] += 1
                if project not in (thing.project, *(one.project for one in self.scene.buried if one.id == id_)):
                    text = f"the state is bound to {id_}, which no run of the project has made"
                    self._found("no-stranger", text, thing.event, self.scene.at)

    def check_created(self, project: str) -> None:
        """At most one object for an address; two checkouts of a project are one project."""
        current: dict[str, set[str]] = defaultdict(set)
        known: set[str] = set()
        for state in self.scene.states(project):
            known.update(state.bound.values(), state.others)
            for address, id_ in state.bound.items():
                if id_ in self.scene.things and not self.scene.things[id_].gone:
                    current[address].add(id_)
        groups: dict[tuple[str, ...], set[str]] = {(address,): set() for address in current}
        for thing in self.scene.things.values():
            made = thing.project == project and thing.addresses
            if made and not thing.gone and not thing.released and thing.id not in known:
                groups.setdefault(thing.addresses, set()).add(thing.id)
        for addresses, unknown in groups.items():
            self.verdict.looked["created-once"] += 1
            alive = unknown.union(*(current.get(one, set()) for one in addresses))
            if len(alive) > len(addresses) and tuple(sorted(alive)) not in self.told:
                self.told.add(tuple(sorted(alive)))
                places = [self.scene.things[one].event for one in alive]
                self._found("created-once", f"{', '.join(addresses)}: {', '.join(sorted(alive))}", *places)

    # Ends.

    def _after_end(self, end: End, at: int) -> None:
        run = self.scene.runs[end.who]
        run.open = False
        if end.code != _UNWRITTEN and run.command not in _READING:
            self.check_created(run.project)
        for outcome in end.outcomes:
            self._check_outcome(run, outcome, at)
        self._check_overwritten(run, end, at)
        self._note_told(run, end)
        if run.command in _LOOKING and end.code in _TOLD:
            self._check_told(run, end, at)
        if "No changes" in end.sentences:
            self._check_no_changes(run, end, at)
        if "No drift" in end.sentences:
            self._check_no_drift(run, at)
        done = all(one.status == "done" and not one.unkept for one in end.outcomes)
        calm = self.scene.person < run.event
        if run.command == "apply" and end.code == 0 and done and calm and not end.unkept:
            self.scene.settled[run.state] = at

    def _check_outcome(self, run: Run, outcome: Outcome, at: int) -> None:
        if outcome.status == "done":
            self.verdict.looked["done-is-done"] += 1
            wrong = _not_done(self.scene, run, outcome)
            if wrong:
                self._found("done-is-done", f"{run.who}: done {outcome.action} {outcome.address}: {wrong}", at)
        elif outcome.status in ("failed", "skipped"):
            self.verdict.looked["failed-is-failed"] += 1
            wrong = _done_all_the_same(self.scene, run, outcome)
            if wrong:
                text = f"{run.who}: {outcome.status} {outcome.action} {outcome.address}: {wrong}"
                self._found("failed-is-failed", text, at)

    def _check_overwritten(self, run: Run, end: End, at: int) -> None:
        for place, addresses, pointer, edit in run.untold:
            self.verdict.looked["no-lost-update"] += 1
            told = edit.told or any(_tells(end.reported, one, pointer) for one in addresses)
            if not told and run.overwrites.isdisjoint(addresses):
                text = f"{run.who} wrote over {pointer} of {', '.join(addresses)} and did not tell the edit"
                self._found("no-lost-update", text, edit.event, place, at)

    def _note_told(self, run: Run, end: End) -> None:
        """What is told as "not kept by the server" is told, whoever it was."""
        for address, thing in _bound_things(self.scene, run) if end.unkept else ():
            for pointer, edit in thing.edits.items():
                edit.told = edit.told or _tells(end.unkept, address, pointer)

    def _check_told(self, run: Run, end: End, at: int) -> None:
        wanted = run.wants
        for address, thing in _bound_things(self.scene, run):
            if address not in wanted:
                continue
            if thing.gone and thing.gone <= run.begun and not thing.remover:
                self.verdict.looked["edit-told"] += 1
                if not any(one.address == address for one in end.reported):
                    self._found("edit-told", f"{run.who} is silent about {address}, which was deleted", at)
            for pointer, edit in _open_edits(thing, run, wanted[address]):
                self.verdict.looked["edit-told"] += 1
                if alike(pointer, self.scene.resolved(run, wanted[address][pointer]), edit.after):
                    continue
                if edit.told and _writes(end.outcomes, address, pointer):
                    continue  # an edit in the moment of a write looks like an answer to it, and was told as one
                if not _tells(end.reported | end.unkept, address, pointer):
                    self._found("edit-told", f"{run.who} is silent about {pointer} of {address}", edit.event, at)

    def _check_no_changes(self, run: Run, end: End, at: int) -> None:
        for address, fields in run.wants.items():
            self.verdict.looked["no-changes-true"] += 1
            thing = self.scene.meant(run, self.scene.bound(run).get(address, ""), address)
            if thing is None or (thing.gone and thing.gone <= run.begun):
                self._found("no-changes-true", f"{run.who}: {address} is not there", at)
                continue
            for pointer, wanted in fields.items():
                kept = self.scene.holds(run, address, pointer, wanted, run.begun)
                if not kept and not _tells(end.unkept, address, pointer):
                    text = f"{run.who}: {pointer} of {address} is {thing.fields.get(pointer)!r}, not {wanted!r}"
                    self._found("no-changes-true", text, thing.event, at)

    def _check_no_drift(self, run: Run, at: int) -> None:
        known = self.scene.known.get(run.state)
        for address, thing in _bound_things(self.scene, run):
            self.verdict.looked["no-drift-true"] += 1
            if thing.gone and thing.gone <= run.begun:
                self._found("no-drift-true", f"{run.who}: {address} was deleted", at)
            managed = dict.fromkeys(known.applied.get(address, ()), "") if known else {}
            for pointer, edit in _open_edits(thing, run, managed):
                self._found("no-drift-true", f"{run.who}: {pointer} of {address} was edited", edit.event, at)


def _bound_things(scene: Scene, run: Run) -> Iterator[tuple[str, Thing]]:
    pairs = ((address, scene.things.get(id_)) for address, id_ in scene.bound(run).items())
    return ((address, thing) for address, thing in pairs if thing is not None)


def _open_edits(thing: Thing, run: Run, managed: dict[str, str]) -> Iterator[tuple[str, PortalEdit]]:
    for pointer, edit in thing.edits.items():
        if not thing.gone and pointer in managed and edit.version <= run.begun:
            yield pointer, edit


def _addresses(scene: Scene, run: Run, thing: Thing) -> tuple[str, ...]:
    """The addresses that an object is bound to; an old binding may have the same id, given out again."""
    return tuple(address for address, id_ in scene.bound(run).items() if id_ == thing.id) or (thing.id,)


def _tells(told: Iterable[Edit], address: str, pointer: str) -> bool:
    return any(one.address == address and (not one.path or covers(one.path, pointer)) for one in told)


def _writes(outcomes: Iterable[Outcome], address: str, pointer: str) -> bool:
    """Whether a run tells that it wanted to write a place, and how that ended."""
    return any(one.address == address and pointer in one.fields for one in outcomes)


def _not_done(scene: Scene, run: Run, outcome: Outcome) -> str:
    """What is wrong with a step that is said to be done."""
    thing = scene.meant(run, outcome.id, outcome.address)
    if outcome.action in _REMOVING:
        others = {id_ for address, id_ in scene.bound(run).items() if address != outcome.address}
        ours = thing is not None and thing.project == run.project and outcome.id not in others  # not given out again
        return f"{outcome.id} is there" if ours and thing and not thing.gone else ""
    if outcome.action == "forget":
        return ""
    if thing is None or (thing.gone and thing.gone <= run.begun):
        return f"there is no {outcome.id or 'id'}"
    if outcome.action == "recrawl":
        return "" if outcome.id in run.crawled else "no crawl was begun"
    for pointer, wanted in outcome.fields.items():
        value = scene.resolved(run, wanted)
        if any(alike(pointer, value, one) for one in thing.values(pointer, run.begun)):
            continue
        if wanted.startswith("ref:") and _is_older_half(scene, run, thing.fields.get(pointer), value):
            continue  # what it refers to is being replaced: a later step moves the reference
        written = any(place == pointer and version in run.wrote[thing.id] for version, place, _ in thing.past)
        before = thing.value_at(pointer, run.begun)
        moved = any(one != before for one in thing.values(pointer, run.begun))
        if pointer not in outcome.unkept or not (written or moved):
            return f"{pointer} is {thing.fields.get(pointer)!r}, not {value!r}"
    return ""


def _is_older_half(scene: Scene, run: Run, found: str | None, meant: str) -> bool:
    """Whether an id is of an older object of the project than the one that its address means by now."""
    old, new = scene.things.get(found or ""), scene.things.get(meant)
    return old is not None and new is not None and old.project == run.project and old.event < new.event


def _done_all_the_same(scene: Scene, run: Run, outcome: Outcome) -> str:
    """What was done of a step that is said to have failed."""
    if outcome.action == "create":
        made = _made_by(scene.things.values(), run, outcome.address)
        return f"{made[0].id} was made" if made and made[0].id != outcome.id else ""
    thing = scene.meant(run, outcome.id, outcome.address)
    if thing is None:
        return ""
    if outcome.action in _REMOVING:
        return f"{outcome.id} was deleted" if thing.remover == run.who else ""
    # Another step may have written other fields of the object.
    written = any(place in outcome.fields and version in run.wrote[outcome.id] for version, place, _ in thing.past)
    if outcome.action == "update" and written:
        kept = all(
            alike(pointer, scene.resolved(run, wanted), thing.fields.get(pointer))
            for pointer, wanted in outcome.fields.items()
        )
        return f"{outcome.id} was written" if kept else ""
    return ""


def _made_by(things: Iterable[Thing], run: Run, address: str) -> Sequence[Thing]:
    return [one for one in things if one.maker == run.who and one.addresses == (address,) and not one.gone]
