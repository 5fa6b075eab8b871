from __future__ import annotations

import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

LIMITED = ["sh", "-c", 'ulimit -v 4000000; exec "$@"', "sh"]  # KiB: a device without an end must not fill the memory


def fail_to_start(folder: Path, *arguments: str) -> tuple[int, str, str]:
    """An emulator that cannot begin: its exit code, output and errors."""
    command = [*LIMITED, sys.executable, "-m", "tavusctl", "emulator", *arguments]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=30, check=False)
    return done.returncode, done.stdout, done.stderr


@pytest.mark.sampled(2)
@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (
            ["--behavior", "room=emulator"],
            "cannot start the emulator: unknown behavior `room`; known: `era`, `wrapped_get`, ",
        ),
        (["--behavior", "rooms=here"], "`rooms` cannot be 'here': where conversation_url leads"),
        (["--switch", "rooms=here"], "`rooms` cannot be 'here': where conversation_url leads"),
        (["--behavior", "rooms"], "expected `NAME=VALUE`, found `rooms`"),
        (["--db", "nowhere/account.db"], "cannot persist the account in `nowhere/account.db`: unable to open"),
        (["--db", "notes.txt"], "cannot persist the account in `notes.txt`: file is not a database"),
        (["--seed", "notes.txt"], "cannot start the emulator: the file `notes.txt` is not valid JSON"),
        (["--faults", "notes.txt"], "cannot start the emulator: the file `notes.txt` is not valid JSON"),
        (["--seed", "/dev/zero"], "the file `/dev/zero` is larger than 64 MiB"),
        (["--faults", "/dev/zero"], "the file `/dev/zero` is larger than 64 MiB"),
        (["--seed", "seed.json"], "cannot start the emulator: `seed.json`: there is no kind 'persons'"),
        (["--faults", "seed.json"], "cannot start the emulator: `seed.json`: a fault is an object with a kind"),
    ],
)
def test_what_an_emulator_cannot_begin_with_is_told(tmp_path: Path, arguments: list[str], told: str) -> None:
    (tmp_path / "notes.txt").write_text("What I wanted to do:\n" * 100)
    (tmp_path / "seed.json").write_text('{"acme": {"persons": []}}')

    code, out, err = fail_to_start(tmp_path, *arguments)

    assert (code, out) == (12, "")
    assert told in err
    assert "Traceback" not in err


def test_a_database_of_another_program_stays_as_it_is(tmp_path: Path) -> None:
    file = tmp_path / "notes.db"
    with closing(sqlite3.connect(file)) as database:
        database.execute("CREATE TABLE notes (text)")
    file.chmod(0o644)
    before = file.read_bytes()

    code, _, err = fail_to_start(tmp_path, "--port", "0", "--db", file.name)

    assert (code, "`notes.db`: the file is a database of another program" in err) == (12, True), err
    assert (file.read_bytes(), file.stat().st_mode & 0o777) == (before, 0o644)
