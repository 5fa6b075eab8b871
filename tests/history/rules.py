"""The rules that every history must obey.

`judge` goes through a history once.  Each rule counts its checks, so that a rule that never had anything to check does
not pass for a rule that holds.

    created-once       at most one object for an address, apart from objects that the state lists as old versions
    no-write-after-loss   a run that does not hold the lock of its state sends no call that may change something
    no-lost-update     an edit of a person is overwritten or deleted only by a run that has read and reported it
    no-stranger        no change of, and no binding to, an object that no run created and no person gave to the project
    edit-told          an edit of a person that is still in the account is reported by every plan, drift and apply
    done-is-done       "done" is reported only for a step that was carried out
    failed-is-failed   "failed" and "skipped" are never reported for a step that was carried out
    no-changes-true    "No changes" is reported only if every field has the value of its manifest
    no-drift-true      "No drift" is reported only if no person has edited or deleted a managed field or object
    deletes-listed     only objects that the plan lists are deleted
    second-run-quiet   after a run that left nothing to do, the next run sends no call that may change something
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from msgspec import Struct

from tests.history.events import Begin, Call, Commit, Edit, End, Event, Outcome, StateWritten
from tests.history.scene import AccountObject, PortalEdit, Run, Scene, alike, covers

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
_READING = frozenset({"plan", "drift"})  # commands that do not repair the state after an interrupted run
_COMPARING = frozenset({"plan", "drift", "apply"})  # commands that read all objects
_REPORTING_CODES = frozenset({0, 2, 3, 5})  # exit codes of commands that came as far as their report
_UNWRITTEN = 9  # the exit code of a run that could not write its state: its results are in its journal only
_REMOVING = frozenset({"delete", "retire"})


class Limits(Struct, frozen=True):
    """Exceptions from the rules: edits that tavusctl does not promise to notice."""

    unseen: float = 0.0  # an edit so many seconds before a call, or later, may be missed by a call without a guard:
    untested: frozenset[str] = frozenset()  # ... by every delete, and by updates of these kinds


PROMISED = Limits()


class Violation(Struct, frozen=True):
    """A rule that was broken, and the indexes of the events that show it."""

    rule: str
    text: str
    events: tuple[int, ...]


@dataclass(slots=True)
class Verdict:
    """The violations of a history, and the number of checks of each rule."""

    violations: list[Violation] = field(default_factory=list)
    looked: Counter[str] = field(default_factory=Counter)


def judge(events: Iterable[Event], limits: Limits = PROMISED) -> Verdict:
    """Check a history against all rules; `limits` are the exceptions to allow."""
    checker = _Judge(Verdict(), Scene(), limits)
    for index, event in enumerate(events):
        checker.look(event, index)
    for project in dict.fromkeys(checker.scene.projects.values()):
        checker.check_created(project)
    return checker.verdict


@dataclass(slots=True)
class _Judge:
    verdict: Verdict
    scene: Scene
    limits: Limits
    told: set[tuple[str, ...]] = field(default_factory=set)  # groups of duplicates that were reported before

    def look(self, event: Event, at: int) -> None:
        """Check an event against everything before it, apply it to the scene, and check the result."""
        if isinstance(event, Call):
            self._before_call(event, at)
        elif isinstance(event, Commit):
            self._before_commit(event, at)
        before = self.scene.known.get(event.state) if isinstance(event, StateWritten) else None
        self.scene.follow(event, at)
        if isinstance(event, StateWritten):
            self._check_bindings(event, before)
        elif isinstance(event, End):
            self._after_end(event, at)
        elif isinstance(event, Begin):
            self.verdict.looked["second-run-quiet"] += bool(self.scene.runs[event.who].quiet)

    def _report(self, rule: str, text: str, *events: int) -> None:
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
                self._report("no-write-after-loss", text, since, at)
        if run.quiet:
            text = f"{call.method} {call.path} by {run.who}, although nothing was left to do"
            self._report("second-run-quiet", text, run.quiet, run.event, at)

    # Commits.

    def _before_commit(self, commit: Commit, at: int) -> None:
        run, thing = self.scene.caller(commit), self.scene.things.get(commit.id)
        if run is None or thing is None or commit.action == "create":
            return
        sent = self.scene.sent[commit.call]
        self.verdict.looked["no-stranger"] += 1
        if thing.project != run.project and not self._is_unguarded(thing, commit, thing.time):
            self._report("no-stranger", f"{run.who} changes ({commit.action}) {commit.id}", thing.event, sent, at)
        if commit.action == "delete":
            self.verdict.looked["deletes-listed"] += 1
            if commit.id not in run.deletes:
                self._report("deletes-listed", f"{run.who} deletes {commit.id}", run.event, sent, at)
        self._check_edits(run, thing, commit, at)

    def _check_edits(self, run: Run, thing: AccountObject, commit: Commit, at: int) -> None:
        removed = commit.action == "delete"
        for pointer, edit in thing.edits.items():
            if not removed and (pointer not in commit.changes or commit.changes[pointer] == edit.after):
                continue
            self.verdict.looked["no-lost-update"] += 1
            after_call = edit.event > self.scene.sent[commit.call]  # a read after the call does not help
            unread = after_call or run.reads.get(thing.id, -1) < edit.version
            if unread and not self._is_unguarded(thing, commit, edit.time):
                text = f"{run.who} writes over {pointer} of {thing.id} without having read what a person wrote"
                self._report("no-lost-update", text, edit.event, self.scene.sent[commit.call], at)
            elif not removed and not unread:
                run.untold.append((at, _addresses(self.scene, run, thing), pointer, edit))

    def _is_unguarded(self, thing: AccountObject, commit: Commit, since: float) -> bool:
        """Whether an edit came so late that only a guard could have noticed it, and the call has none."""
        untested = commit.action == "delete" or thing.kind in self.limits.untested
        return (
            bool(self.limits.unseen) and untested and since >= self.scene.calls[commit.call].time - self.limits.unseen
        )

    # Bindings.

    def _check_bindings(self, known: StateWritten, before: StateWritten | None) -> None:
        project = self.scene.projects.get(known.state)
        if project is None:
            return
        old = {*before.bound.values(), *before.others} if before else set()
        for id_ in {*known.bound.values(), *known.others} - old:
            thing = self.scene.things.get(id_)
            if thing is not None and not thing.gone:
                self.verdict.looked["no-stranger"] += 1
                if project not in (thing.project, *(dead.project for dead in self.scene.buried if dead.id == id_)):
                    text = f"the state is bound to {id_}, which no run of the project has made"
                    self._report("no-stranger", text, thing.event, self.scene.at)

    def check_created(self, project: str) -> None:
        """Check that an address has at most one object; two checkouts of a project count as one project."""
        current: dict[str, set[str]] = defaultdict(set)
        known_ids: set[str] = set()
        for state in self.scene.states(project):
            known_ids.update(state.bound.values(), state.others)
            for address, id_ in state.bound.items():
                if id_ in self.scene.things and not self.scene.things[id_].gone:
                    current[address].add(id_)
        groups: dict[tuple[str, ...], set[str]] = {(address,): set() for address in current}
        for thing in self.scene.things.values():
            ours = thing.project == project and thing.addresses
            if ours and not thing.gone and not thing.released and thing.id not in known_ids:
                groups.setdefault(thing.addresses, set()).add(thing.id)
        for addresses, unknown in groups.items():
            self.verdict.looked["created-once"] += 1
            alive = unknown.union(*(current.get(member, set()) for member in addresses))
            if len(alive) > len(addresses) and tuple(sorted(alive)) not in self.told:
                self.told.add(tuple(sorted(alive)))
                places = [self.scene.things[id_].event for id_ in alive]
                self._report("created-once", f"{', '.join(addresses)}: {', '.join(sorted(alive))}", *places)

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
        if run.command in _COMPARING and end.code in _REPORTING_CODES:
            self._check_told(run, end, at)
        if "No changes" in end.sentences:
            self._check_no_changes(run, end, at)
        if "No drift" in end.sentences:
            self._check_no_drift(run, at)
        all_done = all(item.status == "done" and not item.unkept for item in end.outcomes)
        no_person_acted = self.scene.person < run.event
        if run.command == "apply" and end.code == 0 and all_done and no_person_acted and not end.unkept:
            self.scene.settled[run.state] = at

    def _check_outcome(self, run: Run, outcome: Outcome, at: int) -> None:
        if outcome.status == "done":
            self.verdict.looked["done-is-done"] += 1
            error = _not_done(self.scene, run, outcome)
            if error:
                self._report("done-is-done", f"{run.who}: done {outcome.action} {outcome.address}: {error}", at)
        elif outcome.status in ("failed", "skipped"):
            self.verdict.looked["failed-is-failed"] += 1
            error = _done_nevertheless(self.scene, run, outcome)
            if error:
                text = f"{run.who}: {outcome.status} {outcome.action} {outcome.address}: {error}"
                self._report("failed-is-failed", text, at)

    def _check_overwritten(self, run: Run, end: End, at: int) -> None:
        for place, addresses, pointer, edit in run.untold:
            self.verdict.looked["no-lost-update"] += 1
            reported = edit.told or any(_is_reported(end.reported, address, pointer) for address in addresses)
            if not reported and run.overwrites.isdisjoint(addresses):
                text = f"{run.who} wrote over {pointer} of {', '.join(addresses)} and did not tell the edit"
                self._report("no-lost-update", text, edit.event, place, at)

    def _note_told(self, run: Run, end: End) -> None:
        """Mark edits as reported that the command reports as "not kept by the server", whoever made them."""
        for address, thing in _bound_things(self.scene, run) if end.unkept else ():
            for pointer, edit in thing.edits.items():
                edit.told = edit.told or _is_reported(end.unkept, address, pointer)

    def _check_told(self, run: Run, end: End, at: int) -> None:
        manifests = run.wants
        for address, thing in _bound_things(self.scene, run):
            if address not in manifests:
                continue
            if thing.gone and thing.gone <= run.begun and not thing.remover:
                self.verdict.looked["edit-told"] += 1
                if not any(one.address == address for one in end.reported):
                    self._report("edit-told", f"{run.who} is silent about {address}, which was deleted", at)
            for pointer, edit in _open_edits(thing, run, manifests[address]):
                self.verdict.looked["edit-told"] += 1
                if alike(pointer, self.scene.resolved(run, manifests[address][pointer]), edit.after):
                    continue
                if edit.told and _has_outcome(end.outcomes, address, pointer):
                    continue  # an edit at the moment of a write looks like its response, and was reported as such
                if not _is_reported(end.reported | end.unkept, address, pointer):
                    self._report("edit-told", f"{run.who} is silent about {pointer} of {address}", edit.event, at)

    def _check_no_changes(self, run: Run, end: End, at: int) -> None:
        for address, fields in run.wants.items():
            self.verdict.looked["no-changes-true"] += 1
            thing = self.scene.object_for(run, self.scene.bound(run).get(address, ""), address)
            if thing is None or (thing.gone and thing.gone <= run.begun):
                self._report("no-changes-true", f"{run.who}: {address} is not there", at)
                continue
            for pointer, desired in fields.items():
                had_value = self.scene.holds(run, address, pointer, desired, run.begun)
                if not had_value and not _is_reported(end.unkept, address, pointer):
                    text = f"{run.who}: {pointer} of {address} is {thing.fields.get(pointer)!r}, not {desired!r}"
                    self._report("no-changes-true", text, thing.event, at)

    def _check_no_drift(self, run: Run, at: int) -> None:
        known = self.scene.known.get(run.state)
        for address, thing in _bound_things(self.scene, run):
            self.verdict.looked["no-drift-true"] += 1
            if thing.gone and thing.gone <= run.begun:
                self._report("no-drift-true", f"{run.who}: {address} was deleted", at)
            managed = dict.fromkeys(known.applied.get(address, ()), "") if known else {}
            for pointer, edit in _open_edits(thing, run, managed):
                self._report("no-drift-true", f"{run.who}: {pointer} of {address} was edited", edit.event, at)


def _bound_things(scene: Scene, run: Run) -> Iterator[tuple[str, AccountObject]]:
    pairs = ((address, scene.things.get(id_)) for address, id_ in scene.bound(run).items())
    return ((address, thing) for address, thing in pairs if thing is not None)


def _open_edits(thing: AccountObject, run: Run, managed: dict[str, str]) -> Iterator[tuple[str, PortalEdit]]:
    for pointer, edit in thing.edits.items():
        if not thing.gone and pointer in managed and edit.version <= run.begun:
            yield pointer, edit


def _addresses(scene: Scene, run: Run, thing: AccountObject) -> tuple[str, ...]:
    """The addresses that are bound to the id of an object, or else the id.

    There may be several: the server may have reused an id that an old binding has.
    """
    return tuple(address for address, id_ in scene.bound(run).items() if id_ == thing.id) or (thing.id,)


def _is_reported(reported: Iterable[Edit], address: str, pointer: str) -> bool:
    return any(edit.address == address and (not edit.path or covers(edit.path, pointer)) for edit in reported)


def _has_outcome(outcomes: Iterable[Outcome], address: str, pointer: str) -> bool:
    """Whether a run reported an outcome, of any status, for a step that was to write a field."""
    return any(outcome.address == address and pointer in outcome.fields for outcome in outcomes)


def _not_done(scene: Scene, run: Run, outcome: Outcome) -> str:
    """The error in an outcome `done`: why the step was not carried out; empty if it was."""
    thing = scene.object_for(run, outcome.id, outcome.address)
    if outcome.action in _REMOVING:
        others = {id_ for address, id_ in scene.bound(run).items() if address != outcome.address}
        ours = thing is not None and thing.project == run.project and outcome.id not in others  # the id is not reused
        return f"{outcome.id} is there" if ours and thing and not thing.gone else ""
    if outcome.action == "forget":
        return ""
    if thing is None or (thing.gone and thing.gone <= run.begun):
        return f"there is no {outcome.id or 'id'}"
    if outcome.action == "recrawl":
        return "" if outcome.id in run.crawled else "no crawl was begun"
    for pointer, desired in outcome.fields.items():
        value = scene.resolved(run, desired)
        if any(alike(pointer, value, candidate) for candidate in thing.values(pointer, run.begun)):
            continue
        if desired.startswith("ref:") and _is_old_version(scene, run, thing.fields.get(pointer), value):
            continue  # the target is being replaced: a later step repoints the reference
        written = any(place == pointer and version in run.wrote[thing.id] for version, place, _ in thing.past)
        before = thing.value_at(pointer, run.begun)
        moved = any(past_value != before for past_value in thing.values(pointer, run.begun))
        if pointer not in outcome.unkept or not (written or moved):
            return f"{pointer} is {thing.fields.get(pointer)!r}, not {value!r}"
    return ""


def _is_old_version(scene: Scene, run: Run, found: str | None, meant: str) -> bool:
    """Whether `found` is the id of an older object of the project than `meant`, the current id of the address."""
    old, new = scene.things.get(found or ""), scene.things.get(meant)
    return old is not None and new is not None and old.project == run.project and old.event < new.event


def _done_nevertheless(scene: Scene, run: Run, outcome: Outcome) -> str:
    """The error in an outcome `failed` or `skipped`: what was carried out; empty if nothing was."""
    if outcome.action == "create":
        created = _created_by(scene.things.values(), run, outcome.address)
        return f"{created[0].id} was made" if created and created[0].id != outcome.id else ""
    thing = scene.object_for(run, outcome.id, outcome.address)
    if thing is None:
        return ""
    if outcome.action in _REMOVING:
        return f"{outcome.id} was deleted" if thing.remover == run.who else ""
    # Another step may have written other fields of the object.
    written = any(place in outcome.fields and version in run.wrote[outcome.id] for version, place, _ in thing.past)
    if outcome.action == "update" and written:
        all_stored = all(
            alike(pointer, scene.resolved(run, desired), thing.fields.get(pointer))
            for pointer, desired in outcome.fields.items()
        )
        return f"{outcome.id} was written" if all_stored else ""
    return ""


def _created_by(things: Iterable[AccountObject], run: Run, address: str) -> Sequence[AccountObject]:
    return [thing for thing in things if thing.maker == run.who and thing.addresses == (address,) and not thing.gone]
