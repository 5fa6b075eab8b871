"""What a lock says about its run, and what others make of it."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import time
from typing import Any

import pytest
from msgspec import ValidationError
from msgspec.structs import replace

from tavusctl.core.errors import LockError
from tavusctl.state.lock_holder import Holder, duration_text, from_json, pauses, printable, run_url
from tavusctl.state.shared.lock import Group, Lock, _checksum, decode, encode

HOLDER = Holder("id", "build-7", 41, "https://github.com/team/repo/actions/runs/5", "apply")
LOCK = Lock(7, HOLDER, clean=False, since=1.5, lease=30.0, beat=3, cleared=Group(6, 2))


def test_only_a_process_of_this_machine_is_known_to_have_ended() -> None:
    with subprocess.Popen(["true"]) as process:
        process.wait()
    gone = replace(Holder(), pid=process.pid)

    assert gone.has_ended
    for other in (Holder(), replace(gone, host="elsewhere"), replace(gone, pid=1), replace(gone, pid=2**70)):
        assert not other.has_ended
    assert not replace(gone, pid=-1).has_ended


def test_a_run_says_where_it_is() -> None:
    here = Holder()
    assert (here.host, here.pid, here.command) == (socket.gethostname(), os.getpid(), "")
    assert here.run == run_url(os.environ)
    assert len(bytes.fromhex(here.owner)) == 16
    assert here.owner != Holder().owner
    assert Holder("id", "a\nb", 4).name == "a?b:4"


@pytest.mark.parametrize(
    ("holder", "said"),
    [
        (HOLDER, "process 41 on build-7 (tavusctl apply), https://github.com/team/repo/actions/runs/5, for 1m05s"),
        (Holder("id", "build-7", 41, "", ""), "process 41 on build-7, for 1m05s"),
        (Holder("id", "\x1b", 41, "\x1b", "\x1b"), "process 41 on ? (tavusctl ?), ?, for 1m05s"),
    ],
)
def test_a_holder_is_described_in_one_clause(holder: Holder, said: str) -> None:
    assert holder.describe(65) == said


def test_a_holder_is_read_as_it_was_written() -> None:
    assert from_json(HOLDER.to_json()) == HOLDER
    assert HOLDER.to_json() == {
        "owner": "id",
        "host": "build-7",
        "pid": 41,
        "run": "https://github.com/team/repo/actions/runs/5",
        "command": "apply",
    }


@pytest.mark.parametrize("name", ["owner", "host", "pid", "run", "command"])
@pytest.mark.parametrize("value", [None, ["x"]])
def test_what_lacks_a_part_is_no_holder(name: str, value: Any) -> None:
    members = HOLDER.to_json()
    with pytest.raises(ValidationError):
        from_json({**members, name: value})
    del members[name]
    with pytest.raises(ValueError, match=r"^not a holder$"):
        from_json(members)


def test_a_run_of_github_has_a_page() -> None:
    variables = {
        "GITHUB_SERVER_URL": "https://github.com",
        "GITHUB_REPOSITORY": "team/repo",
        "GITHUB_RUN_ID": "5",
    }
    assert run_url(variables) == "https://github.com/team/repo/actions/runs/5"
    for name in variables:
        assert run_url({**variables, name: ""}) == ""
        assert run_url({key: value for key, value in variables.items() if key != name}) == ""


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (-5, "0s"),
        (0, "0s"),
        (0.9, "0s"),
        (59.9, "59s"),
        (60, "1m00s"),
        (3599, "59m59s"),
        (3600, "1h00m"),
        (7620, "2h07m"),
        (7679, "2h07m"),
        (90061, "25h01m"),
    ],
)
def test_seconds_are_said_as_people_say_them(seconds: float, said: str) -> None:
    assert duration_text(seconds) == said


def test_words_of_others_fit_a_message() -> None:
    assert printable("a\x1b[31m\u202eb\nc") == "a?[31m?b?c"
    assert printable("x" * 200) == "x" * 200
    assert printable("x" * 201) == "x" * 199 + "…"


def test_a_lock_is_read_as_it_was_written() -> None:
    for lock in (LOCK, Lock(8, None), Lock(8, None, clean=True, lease=86400.0)):
        assert decode(encode(lock), "here") == lock
    assert Lock(8, None) == Lock(8, None, clean=False, since=0.0, lease=0.0, beat=0, cleared=Group(0, 0))


def test_a_lock_stays_as_it_is_from_version_to_version() -> None:
    """Runs of two versions may want the same state."""
    assert encode(LOCK).decode() == (
        '{"beat": 3, "checksum": "sha256:42217fecb07bf032288eeaeba434a20408df9bd31e08c6040bdaea09cd446cad", '
        '"clean": false, "cleared": [6, 2], "epoch": 7, "format": 1, '
        '"holder": {"command": "apply", "host": "build-7", "owner": "id", "pid": 41, '
        '"run": "https://github.com/team/repo/actions/runs/5"}, "lease": 30.0, "since": 1.5}\n'
    )
    assert "é".encode() in encode(Lock(1, Holder("id", "é", 4, "", "")))


@pytest.mark.parametrize(
    "content",
    [
        encode(LOCK).replace(b'"lease": 30.0', b'"lease": 31.0'),
        encode(LOCK).replace(b'"format": 1', b'"format": 2'),
        encode(Lock(1, None, lease=86401.0)),
        encode(Lock(1, None, lease=-1.0)),
        encode(replace(LOCK, epoch="1")),
        encode(replace(LOCK, clean=1)),
        encode(replace(LOCK, since="now")),
        b"[]",
        b"{}",
        b"{",
        b"\xff",
        b"[" * 100_000,
        b'{"checksum": "", "cleared": [1, 2, 3]}',
        b'{"checksum": "", "cleared": 5}',
        encode(LOCK).replace(b'"holder": {', b'"holder": [{').replace(b'"}, "lease"', b'"}], "lease"'),
    ],
)
def test_a_lock_that_is_damaged_is_refused(content: bytes) -> None:
    with pytest.raises(LockError) as refused:
        decode(content, "s3://team/lock")
    assert refused.value.id == "E703"
    assert refused.value.message == "the lock s3://team/lock is corrupt, or another version of tavusctl wrote it"
    assert refused.value.hint == (
        "make sure that no run is active, delete the object s3://team/lock, and run `tavusctl plan`"
    )


def test_a_lock_of_another_format_is_refused_although_nothing_is_damaged() -> None:
    document: dict[str, Any] = {
        "format": 2,
        "epoch": 1,
        "holder": None,
        "clean": True,
        "since": 0,
        "lease": 0,
        "beat": 0,
    }
    document["cleared"] = [0, 0]
    document["checksum"] = _checksum(document)
    with pytest.raises(LockError, match="is corrupt"):
        decode(json.dumps(document).encode(), "here")


def test_a_name_that_is_no_text_is_kept_all_the_same() -> None:
    """An environment may have any bytes."""
    lock = Lock(1, Holder("o", "caf\udce9", 41, "https://x/\udcff", "apply"))
    assert decode(encode(lock), "here") == lock


def test_groups_are_ordered_by_epoch_and_turn() -> None:
    assert sorted([Group(2, 0), Group(1, 5), Group(1, 2), Group()]) == [Group(), Group(1, 2), Group(1, 5), Group(2, 0)]


def test_pauses_grow_and_end_in_time() -> None:
    assert list(pauses(0)) == []
    waits = pauses(100)
    assert [next(waits) for _ in range(7)] == [1, 2, 4, 8, 16, 16, 16]
    begun = time.monotonic()
    for pause in pauses(0.05):
        assert pause <= 0.05
        time.sleep(pause)
    assert time.monotonic() - begun >= 0.05
