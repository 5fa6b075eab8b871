"""PALs of today.  What each test is about:

| subject | what the API does |
|---|---|
| words | both names of every renamed path, id and field mean the same object; a read has the words of its path |
| a face | a PAL needs one when it is made; a persona, on the older path, does not |
| modes | the full pipeline needs a prompt; speech-to-speech and echo refuse prompt and context |
| reads | a present layer comes back whole, with today's values for what was never set |
| meetings | the meeting name is nobody else's in any account, needs a face, and is patched on its own |
| tools, skills | have calls of their own; the document shows them |
"""

from __future__ import annotations

from typing import Any

import pytest

from tests.emulator.harness import FACE, Tavus, emulated

FLOW = {
    "turn_detection_model": "sparrow-1",
    "turn_taking_patience": "high",
    "pal_interruptibility": "medium",
    "voice_isolation": "near",
    "wake_phrase": None,
    "sleep_phrase": None,
    "idle_engagement": "off",
    "idle_end_behavior": "wait",
}
ORDER = [
    "pal_id",
    "pal_name",
    "pal_description",
    "pipeline_mode",
    "system_prompt",
    "context",
    "layers",
    "objectives_id",
    "guardrails_id",
    "greeting",
    "default_face_id",
    "document_ids",
    "document_tags",
    "guardrail_ids",
    "guardrail_tags",
    "tool_ids",
    "skills",
    "created_at",
    "updated_at",
    "languages",
    "disclosure_type",
    "verbal_disclosure",
    "visual_disclosure",
]


def meet(name: str) -> list[dict[str, Any]]:
    return [{"op": "add", "path": "/layers/conferencing", "value": {"username": name, "allowlist": ["acme.example"]}}]


def test_the_older_api_has_nothing_of_it(tavus: Tavus) -> None:
    paths = ("pals", "faces", "tools", "skills", "voices", "pronunciation-dictionaries", "deployments", "connectors")
    assert [tavus.call("GET", f"/v2/{path}").status_code for path in paths] == [404] * 8


def test_a_pal_is_read_in_the_words_of_the_path_and_in_a_fixed_order(today: Tavus) -> None:
    ident = today.pal(pal_description="A coach", layers={"conversational_flow": {"turn_taking_patience": "high"}})
    pal, persona = (today.ok("GET", f"/v2/{path}/{ident}") for path in ("pals", "personas"))
    assert list(pal) == ORDER
    assert pal["layers"]["conversational_flow"] == FLOW
    assert list(pal["layers"]["conversational_flow"]) == list(FLOW)
    assert (pal["pal_name"], persona["persona_name"], persona["persona_description"]) == ("Coach", "Coach", "A coach")
    assert (pal["default_face_id"], persona["default_replica_id"]) == (FACE, FACE)
    assert persona["layers"]["conversational_flow"]["replica_interruptibility"] == "medium"
    assert [pal["languages"], pal["disclosure_type"], pal["skills"], pal["tool_ids"]] == [[], "auto", {}, []]


@pytest.mark.parametrize(
    ("layer", "body", "shown"),
    [
        ("tts", {}, {"tts_engine": "tavus-auto", "voice_id": "", "tts_emotion_control": True}),
        ("llm", {}, {"model": "tavus-gemma-4"}),
        ("stt", {}, {"stt_engine": "tavus-auto"}),
        ("perception", {}, {"perception_model": "raven-1", "visual_tools": [], "audio_tools": []}),
        ("mcp", {"connectors": ["c8-1"]}, {"connectors": ["c8-1"], "connector_tools": {}}),
        ("capabilities", {"search_enabled": True}, {"search_enabled": True}),
        ("knowledge_base", {"rag_n_chunks": 3}, {"rag_n_chunks": 3}),
        ("knowledge_base", {"rag_score_threshold": 1.5}, {"rag_score_threshold": 1.5}),
        ("sts", {"engine": "x"}, {"engine": "x"}),
    ],
)
def test_a_layer_shows_the_values_of_today(today: Tavus, layer: str, body: Any, shown: Any) -> None:
    ident = today.pal(layers={layer: body})
    assert today.ok("GET", f"/v2/pals/{ident}")["layers"][layer].items() >= shown.items()


@pytest.mark.parametrize(
    "layers",
    [
        {"tts": {"tts_engine": "azure"}},
        {"conversational_flow": {"turn_detection_model": "sparrow-2"}},
        {"conversational_flow": {"face_interruptibility": "verylow"}},
        {"conversational_flow": {"pal_interruptibility": "high", "replica_interruptibility": "high"}},
        {"conversational_flow": {"wake_phrase": "hey", "sleep_phrase": "bye"}},
        {"llm": {"model": "own", "base_url": "https://a.example.com", "api_key": "k", "enable_llm_proxy": True}},
        {"llm": {"model": "tavus-glm-4.7", "disable_vision": True}},
        {"transport": {"transport_type": "livekit", "more": 1}},
    ],
)
def test_values_of_today_are_taken(today: Tavus, layers: Any) -> None:
    today.pal(layers=layers)


@pytest.mark.parametrize(
    ("body", "why"),
    [
        ({"default_face_id": None}, "default_face_id"),
        ({"default_face_id": "r999"}, "Invalid replica_uuid"),
        ({"default_replica_id": FACE}, "only one of default_replica_id and default_face_id"),
        ({"system_prompt": ""}, "system_prompt"),
        ({"pipeline_mode": "speech-to-speech"}, "Not allowed with pipeline_mode speech-to-speech"),
        ({"pipeline_mode": "echo", "system_prompt": None, "context": "x"}, "'context'"),
        ({"skills": {"memory": {}}}, "Unknown field"),
        ({"tool_ids": [f"t{n}" for n in range(51)]}, "Longer than maximum length 50"),
        ({"guardrail_ids": [f"g{n}" for n in range(51)]}, "Longer than maximum length 50"),
        ({"layers": {"conversational_flow": {"sleep_phrase": "bye"}}}, "Needs a wake_phrase"),
        ({"layers": {"llm": {"model": "tavus-gemma-4", "enable_llm_proxy": True}}}, "needs a custom llm"),
        ({"layers": {"colours": {}}}, "Unknown field"),
        ({"layers": {"sts": []}}, "Not a valid mapping type"),
        ({"colour": 1}, "Unknown field"),
    ],
)
def test_a_pal_that_may_not_be_is_refused(today: Tavus, body: Any, why: str) -> None:
    whole = {"pal_name": "x", "system_prompt": "x", "default_face_id": FACE, **body}
    status, text = today.refused("POST", "/v2/pals", whole)
    assert (status, why in text) == (400, True), text


def test_a_persona_needs_no_face_and_may_be_made_in_the_newer_words(today: Tavus) -> None:
    created = today.ok("POST", "/v2/personas", {"pal_name": "Coach", "system_prompt": "x"})
    assert created.keys() == {"persona_id", "persona_name", "created_at"}
    assert today.ok("GET", f"/v2/pals/{created['persona_id']}")["pal_name"] == "Coach"


def test_a_creation_answers_the_address_of_the_meeting_name(today: Tavus) -> None:
    body = {"pal_name": "A", "system_prompt": "x", "default_face_id": FACE}
    created = today.ok("POST", "/v2/pals", body | {"layers": {"conferencing": {"username": "acme"}}})
    assert created.keys() == {"pal_id", "pal_name", "conferencing_email", "created_at"}
    shown = today.ok("GET", f"/v2/pals/{created['pal_id']}")["layers"]["conferencing"]
    assert shown == {
        "username": "acme",
        "allowlist": [],
        "whitelabel": False,
        "email": created["conferencing_email"],
    }


def test_a_patch_is_carried_out_on_the_read_of_its_path(today: Tavus) -> None:
    ident = today.pal(layers={"conversational_flow": {}})
    rename = [{"op": "replace", "path": "/pal_name", "value": "New"}]
    assert today.ok("PATCH", f"/v2/pals/{ident}", rename)["pal_name"] == "New"
    assert today.call("PATCH", f"/v2/pals/{ident}", rename).status_code == 304
    assert today.call("PATCH", f"/v2/personas/{ident}", rename).status_code == 422
    whole = [{"op": "replace", "path": "/layers/conversational_flow", "value": FLOW}]
    assert today.ok("PATCH", f"/v2/pals/{ident}", whole)["layers"]["conversational_flow"] == FLOW
    other = [{"op": "add", "path": "/layers/conversational_flow/pal_interruptibility", "value": "low"}]
    assert (
        today.ok("PATCH", f"/v2/personas/{ident}", other)["layers"]["conversational_flow"]["replica_interruptibility"]
        == "low"
    )


def test_a_patch_may_name_what_the_server_knows_for_itself(today: Tavus) -> None:
    ident = today.pal()
    own = [{"op": "add", "path": f"/{name}", "value": 1} for name in ("owner_id", "session_id", "pal_settings_id")]
    assert today.call("PATCH", f"/v2/pals/{ident}", own).status_code == 304
    assert today.refused("PATCH", f"/v2/pals/{ident}", [{"op": "add", "path": "/skills", "value": {}}])[0] == 400
    assert today.refused("PATCH", f"/v2/pals/{ident}", [{"op": "replace", "path": "/skills", "value": {}}])[0] == 422


def test_a_patch_of_the_tools_is_refused(today: Tavus) -> None:
    operations = [{"op": "add", "path": "/tool_ids/-", "value": "t1"}]
    assert today.refused("PATCH", f"/v2/pals/{today.pal()}", operations)[0] == 400


def test_the_meeting_name_is_patched_on_its_own(today: Tavus) -> None:
    ident = today.pal()
    greet = [{"op": "replace", "path": "/greeting", "value": "Hi"}]
    status, text = today.refused("PATCH", f"/v2/pals/{ident}", meet("acme") + greet)
    assert (status, "on its own" in text) == (400, True)
    assert today.ok("PATCH", f"/v2/pals/{ident}", meet("acme"))["layers"]["conferencing"]["username"] == "acme"
    today.control("POST", "drafts", {"id": ident})
    assert today.call("PATCH", f"/v2/pals/{ident}", meet("acme-2")).status_code == 200
    assert today.refused("PATCH", f"/v2/pals/{ident}", greet)[0] == 409


def test_a_meeting_name_is_nobody_elses_in_any_account(today: Tavus) -> None:
    today.ok("PATCH", f"/v2/pals/{today.pal()}", meet("acme"))
    other = today.pal()
    assert "taken" in today.refused("PATCH", f"/v2/pals/{other}", meet("acme"))[1]
    checks = [today.ok("GET", f"/v2/pals/check-username?username={name}", key="b") for name in ("acme", "free")]
    assert [check["available"] for check in checks] == [False, True]
    faceless = today.ok("POST", "/v2/personas", {"system_prompt": "x"})["persona_id"]
    assert "needs default_face_id" in today.refused("PATCH", f"/v2/pals/{faceless}", meet("b"))[1]


@pytest.mark.parametrize("path", ["personas", "pals"])
@pytest.mark.parametrize("query", ["pal_type=user", "persona_type=user"])
def test_lists_know_both_names_of_the_filter(today: Tavus, path: str, query: str) -> None:
    idents = [today.pal(pal_name=name) for name in "ab"]
    key = {"pals": "pal_id", "personas": "persona_id"}[path]
    listed = today.ok("GET", f"/v2/{path}?{query}&sort=desc")
    assert ([one[key] for one in listed["data"]], listed["total_count"]) == (idents[::-1], 2)
    assert listed.keys() == {"data", "total_count"}
    assert today.ok("GET", f"/v2/{path}")["total_count"] > 2
    today.switch(persona_type="ignored")
    assert (today.ok("GET", f"/v2/{path}?{query}")["total_count"] == 2) == query.startswith("pal_")


@pytest.mark.parametrize("name", ["pal", "replica", "face"])
def test_reads_of_both_paths_can_name_interruptibility_alike(today: Tavus, name: str) -> None:
    today.switch(interruptibility=name)
    ident = today.pal(layers={"conversational_flow": {"pal_interruptibility": "low"}})
    flows = [today.ok("GET", f"/v2/{path}/{ident}")["layers"]["conversational_flow"] for path in ("pals", "personas")]
    assert [flow[f"{name}_interruptibility"] for flow in flows] == ["low", "low"]
    assert all(sum("interruptibility" in key for key in flow) == 1 for flow in flows)


def test_unknown_pals_and_both_spellings_in_a_call_are_refused(today: Tavus) -> None:
    assert [today.refused(method, "/v2/pals/p0")[0] for method in ("GET", "DELETE")] == [400, 400]
    both = {"pal_id": today.pal(), "replica_id": FACE, "face_id": FACE}
    assert "only one of replica_id and face_id" in today.refused("POST", "/v2/conversations", both)[1]
    both.pop("replica_id")
    assert (
        today.ok("POST", "/v2/conversations", both | {"test_mode": True, "participant_tags": ["a"]})["status"]
        == "ended"
    )


def test_seeds_and_edits_in_the_portal_know_both_spellings() -> None:
    pal = {"id": "p1", "pal_name": "A", "layers": {"conversational_flow": {"pal_interruptibility": "low"}}}
    with emulated(behaviors={"era": "today"}, seed={"acme": {"pals": [pal]}}) as tavus:
        shown = tavus.ok("GET", "/v2/pals/p1", key="acme")
        assert (shown["pal_name"], shown["layers"]["conversational_flow"]["pal_interruptibility"]) == ("A", "low")
        tool = [{"op": "replace", "path": "/tool_ids", "value": ["t1"]}]
        tavus.control("POST", "portal", {"account": "acme", "kind": "pal", "id": "p1", "patch": tool})
        assert tavus.ok("GET", "/v2/personas/p1", key="acme")["tool_ids"] == ["t1"]
