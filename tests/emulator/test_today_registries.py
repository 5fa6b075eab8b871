"""Registries of today.  What each has of its own:

| kind | update | list | read | of its own |
|---|---|---|---|---|
| tool | merge, `delivery` whole | from 1, 25 of 100, user ones | secret of `auth` masked | a name is taken once |
| guardrail | JSON Patch, `add` | from 0 with `legacy=false` | no `tool_call` when empty | deleting clears references |
| voice | merge | from 1, stock among them | no audio | ready after minutes, not deleted while in use |
| dictionary | JSON Patch | from 0, newest first, no rules | whole | 201; deleting takes it out of PALs |
| deployment | JSON Patch, `If-Match` | from 0, `deployments` and `total` | no password | needs a PAL that is there |
| connector | merge | from 1 | of `auth_config` the type | a person lets it in |
"""

from __future__ import annotations

import re
from typing import Any

import pytest

from tests.emulator.harness import FACE, Tavus

API = {
    "url": "https://hooks.example.com/{city}",
    "timeout": 20,
    "auth": {"type": "bearer", "token": "s3cret"},
    "body_template": {"city": "{city}"},
}
CITY = {"type": "object", "properties": {"city": {"type": "string"}}}
TOOL = {"name": "weather", "description": "Say the weather.", "parameters": CITY}
HTTP = TOOL | {"delivery": {"app_message": False, "api": API}, "on_call": "silent", "tags": ["a"]}
MASK = "********"
NAIVE = r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d(\.\d{6})?"


def made(tavus: Tavus, path: str, body: Any, key: str) -> str:
    return str(tavus.ok("POST", path, body)[key])


def tool(tavus: Tavus, **more: Any) -> str:
    return made(tavus, "/v2/tools", TOOL | more, "tool_id")


def test_a_tool_is_answered_whole_with_its_defaults_and_its_secret_masked(today: Tavus) -> None:
    created = today.ok("POST", "/v2/tools", HTTP)
    assert created["delivery"]["api"] == API | {"auth": {"type": "bearer", "token": MASK}}
    assert today.ok("GET", f"/v2/tools/{created['tool_id']}") == created
    assert re.fullmatch(NAIVE, created["created_at"])
    plain = today.ok("POST", "/v2/tools", TOOL | {"name": "plain"})
    del plain["tool_id"], plain["created_at"], plain["updated_at"]
    assert plain == TOOL | {
        "owner_id": 1,
        "name": "plain",
        "trigger_type": "in_call",
        "origin": "llm",
        "on_call": "generate_filler",
        "on_resolve": "fire_and_forget",
        "static_filler": None,
        "delivery": {"app_message": True},
        "tags": [],
        "is_system_tool": False,
    }


@pytest.mark.parametrize(
    ("more", "why"),
    [
        ({"name": "1st"}, "not begin with a digit"),
        ({"name": "a b"}, "letters, digits and underscores"),
        ({"description": ""}, "description"),
        ({"description": "x" * 9990}, "longer than 10000"),
        ({"parameters": {"properties": {"tavus_x": {}}}}, "reserved"),
        ({"origin": "vision", "on_call": "silent"}, "Must be null for origin vision"),
        ({"origin": "audio", "on_resolve": "add_to_context"}, "fire_and_forget"),
        ({"on_call": "static_filler"}, "static_filler"),
        ({"trigger_type": "post_call"}, "'api'"),
        ({"origin": None}, "Field may not be null"),
        ({"trigger_type": "post_call", "origin": "llm", "delivery": {"api": API}}, "Must be null for post_call"),
        ({"delivery": {}}, "Exactly one"),
        ({"delivery": {"app_message": True, "api": API}}, "Exactly one"),
        ({"delivery": {"api": API | {"url": "http://a.example.com"}}}, "https://"),
        ({"delivery": {"api": API | {"method": "GET"}}}, "Not with method GET"),
        ({"delivery": {"api": API | {"timeout": 61}}}, "up to 60"),
        ({"delivery": {"api": API | {"url": "https://a.example.com/{when}"}}}, "Not declared in parameters: when"),
        ({"delivery": {"api": API | {"auth": {"type": "bearer"}}}}, "token"),
        ({"delivery": {"api": API | {"auth": {"type": "key"}}}}, "Must be one of: none, bearer"),
        ({"delivery": {"api": API | {"colour": 1}}}, "Unknown field"),
        ({"colour": 1}, "Unknown field"),
    ],
)
def test_a_tool_that_may_not_be_is_refused(today: Tavus, more: Any, why: str) -> None:
    status, text = today.refused("POST", "/v2/tools", TOOL | more)
    assert (status, why in text) == (400, True), text


def test_the_name_of_a_tool_is_taken_once_and_free_again_after_it_is_gone(today: Tavus) -> None:
    first, second = tool(today), tool(today, name="other")
    assert today.refused("POST", "/v2/tools", TOOL)[0] == 409
    assert today.refused("PATCH", f"/v2/tools/{second}", {"name": "weather"})[0] == 409
    assert today.ok("POST", "/v2/tools", TOOL, key="b")["name"] == "weather"
    assert today.call("DELETE", f"/v2/tools/{first}").status_code == 204
    assert today.call("PATCH", f"/v2/tools/{second}", {"name": "weather"}).status_code == 200


def test_a_patch_of_a_tool_replaces_its_delivery_whole(today: Tavus) -> None:
    ident = made(today, "/v2/tools", HTTP, "tool_id")
    changed = today.ok("PATCH", f"/v2/tools/{ident}", {"description": "New."})
    assert (changed["description"], changed["delivery"]["api"]["timeout"]) == ("New.", 20)
    api = {"url": "https://other.example.com", "auth": {"type": "bearer", "token": "t"}}
    assert "timeout" not in today.ok("PATCH", f"/v2/tools/{ident}", {"delivery": {"api": api}})["delivery"]["api"]
    without = {"delivery": {"api": {"url": "https://a.example.com", "auth": {"type": "bearer"}}}}
    assert today.refused("PATCH", f"/v2/tools/{ident}", without)[0] == 400
    before = today.control("GET", "objects?kind=tools")["objects"][0]["secrets"]
    today.switch(tool_auth="kept")
    today.ok("PATCH", f"/v2/tools/{ident}", without)
    assert today.control("GET", "objects?kind=tools")["objects"][0]["secrets"] == before
    assert list(before) == ["/delivery/api/auth/token"]
    assert today.refused("PATCH", f"/v2/tools/{ident}", [{"op": "replace", "path": "/name", "value": "x"}])[0] == 400


def test_a_mask_that_comes_back_is_stored_and_blamed(today: Tavus) -> None:
    ident = made(today, "/v2/tools", HTTP, "tool_id")
    shown = today.ok("GET", f"/v2/tools/{ident}")
    today.ok("PATCH", f"/v2/tools/{ident}", {"delivery": shown["delivery"]})
    assert [one["rule"] for one in today.control("GET", "violations")["violations"]] == ["mask_written"]


def test_no_secret_of_today_is_in_what_the_control_side_shows(today: Tavus) -> None:
    ident = made(today, "/v2/tools", HTTP, "tool_id")
    body = {"pal_id": today.pal(), "channel": "widget", "password": "s3cret"}
    site = made(today, "/v2/deployments", body, "deployment_id")
    change = [{"op": "add", "path": "/password", "value": "s3cret-2"}]
    today.ok("PATCH", f"/v2/deployments/{site}", change)
    linked = {"name": "a", "server_url": "https://a.example.com", "auth_config": {"type": "bearer", "token": "s3cret"}}
    today.ok("POST", "/v2/connectors", linked)
    shown = [today.control("GET", name) for name in ("requests", "mutations", "history", "objects")]
    assert "s3cret" not in str(shown)
    assert ident in str(shown)


def test_tools_are_listed_with_their_filters(today: Tavus) -> None:
    idents = [tool(today, name=f"tool_{n}") for n in range(3)]
    listed = today.ok("GET", "/v2/tools?sort=desc&limit=2")
    assert ([one["tool_id"] for one in listed["data"]], listed["total_count"]) == (idents[:0:-1], 3)
    assert [one["tool_id"] for one in today.ok("GET", "/v2/tools?type=system")["data"]] == ["end_call"]
    assert today.ok("GET", "/v2/tools?type=all")["total_count"] == 4
    assert today.ok("GET", "/v2/tools?name_or_uuid=tool_1")["total_count"] == 1
    assert today.refused("GET", "/v2/tools?limit=101")[0] == 400
    assert today.refused("PATCH", "/v2/tools/end_call", {"description": "x"})[0] == 400
    assert today.refused("GET", "/v2/tools/t0")[0] == 404


def test_tools_are_attached_and_detached_by_calls_of_their_own(today: Tavus) -> None:
    pal, first, second = today.pal(), tool(today), tool(today, name="second")
    for _ in range(2):
        assert today.ok("POST", f"/v2/pals/{pal}/tools/", {"tool_ids": [first, "end_call"]})["total_count"] == 1
    today.ok("POST", f"/v2/personas/{pal}/tools", {"tool_ids": [second]})
    assert today.ok("GET", f"/v2/pals/{pal}")["tool_ids"] == [first, "end_call", second]
    assert [one["name"] for one in today.ok("GET", f"/v2/pals/{pal}/tools")["data"]] == ["weather", "second"]
    assert today.call("DELETE", f"/v2/pals/{pal}/tools/{first}").status_code == 204
    assert today.refused("DELETE", f"/v2/pals/{pal}/tools/{first}") == (
        400,
        '{"error":"Bad Request. Tool not attached to this PAL"}',
    )
    today.call("DELETE", f"/v2/tools/{second}")
    assert today.ok("GET", f"/v2/pals/{pal}")["tool_ids"] == ["end_call"]
    assert today.refused("POST", f"/v2/pals/{pal}/tools", {"tool_ids": ["t0"]})[0] == 400
    assert today.refused("POST", f"/v2/pals/{pal}/tools", {"tool_ids": []})[0] == 400
    assert today.refused("POST", "/v2/pals/p0/tools", {"tool_ids": ["end_call"]})[0] == 400


def test_a_tool_that_sees_needs_a_model_that_sees(today: Tavus) -> None:
    ident = tool(today, origin="vision", on_call=None)
    blind = today.pal(layers={"perception": {"perception_model": "off"}})
    assert "needs a raven" in today.refused("POST", f"/v2/pals/{blind}/tools", {"tool_ids": [ident]})[1]
    today.ok("POST", f"/v2/pals/{today.pal()}/tools", {"tool_ids": [ident]})


@pytest.mark.parametrize(
    ("guard", "status", "forced"), [("patch", 200, 200), ("everything", 409, 200), ("unforced", 409, 409)]
)
def test_whether_a_draft_keeps_tools_and_skills_out_is_a_behaviour(
    today: Tavus, guard: str, status: int, forced: int
) -> None:
    pal, ident = today.pal(), tool(today)
    calls: tuple[tuple[str, str, Any], ...] = (
        ("POST", f"{pal}/tools", {"tool_ids": [ident]}),
        ("PUT", f"{pal}/skills/memory", {"config": {}}),
    )
    today.switch(drafts_guard=guard)
    for method, path, body in calls:
        today.control("POST", "drafts", {"id": pal})
        assert today.call(method, f"/v2/pals/{path}", body).status_code == status
        assert len(today.control("GET", "drafts")["drafts"]) == 1
        assert today.call(method, f"/v2/pals/{path}?force=true", body).status_code == forced
        assert len(today.control("GET", "drafts")["drafts"]) == (0 if guard == "everything" else 1)


def test_skills_are_a_map_with_calls_of_their_own(today: Tavus) -> None:
    pal = today.pal()
    path = f"/v2/pals/{pal}/skills"
    assert "internet_search" in [one["skill_id"] for one in today.ok("GET", "/v2/skills")["data"]]
    assert today.ok("GET", "/v2/skills/internet_search")["skill_id"] == "internet_search"
    assert today.refused("GET", "/v2/skills/telepathy") == (404, '{"error":"Unknown skill \'telepathy\'"}')
    put = today.ok("PUT", f"{path}/presentation", {"config": {"document_ids": ["d1"]}})
    assert put["config"] == {"slides_trigger": "on_demand", "document_ids": ["d1"]}
    assert put["attached_at"].endswith("+00:00")
    patched = today.ok("PATCH", f"{path}/presentation", {"config": {"prompt": "Go.", "slides_trigger": None}})
    assert patched["config"] == {"slides_trigger": "on_demand", "document_ids": ["d1"], "prompt": "Go."}
    assert today.call("PATCH", f"{path}/presentation", {"config": {"prompt": "Go."}}).status_code == 304
    today.ok("PUT", f"{path}/memory", {"config": {}})
    assert list(today.ok("GET", path)["data"]) == ["presentation", "memory"]
    shown = today.ok("GET", f"/v2/pals/{pal}")["skills"]
    assert [sorted(one) for one in shown.values()] == [["attached_at", "config", "updated_at"]] * 2
    assert list(today.ok("PUT", path, {"skills": {"internet_search": {}}})["data"]) == ["internet_search"]
    assert today.call("DELETE", f"{path}/internet_search").status_code == 204
    assert today.ok("GET", path) == {"data": {}}


def test_a_canvas_keeps_only_what_differs_from_its_default(today: Tavus) -> None:
    components = {"text": {"enabled": False}, "chart": {"enabled": True}}
    path = f"/v2/pals/{today.pal()}/skills/magic_canvas"
    assert today.ok("PUT", path, {"config": {"components": components}})["config"] == {
        "components": {"text": {"enabled": False}}
    }
    assert "Unknown component" in today.refused("PUT", path, {"config": {"components": {"dance": {}}}})[1]


@pytest.mark.parametrize(
    ("method", "skill", "body", "status", "why"),
    [
        ("PUT", "dance", {"config": {}}, 404, "Unknown skill 'dance'"),
        ("PUT", "presentation", {"config": {}}, 400, "document_ids"),
        ("PUT", "memory", {"config": {"size": 1}}, 400, "Unknown field"),
        ("PATCH", "memory", {"config": {}}, 404, "not attached"),
        ("GET", "memory", None, 404, "not attached"),
        ("DELETE", "memory", None, 404, "not attached"),
    ],
)
def test_a_call_for_a_skill_is_refused(today: Tavus, method: str, skill: str, body: Any, status: int, why: str) -> None:
    told, text = today.refused(method, f"/v2/pals/{today.pal()}/skills/{skill}", body)
    assert (told, why in text) == (status, True), text


def test_a_voice_is_ready_after_minutes_and_stays_while_somebody_has_it(today: Tavus) -> None:
    body = {"voice_name": "Anna B", "train_audio_url": "https://cdn.example.com/a.mp3"}
    voice = today.ok("POST", "/v2/voices", body)
    ident = voice["voice_id"]
    assert (voice["status"], re.fullmatch(NAIVE, voice["created_at"]) is not None) == ("started", True)
    today.advance(181)
    voice = today.ok("GET", f"/v2/voices/{ident}")
    assert (voice["status"], "train_audio_url" in voice, voice["voice_type"]) == ("completed", False, "user")
    changed = today.ok("PATCH", f"/v2/voices/{ident}", {"description": "Warm", "tags": ["a"]})
    assert (changed["description"], changed["voice_name"]) == ("Warm", "Anna B")
    assert today.ok("PATCH", f"/v2/voices/{ident}", {"description": None})["description"] is None
    assert [today.refused("PATCH", f"/v2/voices/{ident}", bad)[0] for bad in ({}, {"tags": None}, {"voice_name": ""})]
    pal = today.pal(layers={"tts": {"voice_id": ident}})
    status, text = today.refused("DELETE", f"/v2/voices/{ident}")
    assert (status, '"used_by":{"pals":1,"faces":0}' in text) == (409, True)
    today.call("DELETE", f"/v2/pals/{pal}")
    assert today.call("DELETE", f"/v2/voices/{ident}").status_code == 204
    assert today.refused("GET", f"/v2/voices/{ident}")[0] == 404


def test_a_voice_can_fail(today: Tavus) -> None:
    today.control("POST", "outcomes", {"kind": "voices", "error": "too noisy"})
    body = {"voice_name": "A", "train_audio_url": "https://cdn.example.com/a.mp3"}
    ident = made(today, "/v2/voices", body, "voice_id")
    today.advance(181)
    voice = today.ok("GET", f"/v2/voices/{ident}")
    assert (voice["status"], voice["error_message"]) == ("error", "too noisy")


def test_some_stock_voices_have_no_id(today: Tavus) -> None:
    stock = today.ok("GET", "/v2/voices?voice_type=system")["data"]
    assert None in [voice["voice_id"] for voice in stock]
    assert today.ok("GET", "/v2/voices?voice_type=user") == {"data": [], "total_count": 0}
    assert today.ok("GET", "/v2/voices?search=anna")["total_count"] == 1


def test_a_face_of_today_has_a_voice_and_is_changed_by_a_merge(today: Tavus) -> None:
    picture = {"face_name": "Anna", "train_image_url": "https://a.example.com/a.png", "model_name": "phoenix-4.5"}
    for voices in ({}, {"voice_name": "anna", "default_voice_id": "v4a7c0e9d1b2f"}, {"default_voice_id": "v0"}):
        assert today.refused("POST", "/v2/faces", picture | voices)[0] == 400
    created = today.ok("POST", "/v2/faces", picture | {"voice_name": "anna"})
    assert created.keys() == {"face_id", "status"}
    today.advance(61)
    face = today.ok("GET", f"/v2/faces/{created['face_id']}?verbose=true")
    told = (face["face_name"], face["status"], face["finetune_status"], face["face_type"], face["original_voice_id"])
    assert told == ("Anna", "completed", "training", "user", "v4a7c0e9d1b2f")
    change = {"face_name": "Eve", "default_voice_id": "v5b8d1f0e2c3a"}
    assert today.ok("PATCH", f"/v2/faces/{created['face_id']}", change) == {
        "face_id": created["face_id"],
        **change,
        "original_voice_id": "v4a7c0e9d1b2f",
    }
    bad: list[dict[str, Any]] = [{}, {"face_name": " "}, {"default_voice_id": None}, {"default_voice_id": "v0"}]
    assert [today.refused("PATCH", f"/v2/faces/{created['face_id']}", one)[0] for one in bad] == [400] * 4
    assert today.ok("GET", f"/v2/replicas/{created['face_id']}")["replica_name"] == "Eve"
    assert today.ok("PATCH", f"/v2/replicas/{created['face_id']}/name", {"replica_name": "Ada"}) is None
    assert [one["face_name"] for one in today.ok("GET", "/v2/faces?face_type=user")["data"]] == ["Replica", "Ada"]
    assert today.call("DELETE", f"/v2/faces/{FACE}").status_code == 200


def test_whether_a_face_needs_a_model_is_a_behaviour(today: Tavus) -> None:
    video = {"face_name": "Anna", "train_video_url": "https://a.example.com/a.mp4"}
    ident = made(today, "/v2/faces", video, "face_id")
    assert today.ok("GET", f"/v2/faces/{ident}")["model_name"] == "phoenix-4"
    today.switch(model_name="required")
    assert "model_name" in today.refused("POST", "/v2/faces", video)[1]


def test_a_dictionary_is_patched_and_taken_out_of_pals(today: Tavus) -> None:
    rules = [{"text": "tavus", "pronunciation": "TAH-vus", "type": "alias"}]
    created = today.call("POST", "/v2/pronunciation-dictionaries/", {"name": "a", "rules": rules})
    ident = created.json()["pronunciation_dictionary_id"]
    assert (created.status_code, ident[:3]) == (201, "pd_")
    assert created.json()["rules"] == [{**rules[0], "case_sensitive": False, "word_boundaries": True}]
    path = f"/v2/pronunciation-dictionaries/{ident}"
    assert today.ok("PATCH", path, [{"op": "add", "path": "/name", "value": "b"}])["name"] == "b"
    assert today.call("PATCH", path, [{"op": "add", "path": "/name", "value": "b"}]).status_code == 304
    assert today.refused("PATCH", path, {"name": "c"})[0] == 400
    assert today.refused("PATCH", path, [{"op": "add", "path": "/rules", "value": rules * 2}])[0] == 400
    assert today.refused("PATCH", path, [{"op": "replace", "path": "/colour", "value": 1}])[0] == 422
    today.ok("POST", "/v2/pronunciation-dictionaries", {"name": "newer"})
    listed = today.ok("GET", "/v2/pronunciation-dictionaries")
    assert [(one["name"], "rules" in one) for one in listed["data"]] == [("newer", False), ("b", False)]
    assert {key: listed[key] for key in ("total_count", "page", "limit")} == {"total_count": 2, "page": 0, "limit": 10}
    pal = today.pal(layers={"tts": {"pronunciation_dictionary_id": ident}})
    assert today.call("DELETE", path).status_code == 204
    assert today.ok("GET", f"/v2/pals/{pal}")["layers"]["tts"]["pronunciation_dictionary_id"] is None
    assert today.refused("GET", path)[0] == 404


def test_a_deployment_is_patched_when_it_is_the_version_that_is_meant(today: Tavus) -> None:
    pal = today.pal()
    body = {"pal_id": pal, "channel": "landing-page", "name": "Ada", "status": "active", "password": "p"}
    created = today.ok("POST", "/v2/deployments", body)
    path = f"/v2/deployments/{created['deployment_id']}"
    assert ("password" in created, created["has_password"], created["usage_total"]) == (False, True, 0)
    read = today.call("GET", path)
    assert (read.json(), read.headers["etag"]) == (created, f'W/"{created["updated_at"]}"')
    rename = [{"op": "replace", "path": "/name", "value": "Eve"}]
    changed = today.call("PATCH", path, rename, if_match=read.headers["etag"])
    assert (changed.status_code, changed.json()["name"], changed.json()["has_password"]) == (200, "Eve", True)
    late = today.call("PATCH", path, rename, if_match=read.headers["etag"])
    assert late.status_code == 412
    assert today.call("PATCH", path, rename).status_code == 304
    cleared = today.ok("PATCH", path, [{"op": "add", "path": "/password", "value": None}])
    assert cleared["has_password"] is False
    assert today.refused("PATCH", path, {"name": "x"})[0] == 400
    assert today.call("DELETE", path).status_code == 204
    assert today.refused("GET", path)[0] == 404


@pytest.mark.parametrize(
    ("more", "why"),
    [
        ({"pal_id": "p0"}, "Invalid pal_id"),
        ({"channel": "fax"}, "Must be one of: widget, embed, landing-page"),
        ({"limits": {"daily_call_limit": 0}}, "greater than or equal to 1"),
        ({"status": "on"}, "draft, active, inactive"),
        ({"colour": 1}, "Unknown field"),
    ],
)
def test_a_deployment_that_may_not_be_is_refused(today: Tavus, more: Any, why: str) -> None:
    status, text = today.refused("POST", "/v2/deployments", {"pal_id": today.pal(), "channel": "widget", **more})
    assert (status, why in text) == (400, True), text


def test_deployments_are_listed_in_an_envelope_of_their_own(today: Tavus) -> None:
    pal = today.pal()
    for channel, status in (("widget", "draft"), ("embed", "active"), ("landing-page", "active")):
        today.ok("POST", "/v2/deployments", {"pal_id": pal, "channel": channel, "status": status, "name": channel})
    listed = today.ok("GET", "/v2/deployments?limit=2")
    assert [one["channel"] for one in listed["deployments"]] == ["landing-page", "embed"]
    assert {key: listed[key] for key in ("total", "page", "limit")} == {"total": 3, "page": 0, "limit": 2}
    assert "thumbnail_image_url" not in listed["deployments"][0]
    queries = ("status=draft,active&channel=embed,widget", "pal_id=p0", "search=land", "sort=asc&page=1&limit=2")
    found = [today.ok("GET", f"/v2/deployments?{query}")["deployments"] for query in queries]
    assert [[one["channel"] for one in page] for page in found] == [
        ["embed", "widget"],
        [],
        ["landing-page"],
        ["landing-page"],
    ]


def test_a_connector_waits_for_a_person_and_never_shows_its_secret(today: Tavus) -> None:
    body = {"name": "Tracker", "server_url": "https://mcp.example.com/mcp", "auth_config": {"type": "oauth2"}}
    created = today.ok("POST", "/v2/connectors", body)
    assert created["authorize_url"].startswith("https://")
    path = f"/v2/connectors/{created['connector_id']}"
    assert "authorize_url" not in today.ok("GET", path)
    assert today.ok("GET", f"{path}/preview") == {"tools": []}
    assert today.ok("POST", f"{path}/oauth/reconnect")["authorize_url"] == created["authorize_url"]
    secret = {"auth_config": {"type": "bearer", "token": "t"}, "name": "T"}
    assert today.ok("PATCH", path, secret)["auth_config"] == {"type": "bearer"}
    assert today.ok("GET", "/v2/connectors")["data"][0]["name"] == "T"
    assert today.refused("POST", "/v2/connectors", body | {"auth_config": {"type": "bearer"}})[0] == 400
    assert today.call("DELETE", path).status_code == 204


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("tools", {"name": "a", "description": "A."}),
        ("single_guardrails", {"guardrail_name": "a", "guardrail_prompt": "A."}),
        ("voices", {"voice_name": "A"}),
        ("dictionaries", {"name": "A"}),
        ("deployments", {"pal_id": "p1", "channel": "widget"}),
        ("connectors", {"name": "A"}),
    ],
)
def test_every_registry_can_be_seeded_and_edited_in_the_portal(today: Tavus, kind: str, body: Any) -> None:
    ident = today.control("POST", "seed", {"key-of-acme": {kind: [body]}})["key-of-acme"][kind][0]
    name = next(iter(body)) if kind != "deployments" else "name"
    edit = {"kind": kind, "id": ident, "patch": [{"op": "add", "path": f"/{name}", "value": "changed"}]}
    today.control("POST", "portal", edit)
    shown = today.control("GET", f"objects?kind={kind}")["objects"][0]["document"]
    assert shown[name] == "changed"
