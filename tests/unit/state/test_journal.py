"""The journal: what was done is brought into the state, what is unknown is told, what is damaged is refused."""

from __future__ import annotations

import json

import pytest
from msgspec.structs import replace

from tavusctl.core.address import Address
from tavusctl.core.binding import Binding
from tavusctl.core.errors import StateError
from tavusctl.core.model import Action
from tavusctl.core.ports import State
from tavusctl.secrets.values import Fingerprint
from tavusctl.state import journal
from tavusctl.state.journal import FinishedRun, Intent, Inverse

COACH = Address("persona", "coach")
RULES = Address("guardrails", "rules")
STATE = State("line", 3, bindings={RULES: Binding(RULES, "g1", {"name": "Rules"})})
BEGIN = journal.begin_record(STATE, "run1", {"persona": ["p2", "p1"]}, "2026-01-01T00:00:00+00:00")
SPEC = {"persona_name": "Coach", "guardrails_id": RULES, "api_key": Fingerprint("f")}
CREATE = Intent("op1", COACH, Action.CREATE, spec=SPEC, name="Coach", time="2026-01-01T00:00:00+00:00")
BOUND = Binding(COACH, "p3", SPEC)


def test_a_state_without_journal_is_as_it_is() -> None:
    assert journal.replay(STATE, []) == journal.ReplayResult(STATE)


def test_an_intent_without_result_is_pending() -> None:
    found = journal.replay(STATE, [BEGIN, journal.intent_record(CREATE)])

    assert (found.pending, found.records, found.state) == ((CREATE,), 2, STATE)
    assert found.known == {"persona": frozenset({"p1", "p2"})}


@pytest.mark.parametrize(
    ("record", "bindings"),
    [
        (journal.bind_record(BOUND, "op1"), {**STATE.bindings, COACH: BOUND}),
        (journal.forget_record(COACH, "op1"), STATE.bindings),
        (journal.result_record("op1", "failed"), STATE.bindings),
    ],
)
def test_a_result_settles_its_intent(record: bytes, bindings: dict[Address, Binding]) -> None:
    found = journal.replay(STATE, [BEGIN, journal.intent_record(CREATE), record])

    assert (found.pending, found.state.bindings) == ((), bindings)


def test_a_dropped_binding_is_gone_and_what_an_update_left_changes_nothing() -> None:
    found = journal.replay(
        STATE, [BEGIN, journal.forget_record(RULES), journal.values_after_record("op9", {"/name": "x"}), BEGIN]
    )

    assert (found.state.bindings, found.records) == ({}, 4)


def test_a_journal_that_the_state_has_already_is_counted_and_not_followed() -> None:
    older = journal.begin_record(State("line", 2), "run0", {})

    assert journal.replay(STATE, [older, journal.forget_record(RULES)]) == journal.ReplayResult(STATE, records=2)


@pytest.mark.parametrize(
    ("head", "id_", "words"),
    [
        (State("other", 3), "E931", ("belongs to another state", "restore the journal of this state")),
        (State("line", 4), "E932", ("the state (serial 3) is older than its journal (serial 4)", "the newest state")),
    ],
)
def test_a_journal_of_another_or_a_newer_state_is_refused(head: State, id_: str, words: tuple[str, str]) -> None:
    with pytest.raises(StateError) as caught:
        journal.replay(STATE, [journal.begin_record(head, "run", {})])

    assert caught.value.id == id_
    assert words[0] in caught.value.message
    assert words[1] in caught.value.hint


@pytest.mark.parametrize(
    "lines",
    [
        [b"{"],
        [b"[]"],
        [b"{}"],
        [journal.result_record("x", "done")],
        [BEGIN.replace(b'"begin"', b'"started"')],
        [BEGIN.replace(b'"begin"', b'"result","op":"x","status":"done"')],
        [BEGIN, b'{"is": "begin", "known": []}'],
        [BEGIN, b'{"is": "dance"}'],
        [BEGIN, b'{"is": "bind", "op": "", "address": "persona", "binding": {}}'],
        [BEGIN, b'{"is": "bind", "op": "", "address": "persona/a", "binding": {"remote_id": "p", "newer": 1}}'],
        [BEGIN, journal.intent_record(CREATE).replace(b'"create"', b'"conquer"')],
        [BEGIN, journal.intent_record(CREATE).replace(b'"id":""', b'"id":7')],
        [BEGIN, b'{"is": "begin", "known": {"persona": [7]}}'],
        [BEGIN, b'{"is": "bind", "op": "", "address": "persona/a", "binding": {"remote_id": 7}}'],
        [BEGIN, b'{"is": "bind", "op": "", "address": "persona/a", "binding": {"remote_id": "p", "applied": []}}'],
        [BEGIN, b'{"is": "forget", "op": 7, "address": "persona/a"}'],
    ],
)
def test_a_record_that_cannot_be_understood_is_refused(lines: list[bytes]) -> None:
    with pytest.raises(StateError) as caught:
        journal.replay(STATE, lines)

    assert caught.value.id == "E930"
    assert "an invalid record" in caught.value.message
    assert "check the account with `tavusctl plan`" in caught.value.hint


def test_records_are_one_line_each_and_hold_fingerprints_only() -> None:
    line = journal.intent_record(CREATE)

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
        journal.bind_record(taken),
        journal.bind_record(before),
        journal.intent_record(CREATE),
        journal.bind_record(BOUND, "op1"),
        journal.intent_record(update),
        journal.values_after_record("op2", {"/x": 2}),
        journal.intent_record(untouched),
        journal.result_record("op3", "failed"),
        journal.result_record("op2", "done"),
        journal.forget_record(RULES, before=before),
        journal.forget_record(COACH),
        journal.forget_record(COACH, "op4", BOUND),
    ]

    left = Intent("op2", RULES, Action.UPDATE, "g1", {"name": "New"}, before=before)
    shown = Inverse(inverse.operations, {"/x": 2}, inverse.values_before, inverse.unrecorded)
    assert journal.parse_finished_run(lines) == FinishedRun(
        run="run1",
        time="2026-01-01T00:00:00+00:00",
        lineage="line",
        intents=(CREATE, replace(left, inverse=shown), untouched),
        failed=frozenset({"op3"}),
        results={"op1": BOUND},
        imported=(taken,),
        unbound=(before,),
    )


def test_records_of_an_older_version_have_no_inverse() -> None:
    record = json.loads(journal.intent_record(CREATE))
    for name in ("before", "inverse"):
        del record[name]

    (found,) = journal.parse_finished_run([BEGIN, json.dumps(record).encode()]).intents

    assert (found.before, found.inverse) == (None, Inverse())


@pytest.mark.parametrize(
    "lines",
    [
        [],
        [b"{"],
        [b"[]"],
        [BEGIN, b'{"is": "bind"}'],
        [BEGIN, journal.intent_record(CREATE).replace(b'"inverse":{', b'"inverse":[1],"more":{')],
    ],
)
def test_a_run_whose_records_cannot_be_understood_is_refused(lines: list[bytes]) -> None:
    with pytest.raises(StateError) as caught:
        journal.parse_finished_run(lines)

    assert caught.value.id == "E933"
    assert caught.value.message == "the records of that run are invalid"
    assert "apply them instead" in caught.value.hint


def test_records_stay_as_they_are_from_version_to_version() -> None:
    """A run may be interrupted by one version and gone on with by another."""
    inverse = Inverse(({"op": "remove", "path": "/x"},), {"/x": "é"}, {"/x": None}, ("/api_key",))
    update = Intent("op2", RULES, Action.UPDATE, "g1", SPEC, "Rules", "noon", BOUND, inverse)
    body = '"spec":{"api_key":{"tavusctl:secret":"f"},"guardrails_id":{"tavusctl:ref":"guardrails/rules"},'
    body += '"persona_name":"Coach"}'
    applied = body.replace('"spec"', '"applied"')
    lines = [
        journal.begin_record(STATE, "run1", {"replica": [], "persona": ["p2", "p1"]}),
        journal.intent_record(Intent("op1", COACH, Action.DELETE)),
        journal.intent_record(update),
        journal.retry_record("op1", "later"),
        journal.values_after_record("op2", {"/x": RULES}),
        journal.bind_record(BOUND),
        journal.forget_record(COACH),
        journal.forget_record(COACH, "op3", BOUND),
        journal.result_record("op1", "failed"),
    ]

    assert [line.decode("ascii") for line in lines] == [
        '{"is":"begin","run":"run1","time":"","lineage":"line","serial":3,"known":{"persona":["p1","p2"],"replica":[]}}',
        (
            '{"is":"intent","op":"op1","address":"persona/coach","action":"delete","id":"","spec":{},"name":"","time":"",'
            '"before":null,"inverse":{"left":{},"lost":[],"operations":[],"was":{}}}'
        ),
        (
            f'{{"is":"intent","op":"op2","address":"guardrails/rules","action":"update","id":"g1",{body},"name":"Rules",'
            f'"time":"noon","before":{{{applied},"remote_id":"p3"}},"inverse":{{"left":{{"/x":"\\u00e9"}},'
            '"lost":["/api_key"],"operations":[{"op":"remove","path":"/x"}],"was":{"/x":null}}}'
        ),
        '{"is":"again","op":"op1","time":"later"}',
        '{"is":"left","op":"op2","left":{"/x":{"tavusctl:ref":"guardrails/rules"}}}',
        f'{{"is":"bind","op":"","address":"persona/coach","binding":{{{applied},"remote_id":"p3"}}}}',
        '{"is":"forget","op":"","address":"persona/coach","before":null}',
        f'{{"is":"forget","op":"op3","address":"persona/coach","before":{{{applied},"remote_id":"p3"}}}}',
        '{"is":"result","op":"op1","status":"failed"}',
    ]


def test_an_attempt_made_again_is_as_old_as_its_last_time() -> None:
    found = journal.replay(STATE, [BEGIN, journal.intent_record(CREATE), journal.retry_record("op1", "later")])

    assert found.pending == (replace(CREATE, time="later"),)


@pytest.mark.parametrize("delay", [0, 14])
def test_a_call_that_may_leave_late_is_known_by_how_much(delay: int) -> None:
    late = replace(CREATE, delay=3)
    first = journal.replay(STATE, [BEGIN, journal.intent_record(late)])
    again = journal.replay(
        STATE, [BEGIN, journal.intent_record(late), journal.retry_record("op1", "later", delay=delay)]
    )

    assert [one.delay for one in (*first.pending, *again.pending)] == [3, delay]
    assert b"delay" not in journal.intent_record(CREATE)


def test_a_forced_attempt_is_known_as_one_until_its_result_and_after_it() -> None:
    forced = journal.retry_record("op1", "later", forced=True)
    update = Intent("op1", COACH, Action.UPDATE, "p3", SPEC)
    begun = [BEGIN, journal.intent_record(update), forced]

    pending = journal.replay(STATE, begun)
    sent_again = journal.replay(STATE, [*begun, journal.retry_record("op1", "later still")])
    done = journal.replay(STATE, [*begun, journal.bind_record(BOUND, "op1")])
    failed = journal.replay(STATE, [*begun, journal.result_record("op1", "failed")])
    plain = journal.replay(STATE, [BEGIN, journal.intent_record(update), journal.bind_record(BOUND, "op1")])

    assert json.loads(forced) == {"is": "again", "op": "op1", "time": "later", "forced": True}
    assert [one.forced for one in (*pending.pending, *sent_again.pending)] == [True, True]
    assert [one.discarded for one in (pending, failed, plain)] == [frozenset()] * 3
    assert (done.discarded, done.pending) == (frozenset({COACH}), ())


def test_results_of_no_known_operation_are_of_no_account() -> None:
    others = [
        journal.bind_record(BOUND, "op7"),
        journal.forget_record(COACH, "op8"),
        journal.result_record("op9", "done"),
    ]

    found = journal.replay(STATE, [BEGIN, *others])

    assert (found.pending, found.state.bindings, journal.replay(STATE, []).records) == ((), STATE.bindings, 0)


def test_the_time_of_a_run_of_an_older_version_is_unknown() -> None:
    head = {name: value for name, value in json.loads(BEGIN).items() if name != "time"}

    assert journal.parse_finished_run([json.dumps(head).encode()]).time == ""
