"""Seals: what earlier versions have sealed stays valid, and each way in which it can be wrong has its own answer."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, get_args, get_type_hints

import pytest
from msgspec.structs import replace

from tavusctl.core.address import Address
from tavusctl.core.binding import Binding
from tavusctl.core.errors import StateError
from tavusctl.core.model import Action
from tavusctl.core.ports import State
from tavusctl.lib.json_types import Json
from tavusctl.secrets import redaction
from tavusctl.secrets.values import REDACTED, Fingerprint, TextFingerprint
from tavusctl.state.codec import decode, encode
from tavusctl.state.journal import Intent, begin_record, bind_record
from tavusctl.state.seals import Keys, Seals, Trust, accept, lines_digest, open_state, verify

WRITTEN = Path(__file__).parents[2] / "golden/sealed"
KEYS = Keys("api-key-of-a-release")
COACH = Address("persona", "coach")
# The fields of a binding that hold values of objects, by their types: none may be left out of what is done to them.
DOCUMENTS: Final = [name for name, hint in get_type_hints(Binding).items() if get_args(hint) == (str, Json)]
STATE = decode((WRITTEN / "state.json").read_bytes(), "here")
LINES = (WRITTEN / "journal.jsonl").read_bytes().splitlines()


class OneState:
    """A store that holds one state, and notes whether an older one was accepted."""

    def __init__(self, state: State) -> None:
        self.state = state
        self.older: list[bool] = []

    def read(self, *, older: bool = False) -> State:
        self.older.append(older)
        return self.state

    def read_both(self) -> tuple[State, list[bytes]]:
        return self.read(), []


def test_a_state_and_a_journal_of_an_earlier_version_are_trusted() -> None:
    sealed = verify(STATE, LINES, KEYS)
    assert sealed.seals.trust is Trust.SEALED
    assert sealed.replay.state.bindings[COACH].applied == {"text": "new"}


def test_the_next_record_of_that_journal_gets_the_seal_that_it_has() -> None:
    seals = verify(STATE, (), KEYS).seals
    mac = ""
    for line in LINES:
        sealed, mac = seals.append_seal(line.partition(b',"mac":')[0] + b"}", mac)
        assert sealed == line


@pytest.mark.parametrize(
    "change",
    [
        lambda state: replace(state, mac=""),
        lambda state: replace(state, keys={}),
        lambda state: replace(state, serial=state.serial + 1),
        lambda state: replace(state, bindings={COACH: state.bindings[COACH]}),
        lambda state: replace(state, bindings={**state.bindings, COACH: Binding(COACH, "p2")}),
    ],
    ids=["no seal", "no keys", "another serial", "a binding less", "another binding"],
)
def test_a_sealed_state_that_was_changed_is_refused(change: Callable[[State], State]) -> None:
    with pytest.raises(StateError) as caught:
        verify(change(STATE), (), KEYS)
    assert caught.value.id == "E950"


def test_without_its_key_a_state_is_foreign() -> None:
    seals = verify(STATE, (), Keys("another")).seals
    assert (seals.trust, [one.id for one in seals.warnings()]) == (Trust.FOREIGN, ["TV307"])
    assert seals.append_seal(b'{"is":"begin"}', "") == (b'{"is":"begin"}', "")


def test_a_state_without_seal_is_read_and_warned_about() -> None:
    plain = replace(STATE, keys={}, mac="")
    seals = open_state(_store(plain), KEYS).seals
    assert (seals.trust, [one.id for one in seals.warnings()]) == (Trust.UNSEALED, ["TV308"])
    assert Seals(Trust.SEALED).warnings() == ()


def test_a_state_without_seal_and_without_a_key_on_record_is_refused() -> None:
    plain = replace(STATE, keys={}, mac="", key_digest="")
    with pytest.raises(StateError) as caught:
        open_state(_store(plain), KEYS)
    assert caught.value.id == "E951"
    assert open_state(_store(replace(plain, bindings={})), KEYS).seals.trust is Trust.NEW


def test_an_older_state_is_not_accepted() -> None:
    store = _store(STATE)
    open_state(store, KEYS)
    assert store.older == [False]


def _store(state: State) -> Any:
    return OneState(state)


def test_an_accepted_journal_is_known_by_a_digest_that_stays() -> None:
    """It stands in states: SHA-256 of the records, each on a line."""
    assert lines_digest([b"a", b"b"]) == hashlib.sha256(b"a\nb").hexdigest()
    assert lines_digest([b"a", b"b"]) != lines_digest([b"ab"])
    assert lines_digest([]) == ""


each_document = pytest.mark.parametrize("name", DOCUMENTS)


@each_document
def test_no_document_keeps_the_value_of_a_secret(name: str) -> None:
    redaction.register("canary-of-a-document")
    kept = own().binding_without_secret_values(binding(name, "it says canary-of-a-document"))
    assert isinstance(getattr(kept, name)["/text"], TextFingerprint)


@each_document
def test_the_fingerprints_of_a_document_are_comparable_once_it_is_read(name: str) -> None:
    recorded = binding(name, own().fingerprint_key.text_fingerprint("it says"))
    state = own().sealed(replace(STATE, bindings={COACH: recorded}, mac="", keys={}))
    read = verify(decode(encode(state), "here"), (), KEYS).replay.state.bindings[COACH]
    intent = own().comparable_intent(Intent("o1", COACH, Action.UPDATE, before=binding(name, TextFingerprint("d"))))
    assert all(getattr(one, name)["/text"].key for one in (read, intent.before))


@each_document
def test_a_new_key_leaves_out_the_fingerprints_of_a_document(name: str) -> None:
    for value, left in ((Fingerprint("scrypt:d"), REDACTED), (TextFingerprint("scrypt:d"), TextFingerprint(""))):
        state, _ = accept(replace(STATE, bindings={COACH: binding(name, value)}), (), KEYS)
        assert getattr(state.bindings[COACH], name)["/text"] == left


@each_document
def test_an_accepted_journal_keeps_the_fingerprints_that_the_state_has_too(name: str) -> None:
    for value in (Fingerprint("scrypt:d"), TextFingerprint("scrypt:d")):
        one = binding(name, value)
        lines = [begin_record(STATE, "run", {}), bind_record(one)]
        state = own().sealed(replace(STATE, bindings={COACH: one}, accepted=lines_digest(lines), mac="", keys={}))
        assert verify(state, lines, KEYS).replay.state.bindings[COACH] == one


def own() -> Seals:
    return Seals(Trust.SEALED, b"k" * 32, KEYS)


def binding(name: str, value: Json) -> Binding:
    """A binding with a value in one of its documents."""
    return replace(Binding(COACH, "p1"), **{name: {"/text": value}})
