"""State, journal and lock as whoever can write there makes them: without end, deep, ambiguous, of other types."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import obstore
import pytest
from obstore.store import MemoryStore

from tavusctl import __version__
from tavusctl.core.address import Address
from tavusctl.core.binding import Binding
from tavusctl.core.errors import StateError
from tavusctl.core.json_tree import canonical
from tavusctl.core.ports import State
from tavusctl.state import codec, journal
from tavusctl.state.object_store import bucket
from tavusctl.state.object_store.bucket import Bucket
from tavusctl.state.object_store.journal import BucketJournal
from tavusctl.state.shared import lock
from tests.stores.memory import MemoryBucket

COACH = Address("persona", "coach")
STATE = State("7d3f", 3, "acme", "12ab", {COACH: Binding(COACH, "p1", {"persona_name": "C"}, retired=("p0",))})
WELL = '{"a":' * 400 + "[]" + "}" * 400
BEGIN = json.dumps({"is": "begin", "run": "r", "lineage": "7d3f", "serial": 3, "known": {}}).encode()


def sealed(change: Callable[[dict[str, Any]], None]) -> bytes:
    """A state with a change and with the checksum of that: anybody can make one."""
    document = json.loads(codec.encode(STATE))
    del document["checksum"]
    change(document)
    document["checksum"] = "sha256:" + hashlib.sha256(canonical(document).encode("utf-8", "replace")).hexdigest()
    return (json.dumps(document) + "\n").encode()


def test_a_state_that_is_sealed_here_is_taken() -> None:
    assert codec.decode(sealed(lambda _: None), "state") == STATE


@pytest.mark.parametrize("wrong", [None, True, 1, 1.5, "x", ["x"], {"a": 1}], ids=str)
@pytest.mark.parametrize(
    "place",
    [
        *(("lineage",), ("serial",), ("account",), ("key_digest",), ("resources",), ("safety",), ("keys",), ("mac",)),
        *(("resources", "persona/coach"), ("resources", "persona/coach", "remote_id")),
        *(
            ("resources", "persona/coach", name)
            for name in ("applied", "retired", "externals", "answered", "created_at")
        ),
        *(("resources", "persona/coach", name) for name in ("applied", "retired", "externals", "answered")),
        *(("resources", "persona/coach", name) for name in ("created_at", "prevent_destroy", "on_remove")),
    ],
    ids="/".join,
)
def test_a_state_whose_members_are_of_other_types_is_damaged(place: tuple[str, ...], wrong: Any) -> None:
    def change(document: dict[str, Any]) -> None:
        inner = document
        for key in place[:-1]:
            inner = inner[key]
        inner[place[-1]] = wrong

    try:
        found = codec.decode(sealed(change), "state")
    except StateError:
        return
    # What is taken has the types that it is declared with: nothing later has to be afraid of it.
    assert all(type(getattr(found, name)) is str for name in ("lineage", "account", "key_digest", "mac"))
    assert type(found.serial) is int
    one = found.bindings[COACH]
    fresh = Binding(COACH, "")
    assert all(type(getattr(one, name)) is type(getattr(fresh, name)) for name in Binding.__struct_fields__)
    assert all(type(text) is str for text in (*one.retired, *one.externals.values()))


@pytest.mark.parametrize(("version", "id_"), [("9.9.0", "E902"), (__version__, "E901")])
@pytest.mark.parametrize("place", [(), ("safety",), ("reads",), ("resources", "persona/coach")], ids="/".join)
def test_a_member_that_this_version_would_lose_is_refused_and_no_damage_if_another_version_wrote_it(
    place: tuple[str, ...], version: str, id_: str
) -> None:
    def change(document: dict[str, Any]) -> None:
        document.update({"tavusctl_version": version, "safety": {}, "reads": {}})
        inner = document
        for key in place:
            inner = inner[key]
        inner["of_tomorrow"] = "x"

    with pytest.raises(StateError) as refused:
        codec.decode(sealed(change), "state")
    assert refused.value.id == id_
    assert (version in refused.value.message, refused.value.hint == "upgrade tavusctl") == (id_ == "E902",) * 2


@pytest.mark.parametrize(
    "text",
    [
        WELL,
        "[" * 100_000,
        "[" + "[]," * 200_000,
        '{"format": 1, "format": 1}',
        '{"format": NaN}',
        '{"format": 1, "lineage": "\\ud83d"}',
        '{"format": 1e999}',
    ],
    ids=["well", "open", "many", "twice", "nan", "half", "huge"],
)
def test_what_is_no_honest_json_is_damaged_everywhere(text: str) -> None:
    with pytest.raises(StateError) as state:
        codec.decode(text.encode() + (b"" if text.endswith("}") else b"}") + b"\n", "state")
    with pytest.raises(StateError) as replayed:
        journal.replay(STATE, [BEGIN, text.encode()])
    with pytest.raises(StateError) as past:
        journal.parse_finished_run([BEGIN, text.encode()])
    assert (state.value.id, replayed.value.id, past.value.id) == ("E901", "E930", "E933")


def test_a_state_says_the_same_to_every_reader() -> None:
    content = codec.encode(STATE)
    twice = content.replace(b'"serial": 3', b'"serial": 9,\n "serial": 3')
    assert twice != content
    with pytest.raises(StateError, match="is corrupt"):
        codec.decode(twice, "state")


def test_a_lock_says_the_same_to_every_reader_and_is_small() -> None:
    content = lock.encode(lock.Lock(3, None))
    assert lock.decode(content, "lock").epoch == 3
    for other in (content.replace(b'"epoch": 3', b'"epoch": 9, "epoch": 3'), content.strip() + b" " * 70_000):
        with pytest.raises(Exception, match="is corrupt") as raised:
            lock.decode(other, "lock")
        assert getattr(raised.value, "id", "") == "E703"


def test_a_folder_with_more_objects_than_anyone_writes_is_no_folder_of_ours() -> None:
    remote = MemoryStore()
    for number in range(30):
        obstore.put(remote, f"wal/{number:02}", b"x")
    assert len(Bucket(remote, "", "mem://x", names=30).names("wal")) == 30  # type: ignore[arg-type]  # any store does
    with pytest.raises(StateError, match="has more than 29 objects") as raised:
        Bucket(remote, "", "mem://x", names=29).names("wal")  # type: ignore[arg-type]  # as above
    assert raised.value.id == "E903"
    assert bucket.NAMES >= 100_000


def test_a_journal_of_many_large_objects_is_not_read() -> None:
    memory = MemoryBucket()
    for number in range(1, 11):
        memory.change(f"wal/0000000001-000000/{number:08}", b"x" * 1000)
    with pytest.raises(StateError, match="larger than 9999 bytes") as raised:
        BucketJournal(memory, most=9999).read()
    assert (raised.value.id, raised.value.hint) == ("E903", "set `state:` to a folder that nothing else uses")
    with pytest.raises(StateError, match="is corrupt"):
        BucketJournal(memory, most=10_000).read()


def test_a_backup_without_end_is_not_read(tmp_path: Path) -> None:
    """Sparse, so that it costs nothing to make."""
    from tavusctl.cli import run  # noqa: PLC0415 - for this test alone

    large = tmp_path / "backup.json"
    with large.open("wb") as file:
        file.truncate(2**40)
    (tmp_path / "tavusctl.yaml").write_text("version: 1\n")
    assert run(["state", "push", str(large), "-C", str(tmp_path)]) == 9
