"""Every plain field of a kind is written, changed and taken away; one that is new is among them by itself."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tavusctl.core.resource_kind import ResourceKind
from tavusctl.kinds import KINDS
from tests.scenarios.project import Body, Project

pytestmark = pytest.mark.newer_api

# What an object is not made without, and fields of few values.
NEEDED: dict[str, Body] = {
    "persona": {"system_prompt": "You coach."},
    "guardrail": {
        "guardrail_prompt": "Stay calm.",
        "modality": "verbal",
        "callback_url": "https://hooks.example.com/a",
    },
}
TEXTS = (["one", "two"], ["two", "three"])
VALUES: dict[str, tuple[Any, Any]] = {"string": ("one", "two"), "boolean": (True, False)}


def plain(kind: ResourceKind) -> dict[str, tuple[Any, Any]]:
    """Texts, switches and lists of texts by name, each with two values; not what means other objects or is secret."""
    found: dict[str, tuple[Any, Any]] = {}
    parts = {one.pointer for one in kind.parts}
    for name, declared in kind.model.model_json_schema()["properties"].items():
        shapes = [one for one in declared.get("anyOf", [declared]) if one.get("type") != "null"]
        others = any(kind.field_at(path).refers_to for path in ((name,), (name, "*")))
        if others or f"/{name}" in parts or len(shapes) != 1:
            continue
        if shapes[0].get("type") in VALUES:
            found[name] = VALUES[shapes[0]["type"]]
        elif shapes[0].get("items", {}).get("type") == "string":
            found[name] = TEXTS
    return found


@pytest.mark.parametrize("name", NEEDED)
def test_every_plain_field_is_written_and_changed_and_taken_away(project: Project, name: str) -> None:
    """What fails here is not in the emulator, or the kind says something else of it than the API's page."""
    project.account.switch(era="today")
    fields = plain(KINDS[name])
    first, then = ({one: both[place] for one, both in fields.items()} for place in (0, 1))
    project.manifest("persona", "other", {"persona_name": "Other", "system_prompt": "You host."})

    assert len(fields) > len(NEEDED[name])
    for values in (first, then, {}):
        project.manifest(name, "it", {**values, **NEEDED[name]})
        project.apply()
        left = [(one["address"], one["fields"]) for one in project.plan()["changes"]]
        assert left == [], f"still to be done after an apply of {values}"


API = {"url": "https://acme.example/book", "method": "PUT", "timeout": 20, "headers": {"x-shop": "one"}}
KEY = {"type": "api_key", "name": "x-key", "value": "${secret:SHOP}"}
BASIC = {"type": "basic", "username": "shop", "password": "${secret:SHOP}"}
CALLED = {"description": "Books a table.", "delivery": {"api": {"url": "https://acme.example/book"}}}
GOAL = {"objective_name": "ask_name", "objective_prompt": "Ask the name."}
RULE = {"guardrail_name": "no_promises", "guardrail_prompt": "Promises a price."}
SOUND = {"text": "SQL", "pronunciation": "sequel", "type": "alias"}
# Versions of one object, applied one after the other: each sets other fields, and drops those of the version before.
VERSIONS: dict[str, tuple[str, list[Body]]] = {
    "a tool": (
        "tool",
        [
            CALLED | {"name": "book", "on_call": "silent", "on_resolve": "add_to_context", "tags": ["one"]},
            CALLED | {"name": "book", "on_call": "static_filler", "static_filler": "One moment.", "origin": "llm"},
            CALLED | {"name": "book", "on_resolve": "generate_response"},
            CALLED | {"name": "book", "origin": "vision", "delivery": {"app_message": True}},
            CALLED | {"name": "book", "origin": None},
            CALLED | {"name": "book", "trigger_type": "post_call", "delivery": {"api": API}},
            CALLED | {"name": "book", "on_call": "passthrough", "parameters": {"type": "object", "properties": {}}},
            CALLED | {"name": "book"},
        ],
    ),
    "a dictionary": (
        "dictionary",
        [
            {"name": "Words", "rules": [SOUND | {"case_sensitive": True, "word_boundaries": False}]},
            {"name": "Other", "rules": [SOUND | {"text": "GUI"}]},
            {"name": "Third", "rules": [SOUND, SOUND | {"text": "IPA", "type": "ipa"}]},
        ],
    ),
    "a set of guardrails": (
        "guardrails",
        [
            {"name": "House", "data": [RULE | {"modality": "visual", "callback_url": "https://acme.example/broken"}]},
            {"name": "Other", "data": [RULE | {"guardrail_name": "no_names", "guardrail_prompt": "Says a name."}]},
            {"name": "Other", "data": [RULE | {"app_message": False}, RULE | {"guardrail_name": "calm"}]},
        ],
    ),
    "objectives": (
        "objectives",
        [
            {"name": "Intake", "data": [GOAL | {"confirmation_mode": "manual", "output_variables": ["name"]}]},
            {"name": "Other", "data": [GOAL | {"objective_name": "ask_age", "modality": "visual"}]},
            {"name": "Third", "data": [GOAL | {"callback_url": "https://acme.example/done"}], "allow_loops": True},
            {"name": "Third", "data": [GOAL]},
        ],
    ),
    "a meeting": (
        "persona",
        [
            {"layers": {"conferencing": {"username": "coach-1", "allowlist": ["acme.example"], "whitelabel": True}}},
            {"layers": {"conferencing": {"username": "coach-2"}}},
            {"layers": {"conferencing": {"username": "coach-2", "allowlist": ["a.example"], "whitelabel": True}}},
            {"layers": {"conferencing": None}},
            {"layers": {"conferencing": {"username": "coach-3", "whitelabel": True}}},
            {},
        ],
    ),
    "layers": (
        "persona",
        [
            {"layers": {"llm": {"model": "tavus-gpt-oss", "speculative_inference": True}, "perception": {}}},
            {"layers": {"tts": {"tts_engine": "cartesia", "tts_emotion_control": False}}},
            {"layers": {"stt": {"hotwords": "Room"}, "perception": {"perception_model": "off"}}},
            {},
        ],
    ),
    "a deployment": (
        "deployment",
        [
            {"name": "Shop", "status": "active", "limits": {"daily_call_limit": 3}, "allowed_origins": ["a.example"]},
            {"name": "Other", "limits": {"concurrent_call_limit": 2}},
            {"name": "Other"},
        ],
    ),
    "what no read shows": ("persona", [{"memories": ["one"]}, {"is_template": True}, {"memories": ["two"]}, {}]),
    "a delivery": (
        "tool",
        [
            {"name": "book", "description": "Books.", "delivery": {"api": API | {"method": "POST", "timeout": 10}}},
            {"name": "book", "description": "Books."},
            {"name": "book", "description": "Books.", "delivery": {"api": API, "app_message": False}},
            {"name": "book", "description": "Books.", "delivery": {"api": API | {"auth": {"type": "none"}}}},
            {
                "name": "book",
                "description": "Books.",
                "delivery": {"api": API | {"auth": KEY | {"location": "header"}}},
            },
            {"name": "book", "description": "Books.", "delivery": {"api": API | {"auth": BASIC}}},
            {"name": "book", "description": "Books.", "delivery": {"api": API | {"auth": KEY | {"location": "query"}}}},
        ],
    ),
    "a document": ("document", [{"document_name": "Prices", "tags": ["one", "two"]}, {"document_name": "Other"}, {}]),
}
ALWAYS: dict[str, Body] = {
    "persona": {"persona_name": "Coach", "system_prompt": "You coach.", "default_replica_id": "rfe12d8b9597"},
    "deployment": {"persona_id": "${ref:persona/other}", "channel": "widget"},
    "document": {"document_url": "https://acme.example/prices.pdf"},
}


@pytest.mark.sampled(len(VERSIONS))
@pytest.mark.parametrize("case", VERSIONS)
def test_from_any_version_of_an_object_to_any_other_in_one_apply(project: Project, case: str) -> None:
    project.account.switch(era="today", processing_seconds=0, set_item_uuids=True)
    kind, versions = VERSIONS[case]
    project.write("tavusctl.yaml", "{version: 1, secrets: [SHOP]}")
    project.environment["SHOP"] = "kQ8vT2mZ4pL7"
    project.manifest("persona", "other", {"persona_name": "Other", "system_prompt": "You host."})

    for version in (*versions, *reversed(versions)):
        project.manifest(kind, "it", {**ALWAYS.get(kind, {}), **version})
        project.apply()
        left = [(one["address"], one["fields"]) for one in project.plan()["changes"]]
        assert left == [], f"still to be done after an apply of {version}"


def written(project: Project) -> dict[str, Any]:
    """The values of the last patch that was sent, by pointer, and nothing sent so far."""
    *_, (_, _, operations) = project.account.sent
    project.account.forget()
    return {one["path"]: one["value"] for one in operations}


def test_what_no_read_shows_is_emptied_and_brought_back_by_an_undo(project: Project) -> None:
    project.account.switch(era="today")
    spec = {"persona_name": "Coach", "system_prompt": "You coach."}
    for unread in ({"memories": ["one"]}, {"memories": ["two"], "is_template": True}, {}):
        project.manifest("persona", "coach", spec | unread)
        project.apply()
    emptied = written(project)
    brought_back = []
    for run in [line.split()[0] for line in project.run("undo").out.splitlines()][:2]:
        project.expect(0, "undo", run, "--yes")
        brought_back.append(written(project))

    assert emptied == {"/memories": [], "/is_template": False}
    assert brought_back == [
        {"/memories": ["two"], "/is_template": True},
        {"/memories": ["one"], "/is_template": False},
    ]


@pytest.mark.parametrize("call", [{"name": "warn"}, {"name": "warn", "text": "no"}])
def test_an_object_that_reads_leave_out_while_it_is_empty_is_filled_by_an_undo(project: Project, call: Body) -> None:
    project.account.switch(era="today")
    rule = {"guardrail_name": "No promises", "guardrail_prompt": "Promises a price."}
    for version in (call, {}):
        project.manifest("guardrail", "it", {**rule, "tool_call": version})
        project.apply()
    project.account.forget()

    project.expect(0, "undo", project.run("undo").out.split()[0], "--yes")
    assert written(project) == {"/tool_call": call}


@pytest.mark.parametrize("name", ["memories", "is_template"])
def test_what_no_read_shows_is_brought_back_after_a_null(project: Project, name: str) -> None:
    project.account.switch(era="today")
    value = {"memories": ["one"], "is_template": True}[name]
    for version in (value, None):
        project.manifest("persona", "coach", {"persona_name": "Coach", "system_prompt": "You coach.", name: version})
        project.apply()

    project.expect(0, "undo", project.run("undo").out.split()[0], "--yes")
    assert written(project) == {f"/{name}": value}


def test_a_value_that_no_read_shows_publishes_no_draft(project: Project) -> None:
    project.account.switch(era="today")
    spec = {"persona_name": "Coach", "system_prompt": "You coach."}
    project.manifest("persona", "coach", spec)
    project.apply()
    project.manifest("persona", "coach", {**spec, "memories": ["one"]})
    project.account.forget()

    project.apply("--publish", "persona/coach")

    assert [method for method, _, _ in project.account.sent] == ["PATCH"]


@pytest.mark.sampled(2)
@pytest.mark.parametrize(
    ("edit", "then"),
    [
        ({"path": "/on_resolve", "value": "add_to_context"}, {"origin": "vision", "delivery": {"app_message": True}}),
        ({"path": "/delivery/api/body_template", "value": {"a": "b"}}, {"delivery": {"api": API | {"method": "GET"}}}),
    ],
)
def test_what_new_values_exclude_goes_also_if_somebody_else_has_set_it(
    project: Project, edit: Body, then: Body
) -> None:
    project.account.switch(era="today")
    tool = {"name": "book", "description": "Books.", "delivery": {"api": API}}
    project.manifest("tool", "it", tool)
    project.apply()
    project.account.portal("tools", project.bound("tool/it"), {"op": "add", **edit})
    project.manifest("tool", "it", {**tool, **then})

    project.apply()
    assert project.plan()["changes"] == []


def test_what_somebody_chose_in_place_of_an_exclusive_value_is_drift_and_is_adopted(project: Project) -> None:
    project.account.switch(era="today")
    project.manifest("tool", "it", {"name": "book", "description": "Books.", "delivery": {"app_message": True}})
    project.apply()
    delivery = {"api": {"url": "https://acme.example/book"}}
    project.edit_in_portal("tool/it", "/delivery", delivery)

    drifted = [field["path"] for one in project.plan()["drift"] for field in one["fields"]]
    adopted = project.run("adopt", "--all")
    manifest = json.loads((project.root / "manifests/tool-it.yaml").read_text())

    assert (drifted, adopted.code) == (["/delivery/api", "/delivery/app_message"], 0), adopted.err
    assert manifest["spec"]["delivery"] == delivery
    assert project.plan()["changes"] == []


@pytest.mark.sampled(2)
@pytest.mark.parametrize(
    ("spec", "edit"),
    [
        ({"on_call": "silent"}, {"origin": "vision", "on_call": None}),
        ({"on_resolve": "add_to_context"}, {"origin": "vision", "on_call": None, "on_resolve": None}),
        ({"origin": "vision"}, {"trigger_type": "post_call", "origin": None, "delivery": {"api": API}}),
        (
            {"delivery": {"app_message": True}},
            {"trigger_type": "post_call", "origin": None, "delivery": {"api": API}},
        ),
    ],
)
def test_what_somebody_chose_against_the_manifest_is_reverted_with_what_goes_with_it(
    project: Project, spec: Body, edit: Body
) -> None:
    project.account.switch(era="today")
    project.manifest("tool", "it", {"name": "book", "description": "Books.", **spec})
    project.apply()
    answer = project.account.call("PATCH", f"/v2/tools/{project.bound('tool/it')}", edit)

    project.apply()

    assert answer.status_code == 200, answer.text
    assert project.plan()["changes"] == []


OWN = {"model": "gpt-4o", "base_url": "https://llm.example.com/v1", "api_key": "sk-1", "enable_llm_proxy": True}


PROMPT: Body = {"system_prompt": "You coach."}


@pytest.mark.parametrize(
    ("spec", "edit", "command"),
    [
        (PROMPT, {"pipeline_mode": "echo", "system_prompt": ""}, "apply"),
        (PROMPT, {"pipeline_mode": "echo", "system_prompt": ""}, "adopt"),
        ({"pipeline_mode": "echo"}, {"pipeline_mode": "full", **PROMPT, "context": "Here."}, "apply"),
        ({"pipeline_mode": "echo"}, {"pipeline_mode": "full", **PROMPT, "context": "Here."}, "adopt"),
        ({**PROMPT, "layers": {"llm": {"model": "tavus-gpt-oss"}}}, {"layers": {"llm": OWN}}, "apply"),
    ],
)
def test_what_somebody_chose_for_a_persona_is_reverted_or_adopted_with_what_goes_with_it(
    project: Project, spec: Body, edit: Body, command: str
) -> None:
    project.account.switch(era="today")
    project.manifest("persona", "it", {"persona_name": "It", **spec})
    project.apply()
    operations = [{"op": "add", "path": f"/{key}", "value": value} for key, value in edit.items()]
    answer = project.account.call("PATCH", f"/v2/personas/{project.bound('persona/it')}", operations)

    ended = project.run(command, "--all" if command == "adopt" else "--yes")
    plan = project.plan()

    assert answer.status_code == 200, answer.text
    assert ended.code == 0, ended.out + ended.err
    assert (plan["changes"], plan["drift"]) == ([], [])


def test_an_empty_model_is_none(project: Project) -> None:
    """As every other empty text of a layer."""
    layers = {"llm": {"model": "", "base_url": ""}, "tts": {"tts_engine": ""}}
    project.manifest("persona", "it", {"persona_name": "It", **PROMPT, "layers": layers})
    project.apply()
    first = project.plan()["changes"]
    project.manifest("persona", "it", {"persona_name": "It", **PROMPT, "layers": {"llm": {"model": "tavus-gpt-oss"}}})
    project.apply()
    project.manifest("persona", "it", {"persona_name": "It", **PROMPT, "layers": layers})
    project.apply()

    assert (first, project.plan()["changes"]) == ([], [])


def test_the_only_alphabet_is_the_same_as_none(project: Project) -> None:
    project.account.switch(era="today")
    project.manifest("dictionary", "it", {"name": "Words", "rules": [SOUND | {"type": "ipa"}]})
    project.apply()
    project.edit_in_portal("dictionary/it", "/rules/0/alphabet", "ipa", op="add")

    assert (project.plan()["changes"], project.plan()["drift"]) == ([], [])


def test_an_ignored_value_is_not_cleared_along_with_what_excludes_it(project: Project) -> None:
    project.account.switch(era="today")
    tool = {"name": "book", "description": "Books."}
    ignored = {"lifecycle": {"ignore_changes": ["/on_call"]}}
    project.manifest("tool", "it", tool, **ignored)
    project.apply()
    project.edit_in_portal("tool/it", "/on_call", "silent")
    project.manifest("tool", "it", {**tool, "origin": "vision"}, **ignored)
    project.account.forget()

    refused = project.run("apply", "--yes")

    assert (refused.code, project.account.sent) == (4, [])
    assert "`on_call: null` without `/on_call` in `lifecycle.ignore_changes`" in refused.out


@pytest.mark.sampled(2)
@pytest.mark.parametrize(
    ("key", "empty", "value"), [("greeting", None, "Hello"), ("context", "", "Here."), ("document_tags", [], ["a"])]
)
def test_a_field_that_a_manifest_newly_keeps_empty_is_managed_from_then_on(
    project: Project, key: str, empty: Any, value: Any
) -> None:
    """The account has no value of it: nothing is sent, but an edit in the account is one afterwards."""
    project.manifest("persona", "coach", PROMPT)
    project.apply()
    project.manifest("persona", "coach", {**PROMPT, key: empty})
    project.account.forget()
    project.apply()
    assert project.account.writes == []
    project.edit_in_portal("persona/coach", f"/{key}", value, op="add")

    (drifted,) = project.plan()["drift"]

    assert [(one["path"], one["cause"]) for one in drifted["fields"]] == [(f"/{key}", "drifted")]
    project.expect(0, "adopt", "persona/coach")
    assert project.plan()["changes"] == []
