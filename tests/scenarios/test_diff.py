"""`tavusctl diff`: what two environments are to be, and one with its account."""

from __future__ import annotations

import shutil

import pytest

from tests.scenarios.project import Body, Project

PROJECT = """
secrets: [KEY, OTHER_KEY]
environments:
  staging: {overlay: overlays/staging, vars: {in: S}}
  production: {vars: {in: P}}
"""
COACH = """
kind: persona
name: coach
spec:
  persona_name: Coach ${var:in}
  system_prompt: ${file:prompts/coach.md}
  document_tags: [a, b]
  layers:
    llm:
      model: gpt-4o
      base_url: https://llm.example.com/v1
      api_key: ${secret:KEY}
      tools:
      - {type: function, function: {name: one, description: First., parameters: {type: object, properties: {}}}}
      - {type: function, function: {name: two, description: Second., parameters: {type: object, properties: {}}}}
"""
OVER = """
kind: persona
name: coach
spec:
  system_prompt: ${file:./trial.md}
  document_tags: [b, a]
  layers:
    llm:
      api_key: ${secret:OTHER_KEY}
      tools:
      - {type: function, function: {name: one, description: First!, parameters: {type: object, properties: {}}}}
      - {type: function, function: {name: two, description: Second., parameters: {type: object, properties: {}}}}
lifecycle: {prevent_destroy: true}
"""
SAME = "kind: guardrails\nname: rules\nspec: {name: Rules, data: [{guardrail_name: a, guardrail_prompt: Be calm.}]}\n"


@pytest.fixture
def staged(project: Project) -> Project:
    """Two environments that differ in fields, in a secret, and in what there is."""
    project.write("tavusctl.yaml", PROJECT)
    project.write("manifests/coach.yaml", COACH)
    project.write("manifests/rules.yaml", SAME)
    project.write("manifests/prompts/coach.md", "You coach.\nYou are kind.\n")
    project.write("overlays/staging/coach.yaml", OVER)
    project.write("overlays/staging/trial.md", "You coach.\nYou are stern.\n")
    project.write(
        "overlays/staging/trial.yaml", "kind: persona\nname: trial\nspec: {persona_name: T, system_prompt: Hi.}\n"
    )
    project.environment.update(KEY="key-that-nobody-sees-1", OTHER_KEY="key-that-nobody-sees-2")
    return project


def fields(document: Body, address: str = "persona/coach") -> dict[str, Body]:
    """The fields of one object, by path."""
    (found,) = [one for one in document["differences"] if one["address"] == address]
    return {one["path"]: one for one in (*found["fields"], *found["settings"])}


def test_two_environments_field_by_field(staged: Project) -> None:
    result = staged.run("diff", "production", "staging", "--format", "json")

    document = result.document
    assert (result.code, document["left"], document["right"]) == (0, "production", "staging")
    assert document["summary"] == {"different": 1, "only_left": 0, "only_right": 1, "equal": 1}
    found = fields(document)
    assert set(found) == {
        *("/persona_name", "/system_prompt", "/layers/llm/tools", "/layers/llm/api_key", "/lifecycle/prevent_destroy"),
    }
    assert (found["/persona_name"]["left"], found["/persona_name"]["right"]) == ("Coach P", "Coach S")
    place = found["/system_prompt"]["source"]
    assert (place["path"], place["line"]) == ("overlays/staging/trial.md", 2)
    assert found["/layers/llm/api_key"] == {"path": "/layers/llm/api_key", "sensitive": True}
    assert (found["/lifecycle/prevent_destroy"]["left"], found["/lifecycle/prevent_destroy"]["right"]) == (False, True)
    assert [one["in"] for one in document["differences"]] == ["both", "right"]
    assert staged.account.requests == []


def test_prompts_are_compared_by_lines_and_tools_by_their_names(staged: Project) -> None:
    told = staged.run("diff", "production", "staging").out
    assert "- You are [-kind-]." in told
    assert "+ You are {+stern+}." in told
    assert '/one/function/description: "First." -> "First!"' in told
    assert "two" not in told
    assert "document_tags" not in told
    assert "/layers/llm/api_key: (sensitive) changed" in told
    assert "+ persona/trial: only in staging" in told
    assert told.endswith("production -> staging: 1 different, 1 only in staging, 1 equal\n")
    assert "nobody-sees" not in told


def test_as_markdown(staged: Project) -> None:
    told = staged.run("diff", "production", "staging", "--format", "markdown").out
    assert "**1 different, 1 only in staging, 1 equal**" in told
    assert "<ins>" in told
    assert "persona&#47;trial" in told
    assert "nobody-sees" not in told


def test_the_exit_code_tells_when_asked_for(staged: Project) -> None:
    staged.expect(0, "diff", "production", "staging")
    staged.expect(2, "diff", "production", "staging", "--detailed-exitcode")
    staged.expect(0, "diff", "production", "production", "--detailed-exitcode")
    staged.expect(12, "diff", "production", "prod")
    staged.expect(12, "diff")


def test_secrets_are_equal_by_value_and_not_compared_without_one(staged: Project) -> None:
    same = staged.run("diff", "production", "staging", "--format", "json", OTHER_KEY="key-that-nobody-sees-1").document
    assert "/layers/llm/api_key" not in fields(same)
    assert same["not_compared"] == []

    unset = staged.run("diff", "production", "staging", "--format", "json", OTHER_KEY=None).document
    assert "/layers/llm/api_key" not in fields(unset)
    assert unset["not_compared"] == [
        {"address": "persona/coach", "path": "/layers/llm/api_key", "unset": ["OTHER_KEY"]}
    ]
    told = staged.run("diff", "production", "staging", OTHER_KEY=None).out
    assert "persona/coach /layers/llm/api_key: not compared, because OTHER_KEY is not set here" in told


def test_an_environment_and_its_account(staged: Project) -> None:
    before = staged.run("diff", "production", "--format", "json").document
    assert before["summary"] == {"different": 0, "only_left": 0, "only_right": 2, "equal": 0}
    staged.apply("--env", "production")
    staged.expect(0, "diff", "production", "--detailed-exitcode")

    (id_,) = staged.account.objects("personas")
    staged.account.portal("personas", id_, {"op": "replace", "path": "/persona_name", "value": "Edited"})
    staged.write("manifests/prompts/coach.md", "You coach.\nYou are nice.\n")
    result = staged.run("diff", "production", "--format", "json", "--detailed-exitcode")

    found = fields(result.document)
    assert (result.code, result.document["left"], result.document["right"]) == (2, "account", "production")
    assert (found["/persona_name"]["left"], found["/persona_name"]["right"]) == ("Edited", "Coach P")
    assert (found["/system_prompt"]["source"]["path"], found["/system_prompt"]["source"]["line"]) == (
        "manifests/prompts/coach.md",
        2,
    )
    staged.account.portal_delete("personas", id_)
    (gone,) = staged.run("diff", "production", "--format", "json").document["differences"]
    assert (gone["address"], gone["in"]) == ("persona/coach", "right")

    (staged.root / "manifests/rules.yaml").unlink()
    told = staged.run("diff", "production").out
    assert "- guardrails/rules: only in account" in told


def test_what_the_state_does_not_know_is_said(staged: Project) -> None:
    """Its objects may be those of a lost state: they are not only in the manifests."""
    never = staged.run("diff", "production")
    staged.apply("--env", "production")
    for path in (staged.root / ".tavusctl").glob("*production*"):
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    (id_,) = staged.account.objects("personas")
    lost = staged.run("diff", "production")

    assert "2 manifests were never applied, according to the state: guardrails/rules, persona/coach" in never.err
    assert "names of manifests that are not in the state: guardrails/rules (" in lost.err
    assert f"persona/coach ({id_}); restore the state, or import" in lost.err
    staged.run("import", "--match-names", "--env", "production")
    staged.write("manifests/more.yaml", SAME.replace("rules", "more").replace("Rules", "More"))
    more = staged.run("diff", "production")
    assert ("+ guardrails/more: only in production" in more.out, "warning" in more.err) == (True, False)


def test_what_is_wrong_in_one_of_them_is_told(staged: Project) -> None:
    staged.write("overlays/staging/coach.yaml", OVER.replace("[b, a]", "5"))
    staged.expect(10, "diff", "production", "staging")
    staged.expect(0, "diff", "production")
