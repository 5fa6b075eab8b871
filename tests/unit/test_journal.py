"""The journal: what was done is brought into the state, what is unknown is told, what is damaged is refused."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from tavusctl import journal
from tavusctl.errors import StateError
from tavusctl.journal import Intent, Inverse, Past
from tavusctl.model import Action, Address, Binding
from tavusctl.ports import State
from tavusctl.secret import Fingerprint

COACH = Address("persona", "coach")
RULES = Address("guardrails", "rules")
STATE = State("line", 3, bindings={RULES: Binding(RULES, "g1", {"name": "Rules"})})
BEGIN = journal.begin(STATE, "run1", {"persona": ["p2", "p1"]}, "2026-01-01T00:00:00+00:00")
SPEC = {"persona_name": "Coach", "guardrails_id": RULES, "api_key": Fingerprint("f")}
CREATE = Intent("op1", COACH, Action.CREATE, spec=SPEC, name="Coach", time="2026-01-01T00:00:00+00:00")
BOUND = Binding(COACH, "p3", SPEC)


def test_a_state_without_journal_is_as_it_is() -> None:
    assert journal.replay(STATE, []) == journal.Replay(STATE)


def test_an_intent_without_result_is_pending() -> None:
    found = journal.replay(STATE, [BEGIN, journal.intent(CREATE)])

    assert (found.pending, found.records, found.state) == ((CREATE,), 2, STATE)
    assert found.known == {"persona": frozenset({"p1", "p2"})}


@pytest.mark.parametrize(
    ("record", "bindings"),
    [
        (journal.bind(BOUND, "op1"), {**STATE.bindings, COACH: BOUND}),
        (journal.forget(COACH, "op1"), STATE.bindings),
        (journal.result("op1", "failed"), STATE.bindings),
    ],
)
def test_a_result_settles_its_intent(record: bytes, bindings: dict[Address, Binding]) -> None:
    found = journal.replay(STATE, [BEGIN, journal.intent(CREATE), record])

    assert (found.pending, found.state.bindings) == ((), bindings)


def test_a_dropped_binding_is_gone_and_what_an_update_left_changes_nothing() -> None:
    found = journal.replay(STATE, [BEGIN, journal.forget(RULES), journal.left("op9", {"/name": "x"}), BEGIN])

    assert (found.state.bindings, found.records) == ({}, 4)


def test_a_journal_that_the_state_has_already_is_counted_and_not_followed() -> None:
    older = journal.begin(State("line", 2), "run0", {})

    assert journal.replay(STATE, [older, journal.forget(RULES)]) == journal.Replay(STATE, records=2)


@pytest.mark.parametrize(
    ("head", "id_"),
    [(State("other", 3), "E931"), (State("line", 4), "E932")],
)
def test_a_journal_of_another_or_a_newer_state_is_refused(head: State, id_: str) -> None:
    with pytest.raises(StateError) as caught:
        journal.replay(STATE, [journal.begin(head, "run", {})])

    assert caught.value.id == id_


@pytest.mark.parametrize(
    "lines",
    [
        [b"{"],
        [b"[]"],
        [b"{}"],
        [journal.result("x", "done")],
        [BEGIN, b'{"is": "dance"}'],
        [BEGIN, b'{"is": "bind", "op": "", "address": "persona", "binding": {}}'],
        [BEGIN, b'{"is": "bind", "op": "", "address": "persona/a", "binding": {"remote_id": "p", "newer": 1}}'],
        [BEGIN, journal.intent(CREATE).replace(b'"create"', b'"conquer"')],
    ],
)
def test_a_record_that_cannot_be_understood_is_refused(lines: list[bytes]) -> None:
    with pytest.raises(StateError) as caught:
        journal.replay(STATE, lines)

    assert caught.value.id == "E930"


def test_records_are_one_line_each_and_hold_fingerprints_only() -> None:
    line = journal.intent(CREATE)

    assert b"\n" not in line
    assert json.loads(line)["spec"]["api_key"] == {"tavusctl:secret": "f"}


def test_a_run_that_has_ended_is_read_from_its_records() -> None:
    before = STATE.bindings[RULES]
    inverse = Inverse(({"op": "remove", "path": "/x"},), {"/x": 1}, {"/x": None}, ("/api_key",))
    update = Intent("op2", RULES, Action.UPDATE, "g1", {"name": "New"}, before=before, inverse=inverse)
    untouched = Intent("op3", RULES, Action.UPDATE, "g1", before=before, inverse=inverse)
    taken = Binding(Address("document", "prices"), "d1")
    lines = [
        BEGIN,
        journal.bind(taken),
        journal.bind(before),
        journal.intent(CREATE),
        journal.bind(BOUND, "op1"),
        journal.intent(update),
        journal.left("op2", {"/x": 2}),
        journal.intent(untouched),
        journal.result("op3", "failed"),
        journal.forget(RULES, before=before),
        journal.forget(COACH),
        journal.forget(COACH, "op4", BOUND),
    ]

    left = Intent("op2", RULES, Action.UPDATE, "g1", {"name": "New"}, before=before)
    shown = Inverse(inverse.operations, {"/x": 2}, inverse.was, inverse.lost)
    assert journal.past(lines) == Past(
        run="run1",
        time="2026-01-01T00:00:00+00:00",
        lineage="line",
        intents=(CREATE, replace(left, inverse=shown), untouched),
        failed=frozenset({"op3"}),
        made={"op1": BOUND},
        adopted=(taken,),
        forgotten=(before,),
    )


def test_records_of_an_older_version_have_no_inverse() -> None:
    record = json.loads(journal.intent(CREATE))
    for name in ("before", "inverse"):
        del record[name]

    (found,) = journal.past([BEGIN, json.dumps(record).encode()]).intents

    assert (found.before, found.inverse) == (None, Inverse())


@pytest.mark.parametrize("lines", [[], [b"{"], [b"[]"], [BEGIN, b'{"is": "bind"}']])
def test_a_run_whose_records_cannot_be_understood_is_refused(lines: list[bytes]) -> None:
    with pytest.raises(StateError) as caught:
        journal.past(lines)

    assert caught.value.id == "E933"
