"""A kill -9 anywhere costs nothing: one object per address, no stranger touched, and the next runs go on.

The default run samples boundaries; TAVUSCTL_KILL=all (make crash) takes every one and prints how many there are.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.scenarios.killing import run_and_kill
from tests.scenarios.project import Account, Project

SAMPLES = 8
ALL = os.environ.get("TAVUSCTL_KILL") == "all"
Scenario = Callable[[Project], tuple[str, ...]]


def _manifests(project: Project) -> None:
    for number in range(4):
        item = {"guardrail_name": f"rule_{number}", "guardrail_prompt": "Promises a price."}
        project.manifest("guardrails", f"rules-{number}", {"name": f"Rules {number}", "data": [item]})
        goal = {"objective_name": f"goal_{number}", "objective_prompt": "Greet."}
        project.manifest("objectives", f"goals-{number}", {"name": f"Goals {number}", "data": [goal]})
        url = f"https://example.com/{number}.pdf"
        project.manifest("document", f"doc-{number}", {"document_name": f"Doc {number}", "document_url": url})
    for number in range(7):
        project.manifest("persona", f"coach-{number}", _coach(number))
    project.manifest("replica", "anna", {"replica_name": "Anna", "train_video_url": "https://example.com/a.mp4"})


def _coach(number: int) -> dict[str, Any]:
    return {
        "persona_name": f"Coach {number}",
        "system_prompt": "You coach.\nYou are kind.",
        "guardrails_id": f"${{ref:guardrails/rules-{number % 4}}}",
        "objectives_id": f"${{ref:objectives/goals-{number % 4}}}",
        "document_ids": [f"${{ref:document/doc-{number % 4}}}"],
    }


def create_all(project: Project) -> tuple[str, ...]:
    """Twenty objects that are not there yet."""
    _manifests(project)
    return ("apply", "--yes", "--parallel", "1")


def mixed(project: Project) -> tuple[str, ...]:
    """Edits, a replacement, a rename, additions and deletes."""
    _manifests(project)
    project.apply()
    project.account.advance(3600)
    for number in range(3):
        project.manifest(
            "persona", f"coach-{number}", {**_coach(number), "system_prompt": "You coach.\nYou are strict."}
        )
    item = {"guardrail_name": "rule_0", "guardrail_prompt": "Promises a date."}
    project.manifest("guardrails", "rules-0", {"name": "Rules zero", "data": [item]})
    project.manifest("document", "doc-1", {"document_name": "Doc 1", "document_url": "https://example.com/new.pdf"})
    project.manifest("document", "doc-2", {"document_name": "Doc two", "document_url": "https://example.com/2.pdf"})
    project.manifest("replica", "anna", {"replica_name": "Anne", "train_video_url": "https://example.com/a.mp4"})
    project.manifest("persona", "extra", _coach(3) | {"persona_name": "Extra"})
    project.remove("persona", "coach-6")
    project.remove("persona", "coach-5")
    return ("apply", "--yes", "--allow-deletes", "2", "--parallel", "1")


def destroy(project: Project) -> tuple[str, ...]:
    """Everything goes but the replica and one set."""
    _manifests(project)
    project.apply()
    for path in sorted((project.root / "manifests").iterdir()):
        if "anna" not in path.name and "rules-0" not in path.name:
            path.unlink()
    return ("apply", "--yes", "--allow-deletes", "18", "--parallel", "1")


def _strangers(account: Account) -> dict[str, Any]:
    account.seed(
        personas=[{"persona_name": "Coach", "system_prompt": "Theirs."}, {"system_prompt": "Nameless."}],
        guardrails=[{"name": "Rules", "data": []}],
        documents=[{"document_name": "Doc", "document_url": "https://example.com/theirs.pdf"}],
    )
    return {kind: account.objects(kind) for kind in ("personas", "guardrails", "documents")}


def _boundaries(project: Project, command: tuple[str, ...]) -> int:
    killed, passed = run_and_kill(project, 0, *command)
    assert not killed
    assert passed > 20
    return passed


def _converge(project: Project, command: tuple[str, ...]) -> None:
    """At most three runs without faults; time passes between them."""
    consent = command[2:4] if "--allow-deletes" in command else ()
    for _ in range(3):
        result = project.run("apply", "--yes", TAVUSCTL_SETTLE="0.2")
        if result.code == 4 and consent:
            shown = project.plan()["summary"]["delete"]
            result = project.run("apply", "--yes", "--allow-deletes", str(shown), TAVUSCTL_SETTLE="0.2")
        assert result.code == 0, result.out + result.err
        project.account.advance(3600)
        if not project.plan()["changes"]:
            return


def _check(project: Project, strangers: dict[str, Any]) -> None:
    plan = project.plan()
    assert (plan["changes"], plan["refused"], plan["drift"]) == ([], [], [])
    project.account.forget()
    assert project.run("apply", "--yes").code == 0
    assert project.account.writes == []
    bound = set(project.run("state", "list", "--format", "json").document.values())
    live = {
        key for kind in ("personas", "guardrails", "objectives", "documents") for key in project.account.objects(kind)
    }
    live |= set(project.account.objects("replicas"))
    theirs = {key for objects in strangers.values() for key in objects}
    assert live - theirs == bound
    for kind, objects in strangers.items():
        now = project.account.objects(kind)
        assert {key: now[key] for key in objects} == objects


def _fresh(account: Account, folder: Path, number: int) -> Iterator[Project]:
    account.reset()
    root = folder / str(number)
    root.mkdir()
    yield Project(root, account)


@pytest.mark.parametrize("scenario", [create_all, mixed, destroy])
def test_a_kill_at_any_boundary_costs_nothing(scenario: Scenario, account: Account, tmp_path: Path) -> None:
    (dry,) = _fresh(account, tmp_path, 0)
    _strangers(account)
    total = _boundaries(dry, scenario(dry))
    step = 1 if ALL else max(1, total // SAMPLES)
    chosen = range(1 + (0 if ALL else total % step), total + 1, step)
    for at in chosen:
        (project,) = _fresh(account, tmp_path, at)
        strangers = _strangers(account)
        command = scenario(project)
        killed, _ = run_and_kill(project, at, *command)
        try:
            _converge(project, command)
            _check(project, strangers)
        except AssertionError as error:
            message = f"{scenario.__name__}, killed ({killed}) at boundary {at} of {total}: {error}"
            raise AssertionError(message) from None
    print(f"{scenario.__name__}: {len(chosen)} of {total} boundaries")  # noqa: T201 - make crash shows it
