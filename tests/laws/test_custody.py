"""The laws of keys and seals: who has a key gets all of it, and who has none cannot change a thing."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from msgspec.structs import replace

from tavusctl.core.address import Address
from tavusctl.core.binding import Binding
from tavusctl.core.errors import StateError
from tavusctl.core.json_tree import canonical, quick_bytes
from tavusctl.core.model import Action
from tavusctl.core.ports import State
from tavusctl.lib.json_types import as_object
from tavusctl.secrets import redaction
from tavusctl.secrets.key_wrapping import SIZE, derive_key, new_key, unwrap, wrap
from tavusctl.secrets.values import REDACTED, Fingerprint, FingerprintKey, Secret
from tavusctl.state import journal
from tavusctl.state.codec import decode, encode
from tavusctl.state.journal import Intent
from tavusctl.state.seals import Keys, Seals, Trust, accept, verify

pytestmark = pytest.mark.usefixtures("quick_scrypt")

HOLDERS = st.text(st.characters(codec="utf-8"), min_size=1, max_size=40)
OURS, THEIRS = Keys("api-key-one"), Keys("api-key-two")
COACH, RULES = Address("persona", "coach"), Address("guardrails", "rules")
PRINT = Secret("one", b"k").fingerprint
BEGUN = State(
    "lineage",
    3,
    account="acme",
    bindings={
        COACH: Binding(
            COACH,
            "p1",
            {"guardrails_id": RULES, "text": "ü", "key": PRINT},
            successor_spec={"key": PRINT},
            answered={"/headers": {"auth": PRINT}, "/text": "u"},
            externals={"persona/other": "p9"},
            unconfirmed={"/key": PRINT, "/none": None},
        ),
        RULES: Binding(RULES, "g1", {"data": [1.5, None, {}]}, retired=("g0",)),
    },
)
SEALED, OWN = accept(BEGUN, (), OURS)
WRAPPED = wrap(new_key(), "holder", "lineage")


DOCUMENTS = st.dictionaries(
    st.text(st.characters(codec="utf-8"), max_size=5),
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | HOLDERS,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(HOLDERS, inner, max_size=3),
        max_leaves=8,
    ),
    max_size=4,
)


@given(DOCUMENTS)
def test_the_seal_of_a_state_holds_whatever_is_in_it(document: dict[str, object]) -> None:
    sealed, _ = accept(replace(BEGUN, bindings={COACH: Binding(COACH, "p1", document)}), (), OURS)
    read = decode(encode(sealed), "here")
    assert read == sealed
    assert verify(read, (), OURS).seals.trust is Trust.SEALED


@given(DOCUMENTS)
def test_quick_bytes_say_what_canonical_text_says(document: dict[str, object]) -> None:
    quick, text = quick_bytes(document), canonical(document)
    assert repr(json.loads(quick)) == repr(json.loads(text))
    assert quick == text.encode() or any(mark in quick for mark in (b"e", b"E"))  # of a number in powers of ten


def journalled(seals: Seals) -> list[bytes]:
    """A journal of one interrupted run, with seals."""
    records = [
        journal.begin_record(SEALED, "0" * 12, {"persona": ["p1"]}, "2020-01-01T00:00:00+00:00"),
        journal.intent_record(Intent("a", COACH, Action.UPDATE, "p1", {"text": "new"})),
        journal.bind_record(Binding(COACH, "p1", {"text": "new"}), "a"),
        journal.intent_record(Intent("b", RULES, Action.DELETE, "g1")),
    ]
    lines, mac = [], ""
    for record in records:
        line, mac = seals.append_seal(record, mac)
        lines.append(line)
    return lines


LINES = journalled(OWN)


def refused(state: State, lines: Sequence[bytes], keys: Keys = OURS) -> bool:
    """Whether nothing would be done by a state and a journal: an error, or no trust."""
    try:
        return not verify(state, lines, keys).seals.trusted
    except StateError:
        return True


@given(st.binary(min_size=SIZE, max_size=SIZE), HOLDERS, HOLDERS, HOLDERS)
def test_a_key_comes_out_as_it_went_in_for_its_holder_alone(key: bytes, holder: str, other: str, lineage: str) -> None:
    wrapped = wrap(key, holder, lineage)

    assert unwrap(wrapped, holder, lineage) == key
    if other != holder:
        assert unwrap(wrapped, other, lineage) is None
    assert unwrap(wrapped, holder, lineage + "x") is None
    assert wrap(key, holder, lineage) != wrapped


@given(st.integers(0, len(WRAPPED) - 1), st.integers(1, 15))
def test_a_wrapping_that_was_changed_does_not_open(at: int, by: int) -> None:
    """The salt of a wrapping is random: what is drawn may not hang on it, or the examples would differ between runs."""
    wrapped = WRAPPED
    other = f"{int(wrapped[at], 16) ^ by:x}"

    for changed in (wrapped[:at] + other + wrapped[at + 1 :], wrapped[:at], wrapped + "00", "no hex"):
        assert unwrap(changed, "holder", "lineage") is None


def test_keys_for_single_purposes_are_those_of_the_standard() -> None:
    """Test case 3 of RFC 5869, appendix A: neither salt nor info."""
    assert derive_key(b"\x0b" * 22, "", size=42).hex() == (
        "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8"
    )


@given(st.sampled_from(["", "a", "b", "ab", "1234", "1235"]), st.sampled_from(["", "a", "b", "ab", "1234", "1235"]))
def test_fingerprints_are_equal_when_values_are(one: str, other: str) -> None:
    """Under one key; whoever has another cannot tell."""
    with redaction.isolated_run():
        made, known = Secret(one, OWN.fingerprint_key.value), Secret(other, OWN.fingerprint_key.value)

        assert (made.fingerprint == known.fingerprint) == (one == other)
        assert made.matches(known.fingerprint) == (one == other)
        assert Secret(one, b"another").fingerprint != made.fingerprint


def test_a_sealed_state_is_trusted_by_whoever_can_open_it() -> None:
    again = decode(encode(SEALED), "here")

    assert again == SEALED
    assert verify(again, LINES, OURS).seals.trust is Trust.SEALED
    assert verify(again, LINES, THEIRS).seals.trust is Trust.FOREIGN
    both = verify(again, LINES, Keys("api-key-two", former="api-key-one")).seals
    enrolled = both.sealed(replace(again, serial=4))
    assert verify(enrolled, (), THEIRS).seals.key == OWN.key
    assert verify(enrolled, (), OURS).seals.fingerprint_key.value == OWN.fingerprint_key.value


@given(st.data())
def test_a_state_with_any_byte_changed_is_refused(data: st.DataObject) -> None:
    """By somebody who makes the checksum anew."""
    document = json.loads(encode(SEALED))
    del document["checksum"], document["tavusctl_version"]
    text = canonical(document)
    at = data.draw(st.integers(0, len(text) - 1))
    other = data.draw(st.characters(min_codepoint=32, max_codepoint=126).filter(lambda one: one != text[at]))
    try:
        forged = json.loads(text[:at] + other + text[at + 1 :])
        assume(forged != document)
        forged["tavusctl_version"] = "0"
        forged["checksum"] = f"sha256:{hashlib.sha256(canonical(forged).encode()).hexdigest()}"
        state = decode((json.dumps(forged) + "\n").encode(), "here")
    except (ValueError, StateError, KeyError, AttributeError, TypeError):
        return  # it is no state at all any more
    assume(state != SEALED)  # a member that nobody reads

    assert refused(state, ())


@given(st.data())
def test_a_journal_with_any_byte_changed_is_refused(data: st.DataObject) -> None:
    lines = list(LINES)
    number = data.draw(st.integers(0, len(lines) - 1))
    at = data.draw(st.integers(0, len(lines[number]) - 1))
    other = data.draw(st.integers(32, 126).filter(lambda one: one != lines[number][at]))
    lines[number] = lines[number][:at] + bytes([other]) + lines[number][at + 1 :]

    assert refused(SEALED, lines)


@given(st.lists(st.integers(0, len(LINES) - 1), min_size=1, max_size=6))
def test_of_a_journal_only_a_beginning_is_taken(order: list[int]) -> None:
    """What was cut off at its end may be from a crash; nothing else can be left out, doubled or put elsewhere."""
    lines = [LINES[one] for one in order]

    assert refused(SEALED, lines) == (order != list(range(len(order))))


@given(st.integers(0, len(LINES)), st.integers(0, len(LINES)))
def test_pieces_of_two_journals_make_none(first: int, second: int) -> None:
    """Those of another lineage, or of another run of this one."""
    assume(first < len(LINES) and second)
    other = journalled(accept(BEGUN, (), OURS)[1])
    again, mac = [], ""
    for line in LINES:
        record = line[: line.rindex(b',"mac":')] + b"}"
        made, mac = OWN.append_seal(record.replace(b'"000000000000"', b'"111111111111"'), mac)
        again.append(made)

    assert refused(SEALED, [*LINES[:first], *other[:second]])
    assert refused(SEALED, [*LINES[: first or 1], *again[:second]])


@pytest.mark.parametrize("kept", [1, 2])
def test_a_record_that_a_store_refused_and_kept_breaks_nothing(kept: int) -> None:
    """The run goes on from the record before; what stands between was written by it, too."""
    lines, mac = [], ""
    for number, record in enumerate(line[: line.rindex(b',"mac":')] + b"}" for line in LINES):
        line, after = OWN.append_seal(record, mac)
        lines.append(line)
        mac = mac if number == kept else after

    assert not refused(SEALED, lines)


def test_a_state_that_was_taken_over_vouches_for_its_journal_alone() -> None:
    state, _ = accept(SEALED, LINES, THEIRS)

    assert not refused(state, LINES, THEIRS)
    assert refused(state, LINES[:-1], THEIRS)
    assert refused(state, LINES, OURS)


def test_a_fingerprint_that_nobody_can_compare_is_left_out() -> None:
    state, seals = accept(SEALED, (), THEIRS)

    secret = seals.fingerprint_key.seal("anything")
    coach = state.bindings[COACH]
    places = (coach.applied["key"], coach.successor_spec["key"], as_object(coach.answered["/headers"])["auth"])
    assert {*places, coach.unconfirmed["/key"]} == {REDACTED}
    assert coach.unconfirmed["/none"] is None
    known = state.bindings[COACH].applied["key"]
    assert isinstance(known, Fingerprint)
    assert secret.matches(known)
    assert FingerprintKey().seal("x").matches(secret.fingerprint)


def test_fingerprints_of_a_journal_that_was_taken_over_are_left_out() -> None:
    """The key that made them is gone; what the state itself says can still be compared."""
    old = OWN.fingerprint_key.seal("secret").fingerprint
    records = [
        journal.begin_record(SEALED, "0" * 12, {}, "2020-01-01T00:00:00+00:00"),
        journal.bind_record(Binding(RULES, "g1", {"key": old}, answered={"/key": old}, unconfirmed={"/key": old})),
        journal.intent_record(Intent("a", COACH, Action.UPDATE, "p1", {"key": old})),
    ]
    lines, mac = [], ""
    for record in records:
        line, mac = OWN.append_seal(record, mac)
        lines.append(line)
    state, _ = accept(SEALED, lines, THEIRS)

    found = verify(state, lines, THEIRS).replay
    rules, (intent,) = found.state.bindings[RULES], found.pending
    assert (rules.applied, rules.answered, rules.unconfirmed) == (
        {"key": REDACTED},
        {"/key": REDACTED},
        {"/key": REDACTED},
    )
    assert intent.spec == {"key": REDACTED}
    assert verify(SEALED, lines, OURS).replay.pending[0].spec == {"key": old}
