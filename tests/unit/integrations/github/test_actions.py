"""Which runs of a workflow may see the account: by a list, so that what nobody thought of may not."""

from __future__ import annotations

from typing import Any

import pytest

from tavusctl.integrations.github.actions import Workflow

OWN = {"number": 7, "head": {"repo": {"full_name": "acme/agents"}}, "user": {"login": "anna"}}
FORK = {**OWN, "head": {"repo": {"full_name": "mallory/agents", "fork": True}}}


def trusted(name: str, event: dict[str, Any]) -> bool:
    return Workflow(name, event, "acme/agents", "https://api.github.com", "token", "").is_trusted


@pytest.mark.parametrize(
    ("name", "event"),
    [
        ("push", {"ref": "refs/heads/main"}),
        ("schedule", {"schedule": "7 * * * *"}),
        ("workflow_dispatch", {}),
        ("merge_group", {"action": "checks_requested"}),
        ("pull_request", {"pull_request": OWN}),
        ("", {}),
    ],
)
def test_the_repository_itself_sees_the_account(name: str, event: dict[str, Any]) -> None:
    assert trusted(name, event)


@pytest.mark.parametrize(
    ("name", "event"),
    [
        ("pull_request", {"pull_request": FORK}),
        ("pull_request", {"pull_request": {**OWN, "user": {"login": "dependabot[bot]"}}}),
        ("pull_request", {"pull_request": {"number": 7, "head": {"repo": None}}}),
        ("pull_request", {"pull_request": {"number": 7, "head": None}}),
        ("pull_request", {"pull_request": "not an object"}),
        ("pull_request", {}),
        ("pull_request_target", {"pull_request": OWN}),
        ("pull_request_review", {"pull_request": OWN}),
        ("issue_comment", {"issue": {"number": 7, "pull_request": {}}, "comment": {"body": "/plan"}}),
        ("workflow_run", {"workflow_run": {"head_repository": {"full_name": "acme/agents"}}}),
        ("repository_dispatch", {"client_payload": {}}),
        ("release", {}),
        ("something_new", {}),
        ("", {"pull_request": FORK}),
        ("", {"issue": {"number": 7}}),
        ("push", {"pull_request": FORK}),
    ],
)
def test_everything_else_does_not(name: str, event: dict[str, Any]) -> None:
    assert not trusted(name, event)


@pytest.mark.parametrize(("pull", "number"), [(OWN, 7), ({"number": "7"}, 0), ({"number": -1}, 0), (None, 0), ("x", 0)])
def test_the_number_of_a_pull_request_is_a_number(pull: Any, number: int) -> None:
    assert Workflow("pull_request", {"pull_request": pull}, "acme/agents", "", "", "").pull_request == number
