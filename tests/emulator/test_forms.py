"""No control is taken that would do nothing, or make a later request fail: 400 says what would be right."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tavusctl.emulator import running
from tests.emulator.harness import Tavus


def each(member: str, *values: Any, **rest: Any) -> list[dict[str, Any]]:
    """An object for each value of a member."""
    return [{**rest, member: value} for value in values]


FAULTS: list[dict[str, Any]] = [
    *({}, {"kind": "no"}, {"kind": "redirect"}),
    {"kind": ["status"]},
    *each("match", {"method": "GET"}, ["GET /v2/personas"], 7, None, True, "", " ", kind="status"),
    *each("match", "GET/v2/personas", "GOT /v2/personas", "GET v2/personas", kind="status"),
    *each("match", "GET /v2/personas?limit=1", "GET /__emulator/clock", kind="status"),
    *each("status", "500", 500.0, True, None, 99, 100, 600, [500], kind="status"),
    *each("times", "2", 0, -1, 1.5, True, [1], kind="status"),
    *each("skip", "2", -1, 1.5, True, None, kind="status"),
    *each("seconds", "1", -1, True, None, [1], kind="delay"),
    *each("at", "1", -1, 1.5, True, None, kind="truncate"),
    *each("probability", "1", -0.1, 1.1, True, None, kind="status"),
    *each("seed", "x", 1.5, None, {}, kind="status"),
    *each("headers", [], "x", {"a b": "c"}, {"a": ["b"]}, {"a": "b\r\nc: d"}, None, kind="status"),
    *each("to", None, "", 7, ["x"], kind="redirect"),
    {"kind": "redirect", "to": "/x", "status": 200},
    {"kind": "raw", "raw": 7},
    {"kind": "raw", "raw": "x", "base64": "yes"},
    {"kind": "raw", "raw": "%", "base64": True},
    {"kind": "status", "phase": "between"},
    {"kind": "status", "phase": ["before"]},
    {"kind": "status", "statuses": 500},
]
EDIT: dict[str, Any] = {"kind": "persona", "id": "p1", "delete": True}
ARMED: dict[str, Any] = {"kind": "persona", "when": {"before": "*"}}
OTHERS: dict[str, list[Any]] = {
    "portal": [
        *each("when", {}, [], "GET /v2/personas", {"before": 7}, {"before": "x"}, **EDIT),
        *({**EDIT, "when": {"before": "*", **one}} for one in ({"times": 0}, {"skip": "1"}, {"x": 1})),
        *({**ARMED, **one} for one in ({}, {"delete": True}, {"id": "a"}, {"id": "a", "delete": False})),
        *each("patch", {}, [], [{}], ["x"], [{"op": "put", "path": "/a"}], **ARMED, id="p"),
        {**ARMED, "create": []},
        {"kind": "persona", "create": {}},
        {**ARMED, "kind": "robot", "id": "p", "delete": True},
    ],
    "outcomes": [
        *each("times", 0, "2", None, kind="documents"),
        *each("error", 7, [], kind="documents"),
        {"kind": "personas"},
    ],
    "clock": [
        *each("advance", "5", True, 1e30, None, []),
        *([1], {"freeze": "yes"}, {"set": 7}, {"set": "x"}, {"advence": 1}),
    ],
    "seed": [
        *([], {"acme": []}, {"acme": {"personas": {}}}, {"acme": {"personas": ["x"]}}),
        *({who: {"persons": []}} for who in ("acme", "*")),
        {"*": {"personas": [{"persona_name": "A", "layers": "x"}]}},
        {"*": {"guardrails": [{"name": "A", "data": 7}]}},
    ],
}


@pytest.mark.parametrize("rule", FAULTS, ids=repr)
def test_a_fault_that_cannot_strike_is_refused(tavus: Tavus, rule: dict[str, Any]) -> None:
    answer = tavus.http.post(f"{tavus.url}/__emulator/faults", json=rule)

    assert (answer.status_code, bool(answer.json()["error"])) == (400, True)
    assert "Error:" not in answer.json()["error"]
    assert tavus.control("GET", "faults")["faults"] == []


@pytest.mark.parametrize(
    ("verb", "body"), [(verb, body) for verb, bodies in OTHERS.items() for body in bodies], ids=repr
)
def test_a_control_that_could_do_nothing_is_refused(tavus: Tavus, verb: str, body: Any) -> None:
    answer = tavus.http.post(f"{tavus.url}/__emulator/{verb}", json=body)

    assert (answer.status_code, bool(answer.json()["error"])) == (400, True), answer.text
    assert tavus.call("GET", "/v2/personas").status_code == 200
    assert tavus.control("GET", "portal")["edits"] == []
    assert tavus.http.get(f"{tavus.url}/__emulator/requests?since=x").status_code == 400


@pytest.mark.parametrize("match", ["*", "GET *", "get /v2/personas", "* /v2/personas*", "/v2/personas/", "G?T /v2/*"])
def test_a_pattern_that_is_right_strikes(tavus: Tavus, match: str) -> None:
    tavus.control("POST", "faults", {"kind": "status", "status": 503, "match": match})

    assert [tavus.call("GET", "/v2/personas").status_code for _ in range(2)] == [503, 200]


@pytest.mark.parametrize(
    ("seed", "faults"),
    [
        ({"acme": {"persons": []}}, []),
        ({"*": {"personas": [{"layers": "x"}]}}, []),
        ([], []),
        ({}, [{"kind": "status", "match": ["GET *"]}]),
        ({}, "x"),
    ],
)
def test_files_at_the_start_are_looked_at_like_all_else(seed: Any, faults: Any, tmp_path: Path) -> None:
    for name, content in (("seed", seed), ("faults", faults)):
        (tmp_path / name).write_text(json.dumps(content))

    with pytest.raises(ValueError, match=r"[a-z]"), running(seed=tmp_path / "seed", faults=tmp_path / "faults"):
        pass
