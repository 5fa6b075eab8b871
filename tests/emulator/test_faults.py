from __future__ import annotations

import base64
import signal
import socket
import subprocess
import sys
import time
from typing import Any

import httpx
import pytest

from tests.emulator.harness import Tavus, emulated

BODY = {"persona_name": "Coach", "system_prompt": "You coach."}
CREATE = "POST /v2/personas"


def strike(tavus: Tavus, **rule: Any) -> None:
    tavus.control("POST", "faults", rule)


def create(tavus: Tavus) -> httpx.Response:
    return tavus.call("POST", "/v2/personas", BODY)


def commits(tavus: Tavus) -> int:
    return len(tavus.mutations())


def raw_create(close: bool = True) -> str:
    body = '{"system_prompt":"x"}'
    return (
        f"POST /v2/personas HTTP/1.1\r\nhost: HOST\r\nx-api-key: k\r\ncontent-length: {len(body)}\r\n"
        f"{'connection: close' if close else 'x-y: z'}\r\n\r\n{body}"
    )


@pytest.mark.parametrize(("phase", "made"), [("before", 0), ("after", 1)])
@pytest.mark.parametrize("kind", ["drop", "reset", "status", "html", "redirect", "empty", "raw", "kill"])
def test_a_fault_strikes_before_or_after_the_change(tavus: Tavus, kind: str, phase: str, made: int) -> None:
    strike(tavus, match=CREATE, kind=kind, phase=phase, to="https://elsewhere.example.com/")
    try:
        response: httpx.Response | None = create(tavus)
    except httpx.TransportError:
        response = None
    assert commits(tavus) == made
    answered = {"status": 500, "html": 502, "redirect": 302, "empty": 200}
    assert (response.status_code if response is not None else None) == answered.get(kind)
    entry = tavus.control("GET", "requests")["requests"][0]
    assert (entry["fault"], entry["committed"], entry["status"]) == (kind, made == 1, answered.get(kind))
    assert create(tavus).status_code == 200


def test_a_dropped_connection_ends_without_a_byte(tavus: Tavus) -> None:
    strike(tavus, match=CREATE, kind="drop")
    assert tavus.raw(raw_create()) == b""


def test_a_reset_is_seen_as_a_reset(tavus: Tavus) -> None:
    strike(tavus, match=CREATE, kind="reset")
    with pytest.raises(ConnectionResetError):
        tavus.raw(raw_create())


def test_a_truncated_answer_ends_early_after_the_change(tavus: Tavus) -> None:
    strike(tavus, match=CREATE, kind="truncate", at=7)
    head, _, body = tavus.raw(raw_create(close=False)).partition(b"\r\n\r\n")
    assert body == b'{"perso'
    assert int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0]) > 7
    assert commits(tavus) == 1


def test_a_dripping_answer_comes_whole_but_slowly(tavus: Tavus) -> None:
    strike(tavus, match=CREATE, kind="drip", seconds=0.001)
    started = time.perf_counter()
    response = create(tavus)
    assert response.json()["persona_name"] == "Coach"
    assert time.perf_counter() - started > 0.1


def test_raw_bytes_are_sent_as_they_are(tavus: Tavus) -> None:
    garbage = b"\x00\xffHTTP/9.9 nonsense\r\n"
    strike(tavus, match="POST /v2/personas", kind="raw", raw=base64.b64encode(garbage).decode(), base64=True)
    assert tavus.raw(raw_create()) == garbage
    strike(tavus, match="POST /v2/personas", kind="raw", raw="HTTP/1.1 204 No Content\r\n\r\n")
    assert create(tavus).status_code == 204


def test_a_status_carries_its_own_headers_and_body(tavus: Tavus) -> None:
    strike(tavus, match=CREATE, kind="status", status=429, headers={"Retry-After": "7"}, body={"message": "slow down"})
    response = create(tavus)
    assert (response.status_code, response.json(), response.headers["retry-after"]) == (
        429,
        {"message": "slow down"},
        "7",
    )
    strike(tavus, match=CREATE, kind="status", status=503, body="plain words")
    response = create(tavus)
    assert (response.status_code, response.text, response.headers["content-type"]) == (503, "plain words", "text/plain")


def test_html_empty_and_redirect_look_like_what_they_are(tavus: Tavus) -> None:
    strike(tavus, match=CREATE, kind="html")
    strike(tavus, match=CREATE, kind="empty", status=202)
    strike(tavus, match=CREATE, kind="redirect", to="/elsewhere", status=307)
    html, empty, redirect = create(tavus), create(tavus), create(tavus)
    assert html.text.startswith("<!DOCTYPE html>")
    assert (empty.status_code, empty.content) == (202, b"")
    assert (redirect.status_code, redirect.headers["location"]) == (307, "/elsewhere")


@pytest.mark.parametrize("phase", ["before", "after"])
def test_a_delay_holds_the_change_or_the_answer(tavus: Tavus, phase: str) -> None:
    strike(tavus, match=CREATE, kind="delay", phase=phase, seconds=0.3)
    with pytest.raises(httpx.ReadTimeout):
        tavus.http.post(f"{tavus.url}/v2/personas", json=BODY, headers={"x-api-key": "k"}, timeout=0.1)
    assert commits(tavus) == (0 if phase == "before" else 1)
    time.sleep(0.4)
    # The client is gone, but its request is carried out all the same.
    assert commits(tavus) == 1


def test_a_refused_port_takes_no_connection_for_a_while(tavus: Tavus) -> None:
    strike(tavus, match=CREATE, kind="refuse", phase="after", seconds=1)
    assert create(tavus).status_code == 200
    time.sleep(0.05)
    with pytest.raises(httpx.ConnectError):
        create(tavus)
    time.sleep(1.2)
    assert create(tavus).status_code == 200


def test_a_refused_call_is_reset_when_it_is_refused_before(tavus: Tavus) -> None:
    strike(tavus, match=CREATE, kind="refuse", seconds=0.2)
    with pytest.raises(ConnectionResetError):
        tavus.raw(raw_create())
    time.sleep(0.4)
    assert commits(tavus) == 0


@pytest.mark.parametrize(("phase", "made"), [("before", 0), ("after", 1)])
def test_a_kill_kills_the_caller_it_is_told(tavus: Tavus, phase: str, made: int) -> None:
    strike(tavus, match=CREATE, kind="kill", phase=phase)
    with caller(tavus) as process:
        tavus.killable.add(process.pid)
        process.communicate("go\n", timeout=20)
    assert process.returncode == -signal.SIGKILL
    assert commits(tavus) == made


def test_no_process_is_killed_that_the_start_has_not_named(tavus: Tavus) -> None:
    strike(tavus, match=CREATE, kind="kill")
    with caller(tavus) as process:
        process.communicate("go\n", timeout=20)
    assert process.returncode == 1
    assert commits(tavus) == 0


def caller(tavus: Tavus) -> subprocess.Popen[str]:
    """A process that waits for a word, and then makes a persona; who it is stands in the request."""
    script = (
        "import json, os, sys, urllib.request\n"
        "sys.stdin.readline()\n"
        "urllib.request.urlopen(urllib.request.Request(sys.argv[1] + '/v2/personas', b'{\"system_prompt\": \"x\"}',"
        " {'x-api-key': 'k', 'x-tavusctl-pid': str(os.getpid())}))\n"
    )
    command = [sys.executable, "-c", script, tavus.url]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)


def test_an_answer_that_is_not_http_is_sent_all_the_same(tavus: Tavus) -> None:
    strike(tavus, match=CREATE, kind="status", status=200, headers={"content-length": "99"}, body="short")
    got = tavus.raw(raw_create(close=False))
    assert b"content-length: 99" in got
    assert got.endswith(b"\r\n\r\nshort")


def test_rules_skip_repeat_and_stop(tavus: Tavus) -> None:
    strike(tavus, match="* /v2/personas*", kind="status", status=500, skip=1, times=2)
    assert [create(tavus).status_code for _ in range(5)] == [200, 500, 500, 200, 200]
    assert tavus.control("GET", "faults")["faults"][0]["struck"] == 2


def test_a_rule_without_end_lasts_until_it_is_removed(tavus: Tavus) -> None:
    strike(tavus, kind="status", status=503, times=None)
    assert {create(tavus).status_code for _ in range(5)} == {503}
    tavus.control("DELETE", "faults")
    assert create(tavus).status_code == 200


def test_chance_is_the_same_every_time(tavus: Tavus) -> None:
    runs = []
    for _ in range(2):
        tavus.control("DELETE", "faults")
        strike(tavus, kind="empty", status=500, times=None, probability=0.5, seed=7)
        runs.append([create(tavus).status_code for _ in range(20)])
    assert runs[0] == runs[1]
    assert set(runs[0]) == {200, 500}


def test_a_pattern_chooses_by_method_and_path_only(tavus: Tavus) -> None:
    strike(tavus, match="GET /v2/personas/*", kind="status", status=500, times=None)
    ident = create(tavus).json()["persona_id"]
    statuses = [
        tavus.call("GET", "/v2/personas?limit=1").status_code,
        tavus.call("GET", f"/v2/personas/{ident}?a=b").status_code,
        tavus.call("DELETE", f"/v2/personas/{ident}").status_code,
    ]
    assert statuses == [200, 500, 204]


def test_latency_slows_every_answer_but_not_the_control_side() -> None:
    with emulated(latency_ms=400) as slow:
        started = time.perf_counter()
        create(slow)
        called = time.perf_counter()
        slow.control("GET", "clock")
        assert called - started > 0.4
        assert time.perf_counter() - called < 0.4


def test_nonsense_on_the_wire_is_a_400_and_does_not_hurt_others(tavus: Tavus) -> None:
    assert tavus.raw("NONSENSE\r\n\r\n").startswith(b"HTTP/1.1 400 ")
    assert create(tavus).status_code == 200


def test_two_requests_in_one_packet_are_answered_in_order(tavus: Tavus) -> None:
    got = tavus.raw(raw_create(close=False) + raw_create())
    assert got.count(b"HTTP/1.1 200 OK") == 2


def test_a_client_that_waits_for_leave_to_send_gets_it(tavus: Tavus) -> None:
    host, port = tavus.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=5) as connection:
        connection.sendall(
            b"POST /v2/personas HTTP/1.1\r\nhost: localhost:%s\r\nx-api-key: k\r\nexpect: 100-continue\r\n"
            b"content-length: 21\r\nconnection: close\r\n\r\n" % port.encode(),
        )
        assert connection.recv(100).startswith(b"HTTP/1.1 100")
        connection.sendall(b'{"system_prompt":"x"}')
        assert connection.recv(100).startswith(b"HTTP/1.1 200")


def test_a_late_change_is_made_when_its_time_has_come(tavus: Tavus) -> None:
    strike(tavus, match=CREATE, kind="late", seconds=7200)
    assert tavus.raw(raw_create()) == b""
    assert commits(tavus) == 0

    tavus.control("POST", "clock", {"advance": 7199})
    before = commits(tavus)
    tavus.control("POST", "clock", {"advance": 2})

    assert (before, commits(tavus)) == (0, 1)
    (entry,) = [one for one in tavus.control("GET", "requests")["requests"] if one["fault"]]
    assert (entry["fault"], entry["committed"]) == ("late", True)


def test_an_answer_can_be_undated(tavus: Tavus) -> None:
    strike(tavus, match=CREATE, kind="undated")
    undated, dated = create(tavus), create(tavus)
    assert (undated.status_code, "date" in undated.headers, "date" in dated.headers) == (200, False, True)
