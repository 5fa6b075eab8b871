"""All that is wrong comes in one run, whichever command reads the manifests; only what depends on a fault stays out."""

from __future__ import annotations

import pytest

from tests.scenarios.project import Project, Result

COMMANDS = [("validate",), ("plan",), ("apply", "--yes"), ("drift",), ("github", "--comment", "never", "plan")]


def errors(result: Result) -> list[tuple[str, str, int]]:
    document = result.document
    diagnostics = document.get("complaints") or document["error"]["complaints"]
    return [(one["path"], one["id"], one["line"]) for one in diagnostics if one["severity"] == "error"]


def persona(name: str, spec: str) -> str:
    return f"kind: persona\nname: {name}\nspec:\n  persona_name: {name}\n  system_prompt: Be kind.\n  {spec}\n"


@pytest.fixture
def wrong(project: Project) -> Project:
    """One mistake of each sort, each in a place of its own."""
    project.write("tavusctl.yaml", "version: 1\nmanifest: manifests\nsecrets: [KEY]\n")
    project.write("manifests/a.yaml", persona("coach", "guardrails_id: ${ref:guardrails/none}"))
    project.write("manifests/b.yaml", persona("guide", "greting: Hi.\n  objectives_id: ${ref:objectives/none}"))
    project.write("manifests/c.yaml", "kind: persona\nname: [\n---\n" + persona("host", "context: ${var:none}"))
    return project


EXPECTED = [
    ("manifests/a.yaml", "TV121", 6),
    ("manifests/b.yaml", "TV103", 6),
    ("manifests/b.yaml", "TV121", 7),
    ("manifests/c.yaml", "TV101", 3),
    ("manifests/c.yaml", "TV111", 9),
    ("tavusctl.yaml", "TV103", 2),
]


@pytest.mark.parametrize("command", [("validate",), ("plan",), ("apply", "--yes"), ("drift",)])
def test_mistakes_of_every_sort_come_together(wrong: Project, command: tuple[str, ...]) -> None:
    result = wrong.run(*command, "--format", "json")

    assert (result.code, errors(result)) == (10, EXPECTED)
    assert wrong.account.requests == []


def test_a_reference_to_what_may_stand_in_a_broken_file_is_no_mistake(project: Project) -> None:
    project.write("manifests/a.yaml", persona("coach", "guardrails_id: ${ref:guardrails/safe}"))
    project.write("manifests/b.yaml", "kind: guardrails\nname: safe\nspec: [\n")

    assert [one[:2] for one in errors(project.run("validate", "--format", "json"))] == [("manifests/b.yaml", "TV101")]


@pytest.mark.parametrize(
    ("file", "left_out"),
    [
        ("version: 1\nsecret: [KEY]\n", "TV112"),
        ("version: 1\nsecrets: KEY\n", "TV112"),
        ("version: 1\nenvironment: {default: {vars: {x: y}}}\n", "TV111"),
        ("version: 1\nenvironments:\n  default: {var: {x: y}}\n", "TV111"),
        ("version: [\n", "both"),
    ],
)
def test_what_follows_from_a_fault_of_the_project_file_stays_out(project: Project, file: str, left_out: str) -> None:
    """A variable of an environment that cannot be read is not missing, and nobody has left a secret out."""
    project.write("tavusctl.yaml", file)
    llm = "layers: {llm: {model: m, base_url: 'https://a.example', api_key: '${secret:KEY}'}}"
    project.write("manifests/a.yaml", persona("coach", f"context: ${{var:x}}\n  greting: Hi.\n  {llm}"))

    found = errors(project.run("validate", "--format", "json"))

    ids = {one[1] for one in found if one[0] != "tavusctl.yaml"}
    expected = {"TV103", "TV111", "TV112"} - ({"TV111", "TV112"} if left_out == "both" else {left_out})
    assert ids == expected
    assert any(one[0] == "tavusctl.yaml" for one in found)


def test_a_secret_without_a_value_comes_with_the_rest(project: Project) -> None:
    """Where its value is needed; to validate manifests nobody needs it."""
    project.write("tavusctl.yaml", "{version: 1, secrets: [KEY]}")
    llm = "layers: {llm: {model: m, base_url: 'https://a.example', api_key: '${secret:KEY}'}}"
    project.write("manifests/a.yaml", persona("coach", llm))
    project.write("manifests/b.yaml", persona("guide", "guardrails_id: ${ref:guardrails/none}"))
    project.write("manifests/c.yaml", persona("host", "greting: Hi."))

    assert [one[1] for one in errors(project.run("apply", "--yes", "--format", "json"))] == [
        "TV124",
        "TV121",
        "TV103",
    ]
    assert [one[1] for one in errors(project.run("plan", "--format", "json"))] == ["TV121", "TV103"]
    assert [one[1] for one in errors(project.run("validate", "--format", "json"))] == ["TV121", "TV103"]


def test_a_reference_in_the_field_of_another_kind_is_told_its_field(project: Project) -> None:
    project.write(
        "manifests/rule.yaml", "{kind: guardrail, name: calm, spec: {guardrail_name: c, guardrail_prompt: c}}"
    )
    project.write("manifests/a.yaml", persona("coach", "guardrails_id: ${ref:guardrail/calm}"))
    project.write("manifests/b.yaml", persona("host", "default_replica_id: ${ref:persona/coach}"))

    complaints = project.run("validate", "--format", "json").document["complaints"]

    assert [(one["id"], one["hint"]) for one in complaints] == [
        ("TV123", "write it under `guardrail_ids:`, as an item of a list"),
        ("TV123", "write `${ref:replica/...}`"),
    ]


def test_a_next_objective_that_no_other_resembles_is_to_be_added(project: Project) -> None:
    item = {"objective_name": "ask_name", "objective_prompt": "Ask.", "next_required_objective": "zip"}
    project.manifest("objectives", "it", {"data": [item]})

    (complaint,) = project.run("validate", "--format", "json").document["complaints"]

    assert (complaint["id"], complaint["hint"]) == ("TV231", "add an objective of that name to `data:`")


def test_a_circle_does_not_hide_behind_a_reference_to_nothing(project: Project) -> None:
    project.write("manifests/a.yaml", persona("coach", "guardrails_id: ${ref:guardrails/none}"))
    for name, other in (("one", "two"), ("two", "one")):
        project.write(f"manifests/{name}.yaml", persona(name, f"default_replica_id: ${{ref:persona/{other}}}"))

    found = [one[1] for one in errors(project.run("validate", "--format", "json"))]

    assert found == ["TV121", "TV122", "TV123", "TV123"]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("${secret: ONE}", "invalid expression `${secret: ONE}`: it needs a value after the colon"),
        ("Bearer ${{ secrets.ONE }}", "unknown expression `${{ secrets.ONE }`"),
        ("${9f8a7d6c5b4e3f2a1c0d9e8f7a6b}", "unknown expression `${(sensitive)}`"),
        ("${env:Zx9kQ2wLp7vR4tYu}", "unknown expression `${env:(sensitive)}`"),
    ],
)
def test_a_wrong_expression_in_place_of_a_secret_is_shown_unless_it_has_a_key(
    project: Project, text: str, shown: str
) -> None:
    auth = {"type": "basic", "username": "ann", "password": text}
    api = {"url": "https://a.example.com/x", "method": "POST", "auth": auth}
    tool = {"name": "t", "description": "T.", "parameters": {"type": "object", "properties": {}}}
    project.manifest("tool", "t", {**tool, "delivery": {"api": api}})

    result = project.run("validate")

    assert (result.code, shown in result.out + result.err) == (10, True), result
