"""The example policies, run on plan documents by an engine that reads Rego, as conftest and OPA do."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tavusctl.core.model import ABSENT, Action, Change, Plan
from tavusctl.reports.formats import REPORTS
from tests.golden.plans import EVERY, UPDATE, change, field
from tests.house.tree import ROOT

pytestmark = pytest.mark.needs("rego")
POLICIES = ROOT / "examples/policies"
LONG = "A word or two. " * 2000
DELETE = change(Action.DELETE, "guardrails/gone")
GROWS = change(Action.UPDATE, "persona/coach", field("/system_prompt", "Short.", LONG))
SHRINKS = change(Action.UPDATE, "persona/coach", field("/system_prompt", LONG * 2, LONG))
NEW = change(Action.CREATE, "persona/new", field("/system_prompt", ABSENT, LONG))

SITE = (field("/name", ABSENT, "Site"), field("/status", ABSENT, "active"))
LIMITED = (*SITE, field("/limits/daily_call_limit", ABSENT, 50))
HOOK = (field("/delivery/api/url", ABSENT, "https://a.example/hook"), field("/name", ABSENT, "book"))
SIGNED = (*HOOK, field("/delivery/api/auth/type", ABSENT, "hmac"))
UNLIMITED, PUBLIC = (
    "deployment/site has no limits.daily_call_limit",
    "deployment/site goes public (add the label go-live",
)
OPEN = "tool/book calls https://a.example/hook without delivery.api.auth"
HOSTS = ["a.example"]


def denied(plan: Plan, **data: Any) -> list[str]:
    """What all policies together say of a plan."""
    from regopy import Interpreter  # noqa: PLC0415 - it loads a library that a machine may lack

    engine = Interpreter()
    for path in sorted(POLICIES.glob("*.rego")):
        engine.add_module(path.stem, path.read_text("utf-8"))
    engine.add_data_json(json.dumps(data))
    engine.set_input_term(REPORTS["json"].plan(plan))
    answer = json.loads(str(engine.query("data.main.deny")))
    messages: list[str] = answer["expressions"][0]
    return messages


@pytest.mark.parametrize(
    ("one", "data", "expected"),
    [
        (
            DELETE,
            {},
            ["guardrails/gone: deletes the object; its id is lost (add the label allow-deletes to agree)"],
        ),
        (
            DELETE,
            {"labels": ["other"]},
            ["guardrails/gone: deletes the object; its id is lost (add the label allow-deletes to agree)"],
        ),
        (DELETE, {"labels": ["allow-deletes"]}, []),
        (
            UPDATE,
            {},
            ["persona/coach/layers/llm/base_url sends data to llm.other.example, which is not on the list of hosts"],
        ),
        (
            UPDATE,
            {"hosts": ["llm.example.com"]},
            ["persona/coach/layers/llm/base_url sends data to llm.other.example, which is not on the list of hosts"],
        ),
        (UPDATE, {"hosts": ["llm.other.example"]}, []),
        (GROWS, {}, ["persona/coach/system_prompt has about TOKENS tokens, more than 4000"]),
        (GROWS, {"budget": {"tokens": 90000}}, []),
        (GROWS, {"budget": {"tokens": 10}}, ["persona/coach/system_prompt has about TOKENS tokens, more than 10"]),
        (SHRINKS, {}, []),
        (NEW, {}, ["persona/new/system_prompt has about TOKENS tokens, more than 4000"]),
        (change(Action.CREATE, "deployment/site", *LIMITED), {}, [f"{PUBLIC} to agree)"]),
        (change(Action.CREATE, "deployment/site", *LIMITED), {"labels": ["go-live"]}, []),
        (change(Action.CREATE, "deployment/site", *SITE), {"labels": ["go-live"]}, [UNLIMITED]),
        (change(Action.CREATE, "deployment/site", field("/name", ABSENT, "Site")), {}, [UNLIMITED]),
        (change(Action.UPDATE, "deployment/site", field("/status", "draft", "active")), {}, [f"{PUBLIC} to agree)"]),
        (change(Action.UPDATE, "deployment/site", field("/status", "active", "inactive")), {}, []),
        (
            change(Action.UPDATE, "deployment/site", field("/limits/daily_call_limit", 50, None)),
            {},
            ["deployment/site loses its limits.daily_call_limit"],
        ),
        (change(Action.UPDATE, "deployment/site", field("/limits/daily_call_limit", 50, 60)), {}, []),
        (change(Action.CREATE, "tool/book", *HOOK), {"hosts": HOSTS}, [OPEN]),
        (change(Action.CREATE, "tool/book", *HOOK), {"hosts": HOSTS, "open_tools": ["tool/book"]}, []),
        (change(Action.CREATE, "tool/book", *HOOK), {"hosts": HOSTS, "open_tools": ["tool/other"]}, [OPEN]),
        (change(Action.CREATE, "tool/book", *SIGNED), {"hosts": HOSTS}, []),
        (change(Action.CREATE, "tool/book", field("/delivery/app_message", ABSENT, True)), {}, []),
        *(
            (
                change(Action.UPDATE, "tool/book", field("/delivery/api/auth/type", "hmac", none)),
                {},
                ["tool/book no longer signs in where it calls"],
            )
            for none in ("none", None, ABSENT)
        ),
        (change(Action.UPDATE, "tool/book", field("/delivery/api/auth/type", "hmac", "bearer")), {}, []),
    ],
)
def test_each_policy_refuses_what_it_says_and_nothing_else(
    one: Change, data: dict[str, Any], expected: list[str]
) -> None:
    plan = Plan((one,), fingerprint="sha256:00")
    fields = json.loads(REPORTS["json"].plan(plan))["changes"][0]["fields"]
    tokens = str(next((entry["tokens"]["desired"] for entry in fields if "tokens" in entry), ""))
    assert denied(plan, **data) == [message.replace("TOKENS", tokens) for message in expected]


def test_a_plan_of_every_sort_is_judged_as_a_whole() -> None:
    assert len(denied(EVERY)) == 5  # two deletes, a replacement, its old version, a new host
    assert denied(EVERY, labels=["allow-deletes"], hosts=["llm.other.example"]) == []


def test_the_page_about_policies_shows_those_that_are_tested() -> None:
    page = (POLICIES.parents[1] / "docs/policies.md").read_text("utf-8")
    for path in POLICIES.glob("*.rego"):
        assert f"examples/policies/{path.name}" in page
        rules = path.read_text("utf-8").split("import rego.v1\n")[1].strip()
        assert rules in page, path.name
