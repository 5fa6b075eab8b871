"""Objects whose fields have other types than the API documents, as a seed or the portal may put them into an account.

Clients are tested with them: they are shown as they are, and no call fails because of them.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from http.client import HTTPConnection
from typing import Any

import pytest

from tests.emulator.harness import KEY, PROGRAM, Tavus

OTHERS: tuple[Any, ...] = (None, "text", 7, ["x"], [None], {"a": 1}, [{}], {})
TIMES = {"attached_at": "2026-01-01T00:00:00+00:00", "updated_at": "2026-01-01T00:00:00+00:00"}
PERSONA: dict[str, Any] = {
    "persona_name": "Host",
    "layers": {
        "tts": {"voice_id": "v1"},
        "perception": {"perception_model": "raven-1"},
        "conferencing": {"username": "u"},
    },
    "document_ids": ["d1"],
    "guardrail_ids": ["g1"],
    "tool_ids": ["end_call"],
    "skills": {"memory": {"config": {}, **TIMES}},
    "default_replica_id": "r1",
    "updated_at": "2026-01-01T00:00:00.000000Z",
}
API = {"url": "https://a.example", "auth": {"type": "bearer", "token": "t"}}
SEEDS: dict[str, dict[str, Any]] = {
    "personas": PERSONA,
    "replicas": {"replica_name": "Anna", "default_voice_id": "v1", "original_voice_id": "v1", "status": "completed"},
    "documents": {
        "document_name": "Site",
        "document_url": "https://a.example",
        "tags": ["a"],
        "participant_tags": ["a"],
        "crawl_config": {"depth": 1, "max_pages": 2},
        "last_crawled_at": "2026-01-01T00:00:00Z",
        "crawl_count": 1,
    },
    "guardrails": {"name": "Rules", "data": [{"guardrail_name": "a", "guardrail_prompt": "b"}]},
    "single_guardrails": {"guardrail_name": "Calm", "guardrail_prompt": "Stay calm.", "tags": ["a"]},
    "objectives": {"name": "Goals", "data": [{"objective_name": "a", "objective_prompt": "b"}]},
    "tools": {"name": "book", "description": "Books.", "origin": "vision", "delivery": {"api": API}, "tags": ["a"]},
    "voices": {"voice_name": "Anna", "description": "Calm.", "tags": ["a"]},
    "dictionaries": {"name": "Brands", "rules": [{"text": "a", "pronunciation": "b", "type": "alias"}]},
    "deployments": {"pal_id": "p1", "channel": "embed", "name": "Site", "status": "draft", "limits": {}},
    "connectors": {"name": "Files", "server_url": "https://a.example", "auth_config": {"type": "bearer", "token": "t"}},
}
PATHS = {
    **{kind: kind for kind in SEEDS},
    "personas": "pals",
    "replicas": "faces",
    "single_guardrails": "guardrails",
    "dictionaries": "pronunciation-dictionaries",
}
FILTERS = "name_or_uuid=a&search=a&tags=a&participant_tags=a&legacy=false&verbose=true&channel=embed&pal_id=p&limit=3"
PATCHES: dict[str, Any] = {
    "documents": {"document_name": "z"},
    "tools": {"description": "z"},
    "voices": {"voice_name": "z"},
    "replicas": {"face_name": "z"},
    "connectors": {"name": "z"},
    "personas": [{"op": "add", "path": "/greeting", "value": "z"}],
    "single_guardrails": [{"op": "add", "path": "/guardrail_name", "value": "z"}],
}
RENAME = [{"op": "add", "path": "/name", "value": "z"}]


def spoilt(value: Any) -> Iterator[Any]:
    """The value with each place in it replaced by values of other types."""
    members = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in members:
        for other in (*OTHERS, *spoilt(item)):
            copy = value.copy()
            copy[key] = other
            yield copy


def calls(kind: str, ident: str, others: dict[str, str]) -> Iterator[tuple[str, str, Any]]:
    """Calls that read or change an object, or look at it on the way."""
    path = f"/v2/{PATHS[kind]}/{ident}"
    yield "GET", path, None
    yield "PATCH", path, PATCHES.get(kind, RENAME)
    if kind == "documents":
        yield "POST", f"{path}/recrawl", {}
    if kind == "personas":
        yield "GET", f"{path}/tools", None
        yield "GET", f"{path}/skills", None
        yield "POST", f"{path}/tools", {"tool_ids": ["end_call", others["tools"]]}
        yield "DELETE", f"{path}/tools/end_call", None
        yield "PATCH", f"{path}/skills/memory", {"config": {}}
        yield "PUT", f"{path}/skills/presentation", {"config": {"document_ids": ["d1"]}}
        yield "PATCH", path, [{"op": "add", "path": "/layers/conferencing/username", "value": "q"}]
        yield "POST", f"{path}/publish", {}
        yield "POST", "/v2/conversations", {"persona_id": ident, "replica_id": others["replicas"], "test_mode": True}
    if kind == "tools":
        yield "POST", f"/v2/pals/{others['personas']}/tools", {"tool_ids": [ident]}


@pytest.mark.sampled(4)
@pytest.mark.parametrize("kind", SEEDS)
def test_no_call_fails_because_of_them(today: Tavus, kind: str) -> None:
    today.switch(check_references=True)
    seeds = {name: [seed] for name, seed in SEEDS.items()}
    others = {name: ids[0] for name, ids in today.control("POST", "seed", {KEY: seeds})[KEY].items()}
    failed = set[str]()

    connection = HTTPConnection(today.url.removeprefix("http://"))  # httpx is slow for thousands of calls

    def send(method: str, path: str, body: Any = None) -> tuple[int, bytes]:
        connection.request(method, path, None if body is None else json.dumps(body), {"x-api-key": KEY, **PROGRAM})
        response = connection.getresponse()
        return response.status, response.read()

    def call(method: str, path: str, body: Any = None) -> None:
        status, content = send(method, path, body)
        if status >= 500:
            failed.add(f"{method} {path}: {json.loads(content)['traceback'][-300:]}")

    for body in spoilt(SEEDS[kind]):
        status, content = send("POST", "/__emulator/seed", {KEY: {kind: [body]}})
        if status != 200:
            continue  # refused, in words
        (ident,) = json.loads(content)[KEY][kind]
        call("GET", f"/v2/{PATHS[kind]}?{FILTERS}")
        for one in calls(kind, ident, others):
            call(*one)
        if kind == "personas":  # what looks for the users of an object
            for name in ("voices", "dictionaries", "single_guardrails", "guardrails", "objectives", "tools"):
                (made,) = json.loads(send("POST", "/__emulator/seed", {KEY: {name: [SEEDS[name]]}})[1])[KEY][name]
                call("DELETE", f"/v2/{PATHS[name]}/{made}")
            call(
                "POST",
                "/v2/pals",
                {
                    "pal_name": "B",
                    "system_prompt": "x",
                    "default_face_id": others["replicas"],
                    "layers": {"conferencing": {"username": "b"}},
                },
            )
            call("GET", "/v2/pals/check-username?username=u")
        call("GET", "/v2/documents/tags")
        call("GET", "/v2/guardrails/tags")
        call("DELETE", f"/v2/{PATHS[kind]}/{ident}")
    connection.close()
    assert not failed, "\n".join(sorted(failed))
