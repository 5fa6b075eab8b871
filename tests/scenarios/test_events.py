"""Events, actors and rights of the token: what a run sees of the account and writes on GitHub."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from tests.scenarios.hub import hub
from tests.scenarios.project import Project
from tests.scenarios.test_github import Step

Event = Mapping[str, Any]
DEPENDABOT = "dependabot[bot]"


def pull(repository: str | None = "acme/agents", author: str = "alice") -> Event:
    """The event of a pull request; a fork that is gone has no repository."""
    head = {"repo": {"full_name": repository} if repository else None}
    return {"pull_request": {"number": 7, "user": {"login": author}, "head": head}}


OWN, FORK, GONE = pull(), pull("mallory/agents"), pull(None)
BOT = pull(author=DEPENDABOT)
COMMENT = {"issue": {"number": 7, "pull_request": {"url": "x"}}, "comment": {"author_association": "OWNER"}}

# Event, its payload, who began it, and whether it sees the account.
EVENTS: list[tuple[str, Event, str, bool]] = [
    *((name, {}, "alice", True) for name in ("push", "schedule", "workflow_dispatch", "merge_group")),
    ("schedule", {}, DEPENDABOT, True),
    ("push", {}, DEPENDABOT, False),
    ("push", {"sender": {"login": DEPENDABOT}}, "alice", False),
    ("push", FORK, "alice", False),
    ("pull_request", OWN, "alice", True),
    ("pull_request", pull(author="renovate[bot]"), "renovate[bot]", True),
    ("pull_request", OWN, DEPENDABOT, False),
    ("pull_request", BOT, "alice", False),
    ("pull_request", FORK, "mallory", False),
    ("pull_request", FORK, "alice", False),
    ("pull_request", GONE, "mallory", False),
    ("pull_request", pull("acme/agents-2"), "mallory", False),
    ("pull_request", {}, "alice", False),
    ("pull_request", {"pull_request": None}, "alice", False),
    ("pull_request", {"pull_request": {"number": 7, "head": "acme/agents"}}, "alice", False),
    ("pull_request_target", OWN, "alice", False),
    ("pull_request_target", FORK, "mallory", False),
    ("pull_request_review", OWN, "mallory", False),
    ("pull_request_review_comment", OWN, "mallory", False),
    ("issue_comment", COMMENT, "alice", False),
    ("issues", {"issue": {"number": 7}}, "mallory", False),
    ("workflow_run", {"workflow_run": {"head_repository": {"full_name": "mallory/agents"}}}, "mallory", False),
    *(
        (name, {}, "alice", False)
        for name in ("repository_dispatch", "release", "fork", "watch", "discussion", "check_run")
    ),
    ("", FORK, "mallory", False),
    ("an-event-of-tomorrow", {}, "alice", False),
]
TOKENS: dict[str, dict[str, str | None]] = {"none": {"GITHUB_TOKEN": None}, "reads": {}, "writes": {}}


@pytest.fixture
def step(project: Project) -> Iterator[Step]:
    """A project with two environments, so that validate has to be told which one as well."""
    inner = Project(project.root / "work", project.account)
    inner.write("tavusctl.yaml", "environments: {a: {}, b: {}}\n")
    inner.manifest("persona", "coach", {"persona_name": "Coach", "system_prompt": "You coach.", "context": "Old."})
    with hub() as made:
        yield Step(inner, made)


def begin(step: Step, name: str, event: Event, actor: str, *command: str, **known: str | None) -> int:
    """A step in a run that an event has begun; its exit code."""
    path = step.project.write("../event-of-the-run.json", json.dumps(event))
    step.project.account.forget()
    step.hub.writes.clear()
    environment = {"GITHUB_EVENT_NAME": name, "GITHUB_EVENT_PATH": str(path), "GITHUB_ACTOR": actor, **known}
    return step.run(*command, fork=False, pull=True, **environment).code


@pytest.mark.parametrize("token", TOKENS)
@pytest.mark.parametrize(("name", "event", "actor", "sees"), EVENTS)
def test_who_sees_the_account_and_writes(
    step: Step, name: str, event: Event, actor: str, token: str, sees: bool
) -> None:
    """Nobody but those on the list makes a call; whoever is not ends as validate does, whatever the token may do."""
    step.hub.denies = token == "reads"

    code = begin(step, name, event, actor, "plan", "--env", "a", **TOKENS[token])

    number = 7 if event.get("pull_request") else 0
    comments = [("POST", "/repos/acme/agents/issues/7/comments")] if number and token != "none" else []
    assert bool(step.project.account.requests) == sees
    assert step.project.account.writes == []
    assert set(step.hub.writes) <= set(comments)
    assert code == 0


@pytest.mark.parametrize("command", ["apply", "adopt", "recrawl", "verify", "drift"])
@pytest.mark.parametrize(
    ("name", "event", "actor"),
    [one[:3] for one in EVENTS if not one[3] and one[0] in ("push", "pull_request", "issue_comment")],
)
def test_whoever_is_not_on_the_list_runs_no_other_command_either(
    step: Step, command: str, name: str, event: Event, actor: str
) -> None:
    code = begin(step, name, event, actor, command, "-eb", "--comment", "never")

    assert (code, step.project.account.requests) == (0, [])


@pytest.mark.parametrize("words", [["--env", "a"], ["--env=a"], ["-e", "a"], ["-ea"], ["--env", "b", "-e", "a"]])
def test_validate_is_told_the_environment_as_the_command_was(step: Step, words: list[str]) -> None:
    assert begin(step, "pull_request", FORK, "mallory", "plan", *words) == 0
    assert begin(step, "pull_request", FORK, "mallory", "plan", TAVUSCTL_ARGS=" ".join(words)) == 0


def test_an_error_in_the_manifests_is_one_for_everybody(step: Step) -> None:
    step.project.manifest("persona", "coach", {"persona_nme": "Coach"})

    some = [EVENTS[0], *(one for one in EVENTS if one[1] in (OWN, FORK) and one[0] == "pull_request")]

    assert {begin(step, name, event, actor, "plan", "-ea") for name, event, actor, _ in some} == {10}
