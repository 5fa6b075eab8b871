"""Fields that only the account has, and that need a field which the manifest drops or changes."""

from __future__ import annotations

from typing import Any

import pytest

from tests.scenarios.project import Body, Project

pytestmark = [pytest.mark.newer_api, pytest.mark.usefixtures("quick_scrypt")]

COACH: Body = {"persona_name": "Coach", "system_prompt": "You coach."}
OWN: Body = {"model": "gpt-4o", "base_url": "https://llm.example.com/v1", "api_key": "${secret:OWN}"}
BOOK: Body = {"name": "book", "description": "Books a table."}


def coach(**layers: Body) -> Body:
    return {**COACH, "layers": layers}


# By name: the kind, the manifest, the same after the edit, the edit in the portal, and what the manifest has to say.
CASES: dict[str, tuple[str, Body, Body, tuple[str, Any], list[str]]] = {
    "a filler": (
        "tool",
        {**BOOK, "static_filler": "One moment."},
        BOOK,
        ("/on_call", "static_filler"),
        ["static_filler", "on_call: null"],
    ),
    "a wake phrase": (
        "persona",
        coach(conversational_flow={"wake_phrase": "Hello"}),
        COACH,
        ("/layers/conversational_flow/sleep_phrase", "Good night"),
        ["layers.conversational_flow.wake_phrase", "layers.conversational_flow.sleep_phrase: null"],
    ),
    "a model": (
        "persona",
        coach(llm=OWN),
        coach(llm={key: OWN[key] for key in ("base_url", "api_key")}),
        ("/layers/llm/enable_llm_proxy", True),
        ["layers.llm.model", "layers.llm.enable_llm_proxy: null"],
    ),
    "a face": (
        "persona",
        {**COACH, "default_replica_id": "${ref:replica/anna}"},
        COACH,
        ("/layers/conferencing", {"username": "coach"}),
        ["default_replica_id", "layers.conferencing.username: null"],
    ),
    "an engine": (
        "persona",
        coach(tts={"tts_engine": "cartesia"}),
        coach(tts={"tts_engine": "elevenlabs"}),
        ("/layers/tts/voice_settings", {"speed": 1.5}),
        ["layers.tts.tts_engine", "layers.tts.voice_settings.speed: null"],
    ),
}


def described(spec: Body, entry: str) -> Body:
    """A manifest with `path: null`."""
    *above, key = entry.removesuffix(": null").split(".")
    result = holder = dict(spec)
    for name in above:
        holder[name] = dict(holder.get(name) or {})
        holder = holder[name]
    holder[key] = None
    return result


@pytest.fixture
def named(project: Project) -> Project:
    project.environment["OWN"] = "sk-own-0001-abcdef"
    project.write("tavusctl.yaml", "secrets: [OWN]\n")
    (anna,) = project.account.seed(replicas=[{"replica_name": "Anna", "status": "completed"}])["replicas"]
    project.write("manifests/anna.yaml", f"kind: replica\nname: anna\nexternal: true\nid: {anna}\n")
    return project


@pytest.mark.parametrize("case", CASES)
def test_a_patch_that_the_rest_of_the_object_does_not_allow_is_refused(named: Project, case: str) -> None:
    kind, before, after, (pointer, value), wanted = CASES[case]
    address = f"{kind}/one"
    named.manifest(kind, "one", before)
    named.apply()
    named.edit_in_portal(address, pointer, value, op="add")
    named.manifest(kind, "one", after)
    named.account.forget()

    (refusal,) = named.plan()["refused"]
    applied = named.run("apply", "--yes")

    assert (refusal["code"], applied.code, named.account.writes) == ("E416", 4, []), applied.out + applied.err
    assert all(f"`{one}`" in refusal["hint"] for one in wanted), refusal
    named.manifest(kind, "one", described(after, wanted[1]))
    named.apply()
    assert named.plan()["changes"] == []
    named.account.forget()
    named.apply()
    assert named.account.writes == []


@pytest.mark.sampled(2)
@pytest.mark.parametrize("is_managed", [True, False])
def test_a_rule_that_the_object_breaks_already_is_no_reason_to_refuse(named: Project, *, is_managed: bool) -> None:
    """The API accepts an address of a model that Tavus has itself, which no manifest may say."""
    llm = {"model": "tavus-gpt-oss", "base_url": "https://llm.example.com/v1"}
    (one,) = named.account.seed(personas=[coach(llm=llm)])["personas"]
    named.manifest("persona", "one", coach(llm={"model": "tavus-gemma-4"}) if is_managed else COACH)
    named.run("import", "persona/one", one)

    named.apply()

    assert named.account.objects("personas")[one]["layers"]["llm"]["base_url"] == llm["base_url"]


@pytest.mark.parametrize("mask", ["omit", "null", "blank", "stars"])
def test_a_key_that_reads_hide_may_be_there(named: Project, mask: str) -> None:
    named.account.switch(mask=mask)
    named.manifest("persona", "one", coach(llm={**OWN, "model": "tavus-gpt-oss"}))
    named.apply()
    named.manifest("persona", "one", coach(llm=OWN))

    named.apply()


def test_two_fields_that_do_not_fit_are_named_together(named: Project) -> None:
    ignored = {"lifecycle": {"ignore_changes": ["/on_call", "/static_filler"]}}
    named.manifest("tool", "one", BOOK, **ignored)
    named.apply()
    named.edit_in_portal("tool/one", "/static_filler", "One moment.", op="add")
    named.edit_in_portal("tool/one", "/on_call", "static_filler")
    named.manifest("tool", "one", {**BOOK, "origin": "vision"}, **ignored)

    (refusal,) = named.plan()["refused"]

    assert "`on_call: null`" in refusal["hint"]
    assert " and `static_filler: null`" in refusal["hint"]


def test_an_undo_that_the_rest_of_the_object_does_not_allow_is_refused(named: Project) -> None:
    named.manifest("tool", "one", BOOK)
    named.apply()
    named.manifest("tool", "one", {**BOOK, "static_filler": "One moment."})
    named.apply()
    named.edit_in_portal("tool/one", "/on_call", "static_filler")
    named.account.forget()

    undone = named.run("undo", named.run("undo").out.split()[0], "--yes")

    assert (undone.code, named.account.writes) == (4, [])
    assert "remove `on_call` in the account first" in undone.out
