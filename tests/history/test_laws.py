"""Whatever authors, people and runs that do right do: accepted.  One wrong thing in it, anywhere: found."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from tests.history.events import (
    Answer,
    Begin,
    Call,
    Commit,
    Edit,
    End,
    Event,
    Killed,
    Lock,
    Planned,
    Read,
    StateWritten,
)
from tests.history.forge import PROMPT, Forge
from tests.history.rules import judge

NAMES = ("one", "two", "three")
WORDS = ("author", "author", "edit", "context", "remove", "stranger", "plan", "drift", "apply", "apply", "apply")
ACTS = st.lists(st.tuples(st.sampled_from(WORDS), st.integers(0, 10_000)), min_size=4, max_size=25)


class UnsuitableError(Exception):
    """A history in which this cannot go wrong."""


def need(condition: object) -> None:
    if not condition:
        raise UnsuitableError


class Life(Forge):
    """A forge that knows what is in the account, so that its runs do right."""

    def __init__(self) -> None:
        super().__init__()
        self.prompts: dict[str, str] = {}
        self.live: dict[str, dict[str, str | None]] = {}
        self.base: dict[str, str] = {}
        self.runs = self.made = 0

    def act(self, what: str, chance: random.Random) -> None:
        """Somebody does something."""
        name = chance.choice(NAMES)
        bound = self.bound.get(f"persona/{name}")
        if what == "author":
            self._author(name, chance)
        elif what in ("edit", "context") and bound in self.live:
            place = PROMPT if what == "edit" else "/context"
            self.write(bound, {place: f"by hand {chance.randint(0, 2)}"})
        elif what == "remove" and bound in self.live and chance.random() < 0.3:
            self.commit("delete", bound, {})
            del self.live[bound]
        elif what == "stranger":
            self.made += 1
            self.commit("create", f"x{self.made}", {"/persona_name": name})
        elif what in ("plan", "drift"):
            self._look(what)
        elif what == "apply":
            self._apply(chance)

    def write(self, id_: str, changes: dict[str, str | None], call: int = 0) -> None:
        """A field is written, by a run or by hand."""
        self.live[id_].update(changes)
        self.commit("update", id_, changes, call)

    def _author(self, name: str, chance: random.Random) -> None:
        if name in self.prompts and chance.random() < 0.3:
            del self.prompts[name]
        else:
            self.prompts[name] = f"version {chance.randint(0, 3)}"
        self.want(**self.prompts)

    def differences(self) -> frozenset[Edit]:
        """What differs from what was applied."""
        found = set()
        for address, id_ in self.bound.items():
            if id_ not in self.live:
                found.add(Edit(address))
            elif self.live[id_][PROMPT] != self.base[address]:
                found.add(Edit(address, PROMPT))
        return frozenset(found)

    def _look(self, command: str) -> None:
        self.runs += 1
        who, told = f"run {self.runs}", self.differences()
        self.begin(who, command)
        due = [name for name, text in self.prompts.items() if self._text(name) != text]
        calm = not due and not {one for one in self.bound if one.split("/")[1] not in self.prompts}
        said = {"No drift"} if command == "drift" and not told else set()
        said |= {"No changes"} if command == "plan" and calm and not told else set()
        self.end(who, 0, *told, lock=False, sentences=frozenset(said))

    def _text(self, name: str) -> str | None:
        return self.live.get(self.bound.get(f"persona/{name}", ""), {}).get(PROMPT)

    def _apply(self, chance: random.Random) -> None:
        self.runs += 1
        who, told = f"run {self.runs}", self.differences()
        gone = [one for one in self.bound if one.split("/")[1] not in self.prompts]
        self.begin(who, deletes=tuple(self.bound[one] for one in gone))
        for name in self.prompts:
            self._bring(who, name)
            if chance.random() < 0.03:
                self.add(Killed(who))
                self.add(Lock(who, self.state, "released"))
                return
        for address in gone:
            self._remove(who, address)
        self.end(who, 0, *told)

    def _bring(self, who: str, name: str) -> None:
        address = f"persona/{name}"
        if self.bound.get(address, "") not in self.live:
            self.made += 1
            self.live[f"p{self.made}"] = dict(self.wants[address])
            self.base[address] = self.prompts[name]
            self.create(who, address, f"p{self.made}")
        elif self._text(name) != self.prompts[name]:
            self.update(who, address)
            self.live[self.bound[address]].update(self.wants[address])
            self.base[address] = self.prompts[name]
        elif self.base[address] != self.prompts[name]:
            self.base[address] = self.prompts[name]

    def _remove(self, who: str, address: str) -> None:
        if self.bound[address] in self.live:
            del self.live[self.bound[address]]
            self.delete(who, address)
        else:
            del self.bound[address]
            self.know()


def lived(acts: Sequence[tuple[str, int]]) -> Life:
    this = Life()
    this.want()
    for what, seed in acts:
        this.act(what, random.Random(seed))
    return this


@settings(max_examples=200, deadline=None)
@given(ACTS)
def test_lives_without_fault_are_accepted(acts: Sequence[tuple[str, int]]) -> None:
    assert judge(lived(acts).events).violations == []


History = list[Event]


def places(history: History, kind: type, chosen: Callable[[Any], bool] = lambda _: True) -> list[int]:
    return [at for at, event in enumerate(history) if isinstance(event, kind) and chosen(event)]


def pick(found: Sequence[int], chance: random.Random) -> int:
    need(found)
    return chance.choice(found)


def a_second_object(history: History, chance: random.Random) -> History:
    """Somebody posts again after the object was made."""
    alive = [one for one in places(history, Commit, lambda e: e.action == "create" and e.call) if _ends(history, one)]
    at = pick(alive, chance)
    made = history[at]
    assert isinstance(made, Commit)
    return [*history[: at + 1], replace(made, id="twin"), *history[at + 1 :]]


def _ends(history: History, at: int) -> bool:
    """Whether what was made there is alive when its run ends."""
    made, rest = history[at], history[at:]
    assert isinstance(made, Commit)
    ends = places(rest, End)
    return bool(ends) and not places(rest[: ends[0]], Killed)


def a_lost_lock(history: History, chance: random.Random) -> History:
    at = pick(places(history, Call), chance)
    return [*history[:at], Lock("somebody", "s", "taken over", 9), *history[at:]]


def an_unread_edit(history: History, chance: random.Random) -> History:
    """A person writes just before a run does."""
    at = pick(places(history, Commit, lambda e: e.action == "update" and e.call), chance)
    write = history[at]
    assert isinstance(write, Commit)
    edit = replace(write, by="portal", call=0, changes={PROMPT: "in the last moment"})
    return [*history[:at], edit, *history[at:]]


def a_stranger_written(history: History, chance: random.Random) -> History:
    strangers = places(history, Commit, lambda e: e.action == "create" and not e.call)
    first = pick(strangers, chance)
    at = pick(places(history[first:], Commit, lambda e: e.action in ("update", "delete") and e.call), chance) + first
    theirs, write = history[first], history[at]
    assert isinstance(theirs, Commit)
    assert isinstance(write, Commit)
    return [*history[:at], replace(write, id=theirs.id), *history[at + 1 :]]


def a_silence(history: History, chance: random.Random) -> History:
    """A command tells nothing of the edits that it saw."""
    at = pick(places(history, End, lambda e: e.reported), chance)
    end = history[at]
    assert isinstance(end, End)
    seen = _managed(history[:at], end.reported)
    need(seen)
    return [*history[:at], replace(end, reported=frozenset()), *history[at + 1 :]]


def _managed(before: History, told: frozenset[Edit]) -> bool:
    """Whether some of the edits are of what a manifest still wants otherwise."""
    wants = [event.objects for event in before if hasattr(event, "objects")][-1]
    bound = [event.bound for event in before if isinstance(event, StateWritten)][-1]
    edits = [event for event in before if isinstance(event, Commit) and not event.call and PROMPT in event.changes]
    for one in told:
        texts = [edit.changes[PROMPT] for edit in edits if edit.id == bound.get(one.address)]
        if one.path and one.address in wants and texts and texts[-1] != wants[one.address][PROMPT]:
            return True
    return False


def a_lie_of_done(history: History, chance: random.Random) -> History:
    """An object that is said to be made was not."""
    at = pick(places(history, End, lambda e: any(one.action == "create" for one in e.outcomes)), chance)
    end = history[at]
    assert isinstance(end, End)
    lies = tuple(replace(one, id="nothing") if one.action == "create" else one for one in end.outcomes)
    return [*history[:at], replace(end, outcomes=lies), *history[at + 1 :]]


def a_lie_of_failed(history: History, chance: random.Random) -> History:
    at = pick(places(history, End, lambda e: any(one.action in ("update", "delete") for one in e.outcomes)), chance)
    end = history[at]
    assert isinstance(end, End)
    lies = tuple(replace(one, status="failed") if one.action in ("update", "delete") else one for one in end.outcomes)
    return [*history[:at], replace(end, outcomes=lies), *history[at + 1 :]]


def a_false_no_changes(history: History, chance: random.Random) -> History:
    """A plan before an apply that did something says that there is nothing to do."""
    at = pick(places(history, Call, lambda e: e.method in ("POST", "PATCH")), chance)
    call = history[at]
    assert isinstance(call, Call)
    (begun,) = places(history, Begin, lambda e: e.who == call.who)
    plan: History = [Begin("liar", "p", "s", "plan"), End("liar", 0, sentences=frozenset({"No changes"}))]
    return [*history[:begun], *plan, *history[begun:]]


def a_false_no_drift(history: History, chance: random.Random) -> History:
    at = pick(places(history, End, lambda e: any(one.path for one in e.reported)), chance)
    end = history[at]
    assert isinstance(end, End)
    (begun,) = places(history, Begin, lambda e: e.who == end.who)
    drift: History = [Begin("liar", "p", "s", "drift"), End("liar", 1, sentences=frozenset({"No drift"}))]
    return [*history[:begun], *drift, *history[begun:]]


def an_unlisted_delete(history: History, chance: random.Random) -> History:
    at = pick(places(history, Planned, lambda e: e.deletes), chance)
    plan = history[at]
    assert isinstance(plan, Planned)
    need(places(history, Commit, lambda e: e.action == "delete" and e.call and e.id in plan.deletes))
    return [replace(one, deletes=frozenset()) if isinstance(one, Planned) else one for one in history]


def a_write_too_many(history: History, chance: random.Random) -> History:
    """A run after one that left nothing to do sends something."""
    quiet = [
        at
        for at in places(history, Read)
        if at > 3 and isinstance(history[at - 3], End) and isinstance(history[at - 1], Lock)
    ]
    quiet = [at for at in quiet if _left_nothing(history[at - 3])]
    at = pick(quiet, chance)
    read = history[at]
    assert isinstance(read, Read)
    extra: History = [Call(9_999, read.who, "PATCH", "/v2/personas/p1"), Answer(9_999, 304)]
    return [*history[: at + 1], *extra, *history[at + 1 :]]


def _left_nothing(end: Event) -> bool:
    assert isinstance(end, End)
    return end.code == 0 and bool(end.outcomes)


MUTATIONS: dict[Callable[[History, random.Random], History], str] = {
    a_second_object: "created-once",
    a_lost_lock: "no-write-after-loss",
    an_unread_edit: "no-lost-update",
    a_stranger_written: "no-stranger",
    a_silence: "edit-told no-lost-update",
    a_lie_of_done: "done-is-done",
    a_lie_of_failed: "failed-is-failed",
    a_false_no_changes: "no-changes-true",
    a_false_no_drift: "no-drift-true",
    an_unlisted_delete: "deletes-listed",
    a_write_too_many: "second-run-quiet",
}


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda one: one.__name__)
def test_one_wrong_thing_is_found(mutation: Callable[[History, random.Random], History]) -> None:
    found = 0
    for seed in range(400):
        chance = random.Random(seed)
        this = lived([(chance.choice(WORDS), chance.randint(0, 10_000)) for _ in range(20)])
        try:
            wrong = mutation(this.events, chance)
        except UnsuitableError:
            continue
        found += 1
        rules = {one.rule for one in judge(wrong).violations}
        assert rules & set(MUTATIONS[mutation].split()), (seed, rules)
        if found == 40:
            return
    assert found >= 10, "too few histories in which this can go wrong"
