"""Binding by name what an account has already."""

from __future__ import annotations

import pytest

from tests.scenarios.project import Project

COACH = {"persona_name": "Coach", "system_prompt": "You coach."}
PRICES = {"document_name": "Prices", "document_url": "https://example.com/prices.pdf"}


@pytest.fixture
def lost(project: Project) -> Project:
    """Two objects of ours whose state is gone, two of one name, and a manifest that is new."""
    project.manifest("persona", "coach", COACH)
    project.manifest("document", "prices", PRICES)
    project.apply()
    (project.root / ".tavusctl/state.json").unlink()
    project.account.seed(personas=[{"persona_name": "Twin", "system_prompt": "Hi."}] * 2)
    project.manifest("persona", "twin", {"persona_name": "Twin", "system_prompt": "Hi."})
    project.manifest("persona", "fresh", {"persona_name": "Fresh", "system_prompt": "Hi."})
    project.account.forget()
    return project


def test_unique_names_are_bound_and_the_rest_is_told(lost: Project) -> None:
    result = lost.run("import", "--match-names")

    (coach,) = [key for key, one in lost.account.objects("personas").items() if one["persona_name"] == "Coach"]
    twins = sorted(key for key, one in lost.account.objects("personas").items() if one["persona_name"] == "Twin")
    (document,) = lost.account.objects("documents")
    assert result.code == 4
    assert result.out.splitlines() == [
        f"bound document/prices {document}",
        f"bound persona/coach {coach}",
        f"ambiguous persona/twin {' '.join(twins)}",
        "unmatched persona/fresh",
    ]
    assert lost.account.writes == []
    assert lost.bound("persona/coach") == coach
    assert [(one["address"], one["action"]) for one in lost.plan()["changes"]] == [("persona/fresh", "create")]


def test_a_dry_run_binds_nothing(lost: Project) -> None:
    result = lost.run("import", "--match-names", "--dry-run")

    assert result.out.startswith("would bind document/prices")
    assert lost.run("state", "list").out == ""
    assert lost.account.writes == []


def test_what_is_bound_is_not_bound_twice(project: Project) -> None:
    project.manifest("persona", "coach", COACH)
    project.apply()
    bound = project.run("import", "--match-names")
    project.manifest("persona", "other", COACH)

    result = project.run("import", "--match-names")

    assert (bound.code, bound.err) == (0, "nothing to import: every manifest has its object already\n")
    assert (result.code, result.out) == (0, "unmatched persona/other\n")


def test_commands_in_hints_name_one_of_several_environments(project: Project) -> None:
    project.write("tavusctl.yaml", "environments: {staging: {}, prod: {}}\n")
    project.manifest("persona", "twin", {"persona_name": "Twin", "system_prompt": "Hi."})
    project.account.seed(personas=[{"persona_name": "Twin", "system_prompt": "Hi."}] * 2)

    said = project.run("import", "--match-names", "--env", "prod").err

    assert "`tavusctl import ADDRESS ID --env prod`" in said


def test_two_manifests_of_one_name_are_ambiguous(project: Project) -> None:
    (theirs,) = project.account.seed(personas=[{"persona_name": "Coach", "system_prompt": "Hi."}])["personas"]
    project.manifest("persona", "one", COACH)
    project.manifest("persona", "two", COACH)

    result = project.run("import", "--match-names")

    assert (result.code, result.out) == (4, f"ambiguous persona/one {theirs}\nambiguous persona/two {theirs}\n")
    assert project.run("state", "list").out == ""


def test_stock_objects_are_never_bound(project: Project) -> None:
    stock = project.account.call("GET", "/v2/personas?persona_type=system").json()["data"][0]["persona_name"]
    project.manifest("persona", "coach", {**COACH, "persona_name": stock})

    assert project.run("import", "--match-names").out == "unmatched persona/coach\n"


@pytest.mark.newer_api
def test_an_api_that_knows_only_the_newer_name_of_a_filter_shows_no_stock_objects(project: Project) -> None:
    project.account.switch(persona_type="ignored")
    stock = project.account.call("GET", "/v2/pals?pal_type=system").json()["data"][0]["pal_name"]
    project.manifest("persona", "coach", {**COACH, "persona_name": stock})

    listed, planned = (project.run(*command) for command in (("list", "persona"), ("plan",)))
    applied = project.run("apply", "--yes", "--import-existing")

    assert listed.out == "No objects.\n"
    assert (planned.code, applied.code) == (0, 0), planned.out + applied.out
    assert len(project.account.objects("personas")) == 1


@pytest.mark.parametrize(
    "args",
    [(), ("persona/coach",), ("--match-names", "persona/coach"), ("--dry-run",), ("persona/a", "p1", "--dry-run")],
)
def test_half_an_import_is_a_slip(project: Project, args: tuple[str, ...]) -> None:
    project.manifest("persona", "coach", COACH)

    project.expect(12, "import", *args)


@pytest.mark.parametrize("text", ["", "kind: persona\nname: other\nmoved_from: [persona/theirs]\n", "kind: [\n"])
def test_an_import_without_a_manifest_says_what_the_next_plan_would_do(project: Project, text: str) -> None:
    """Not where a manifest renames the address, and where a file that cannot be read may declare it."""
    (remote_id,) = project.account.seed(personas=[{"persona_name": "Theirs", "system_prompt": "Hi."}])["personas"]
    spec = "spec: {persona_name: Theirs, system_prompt: Hi.}\n" if text.startswith("kind: persona") else ""
    project.write("manifests/x.yaml", text + spec)

    said = project.run("import", "persona/theirs", remote_id)

    assert (said.code, "no manifest declares it: write one before you apply" in said.err) == (0, text == ""), said.err
