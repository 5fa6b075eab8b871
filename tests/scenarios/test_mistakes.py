"""What people do wrong in their first days: a command line that is not ours, and mistakes that cause one complaint.

What is said of each wrong manifest is in tests/golden/wrong.
"""

from __future__ import annotations

import pytest

from tests.scenarios.project import Project

COACH = "kind: persona\nname: coach\nspec:\n  persona_name: Coach\n  system_prompt: You coach.\n"
M = "manifests/coach.yaml"
SITE = "kind: document\nname: help\nspec: {document_url: 'https://a.example.com', crawl: {depth: 1, max_pages: 5}}\n"


# What is typed, and what is said of it.
TYPED = {
    "plan --env stagin": ("stagin", "did you mean `staging`?"),
    "plan": ("several environments", "--env"),
    "push": ("unknown command `push`", "help: did you mean `apply`?"),
    "plan --env prod --json": ("--json", "--format json"),
    "plan --env prod --target persona/coahc": ("persona/coahc", "did you mean `persona/coach`?"),
    "adopt --env prod coach": ("`coach` is not an address [", "help: write `KIND/NAME`, such as `persona/sales-coach`"),
    "import coach p1 --env prod": ("`coach` is not an address [", "help: write `KIND/NAME`, such as"),
    "talk --env prod coach": ("`coach` is not an address", "did you mean `persona/coach` or `replica/coach`?"),
}


@pytest.mark.sampled(6)
@pytest.mark.parametrize("typed", TYPED)
def test_a_command_line_that_is_not_ours_is_told_with_advice_that_works(project: Project, typed: str) -> None:
    project.write("tavusctl.yaml", "environments: {staging: {}, prod: {}}\n")
    project.write(M, COACH)
    ended = project.expect(12, *typed.split())
    assert all(words in ended.err for words in TYPED[typed]), ended.err


def test_a_folder_that_is_no_project_is_told(project: Project) -> None:
    ended = project.run("plan")
    assert (ended.code, "tavusctl init" in ended.err) == (4, True), ended


@pytest.mark.parametrize("keys", [("knd", "sepc"), ("Kind", "Spec")])
def test_a_manifest_whose_kind_and_spec_are_misspelt_is_no_answer_of_the_api(
    project: Project, keys: tuple[str, str]
) -> None:
    project.write(M, COACH.replace("kind", keys[0]).replace("spec", keys[1]))
    said = project.run("validate").out
    assert "did you mean `kind`?" in said
    assert "did you mean `spec`?" in said
    assert "dictionary` and `name" not in said


@pytest.mark.parametrize(
    "text",
    [
        SITE + "recrawl: {every: 24h}\n" + COACH,
        COACH + "lifecycle: {prevent_destroy: true}\n" + SITE,
        COACH.replace("  persona_name: Coach\n", "  <<: {persona_name: Coach}\n"),
        COACH + "<<: {lifecycle: {prevent_destroy: true}}\n",
        COACH + "  layers:\n    llm: {<<: {model: tavus-gpt-4o}}\n",
    ],
    ids=["no --- before another kind", "no --- before a kind with a name", "in spec", "beside spec", "in a layer"],
)
def test_one_mistake_of_yaml_is_one_complaint(project: Project, text: str) -> None:
    project.write(M, text)
    assert len(project.run("validate", "--format", "json").document["complaints"]) == 1


def test_a_key_in_quotes_that_looks_like_a_merge_key_is_unknown(project: Project) -> None:
    project.write(M, COACH + "  '<<': {persona_name: Coach}\n")
    (complaint,) = project.run("validate", "--format", "json").document["complaints"]
    assert complaint["id"] == "TV103"
