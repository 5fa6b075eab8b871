"""Keys that somebody has put into the account: adopted by the name of a variable, and never by their value."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.scenarios.canaries import found_in, found_under
from tests.scenarios.project import Body, Project

pytestmark = pytest.mark.usefixtures("quick_scrypt")

KEY, LATER = "0f1e2d3c4b5a69788796a5b4", "5b4a39281706f5e4d3c2b1a0"
URL = "https://llm.example.com/v1"
FIRST: Body = {"type": "function", "function": {"name": "book", "description": "Books a table."}}
TOOL: Body = {
    "type": "function",
    "function": {
        "name": "pay",
        "description": "Pays the bill.",
        "parameters": {"type": "object", "properties": {"token": {"type": "string", "default": KEY}}},
    },
}
# What the manifest has, what somebody writes in the portal, and the end of the name that the key gets.
PLACES: dict[str, tuple[Body, str, Any, str]] = {
    "a header": ({"headers": {"X-Team": "blue"}}, "/headers/X-Team", KEY, "LLM_HEADERS_X_TEAM"),
    "a header of its own": ({"headers": {"Authorization": None}}, "/headers", {"Authorization": f"Bearer {KEY}"}, ""),
    "a query": ({"default_query": {"page": "home"}}, "/default_query/page", KEY, "LLM_DEFAULT_QUERY_PAGE"),
    "a list of a query": ({"default_query": {"keys": ["a"]}}, "/default_query/keys", ["a", KEY], ""),
    "a body": ({"extra_body": {"auth": {"token": None}}}, "/extra_body/auth", {"token": KEY}, ""),
    "an address": ({}, "/base_url", f"{URL}?page=${{x}}&api_key={KEY}", "LLM_BASE_URL_API_KEY"),
    "a password": ({}, "/base_url", f"https://me:{KEY}@llm.example.com/v1", "LLM_BASE_URL_PASSWORD"),
    "a tool": ({"tools": [FIRST]}, "/tools", [FIRST, TOOL], ""),
}
SETTINGS = "# what this is\nsecrets: [OWN]  # keys\nmanifests: manifests\n"


def coach(name: str = "coach", **llm: Any) -> Body:
    own = {"model": "gpt-4o", "base_url": URL, "api_key": "${secret:OWN}", **llm}
    return {"persona_name": name.title(), "system_prompt": "You coach.", "layers": {"llm": own}}


def edit(project: Project, pointer: str, value: Any, address: str = "persona/coach") -> None:
    """What somebody does in the portal; a member that is there no longer is taken out."""
    operation = {"op": "add", "path": f"/layers/llm{pointer}"}
    project.account.portal(
        "personas",
        project.bound(address),
        {**operation, "value": value} if value is not None else {**operation, "op": "remove"},
    )


def persona(project: Project) -> Any:
    return json.loads((project.root / "manifests/persona-coach.yaml").read_text())["spec"]


def listed(project: Project) -> list[str]:
    line = next(one for one in (project.root / "tavusctl.yaml").read_text().splitlines() if one.startswith("secrets:"))
    return line.removeprefix("secrets: [").partition("]")[0].split(", ")


def settled(project: Project, **environment: str | None) -> bool:
    """Whether the next plan has nothing to send; what it notes in the state is nothing to the account."""
    planned = project.expect(0, "plan", "--format", "json", **environment)
    return (planned.document["changes"], planned.document["drift"]) == ([], [])


@pytest.fixture
def named(project: Project) -> Project:
    project.account.switch(mask="echo", layers_unknown="keep")
    project.environment["OWN"] = "sk-own-0001-abcdef"
    project.write("tavusctl.yaml", SETTINGS)
    return project


@pytest.mark.parametrize(("llm", "pointer", "value", "end"), PLACES.values(), ids=PLACES)
def test_a_new_key_is_adopted_by_the_name_of_a_variable(
    named: Project, llm: Body, pointer: str, value: Any, end: str
) -> None:
    """The name is made as `export` makes it; set to the key, nothing differs, and unset, that is said."""
    named.manifest("persona", "coach", coach(**llm))
    named.apply()
    edit(named, pointer, value)
    before = (named.root / "manifests/persona-coach.yaml").read_text()

    previewed = named.run("adopt", "--all", "--dry-run")
    assert (named.root / "manifests/persona-coach.yaml").read_text() == before
    assert (named.root / "tavusctl.yaml").read_text() == SETTINGS
    adopted = named.run("adopt", "--all")

    assert (previewed.code, adopted.code) == (0, 0), adopted.out + adopted.err
    (name,) = (one for one in listed(named) if one != "OWN")
    assert name.startswith("PERSONA_COACH_LLM_")
    assert name.endswith(end)
    assert (named.root / "tavusctl.yaml").read_text() == SETTINGS.replace("[OWN]", f"[OWN, {name}]")
    assert f"+secrets: [OWN, {name}]  # keys" in previewed.out
    assert f"${{secret:{name}}}" in previewed.out
    assert f"read from {name}" in adopted.out
    assert f"keys of the account by these environment variables:\n  {name}\n" in adopted.err
    assert settled(named)
    unset = named.run("plan")
    assert f"the secret {name} has no value here" in unset.out + unset.err
    named.environment[name] = f"Bearer {KEY}" if "Bearer" in str(value) else KEY
    assert settled(named)
    is_set = named.run("plan")
    assert f"{name} has no value" not in is_set.out + is_set.err
    named.account.forget()
    named.apply()
    assert named.account.writes == []
    texts = [one.out + one.err for one in (previewed, adopted, unset, is_set)]
    assert not any(found_in(one.encode(), [KEY]) for one in texts)
    assert not found_under(named.root, [KEY])


def test_a_key_that_a_secret_of_the_project_has_reads_that_one(named: Project) -> None:
    named.write("tavusctl.yaml", SETTINGS.replace("[OWN]", "[OWN, TEAM]"))
    named.environment["TEAM"] = KEY
    named.manifest("persona", "coach", coach(headers={"X-Team": "blue"}))
    named.apply()
    edit(named, "/headers/X-Team", KEY)

    adopted = named.run("adopt", "--all")

    assert (adopted.code, listed(named)) == (0, ["OWN", "TEAM"])
    assert persona(named)["layers"]["llm"]["headers"] == {"X-Team": "${secret:TEAM}"}
    assert "these environment variables" not in adopted.err
    assert settled(named)


@pytest.mark.parametrize("how", ["of a manifest", "of a variable with another value"])
def test_a_name_that_stands_for_something_else_is_not_taken(named: Project, how: str) -> None:
    name = "PERSONA_COACH_LLM_HEADERS_X_TEAM"
    named.environment[name] = LATER
    if how == "of a manifest":
        named.write("tavusctl.yaml", SETTINGS.replace("[OWN]", f"[OWN, {name}]"))
        named.manifest("persona", "other", coach("other", headers={"X-Team": f"${{secret:{name}}}"}))
    named.manifest("persona", "coach", coach(headers={"X-Team": "blue"}))
    named.apply()
    edit(named, "/headers/X-Team", KEY)

    named.expect(0, "adopt", "--all")

    assert f"{name}_2" in listed(named)
    assert persona(named)["layers"]["llm"]["headers"] == {"X-Team": f"${{secret:{name}_2}}"}
    assert settled(named)


def test_a_name_that_is_listed_and_that_nothing_reads_is_taken(named: Project) -> None:
    name = "PERSONA_COACH_LLM_HEADERS_X_TEAM"
    named.write("tavusctl.yaml", SETTINGS.replace("[OWN]", f"[OWN, {name}]"))
    named.manifest("persona", "coach", coach(headers={"X-Team": "blue"}))
    named.apply()
    edit(named, "/headers/X-Team", KEY)

    adopted = named.run("adopt", "--all")

    assert (adopted.code, listed(named)) == (0, ["OWN", name])
    assert f"  {name}\n" in adopted.err


@pytest.mark.parametrize("is_set", [True, False])
def test_a_secret_that_was_changed_in_the_account_is_refused_and_named(named: Project, *, is_set: bool) -> None:
    """No second name takes the place of the first: whoever has the key gives it to the variable."""
    named.manifest("persona", "coach", coach(headers={"X-Team": "${secret:OWN}", "X-Other": "plain"}))
    named.apply()
    edit(named, "/headers/X-Team", KEY)
    before = (named.root / "manifests/persona-coach.yaml").read_text()

    refused = named.expect(4, "adopt", "--all", **({} if is_set else {"OWN": None}))

    assert "set OWN to the new value" in refused.out
    assert not found_in((refused.out + refused.err).encode(), [KEY])
    assert (named.root / "manifests/persona-coach.yaml").read_text() == before
    assert listed(named) == ["OWN"]


def test_a_secret_that_was_taken_out_of_the_account_goes_from_the_manifest(named: Project) -> None:
    named.manifest("persona", "coach", coach(headers={"X-Team": "${secret:OWN}", "X-Other": "plain"}))
    named.apply()
    edit(named, "/headers/X-Team", None)

    named.expect(0, "adopt", "--all")
    assert persona(named)["layers"]["llm"]["headers"] == {"X-Other": "plain"}
    assert settled(named)


def test_what_anybody_may_know_of_a_secret_field_is_written(named: Project) -> None:
    named.manifest("persona", "coach", coach(headers={"Content-Type": "text/plain"}))
    named.apply()
    edit(named, "/headers/Content-Type", "application/json")

    named.expect(0, "adopt", "--all")

    assert persona(named)["layers"]["llm"]["headers"] == {"Content-Type": "application/json"}
    assert settled(named)


def test_a_key_that_no_read_shows_is_adopted_by_a_name_and_sent_on_request(named: Project) -> None:
    named.account.switch(mask="stars")
    named.manifest("persona", "coach", {**coach(), "layers": {"tts": {"tts_engine": "cartesia", "api_key": None}}})
    named.apply()
    named.edit_in_portal("persona/coach", "/layers/tts/api_key", KEY, op="add")

    adopted = named.run("adopt", "--all")

    name = "PERSONA_COACH_TTS_API_KEY"
    assert (adopted.code, listed(named)) == (0, ["OWN", name])
    assert persona(named)["layers"]["tts"]["api_key"] == f"${{secret:{name}}}"
    sending = "tavusctl apply --overwrite persona/coach"
    assert f"no read shows the key that {name} stands for; `{sending}` sends it" in adopted.err
    named.environment[name] = KEY
    assert named.run("plan").code == 3
    again = named.run("adopt", "--all")
    reason = f"no read shows the key of the account; set ${{secret:{name}}} to it, and run `{sending}`"
    assert (again.code, again.out) == (4, f"refused persona/coach /layers/tts/api_key: {reason}\n")
    named.apply("--overwrite", "persona/coach")
    assert settled(named)


@pytest.mark.parametrize("mask", ["stars", "omit", "blank"])
def test_a_model_of_somebodys_own_is_adopted_with_the_name_of_its_key(named: Project, mask: str) -> None:
    named.account.switch(mask=mask)
    named.manifest("persona", "coach", {**coach(), "layers": {"llm": {"model": "tavus-gpt-oss"}}})
    named.apply()
    own = {"model": "gpt-4o", "base_url": URL, "api_key": KEY}
    named.account.portal(
        "personas", named.bound("persona/coach"), {"op": "replace", "path": "/layers/llm", "value": own}
    )

    adopted = named.run("adopt", "persona/coach")

    assert adopted.code == 0, adopted.out + adopted.err
    name = "PERSONA_COACH_LLM_API_KEY"
    assert persona(named)["layers"]["llm"] == {**own, "api_key": f"${{secret:{name}}}"}
    named.account.forget()
    assert named.run("apply", "--yes").code == 10  # the key has no value yet
    assert named.account.writes == []
    named.environment[name] = KEY
    named.apply()
    assert settled(named)


def test_a_key_where_no_manifest_may_name_one_is_refused(named: Project) -> None:
    key = "sk-proj-0f1e2d3c4b5a69788796"
    named.manifest(
        "persona", "coach", {**coach(), "layers": {"tts": {"tts_engine": "cartesia", "external_voice_id": "ann"}}}
    )
    named.apply()
    named.edit_in_portal("persona/coach", "/layers/tts/external_voice_id", key)

    refused = named.run("adopt", "--all")

    assert (refused.code, listed(named)) == (4, ["OWN"])
    assert "remove the key in the account" in refused.out
    assert key not in refused.out + refused.err


def test_a_project_that_cannot_list_a_name_says_what_to_write(named: Project) -> None:
    (named.root / "tavusctl.yaml").unlink()
    named.manifest("persona", "coach", {**coach(), "layers": {"tts": {"tts_engine": "cartesia", "api_key": None}}})
    named.apply()
    named.edit_in_portal("persona/coach", "/layers/tts/api_key", KEY, op="add")

    refused = named.run("adopt", "--all")

    name = "PERSONA_COACH_TTS_API_KEY"
    assert refused.code == 4
    assert f"add `secrets: [{name}]` by hand" in refused.out
    named.write("tavusctl.yaml", f"secrets: [{name}]\n")
    adopted = named.run("adopt", "--all")
    assert (adopted.code, f"  {name}\n" in adopted.err) == (0, True)
    assert settled(named)


def test_environments_of_one_project_share_the_name_and_have_a_key_each(named: Project) -> None:
    """The second finds the name in the manifest; with its own key in the variable, nothing is left to adopt."""
    environments = {one: {"vars": {"name": one}} for one in ("staging", "production")}
    named.write("tavusctl.yaml", f"{SETTINGS}environments: {json.dumps(environments)}\n")
    named.manifest("persona", "coach", {**coach(headers={"X-Team": "blue"}), "persona_name": "${var:name}"})
    for one, key in (("staging", KEY), ("production", LATER)):
        named.expect(0, "apply", "--yes", "--env", one)
        state = json.loads((named.root / f".tavusctl/state-{one}.json").read_text())
        bound = state["resources"]["persona/coach"]["remote_id"]
        key_edit = {"op": "replace", "path": "/layers/llm/headers/X-Team", "value": key}
        named.account.portal("personas", bound, key_edit)
    named.expect(0, "adopt", "--all", "--env", "staging")
    name = "PERSONA_COACH_LLM_HEADERS_X_TEAM"

    again = named.run("adopt", "--all", "--env", "production", **{name: LATER})

    assert (again.code, listed(named)) == (0, ["OWN", name])
    for one, key in (("staging", KEY), ("production", LATER)):
        planned = named.run("plan", "--env", one, "--format", "json", **{name: key})
        assert (planned.code, planned.document["changes"]) == (0, [])


def test_a_key_in_a_prompt_of_the_account_is_in_no_report_and_no_file(project: Project) -> None:
    key = f"sk-live-{KEY}"
    project.manifest("persona", "coach", {"persona_name": "Coach", "system_prompt": "You coach."})
    project.apply()
    project.edit_in_portal("persona/coach", "/system_prompt", f"You coach. Use {key} for it,\nand be kind.", op="add")
    reports = [option for form in ("comment", "html", "json", "sarif") for option in ("--report", f"{form}=r.{form}")]

    ended = [
        project.run(*words)
        for words in (
            *(("drift", *reports), ("plan", "--out", "plan.json", *reports), ("adopt", "--all"), ("verify",)),
            *(("export", "--out", "exported"), ("apply", "plan.json"), ("undo", "--yes"), ("state", "pull")),
        )
    ]

    assert "/system_prompt: (sensitive) changed" in ended[0].out
    assert "remove the key in the account" in ended[2].out + ended[2].err
    assert [one.code for one in ended[:2]] == [0, 0]
    assert ended[5].code == 0
    assert found_in("".join(one.out + one.err for one in ended), [KEY]) == []
    assert found_under(project.root, [KEY]) == []
    assert settled(project)


@pytest.mark.newer_api
def test_a_conflict_over_a_key_that_no_read_shows_says_at_once_what_works(project: Project) -> None:
    """Its value cannot be adopted, so `adopt` is not proposed; set to it, or not, the variable is sent."""
    project.environment["OWN"] = "sk-own-0001-abcdef"
    project.write("tavusctl.yaml", SETTINGS)
    coached: Body = {"persona_name": "Coach", "system_prompt": "You coach."}
    project.manifest("persona", "coach", coached | {"layers": {"tts": {"api_key": None}}})
    project.apply()
    project.edit_in_portal("persona/coach", "/layers/tts", {"api_key": KEY}, op="add")
    project.manifest("persona", "coach", coached | {"layers": {"tts": {"api_key": "${secret:OWN}"}}})

    (refusal,) = project.plan()["refused"]

    assert (refusal["code"], "adopt" in refusal["hint"]) == ("E301", False)
    assert "`tavusctl apply --overwrite persona/coach`" in refusal["hint"]
    assert "/layers/tts/api_key, which no read shows, set OWN to it first" in refusal["hint"]
    project.apply("--overwrite", "persona/coach")
    assert settled(project)
