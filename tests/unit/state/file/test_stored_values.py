"""The state's file: whole or refused, whatever happened to its bytes; and no way to make it say what it never did."""

from __future__ import annotations

import json
import threading
from pathlib import Path

import pytest

from tavusctl.core.address import Address
from tavusctl.core.binding import Binding
from tavusctl.core.errors import StateError
from tavusctl.core.ports import State
from tavusctl.secrets.values import Fingerprint
from tavusctl.state.file.store import FileStore

RULES, COACH = Address("guardrails", "rules"), Address("persona", "coach")
APPLIED = {
    "persona_name": "Cöach",
    "guardrails_id": RULES,
    "layers": {"llm": {"api_key": Fingerprint("0f"), "extra_body": {"n": [1, 1.0, True, None]}}},
}
STATE = State(
    lineage="7d3f",
    serial=3,
    account="acme",
    key_digest="12ab",
    bindings={
        RULES: Binding(RULES, "g1"),
        COACH: Binding(COACH, "p1", APPLIED, prevent_destroy=True, retired=("p0",)),
    },
)


@pytest.fixture
def store(tmp_path: Path) -> FileStore:
    """A store with a state in it."""
    store = FileStore(tmp_path / "state.json")
    with store.lock():
        store.write(STATE)
    return store


def test_a_state_is_read_as_it_was_written(store: FileStore) -> None:
    """Addresses, fingerprints and kinds of numbers included."""
    found = store.read()

    assert found == STATE
    assert repr(found.bindings[COACH].applied["layers"]) == repr(APPLIED["layers"])


def test_a_state_that_was_cut_anywhere_is_refused(store: FileStore) -> None:
    """An empty file is no new state either."""
    whole = store.path.read_bytes()
    for length in range(len(whole)):
        store.path.write_bytes(whole[:length])
        with pytest.raises(StateError) as caught:
            store.read()
        assert caught.value.id == "E901"


def test_a_state_that_was_changed_at_any_byte_is_refused(store: FileStore) -> None:
    """Refused, or read as it was: another kind of white space says the same."""
    whole = store.path.read_bytes()
    for place in range(len(whole)):
        changed = bytes([whole[place] ^ 1 << place % 8])
        store.path.write_bytes(whole[:place] + changed + whole[place + 1 :])
        try:
            found = store.read()
        except StateError as error:
            assert error.id in ("E901", "E902")  # noqa: PT017 - most bytes are refused, and none may mislead
        else:
            assert found == STATE


@pytest.mark.parametrize("change", [{"format": 2}, {"format": 99, "tavusctl_version": "9.9"}])
def test_a_state_of_a_later_version_is_left_to_it(store: FileStore, change: dict[str, object]) -> None:
    """Told as such, also when its layout is another."""
    document = json.loads(store.path.read_bytes())
    content = (json.dumps({**document, **change, "resources": []}) + "\n").encode()
    store.path.write_bytes(content)

    with pytest.raises(StateError, match="cannot read all of it") as caught:
        store.read()

    assert caught.value.id == "E902"
    assert store.path.read_bytes() == content


def test_a_reader_never_sees_a_part_of_a_write(store: FileStore) -> None:
    """While another thread writes, every read is one of the states that were written."""
    done = threading.Event()
    wide = State(lineage=STATE.lineage, serial=STATE.serial, bindings={RULES: Binding(RULES, "g" * 100_000)})
    serials = set()

    def read() -> None:
        while not done.is_set():
            serials.add(FileStore(store.path).read().serial)

    with store.lock():
        store.read()
        reader = threading.Thread(target=read)
        reader.start()
        try:
            for serial in range(STATE.serial + 1, STATE.serial + 30):
                store.write(State(wide.lineage, serial, bindings=wide.bindings))
        finally:
            done.set()
            reader.join()

    assert serials <= set(range(STATE.serial, STATE.serial + 30))
    assert serials
    assert [path.name for path in store.path.parent.iterdir() if ".tmp" in path.name] == []
