"""Secrets where nothing but the manifest says so, and what is told of addresses that have one."""

from __future__ import annotations

from typing import Any

import pytest

from tests.scenarios.canaries import found_in, found_under
from tests.scenarios.project import Body, Project

pytestmark = pytest.mark.usefixtures("quick_scrypt")

KEY, LATER = "0f1e2d3c4b5a69788796a5b4", "5b4a39281706f5e4d3c2b1a0"
WORD = "marigold street"
TOOL: Body = {
    "type": "function",
    "function": {
        "name": "book",
        "description": "Book a table.",
        "parameters": {"type": "object", "properties": {"token": {"type": "string", "default": "${secret:ONE}"}}},
    },
}


def coach(**llm: Any) -> Body:
    own = {"model": "gpt-4o", "base_url": "https://llm.example.com/v1", "api_key": "${secret:OWN}", **llm}
    return {"persona_name": "Coach", "system_prompt": "You coach.", "layers": {"llm": own}}


@pytest.fixture
def named(project: Project) -> Project:
    project.account.switch(layers_unknown="keep")
    project.environment.update({"OWN": "sk-own-0001-abcdef", "ONE": KEY})
    project.write("tavusctl.yaml", "secrets: [OWN, ONE]\n")
    return project


BESIDE: dict[str, tuple[Body, Body, Body]] = {
    "query": (
        {"default_query": {"page": "${secret:ONE}"}},
        {"default_query": {"page": f"{WORD} 7"}},
        {"page": "eight"},
    ),
    "object": ({"extra_body": {"user": "${secret:ONE}"}}, {"extra_body": {"user": f"{WORD} 7"}}, {"user": "eight"}),
    "list": ({"extra_body": {"x": ["${secret:ONE}"]}}, {"extra_body": {"x": [f"{WORD} 7"]}}, {"x": ["eight"]}),
    "URL": (
        {"base_url": "https://llm.example.com/v1?page=${secret:ONE}"},
        {"base_url": "https://llm.example.com/v1"},
        {},
    ),
}


@pytest.mark.parametrize(("secret", "plain", "edited"), BESIDE.values(), ids=BESIDE)
def test_a_plain_text_stays_plain_where_another_object_has_a_secret(
    named: Project, secret: Body, plain: Body, edited: Body
) -> None:
    """A change of it is shown, and the run that created it can be undone."""
    named.manifest("persona", "coach", coach(**secret))
    named.manifest("persona", "guide", {**coach(**plain), "persona_name": "Guide"})
    applied = named.apply()
    (key,) = plain
    named.manifest("persona", "guide", {**coach(**{key: edited or f"{plain[key]}/new"}), "persona_name": "Guide"})

    plan = named.run("plan")
    run = named.run("undo").out.split()[0]

    assert "refused" not in applied.err
    assert (WORD in plan.out or "/v1/new" in plan.out, "(sensitive)" in plan.out) == (True, False), plan.out
    named.expect(0, "undo", run, "--yes", "--allow-deletes", "2")


def test_a_secret_of_a_portal_edit_is_told_as_changed(named: Project) -> None:
    named.manifest("persona", "coach", coach(tools=[TOOL], default_query={"api-key": "${secret:ONE}"}))
    named.apply()
    patch = [
        {"op": "replace", "path": "/layers/llm/default_query/api-key", "value": LATER},
        {
            "op": "replace",
            "path": "/layers/llm/tools/0/function/parameters/properties/token/default",
            "value": f"{LATER}ff",
        },
    ]
    named.account.portal("personas", named.bound("persona/coach"), *patch)

    drift = named.run("drift", "--report=comment=c.md", "--report=html=p.html")
    adopted = named.run("adopt", "--all")

    assert "/layers/llm/default_query/api-key" in drift.out
    assert "/parameters/properties/token/default" in drift.out
    assert drift.out.count("(sensitive)") == 2
    assert adopted.code == 4
    for one in (drift, adopted):
        assert not found_in((one.out + one.err).encode(), [KEY, LATER])
    assert not found_under(named.root, [KEY, LATER])


def test_a_lost_answer_is_found_by_what_was_sent(named: Project) -> None:
    """The object has the secret in the clear under a name that says nothing; it is known all the same."""
    named.manifest("persona", "coach", coach(extra_body={"user": "${secret:ONE}"}))
    named.account.fault(match="POST /v2/personas", kind="drop", phase="after")

    result = named.run("apply", "--yes", TAVUSCTL_SETTLE="0.1", TAVUSCTL_MAX_WAIT="0.05")

    assert (result.code, len(named.account.objects("personas"))) == (0, 1), result.out + result.err
    named.expect(0, "plan", "--detailed-exitcode")


def test_an_undo_sends_no_secret_that_nobody_keeps(named: Project) -> None:
    """What was changed beside a secret goes back; of the secret it is said that it cannot be brought back."""
    named.manifest("persona", "coach", coach(default_query={"api-key": "${secret:ONE}", "v": "1"}))
    named.apply()
    named.environment["ONE"] = LATER
    named.manifest("persona", "coach", coach(default_query={"api-key": "${secret:ONE}", "v": "2"}))
    named.apply()
    run = named.run("undo").out.split()[0]

    undone = named.run("undo", run, "--yes")

    (persona,) = named.account.objects("personas").values()
    assert (undone.code, persona["layers"]["llm"]["default_query"]) == (0, {"api-key": LATER, "v": "1"}), undone.err
    assert "TV304" in undone.out + undone.err
    assert not found_under(named.root, [KEY, LATER])


def test_a_deleted_object_is_made_anew_with_the_secrets_in_its_lists(named: Project) -> None:
    path = named.manifest("persona", "coach", coach(tools=[TOOL], extra_body={"stop": ["a", "${secret:ONE}"]}))
    named.apply()
    text = path.read_text()
    path.unlink()
    named.manifest("guardrails", "last", {"data": [{"guardrail_name": "a", "guardrail_prompt": "A."}]})
    named.apply("--allow-deletes", "1")
    run = named.run("undo").out.split()[0]

    refused = named.run("undo", run, "--yes", "--recreate")
    path.write_text(text)
    undone = named.run("undo", run, "--yes", "--recreate", "--allow-deletes", "1")

    assert (refused.code, "E309" in refused.out + refused.err) == (4, True), refused.out + refused.err
    assert undone.code == 0, undone.out + undone.err
    (persona,) = named.account.objects("personas").values()
    llm = persona["layers"]["llm"]
    assert llm["tools"][0]["function"]["parameters"]["properties"]["token"]["default"] == KEY
    assert llm["extra_body"]["stop"] == ["a", KEY]
