"""An answer to a question, and an answer of the API to a read: told as what they are, with the exit code for that."""

from __future__ import annotations

import pytest

from tests.scenarios.project import Body, Project
from tests.scenarios.terminals import answered

COACH = {"persona_name": "Coach", "system_prompt": "You coach."}


@pytest.mark.parametrize(
    ("answer", "found"),
    [
        ("y\n", "`y`"),
        ("Y\n", "`Y`"),
        ("no\n", "`no`"),
        ("yess\n", "`yess`"),
        ("\n", "an empty line"),
        ("\x04", "no answer"),
    ],
)
def test_an_answer_that_is_not_the_word_is_a_refusal(project: Project, answer: str, found: str) -> None:
    project.write("tavusctl.yaml", "environments: {prod: {account: acme-prod}}\n")
    project.manifest("persona", "coach", COACH)

    screen = answered(project, answer, "apply")

    assert "Apply this plan in the environment prod (account acme-prod)? Type yes to confirm: " in screen.said
    assert f"expected the full word `yes`, found {found}; nothing was changed [E415]" in screen.said
    assert "interrupted" not in screen.said
    assert (screen.code, project.account.writes) == (4, [])


def test_every_plan_names_environment_and_account(project: Project) -> None:
    project.manifest("persona", "coach", COACH)
    assert "\nEnvironment default, account of TAVUS_API_KEY\nPlan: 1 to create" in project.run("plan").out
    project.write("tavusctl.yaml", "environments: {prod: {account: acme-prod}}\n")
    assert "\nEnvironment prod, account acme-prod\nPlan: 1 to create" in project.run("plan").out
    project.apply()
    assert project.run("plan").out.startswith("Environment prod, account acme-prod\nNo changes")
    assert project.run("drift").out == "Environment prod, account acme-prod\nNo drift.\n"


def test_the_word_agrees(project: Project) -> None:
    project.manifest("persona", "coach", COACH)

    applied = answered(project, "yes\n", "apply")
    assert "Apply this plan in the environment default (account of TAVUS_API_KEY)? Type yes" in applied.said
    assert applied.code == 0
    refused = answered(project, "y\n", "undo", project.run("undo").out.split()[0], "--allow-deletes", "1")

    assert (refused.code, len(project.account.objects("personas"))) == (4, 1)
    assert "`undo` was not confirmed: expected the full word `yes`" in refused.said


@pytest.mark.parametrize("status", [400, 402, 403, 404, 405, 409, 451])
@pytest.mark.parametrize(
    "command", ["plan", "drift", "verify", "apply --yes", "export --out elsewhere", "recrawl --all"]
)
def test_a_read_that_is_refused_is_not_partly_done(project: Project, status: int, command: str) -> None:
    project.manifest("persona", "coach", COACH)
    project.manifest("document", "site", {"document_url": "https://example.com", "crawl": {"depth": 1, "max_pages": 2}})
    project.apply()
    project.manifest("persona", "coach", {**COACH, "greeting": "Hi."})
    project.account.forget()
    project.account.fault(kind="status", status=status, times=1000, match="GET *")

    ended = project.run(*command.split())

    missing = command == "verify" and status == 404  # which is what verify is there to tell
    assert ended.code == (5 if missing else 11), ended.out + ended.err
    assert project.account.writes == []


@pytest.mark.parametrize("end", ["/v2", "/v2/", "/", "//"])
def test_a_base_url_may_end_as_the_documentation_writes_it(project: Project, end: str) -> None:
    project.manifest("persona", "coach", COACH)
    project.apply()

    project.expect(0, "plan", "--detailed-exitcode", TAVUS_BASE_URL=f"{project.account.url}{end}")
    project.expect(0, "drift", "--base-url", f"{project.account.url}{end}")


@pytest.mark.newer_api
@pytest.mark.parametrize("body", [{}, {"data": None}, {"data": {}}, {"error": "maintenance"}])
@pytest.mark.parametrize("command", ["plan", "drift", "adopt --all", "verify", "apply --yes"])
def test_an_empty_answer_is_not_an_object_without_fields(project: Project, command: str, body: Body) -> None:
    """A listing of dictionaries does not show their rules, so that each is read by its id."""
    rules = [{"text": "tavus", "pronunciation": "TAH-vus", "type": "alias"}]
    path = project.manifest("dictionary", "brands", {"name": "Brands", "rules": rules})
    project.apply()
    before = path.read_bytes()
    project.account.fault(match="GET /v2/pronunciation-dictionaries/*", kind="status", status=200, body=body)
    project.account.forget()

    result = project.run(*command.split())

    assert (result.code, project.account.writes, path.read_bytes()) == (11, [], before), result.out + result.err
    assert "returned no dictionary: it has neither an id nor a name" in result.err
