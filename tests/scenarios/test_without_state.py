"""A command that knows nothing says so: absence of memory is no absence of change."""

from __future__ import annotations

import html
import json
import shutil
from collections.abc import Iterator

import pytest

from tests.scenarios.hub import TOKEN, Hub, hub
from tests.scenarios.project import PLACE, Project, Result
from tests.scenarios.test_base import commit, git

COACH = {"persona_name": "Coach", "system_prompt": "You coach."}
SITE = {"document_name": "Site", "document_url": "https://example.com/site", "crawl": {"depth": 1, "max_pages": 2}}
DUE = {"recrawl": {"every": "1h"}}


@pytest.fixture
def applied(project: Project) -> Project:
    """A persona that was edited in the account, and a document that is due."""
    project.manifest("persona", "coach", COACH)
    project.manifest("document", "site", SITE, **DUE)
    project.apply()
    edit(project)
    project.account.advance(172800)
    project.account.forget()
    return project


def edit(project: Project) -> None:
    """Somebody edits the persona."""
    project.edit_in_portal("persona/coach", "/system_prompt", "Be rude.")


def lose(project: Project) -> None:
    """The next machine has no state."""
    shutil.move(project.root / ".tavusctl", project.root.with_name(f"{project.root.name}-elsewhere"))


def forget(project: Project, address: str) -> None:
    """The state knows all but one."""
    project.expect(0, "state", "rm", address)


@pytest.mark.parametrize(
    ("command", "code"),
    [
        (("drift",), 4),
        (("drift", "--detailed-exitcode"), 4),
        (("adopt", "--all"), 9),
        (("adopt", "persona/coach"), 9),
        (("recrawl",), 4),
        (("recrawl", "--dry-run"), 4),
        (("recrawl", "document/site"), 4),
        (("recrawl", "--all"), 4),
        (("verify",), 4),
        (("output",), 9),
    ],
)
def test_it_is_refused_as_a_plan_is(applied: Project, command: tuple[str, ...], code: int) -> None:
    lose(applied)

    result = applied.expect(code, *command)

    assert "No drift" not in result.out
    assert applied.account.writes == []


@pytest.mark.parametrize("format_", ["text", "markdown", "comment", "json", "html"])
def test_no_report_says_that_nothing_has_drifted(applied: Project, format_: str) -> None:
    lose(applied)

    result = applied.expect(4, "drift", "--format", format_)

    assert "No drift" not in result.out
    assert "TV310" in result.out
    assert "persona/coach" in html.unescape(result.out)


def test_a_part_that_is_not_known_is_told_beside_the_drift_of_the_other(applied: Project) -> None:
    forget(applied, "document/site")

    result = applied.expect(4, "drift", "--format", "json")

    assert [one["address"] for one in result.document["drift"]] == ["persona/coach"]
    assert [one["id"] for one in result.document["warnings"]] == ["TV310"]
    assert "document/site" in result.document["warnings"][0]["message"]


def test_the_known_part_is_adopted_and_the_other_refused(applied: Project) -> None:
    forget(applied, "document/site")

    result = applied.expect(4, "adopt", "--all")

    assert "refused document/site" in result.out
    assert "Be rude." in (applied.root / "manifests/persona-coach.yaml").read_text()


def test_the_known_part_is_crawled_and_the_other_refused(applied: Project) -> None:
    applied.manifest("document", "other", {**SITE, "document_name": "Other"}, **DUE)
    applied.run("apply", "--yes", "--target", "document/other")
    applied.account.advance(172800)
    forget(applied, "document/site")
    applied.account.forget()

    result = applied.expect(4, "recrawl", "--format", "json")

    found = {one["address"]: one["status"] for one in result.document["recrawls"]}
    assert found == {"document/other": "done", "document/site": "failed"}
    assert len(applied.account.writes) == 1


def test_a_document_without_a_name_is_known_by_its_address(project: Project) -> None:
    project.manifest("document", "site", {key: SITE[key] for key in ("document_url", "crawl")}, **DUE)
    project.apply()
    project.account.advance(172800)
    lose(project)

    project.expect(4, "recrawl")
    project.expect(4, "verify")


def test_verify_says_what_it_does_not_know(applied: Project) -> None:
    lose(applied)

    result = applied.run("verify")

    assert "the object is not in the state, and the account has objects of its name" in result.out


def test_ids_of_a_part_are_no_ids_of_all(applied: Project) -> None:
    forget(applied, "document/site")

    applied.expect(9, "output")
    applied.expect(0, "output", "PERSONA_*")


def test_what_was_never_applied_is_told_and_no_error(project: Project) -> None:
    project.manifest("persona", "coach", COACH)

    result = project.expect(0, "drift", "--detailed-exitcode")

    assert "1 manifest was never applied" in result.out
    assert "No drift" not in result.out
    project.apply()
    assert project.run("drift").out == PLACE + "No drift.\n"


def test_a_document_that_was_never_applied_is_not_crawled_and_no_error(project: Project) -> None:
    project.manifest("document", "site", SITE, **DUE)

    project.expect(0, "recrawl")


@pytest.fixture
def repository() -> Iterator[Hub]:
    """The repository that the project lies in."""
    with hub() as made:
        yield made


def step(project: Project, repository: Hub, *args: str) -> Result:
    """A step of a scheduled workflow."""
    event = project.root.parent / "event.json"
    event.write_text(json.dumps({}))
    return project.run(
        "github",
        *args,
        GITHUB_REPOSITORY="acme/agents",
        GITHUB_API_URL=repository.url,
        GITHUB_TOKEN=TOKEN,
        GITHUB_EVENT_PATH=str(event),
        GITHUB_REF_NAME="main",
        GITHUB_OUTPUT=str(project.root.parent / "output"),
        GITHUB_STEP_SUMMARY=str(project.root.parent / "summary"),
        RUNNER_TEMP=str(project.root.parent),
    )


def test_no_issue_about_drift_is_closed_blindly(applied: Project, repository: Hub) -> None:
    assert step(applied, repository, "drift").code == 0
    lose(applied)

    assert step(applied, repository, "drift").code == 4
    assert [one["state"] for one in repository.issues] == ["open"]


def test_no_issue_is_closed_where_no_manifest_was_applied(applied: Project, repository: Hub) -> None:
    assert step(applied, repository, "drift").code == 0
    lose(applied)
    for remote_id in applied.account.objects("personas"):
        applied.account.portal_delete("personas", remote_id)
    for remote_id in applied.account.objects("documents"):
        applied.account.portal_delete("documents", remote_id)

    assert step(applied, repository, "drift").code == 0
    assert [one["state"] for one in repository.issues] == ["open"]


def test_no_pull_request_is_withdrawn_blindly(applied: Project, repository: Hub) -> None:
    git(applied, "init", "-qb", "main")
    applied.write(".gitignore", ".tavusctl/\n")
    commit(applied)
    assert step(applied, repository, "adopt", "--all").code == 0
    git(applied, "checkout", "-q", ".")
    lose(applied)

    assert step(applied, repository, "adopt", "--all").code == 9
    assert [one["state"] for one in repository.pulls] == ["open"]


def test_a_state_without_objects_says_how_one_gets_into_it(project: Project) -> None:
    refused = project.run("state", "rm", "persona/coach")

    assert (refused.code, refused.err) == (
        9,
        (
            "error: `persona/coach` is not in the state [E907]\n"
            "  help: the state has no objects; `tavusctl import ADDRESS ID` adds an object of the account\n"
        ),
    )
