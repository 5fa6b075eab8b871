from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from tests.emulator.harness import Tavus, emulated

SCRIPT = """
import json, sys
from tavusctl import emulator
emulator.serve(**json.loads(sys.argv[1]), ready=lambda url: print(url, flush=True))
"""


@contextmanager
def served(**options: object) -> Iterator[tuple[Tavus, subprocess.Popen[str]]]:
    command = [sys.executable, "-c", SCRIPT, json.dumps(options)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process, httpx.Client(timeout=10) as http:
        assert process.stdout is not None
        try:
            yield Tavus(process.stdout.readline().strip(), http), process
        finally:
            process.kill()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_server_cleanly_even_with_an_answer_under_way(number: signal.Signals) -> None:
    with served() as (tavus, process):
        tavus.ok("GET", "/v2/personas")
        tavus.control("POST", "faults", {"kind": "delay", "seconds": 30})
        with pytest.raises(httpx.ReadTimeout):
            tavus.http.get(f"{tavus.url}/v2/personas", timeout=0.1)
        process.send_signal(number)
        assert process.wait(timeout=5) == 0


def test_importing_the_package_loads_nothing_heavy() -> None:
    code = (
        "import sys, tavusctl.emulator\n"
        "print([name for name in ('asyncio', 'h11', 'jsonpatch', 'sqlite3') if name in sys.modules])"
    )
    # A coverage run loads sqlite3 by itself.
    plain = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE")}
    shown = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True, env=plain)
    assert shown.stdout.strip() == "[]"


def test_a_database_outlives_a_killed_server(tmp_path: Path) -> None:
    db = str(tmp_path / "tavus.db")
    with served(db=db) as (tavus, process):
        ident = tavus.persona()
        tavus.switch(mask="omit")
        tavus.control("POST", "clock", {"set": "2026-01-01T00:00:00Z", "freeze": True})
        document = tavus.ok("POST", "/v2/documents", {"document_url": "https://a.example.com"})["document_id"]
        process.send_signal(signal.SIGKILL)
        process.wait()
    with served(db=db) as (tavus, _):
        assert tavus.ok("GET", f"/v2/personas/{ident}")["persona_name"] == "Coach"
        assert tavus.mutations() == [("create", "personas", "api"), ("create", "documents", "api")]
        assert tavus.control("GET", "behaviors")["behaviors"]["mask"] == "omit"
        assert tavus.control("GET", "clock")["now"] == "2026-01-01T00:00:00.000000Z"
        tavus.advance(300)
        assert tavus.ok("GET", f"/v2/documents/{document}")["status"] == "ready"
        assert tavus.persona() != ident


def test_seed_and_faults_come_from_files(tmp_path: Path) -> None:
    seed, faults = tmp_path / "seed.json", tmp_path / "faults.json"
    seed.write_text(json.dumps({"*": {"personas": [{"id": "p1", "persona_name": "Seeded"}]}}))
    faults.write_text(json.dumps([{"match": "GET /v2/documents", "kind": "status", "status": 503}]))
    with emulated(seed=seed, faults=str(faults)) as tavus:
        assert tavus.ok("GET", "/v2/personas/p1")["persona_name"] == "Seeded"
        assert [tavus.call("GET", "/v2/documents").status_code for _ in range(2)] == [503, 200]


def test_a_seed_is_sown_once_and_edits_of_it_survive(tmp_path: Path) -> None:
    seed = {"*": {"personas": [{"id": "p1", "persona_name": "Seeded"}]}}
    for _ in range(2):
        with emulated(db=tmp_path / "tavus.db", seed=seed) as tavus:
            tavus.call("DELETE", "/v2/personas/p1")
            assert tavus.ok("GET", "/v2/personas?persona_type=user")["total_count"] == 0


def test_a_port_that_is_taken_is_an_error_at_once() -> None:
    with emulated() as tavus:
        port = int(tavus.url.rpartition(":")[2])
        with pytest.raises(OSError, match="in use"), emulated(port=port):
            pass


def test_the_base_url_is_announced_on_stdout_even_through_a_pipe() -> None:
    command = [sys.executable, "-c", "from tavusctl import emulator; emulator.serve()"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline().startswith("http://127.0.0.1:")
        process.terminate()


def test_switches_can_be_set_from_the_start() -> None:
    with emulated(behaviors={"stock": False}) as tavus:
        assert tavus.ok("GET", "/v2/personas")["total_count"] == 0
