"""State and journal that are damaged, foreign, old or cannot be written: refused, and no object is lost or doubled."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tavusctl.core.address import Address
from tavusctl.core.model import Action
from tavusctl.core.ports import State, Store
from tavusctl.state import journal
from tavusctl.state.journal import Intent
from tavusctl.state.seals import Keys, open_state
from tavusctl.state.stores import open_store
from tests.scenarios.project import Project
from tests.scenarios.refusals import COACH

OTHER = {"persona_name": "Other", "system_prompt": "You too."}
LONG = os.environ.get("TAVUSCTL_LAWS") == "long"
Damage = Callable[[list[bytes]], list[bytes]]


@pytest.fixture
def coach(coach: Project) -> Project:
    """One persona, applied, and a manifest of another that is not."""
    coach.manifest("persona", "other", OTHER)
    return coach


def store_of(project: Project) -> Store:
    return open_store("", project.root, "default")


def wal(project: Project) -> Path:
    return project.root / ".tavusctl/state.json.wal"


def sealing(project: Project) -> Callable[[bytes], None]:
    """What appends records to the journal with the seals of a run."""
    store, mac = store_of(project), ""
    seals = open_state(store, Keys(project.account.key)).seals

    def keep(record: bytes) -> None:
        nonlocal mac
        line, mac = seals.append_seal(record, mac)
        store.queue(line)()

    return keep


def interrupted(project: Project, *, serial: int | None = None, lineage: str = "", done: bool = False) -> str:
    """As a run leaves it that was killed while it created `persona/other`; the id of what it made, if it did."""
    store = store_of(project)
    state, keep = store.read(), sealing(project)
    seen = State(lineage or state.lineage, state.serial if serial is None else serial)
    made = project.account.call("POST", "/v2/personas", OTHER).json()["persona_id"] if done else ""
    keep(
        journal.begin_record(seen, "0" * 12, {"persona": list(project.account.objects("personas") - {made: 0}.keys())})
    )
    name, time = OTHER["persona_name"], "2020-01-01T00:00:00+00:00"
    address = Address("persona", "other")
    keep(journal.intent_record(Intent("op", address, Action.CREATE, spec=dict(OTHER), name=name, time=time)))
    project.account.forget()
    return made


def refused(project: Project, *words: str) -> None:
    """Exit 9 and not even a question to the API that could lead to a write."""
    result = project.run("apply", "--yes")
    assert (result.code, project.account.writes) == (9, []), result.out + result.err
    assert all(word in result.err for word in words), result.err


def converges(project: Project, ids: int = 2) -> None:
    codes = [project.run("apply", "--yes", TAVUSCTL_SETTLE="0.2").code for _ in range(3)]
    assert codes[-1] == 0
    assert project.plan()["changes"] == []
    assert len(project.account.objects("personas")) == ids
    assert not wal(project).exists()


def test_fm_090_an_older_state_beside_its_journal_is_refused(coach: Project) -> None:
    interrupted(coach, serial=store_of(coach).read().serial + 1)

    refused(coach, "is older than its journal")


def test_fm_091_094_the_journal_of_another_state_is_refused(coach: Project) -> None:
    interrupted(coach, lineage="another")

    refused(coach, "belongs to another state")


def test_fm_093_a_journal_without_its_state_is_refused(coach: Project) -> None:
    interrupted(coach, done=True)
    (coach.root / ".tavusctl/state.json").unlink()

    refused(coach, "belongs to another state")


def test_fm_093_a_state_without_its_journal_makes_no_twin(coach: Project) -> None:
    interrupted(coach, done=True)
    wal(coach).unlink()

    coach.expect(4, "apply", "--yes")
    assert coach.account.writes == []


@pytest.mark.parametrize("done", [True, False])
def test_fm_002_004_an_interrupted_create_is_found_or_made_once(coach: Project, done: bool) -> None:
    made = interrupted(coach, done=done)

    converges(coach)

    assert coach.bound("persona/other") == made or not done
    assert len(coach.account.writes) == (0 if done else 1)


@pytest.mark.parametrize("cut", [1, 5, 40, 100])
def test_fm_094_a_torn_end_is_dropped(coach: Project, cut: int) -> None:
    interrupted(coach)
    content = wal(coach).read_bytes()
    wal(coach).write_bytes(content[:-cut])

    converges(coach)


DAMAGES: dict[str, Damage] = {
    "garbage in the middle": lambda lines: [lines[0], b"garbage", *lines[1:]],
    "a line changed": lambda lines: [lines[0].replace(b"begin", b"bogin"), *lines[1:]],
    "a line doubled": lambda lines: [lines[0], *lines],
    "lines out of order": lambda lines: lines[::-1],
    "a line lost": lambda lines: lines[1:],
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_fm_094_a_damaged_journal_is_refused_and_stays(coach: Project, damage: Damage) -> None:
    interrupted(coach, done=True)
    damaged = b"\n".join(damage(wal(coach).read_bytes().splitlines())) + b"\n"
    wal(coach).write_bytes(damaged)

    refused(coach, "journal")

    assert wal(coach).read_bytes() == damaged


RECORDS: dict[str, list[bytes]] = {
    "no beginning": [b'{"is": "result", "op": "x", "status": "done"}'],
    "no JSON": [b"{"],
    "another type": [b"[]"],
    "an unknown record": [b"begin", b'{"is": "dance"}'],
    "an unknown action": [
        b"begin",
        b'{"is": "intent", "op": "x", "address": "persona/a", "action": "dance", "id": ""}',
    ],
    "no address": [b"begin", b'{"is": "forget", "op": "", "address": "persona"}'],
}


@pytest.mark.parametrize("records", RECORDS.values(), ids=RECORDS)
def test_records_that_cannot_be_understood_are_refused(coach: Project, records: list[bytes]) -> None:
    state, keep = store_of(coach).read(), sealing(coach)
    for record in records:
        keep(journal.begin_record(state, "0" * 12, {}) if record == b"begin" else record)

    refused(coach, "journal")


def test_fm_094_a_journal_that_the_state_has_already_is_ignored(coach: Project) -> None:
    interrupted(coach, serial=0)

    converges(coach)

    assert len(coach.account.writes) == 1


def apply_with_lost_answer(project: Project) -> None:
    """The create is made, its answer lost, and no look can tell."""
    project.account.fault(match="POST /v2/personas", kind="drop", phase="after")
    project.account.fault(match="GET /v2/personas*", kind="status", status=503, skip=1, times=40)
    ended = project.run("apply", "--yes", TAVUSCTL_SETTLE="0.1", TAVUSCTL_MAX_WAIT="0.05")
    project.account.control("DELETE", "faults")
    assert ended.code == 6, ended.out


def test_a_journal_that_was_not_cleared_does_not_hide_that_of_the_next_run(coach: Project) -> None:
    """Killed between checkpoint and clearing, and the next run loses an answer: that run's records count."""
    interrupted(coach, serial=0)

    apply_with_lost_answer(coach)

    assert json.loads(store_of(coach).journal()[0])["serial"] == store_of(coach).read().serial
    converges(coach)


def test_an_unknown_outcome_stays_on_record_until_it_is_known(coach: Project) -> None:
    """A look that cannot tell leaves the journal; the next run adopts what was made."""
    apply_with_lost_answer(coach)

    assert len(coach.account.objects("personas")) == 2
    converges(coach)
    assert len(coach.account.writes) == 1


def limited(project: Project, size: int) -> int:
    """The exit code of an apply that may write no file larger than `size` bytes."""
    known = {
        **project.account.variables,
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    script = (
        "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (int(__import__('sys').argv.pop(1)),) * 2);"
        "from tavusctl.cli import main; main()"
    )
    command = [sys.executable, "-c", script, str(size), "apply", "--yes"]
    return subprocess.run(
        command, cwd=project.root, env={**os.environ, **known}, capture_output=True, timeout=60, check=False
    ).returncode


@pytest.mark.parametrize("size", range(0, 2600, 25) if LONG else (0, 60, 250, 500, 800, 1100, 1400))
def test_fm_095_a_disk_that_is_full_at_any_write_doubles_nothing(coach: Project, size: int) -> None:
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] == resource.RLIM_INFINITY
    state = store_of(coach).read()

    code = limited(coach, size)

    sent = len(coach.account.writes)
    assert code in ((0, 9) if sent else (9,)), code
    assert sent <= 1
    assert store_of(coach).read().lineage == state.lineage
    converges(coach)
    assert len(coach.account.writes) == 1


@pytest.mark.parametrize("place", ["file:///proc/tavusctl/state.json", "file:///dev/null/state.json"])
def test_fm_097_a_folder_that_cannot_be_written_is_found_before_anything_is_sent(project: Project, place: str) -> None:
    project.write("tavusctl.yaml", json.dumps({"version": 1, "environments": {"default": {"state": place}}}))
    project.manifest("persona", "coach", COACH)

    refused(project, "state.json")
    assert project.account.objects("personas") == {}


@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir, lambda path: path.symlink_to("/etc/hostname")])
def test_fm_098_a_state_that_is_no_plain_file_is_refused(project: Project, make: Callable[[Path], None]) -> None:
    project.manifest("persona", "coach", COACH)
    (project.root / ".tavusctl").mkdir()
    make(project.root / ".tavusctl/state.json")

    refused(project, "state.json")


def test_forgetting_waits_for_a_journal_to_be_settled(coach: Project) -> None:
    """`state rm` would make the journal look settled, and what it has would be lost."""
    made = interrupted(coach, done=True)

    coach.expect(9, "state", "rm", "persona/coach")
    converges(coach)
    assert coach.bound("persona/other") == made
