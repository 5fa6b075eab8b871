"""Whoever only looks needs no values of secrets; whoever sends one needs that one."""

from __future__ import annotations

import pytest

from tests.scenarios.project import Body, Project

pytestmark = pytest.mark.usefixtures("quick_scrypt")

SPEC: Body = {
    "persona_name": "Coach",
    "system_prompt": "You coach.",
    "layers": {
        "llm": {
            "model": "gpt-4o",
            "base_url": "https://llm.example.com",
            "api_key": "${secret:LLM_KEY}",
            "headers": {"X-Team": "${secret:TEAM_KEY}"},
        }
    },
}
GOAL: Body = {"objective_name": "greet", "objective_prompt": "Greet."}
VALUES = {"LLM_KEY": "key-0123456789abcdef", "TEAM_KEY": "team-0123456789abcdef"}


@pytest.fixture
def applied(project: Project) -> Project:
    project.write("tavusctl.yaml", "secrets: [LLM_KEY, TEAM_KEY]\n")
    project.manifest("persona", "coach", SPEC)
    project.expect(0, "apply", "--yes", **VALUES)
    project.account.forget()
    return project


@pytest.mark.parametrize("command", ["plan", "drift"])
def test_what_cannot_be_compared_is_unchanged_and_said_once(applied: Project, command: str) -> None:
    ended = applied.expect(0, command, "--detailed-exitcode", "--format", "json")

    told = [one for one in ended.document["warnings"] if one["id"] == "TV309"]
    assert [one["message"] for one in told] == ["the secrets LLM_KEY, TEAM_KEY have no value here"]
    with_values = applied.run(command, "--detailed-exitcode", "--format", "json", **VALUES)
    assert (with_values.code, with_values.document["warnings"]) == (0, [])


def test_all_else_is_compared(applied: Project) -> None:
    applied.edit_in_portal("persona/coach", "/system_prompt", "You line.")

    applied.expect(2, "drift", "--detailed-exitcode")
    assert "/system_prompt" in applied.run("plan").out
    assert "key-0123" not in applied.run("plan").out
    applied.expect(0, "adopt", "--all")
    assert "You line." in (applied.root / "manifests/persona-coach.yaml").read_text()
    assert applied.plan()["changes"] == []
    applied.expect(0, "export", "--out", "elsewhere")


def test_a_key_that_the_portal_removed_is_seen(applied: Project) -> None:
    id_ = applied.bound("persona/coach")
    applied.account.portal("persona", id_, {"op": "remove", "path": "/layers/llm/headers/X-Team"})

    applied.expect(2, "drift", "--detailed-exitcode")
    refused = applied.expect(10, "apply", "--yes", LLM_KEY=VALUES["LLM_KEY"])

    assert (
        "the secret `TEAM_KEY` has no value: the environment variable TEAM_KEY is not set [TV124 unset-secret]"
        in refused.err
    )
    assert "LLM_KEY" not in refused.err
    applied.expect(0, "apply", "--yes", TEAM_KEY=VALUES["TEAM_KEY"])
    assert applied.account.objects("personas")[id_]["layers"]["llm"]["headers"]


def test_apply_needs_the_values_that_it_sends(applied: Project) -> None:
    applied.manifest("persona", "coach", {**SPEC, "greeting": "Hi."})
    applied.apply()
    applied.manifest("persona", "other", {**SPEC, "persona_name": "Other"})
    applied.account.forget()

    applied.expect(0, "plan")
    refused = applied.run("apply", "--yes", TEAM_KEY=VALUES["TEAM_KEY"])

    assert (refused.code, applied.account.writes) == (10, [])
    assert "manifests/persona-other.yaml:" in refused.err
    assert "the secret `LLM_KEY` has no value" in refused.err
    applied.expect(0, "apply", "--yes", **VALUES)
    applied.expect(0, "plan", "--detailed-exitcode", **VALUES)


def test_a_value_that_changed_is_seen_once_it_is_there(applied: Project) -> None:
    applied.expect(0, "plan", "--detailed-exitcode")
    applied.expect(2, "plan", "--detailed-exitcode", **VALUES | {"LLM_KEY": "key-another-0123456789"})


def test_a_plan_file_made_without_values_is_applied_with_them(applied: Project) -> None:
    applied.manifest("persona", "coach", {**SPEC, "greeting": "Hi."})

    applied.expect(0, "plan", "--out", "plan.json")
    applied.expect(0, "apply", "plan.json", **VALUES)


def test_other_errors_are_told_with_the_missing_value(applied: Project) -> None:
    applied.manifest("persona", "coach", {**SPEC, "greeting": "${nothing}"})

    told = applied.run("plan").err
    assert "TV109" in told
    assert "TV124" not in told
    assert "TV124" in applied.run("apply", "--yes").err


def test_an_error_that_only_stops_a_write_is_told_with_the_missing_value(applied: Project) -> None:
    applied.manifest("persona", "other", {**SPEC, "persona_name": "Other"})
    applied.manifest("objectives", "ring", {"name": "Ring", "data": [{**GOAL, "next_required_objective": "greet"}]})

    told = applied.run("apply", "--yes").err

    assert "TV233" in told
    assert "TV124" in told


@pytest.mark.parametrize("blank", ["   ", "\t\n", "\r\n", "\u00a0", "\u200b", "\ufeff"])
def test_a_value_of_blanks_alone_is_a_mistake_and_not_a_variable_that_is_not_set(applied: Project, blank: str) -> None:
    refused = applied.run("apply", "--yes", **VALUES | {"LLM_KEY": blank})

    assert (refused.code, applied.account.writes) == (10, [])
    assert "the secret `LLM_KEY` has only blanks as its value" in refused.err
    applied.expect(0, "apply", "--yes", **VALUES | {"LLM_KEY": ""})
