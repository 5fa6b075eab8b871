"""A network that fails: nothing is concluded from half an answer, and no call is repeated that may count."""

from __future__ import annotations

import socket
from typing import Any

import pytest

from tests.scenarios.project import Body, Project
from tests.scenarios.refusals import COACH, refused

PORTAL_PAGE = "<html><head><title>Sign in to WiFi</title></head><body>Welcome</body></html>"
LISTS = "GET /v2/personas"


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """As many attempts as ever, without the pauses between them."""
    monkeypatch.setenv("TAVUSCTL_MAX_WAIT", "0")


@pytest.fixture
def new(project: Project) -> Project:
    """A project with one persona that is not applied yet."""
    project.manifest("persona", "coach", COACH)
    return project


def always(kind: str, **more: Any) -> Body:
    return {"match": LISTS, "kind": kind, "times": None, **more}


# What becomes of every listing of personas: the fault, the ending, words, and how often it was asked for.
UNREADABLE: dict[str, tuple[Body, tuple[int, str], str, int]] = {
    "a page of a captive portal": (
        always("status", status=200, body=PORTAL_PAGE, headers={"content-type": "text/html"}),
        (11, "E1102"),
        "invalid JSON",
        5,
    ),
    "a web page of a gateway": (always("html"), (11, "E1102"), "502", 5),
    "half a list": (always("truncate"), (11, "E1102"), "no valid response", 5),
    "nothing": (always("empty"), (11, "E1100"), "expected an object", 1),
    "another document": (always("status", status=200, body={"ok": True}), (11, "E1100"), "returned no list", 1),
    "a list of texts": (always("status", status=200, body={"data": ["p1"]}), (11, "E1100"), "returned no list", 1),
    "objects without ids": (always("status", status=200, body={"data": [{}]}), (11, "E1100"), "without persona_id", 1),
    "fewer than it counts": (
        always("status", status=200, body={"data": [], "total_count": 3}),
        (11, "E1106"),
        "0 of 3 objects",
        10,  # five readings that should be whole, of page 1 and page 0 each
    ),
    "a server that fails": (always("status", status=500), (11, "E1102"), "500", 5),
    "a server that is busy": (always("status", status=503), (11, "E1102"), "503", 5),
    "a redirect": (always("redirect", to="https://evil.example.com/"), (11, "E1100"), "never followed", 1),
    "too many requests": (always("status", status=429), (11, "E1105"), "429", 6),
    "too many requests, with a time": (
        always("status", status=429, headers={"retry-after": "1"}),
        (11, "E1105"),
        "429",
        6,
    ),
    "a limit in words": (
        always("status", status=429, body={"error": "Limit reached. Wait 45 minutes."}),
        (11, "E1105"),
        "45 minutes",
        1,
    ),
    "no answer": (always("drop"), (11, "E1102"), "no valid response", 5),
    "a reset": (always("reset"), (11, "E1102"), "no valid response", 5),
    "no HTTP": (always("raw", raw="220 mail.example.com ESMTP\r\n"), (11, "E1102"), "no valid response", 5),
}


@pytest.mark.parametrize(("fault", "ending", "text", "calls"), UNREADABLE.values(), ids=UNREADABLE)
def test_a_listing_that_is_not_whole_means_nothing(
    new: Project, fault: Body, ending: tuple[int, str], text: str, calls: int
) -> None:
    """Least of all that the account is empty: nothing is created."""
    new.account.fault(**fault)

    first = new.run("apply", "--yes")
    asked = [entry for entry in new.account.requests if entry["path"].startswith("/v2/personas")]
    code, id_, words = refused(new, "apply", "--yes")

    assert (first.code, code, id_) == (ending[0], *ending)
    assert text in words
    assert len(asked) == calls
    assert new.account.objects("personas") == {}


@pytest.mark.parametrize("kind", ["status", "drop", "reset", "truncate", "html"])
def test_a_failure_that_passes_goes_unnoticed(new: Project, kind: str) -> None:
    """A read is repeated, and the apply goes on."""
    new.account.fault(match=LISTS, kind=kind, times=2)

    new.apply()
    assert len(new.account.objects("personas")) == 1
    assert new.plan()["changes"] == []


def test_no_network_is_told_as_such(new: Project) -> None:
    """The address, the reason and what to look at."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}"

        code, id_, words = refused(new, "apply", "--yes", TAVUS_BASE_URL=url)

    assert (code, id_) == (11, "E1101")
    assert f"cannot reach {url}" in words
    assert "check the network" in words


def test_a_write_that_is_told_to_wait_waits_and_is_made_once(new: Project) -> None:
    """429 says that nothing was done, as a rule: a look that would show it comes before it is repeated."""
    new.environment["TAVUSCTL_SETTLE"] = "0.2"
    new.account.fault(match="POST /v2/personas", kind="status", status=429, headers={"retry-after": "1"}, times=2)

    new.apply()

    assert [entry["status"] for entry in new.account.writes] == [429, 429, 200]
    assert len(new.account.objects("personas")) == 1


def test_a_write_that_is_never_let_through_leaves_nothing(new: Project) -> None:
    """429 without end: nothing changed, so 11."""
    new.environment["TAVUSCTL_SETTLE"] = "0.2"
    new.account.fault(match="POST /v2/personas", kind="status", status=429, times=None)

    result = new.run("apply", "--yes", "--format", "json")

    (outcome,) = result.document["outcomes"]
    assert (result.code, outcome["status"]) == (11, "failed")
    assert new.account.objects("personas") == {}


def test_a_refused_write_is_told_in_the_words_of_the_server(new: Project) -> None:
    """A definite no is a failure, not something unknown."""
    body = {"error": "Bad Request. {'layers': ['Unknown field.']}"}
    new.account.fault(match="POST /v2/personas", kind="status", status=400, body=body)

    result = new.run("apply", "--yes", "--format", "json")

    (outcome,) = result.document["outcomes"]
    assert (result.code, outcome["status"]) == (5, "failed")
    assert "Unknown field." in outcome["reason"]
    assert [entry["method"] for entry in new.account.writes] == ["POST"]


def test_a_key_that_is_revoked_in_the_middle_ends_with_its_own_code(new: Project) -> None:
    """8, and what was done is recorded."""
    new.manifest("guardrails", "house", {"name": "House", "data": [{"guardrail_name": "a", "guardrail_prompt": "A."}]})
    new.manifest("persona", "coach", {**COACH, "guardrails_id": "${ref:guardrails/house}"})
    body = {"message": "Invalid access token"}
    new.account.fault(match="POST /v2/personas", kind="status", status=401, body=body)

    result = new.expect(8, "apply", "--yes", "--format", "json")

    assert {o["address"]: o["status"] for o in result.document["outcomes"]} == {
        "guardrails/house": "done",
        "persona/coach": "failed",
    }
    assert new.bound("guardrails/house")
    assert new.apply().code == 0
