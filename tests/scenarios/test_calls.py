"""How many calls a run makes: as few as show everything, no more at a time and in a second than was agreed."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.scenarios.project import Project

MANY = 230


def persona(number: int) -> dict[str, Any]:
    return {"persona_name": f"P{number:03}", "pipeline_mode": "full", "system_prompt": f"You are number {number}."}


def describe(project: Project, number: int, **changes: Any) -> None:
    """The manifest of a persona; JSON is YAML."""
    manifest = {"kind": "persona", "name": f"p{number:03}", "spec": {**persona(number), **changes}}
    project.write(f"manifests/p{number:03}.yaml", json.dumps(manifest))


@pytest.fixture
def many(project: Project) -> Project:
    """A project of 230 personas, which the account has."""
    project.account.seed(personas=[persona(number) for number in range(MANY)])
    for number in range(MANY):
        describe(project, number)
    project.expect(0, "import", "--match-names")
    project.apply()
    project.account.forget()
    return project


def test_a_plan_is_one_list_of_the_kind_and_so_is_an_apply_without_changes(many: Project) -> None:
    """Twice its pages, where there is more than one: what two passes agree in has not moved meanwhile.

    Once where every page is as it was when there was nothing to do.
    """
    for passes in (2, 1):
        pages = sorted(("GET", "/v2/personas", str(number)) for number in (1, 2, 3) for _ in range(passes))
        for command in (["plan"], ["apply", "--yes"]):
            many.account.forget()
            many.expect(0, *command, *(["--no-cache"] if passes > 1 else []))
            asked = [(one["method"], one["path"], one["query"]["page"]) for one in many.account.requests]
            assert sorted(asked) == pages
        many.run("plan")


def test_a_change_costs_one_write_and_one_read(many: Project) -> None:
    describe(many, 7, system_prompt="Changed.")
    many.apply()

    asked = [one["method"] for one in many.account.requests if one["method"] == "GET" or one in many.account.writes]
    # Whether the API obeys `test` is asked besides, with patches that change nothing.
    assert asked.count("PATCH") == 1
    assert asked.count("GET") <= 6 + 1 + 1


def test_what_the_lists_lack_is_asked_for_by_id(many: Project) -> None:
    gone = sorted(many.account.objects("personas"))[:20]
    for remote_id in gone:
        many.account.portal_delete("personas", remote_id)

    many.expect(2, "plan", "--detailed-exitcode")
    asked = [one["path"].rpartition("/")[2] for one in many.account.requests]
    assert sorted(asked) == sorted([*gone, *["personas"] * 6])


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("TAVUSCTL_PARALLEL", "0", "from 1 to 32"),
        ("TAVUSCTL_PARALLEL", "many", "from 1 to 32"),
        ("TAVUSCTL_RATE", "0", "calls per second"),
        ("TAVUSCTL_RATE", "fast", "calls per second"),
        ("TAVUSCTL_RATE", "nan", "calls per second"),
    ],
)
def test_a_limit_that_is_none_is_told(project: Project, name: str, value: str, said: str) -> None:
    describe(project, 1)
    ended = project.run("plan", **{name: value})

    assert (ended.code, project.account.requests) == (12, [])
    assert name in ended.err
    assert said in ended.err


def test_the_limits_are_kept_by_every_command(many: Project) -> None:
    limits = {"TAVUSCTL_PARALLEL": "1", "TAVUSCTL_RATE": "200"}
    describe(many, 7, system_prompt="Changed.")
    for command in (["plan"], ["drift"], ["apply", "--yes"]):
        assert many.run(*command, **limits).code in (0, 3)


@pytest.mark.older_api
def test_an_api_without_a_part_is_asked_for_it_once(project: Project) -> None:
    project.account.seed(personas=[{"persona_name": "Theirs", "system_prompt": "Hi."}] * 5)
    describe(project, 1)
    project.manifest("document", "prices", {"document_name": "Prices", "document_url": "https://example.com/p.pdf"})
    project.apply()
    project.remove("document", "prices")
    project.account.forget()

    project.expect(0, "plan")

    asked = [one["path"] for one in project.account.requests]
    assert sum(path.startswith("/v2/personas/") for path in asked) == 1
