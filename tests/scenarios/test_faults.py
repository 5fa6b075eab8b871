"""Faults at the calls of an apply of twenty objects: whatever goes wrong, each object is made exactly once.

The number in a test's name is that of the fault.  By default each fault strikes at a sample of the calls, another
sample per fault; with TAVUSCTL_LAWS=long it strikes at every one.  What the wire alone shows is in test_transport.py.
"""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tests.scenarios.project import Account, Body, Project, Result
from tests.scenarios.twenty import QUICK, Twenty, persona, write_manifests

CALLS = 54  # of the first apply, and about as many of the second
LONG = os.environ.get("TAVUSCTL_LAWS") == "long"
PAGE = "<!DOCTYPE html><html><body>Sign in to WiFi</body></html>"
HTML = {"content-type": "text/html"}
POSTS = "POST /v2/*"
UNKNOWN_OR_DONE = (0, 5, 6, 11)


def at_calls(count: int, *, first: int = 0, calls: int = CALLS) -> pytest.MarkDecorator:
    """Every call when long, else so many of them, evenly spread from `first` on."""
    places = range(calls) if LONG else [first + place * calls // count for place in range(count)]
    return pytest.mark.parametrize("call", list(places))


def at_posts(count: int, *, first: int = 0) -> pytest.MarkDecorator:
    """As `at_calls`, for the twenty creates."""
    return at_calls(count, first=first, calls=20)


@pytest.fixture
def twenty(account: Account, project: Project) -> Twenty:
    """Twenty manifests, and an account in which only strangers are."""
    made = Twenty(Project(project.root, account, {**QUICK}))
    write_manifests(made.project)
    made.begin()
    return made


@pytest.fixture
def second(twenty: Twenty) -> Twenty:
    """The next version of them: creates, patches, renames and deletes are due."""
    twenty.begin_second()
    return twenty


def survived(twenty: Twenty, *codes: int, **rule: Any) -> Result:
    """An apply with a fault ends with one of the codes, and everything is as it should be afterwards."""
    twenty.project.account.fault(**rule)
    ended = twenty.apply()
    assert ended.code in codes, ended.out + ended.err
    twenty.check()
    return ended


def creates(account: Account) -> int:
    return sum(entry["method"] == "POST" for entry in account.writes)


@at_calls(4)
def test_fm_021_039_040_an_answer_is_lost_after_the_change(second: Twenty, call: int) -> None:
    survived(second, 0, 6, match="*", kind="drop", phase="after", skip=call)


@at_posts(4, first=1)
def test_fm_021_a_create_is_found_again_and_not_repeated(twenty: Twenty, call: int) -> None:
    twenty.project.account.fault(match=POSTS, kind="drop", phase="after", skip=call)

    assert twenty.apply().code == 0
    assert creates(twenty.project.account) == 20
    twenty.check()


@at_calls(3, first=3)
def test_fm_022_a_request_is_lost_on_its_way(second: Twenty, call: int) -> None:
    survived(second, 0, match="*", kind="drop", phase="before", skip=call)


@pytest.mark.parametrize("late", [0.3, 1.0])
def test_fm_023_a_create_shows_after_its_client_has_given_up(twenty: Twenty, late: float) -> None:
    """Lists are late: a look must go on for as long as a create may take to show."""
    twenty.project.environment["TAVUSCTL_SETTLE"] = "2.5"
    twenty.project.account.switch(list_lag=late)
    twenty.project.account.fault(match="POST /v2/personas", kind="drop", phase="after", skip=2)

    assert twenty.apply().code == 0
    assert creates(twenty.project.account) == 20
    twenty.project.account.switch(list_lag=0)
    twenty.check()


@pytest.mark.parametrize("status", [500, 502, 503, 504, 520, 524] if LONG else [500, 503, 524])
@at_posts(2, first=2)
def test_fm_025_an_error_after_the_change_is_not_a_failure(twenty: Twenty, status: int, call: int) -> None:
    twenty.project.account.fault(match=POSTS, kind="status", status=status, phase="after", skip=call)

    assert twenty.apply().code == 0
    assert creates(twenty.project.account) == 20
    twenty.check()


@at_calls(3, first=5)
def test_fm_025_an_error_after_any_change(second: Twenty, call: int) -> None:
    survived(second, 0, match="*", kind="status", status=502, phase="after", skip=call)


@pytest.mark.parametrize("status", [502, 503, 504])
@at_calls(2, first=7)
def test_fm_026_a_gateway_fails_twice(twenty: Twenty, status: int, call: int) -> None:
    survived(twenty, 0, 6, match="*", kind="status", status=status, times=2, skip=call)


@pytest.mark.parametrize(("status", "phase"), [(200, "after"), (502, "before"), (200, "before")])
@at_calls(2, first=2)
def test_fm_027_a_web_page_instead_of_an_answer(second: Twenty, status: int, phase: str, call: int) -> None:
    survived(second, *UNKNOWN_OR_DONE, match="*", kind="html", status=status, phase=phase, skip=call)


@at_calls(4, first=1)
def test_fm_028_a_captive_portal_from_some_call_on(twenty: Twenty, call: int) -> None:
    """While a page comes instead of lists, nothing is created because "there is nothing"."""
    twenty.project.account.fault(match="*", kind="html", status=200, times=None, skip=call)

    ended = twenty.apply()

    struck = [entry for entry in twenty.project.account.writes if entry["committed"] and entry["fault"]]
    assert (ended.code, struck) in [(11, []), (5, []), (6, [])]
    assert ended.code == 11 or call > 4
    twenty.check()


@at_calls(3, first=6)
def test_fm_029_half_an_answer(second: Twenty, call: int) -> None:
    survived(second, *UNKNOWN_OR_DONE, match="*", kind="truncate", skip=call)


@pytest.mark.parametrize("at", range(0, 900, 1 if LONG else 300))
def test_fm_029_a_list_cut_anywhere_is_no_list(twenty: Twenty, at: int) -> None:
    twenty.project.apply()
    plain = twenty.project.account.fault
    plain(match="GET /v2/documents", kind="truncate", at=at, times=None)

    ended = twenty.project.run("plan", "--detailed-exitcode")

    assert ended.code == 11, ended.out


# A 2xx answer that has no usable id, though the object was made.
ODD_BODIES: dict[str, Any] = {
    "empty": "",
    "null": "null",
    "a list": [],
    "no id": {},
    "a number for an id": {"persona_id": 5, "uuid": 5, "document_id": 5, "replica_id": 5},
    "an empty id": {"persona_id": "", "uuid": "", "document_id": "", "replica_id": ""},
    "a path for an id": {"persona_id": "../x", "uuid": "a?hard=true", "document_id": "a#", "replica_id": "a/b"},
    "a duplicate key": '{"persona_id": "p1", "persona_id": "p2", "uuid": "a", "uuid": "b"}',
    "not a number": '{"persona_id": "p1", "uuid": "a", "cost": NaN}',
    "an infinite number": '{"persona_id": "p1", "uuid": "a", "cost": 1e400}',
    "half a character": '{"persona_id": "p1", "uuid": "a", "document_id": "\\ud800"}',
    "depth": '{"persona_id": ' + "[" * 100_000,
}


@pytest.mark.parametrize("body", ODD_BODIES.values(), ids=ODD_BODIES)
@at_posts(1, first=13)
def test_fm_030_031_an_answer_without_an_id_that_can_be_used(twenty: Twenty, body: Any, call: int) -> None:
    twenty.project.account.fault(match=POSTS, kind="status", status=200, body=body, phase="after", skip=call)

    assert twenty.apply().code == 0
    assert creates(twenty.project.account) == 20
    twenty.check()


@pytest.mark.parametrize("body", ["null", "[]", '{"data": [], "data": []}', '{"data": NaN}', "\\ud800"])
@at_calls(1, first=4)
def test_fm_030_031_an_odd_answer_to_any_call(twenty: Twenty, body: str, call: int) -> None:
    survived(twenty, *UNKNOWN_OR_DONE, match="GET *", kind="status", status=200, body=body, skip=call)


@pytest.mark.parametrize("phase", ["before", "after"])
@at_calls(3, first=4)
def test_fm_032_a_connection_is_reset(second: Twenty, phase: str, call: int) -> None:
    survived(second, 0, match="*", kind="reset", phase=phase, skip=call)


@at_calls(2, first=8)
def test_fm_033_an_answer_drips(twenty: Twenty, call: int) -> None:
    """Within its deadline it is an answer like any other; beyond: see test_transport.py."""
    survived(twenty, 0, match="*", kind="drip", seconds=0.0005, skip=call)


@at_posts(3)
def test_fm_037_the_answer_to_another_request(twenty: Twenty, call: int) -> None:
    """An id that was there before the create is not the id of what it made."""
    theirs = {f"{kind}_id": key for kind in ("persona", "document") for key in twenty.strangers[f"{kind}s"]}
    (rules,) = twenty.strangers["guardrails"]
    body = {**theirs, "uuid": rules, "replica_id": "r-not-there"}
    twenty.project.account.fault(
        match="POST /v2/[!ro]*", kind="status", status=200, body=body, phase="after", skip=call * 15 // 20
    )

    assert twenty.apply().code == 0
    bound = twenty.project.run("state", "list", "--format", "json").document
    assert not set(bound.values()) & {key for objects in twenty.strangers.values() for key in objects}
    twenty.check()


def test_fm_038_accepted_and_never_made(twenty: Twenty) -> None:
    """Unknown stays unknown, its dependants wait, and the next run goes on."""
    twenty.project.account.fault(match="POST /v2/documents", kind="status", status=202, body={}, times=None)

    assert twenty.apply().code == 6
    twenty.check()


def test_fm_041_a_lost_patch_and_an_edit_in_the_portal_meanwhile(second: Twenty) -> None:
    """The edit stays; nothing is written over it."""
    account, bound = second.project.account, second.project.bound("persona/p1")
    path = f"PATCH /v2/personas/{bound}"
    # The first patch asks whether tests are obeyed, where that is not known yet.
    account.fault(match=path, kind="drop", phase="before")
    second.project.edit_in_portal("persona/p1", "/system_prompt", "Theirs.", before=path)

    ended = second.apply()

    assert ended.code == 3, ended.out
    assert account.objects("personas")[bound]["system_prompt"] == "Theirs."


@at_calls(4, first=2)
def test_fm_042_044_too_many_requests(second: Twenty, call: int) -> None:
    survived(second, 0, match="*", kind="status", status=429, headers={"retry-after": "7"}, times=2, skip=call)


@pytest.mark.parametrize("wait", ["Wed, 21 Oct 2015 07:28:00 GMT", "-5", "1000000000", "abc"])
def test_fm_043_any_retry_after(twenty: Twenty, wait: str) -> None:
    survived(twenty, 0, match=POSTS, kind="status", status=429, headers={"retry-after": wait}, times=3)


@at_calls(3)
def test_fm_045_a_storm_of_429_is_not_answered_with_a_storm(twenty: Twenty, call: int) -> None:
    """Calls are at most 1.2 times those that were worth making, and ten."""
    account = twenty.project.account
    account.forget()
    account.fault(match="*", kind="status", status=429, times=None, skip=call)

    ended = twenty.apply()

    assert ended.code in (5, 6, 11)  # 6: the look whether a refused create was made was refused as well
    assert len(account.requests) <= 1.2 * CALLS + 10
    twenty.check()


def test_fm_046_one_object_of_twenty_is_refused(twenty: Twenty) -> None:
    body = {"error": "no such thing"}
    ended = survived(twenty, 5, match="POST /v2/documents", kind="status", status=400, body=body)

    assert "no such thing" in ended.out
    assert "Apply: 17 done" in ended.out or "Apply: 18 done" in ended.out, ended.out


def test_fm_047_a_quota_is_told_in_the_words_of_the_server(twenty: Twenty) -> None:
    words = "User has reached maximum concurrent \x1b[31mtrainings"
    ended = survived(twenty, 5, match="POST /v2/replicas", kind="status", status=400, body={"message": words})

    assert "maximum concurrent \\u{1b}[31mtrainings" in ended.out


def test_fm_048_a_refused_key_is_told_before_anything_else(twenty: Twenty) -> None:
    account = twenty.project.account
    account.forget()
    account.fault(match="*", kind="status", status=401, body={"message": f"bad key {account.key}"}, times=None)

    ended = twenty.apply()

    # The lists of all kinds are asked for at once.
    assert (ended.code, {one["method"] for one in account.requests}) == (8, {"GET"})
    assert len(account.requests) <= 5
    assert account.key not in ended.out + ended.err


@at_calls(6, first=6)
def test_fm_049_a_key_is_revoked_meanwhile(twenty: Twenty, call: int) -> None:
    account = twenty.project.account
    account.fault(match="*", kind="status", status=401, times=None, skip=call)

    ended = twenty.apply()

    assert ended.code == 8
    assert account.control("GET", "faults")["faults"][0]["struck"] <= 4  # those under way
    twenty.check()


@pytest.mark.parametrize("status", [402, 403])
def test_fm_050_one_kind_is_not_in_the_plan_that_is_paid_for(twenty: Twenty, status: int) -> None:
    account = twenty.project.account
    account.fault(match="POST /v2/objectives", kind="status", status=status, times=None)

    ended = twenty.apply()

    assert ended.code == 5
    assert account.control("GET", "faults")["faults"][0]["struck"] == 4
    assert len(account.objects("documents")) == 5
    twenty.check()


def test_fm_052_an_object_disappears_between_plan_and_patch(second: Twenty) -> None:
    """A conflict, and nothing is created in its place by the same run."""
    account, bound = second.project.account, second.project.bound("persona/p1")
    when = {"before": f"PATCH /v2/personas/{bound}"}
    account.control(
        "POST", "portal", {"kind": "persona", "id": bound, "account": account.key, "delete": True, "when": when}
    )

    ended = second.apply()

    assert ended.code == 3
    assert "P1" not in [body["persona_name"] for body in account.objects("personas").values()]
    second.check()


def test_fm_053_a_key_of_another_account(twenty: Twenty) -> None:
    """Nothing that is known can be seen: nothing is created."""
    twenty.project.apply()

    ended = twenty.project.run("apply", "--yes", TAVUS_API_KEY="another-key-entirely")

    assert ended.code == 9
    others = Account(twenty.project.account.url, "another-key-entirely")
    assert [others.objects(kind) for kind in ("personas", "documents")] == [{}, {}]
    twenty.check()


@pytest.mark.parametrize("status", [409, 413, 414, 422, 431])
def test_fm_055_056_a_definite_refusal_is_not_repeated(twenty: Twenty, status: int) -> None:
    account = twenty.project.account
    account.fault(match="POST /v2/guardrails", kind="status", status=status, body={"error": "too large"}, times=None)

    ended = twenty.apply()

    assert ended.code == 5
    assert f"refused with {status}: too large" in ended.out
    assert account.control("GET", "faults")["faults"][0]["struck"] == 4
    twenty.check()


@at_calls(2, calls=8)
def test_fm_057_a_patch_that_changes_nothing_is_a_success(second: Twenty, call: int) -> None:
    survived(second, 0, match="PATCH *", kind="status", status=304, body="", phase="after", skip=call)


DELETE_ANSWERS: dict[str, Body] = {
    "a page to sign in": {"status": 200, "body": PAGE, "headers": HTML},
    "other JSON": {"status": 200, "body": {"ok": True}},
    "taken on": {"status": 202, "body": ""},
    "nothing changed": {"status": 304, "body": ""},
    "see there": {"status": 303, "body": "", "headers": {"location": "/v2/personas"}},
}


@pytest.mark.parametrize("answer", DELETE_ANSWERS.values(), ids=DELETE_ANSWERS)
@pytest.mark.parametrize("phase", ["before", "after"])
def test_fm_027_040_a_delete_is_done_when_the_api_says_so_or_the_object_is_gone(
    second: Twenty, answer: Body, phase: str
) -> None:
    """Whatever a proxy says instead, the object is looked at."""
    account = second.project.account
    account.fault(match="DELETE *", kind="status", phase=phase, **answer)

    ended = second.apply()

    struck = account.control("GET", "faults")["faults"][0]["struck"]
    assert (ended.code, struck) == (0, 1), ended.out
    second.check()


def test_fm_027_040_a_delete_that_is_never_carried_out_is_not_forgotten(second: Twenty) -> None:
    """However often it is answered with a page."""
    account, bound = second.project.account, second.project.bound("persona/p7")
    account.fault(match="DELETE *", kind="html", status=200, times=None)

    ended = second.apply()

    assert ended.code == 6, ended.out
    assert bound in account.objects("personas")
    assert second.project.bound("persona/p7") == bound
    second.check()


@contextmanager
def listening() -> Iterator[tuple[str, list[bytes]]]:
    """Another host, and what it was sent."""
    sent: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                with connection:
                    sent.append(connection.recv(65536))

        threading.Thread(target=serve, daemon=True).start()
        yield f"http://localhost:{server.getsockname()[1]}/v2/personas", sent
        server.shutdown(socket.SHUT_RDWR)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@at_calls(2, first=1)
def test_fm_058_a_redirect_is_never_followed(twenty: Twenty, status: int, call: int) -> None:
    with listening() as (elsewhere, sent):
        ended = survived(twenty, 5, 6, 11, 0, match="*", kind="redirect", status=status, to=elsewhere, skip=call)

    assert sent == []
    # What is only looked at after it was made, such as for a twin, is made all the same.
    assert "redirect to localhost" in ended.out + ended.err or ended.code == 0


@at_calls(3, first=3)
def test_fm_060_the_port_is_closed_for_a_while(twenty: Twenty, call: int) -> None:
    """A refused connection is surely not sent; one that the port had taken when it closed may leave a doubt."""
    twenty.project.account.fault(match="*", kind="refuse", seconds=0.1, phase="after", skip=call)

    ended = twenty.apply()
    time.sleep(0.2)

    assert ended.code in (0, 5, 6, 11)
    twenty.check()


def test_fm_066_no_date_in_any_answer(twenty: Twenty) -> None:
    """The clock of this machine does then."""
    raw = b"HTTP/1.1 429 Too Many Requests\r\ncontent-length: 0\r\nretry-after: Wed, 21 Oct 2015 07:28:00 GMT\r\n\r\n"
    survived(twenty, 0, match=POSTS, kind="raw", raw=raw.decode(), times=2)


@pytest.mark.parametrize("seed", range(200 if LONG else 6))
def test_fm_021_to_060_one_call_in_ten_fails_somehow(second: Twenty, seed: int) -> None:
    """Two hundred faults at once are no other case than one."""
    kinds: list[Callable[[], Body]] = [
        lambda: {"kind": "drop", "phase": "before"},
        lambda: {"kind": "drop", "phase": "after"},
        lambda: {"kind": "reset", "phase": "after"},
        lambda: {"kind": "status", "status": 503, "phase": "after"},
        lambda: {"kind": "status", "status": 429},
        lambda: {"kind": "truncate"},
    ]
    for place, kind in enumerate(kinds):
        second.project.account.fault(match="*", times=None, probability=0.017, seed=seed * 10 + place, **kind())

    ended = second.apply()

    assert ended.code in (*UNKNOWN_OR_DONE, 3), ended.out
    if ended.code != 3:
        second.check()


def test_the_matrix_has_twenty_personas_and_more(twenty: Twenty) -> None:
    """What the other tests rest on: without faults, twenty creates and fifty-four calls."""
    assert persona(1)["persona_name"] == "P1"
    twenty.project.account.forget()
    assert twenty.apply().code == 0
    assert creates(twenty.project.account) == 20
    assert len(twenty.project.account.requests) == CALLS
