"""What the tests of all applications look at."""

from __future__ import annotations

from typing import Any

from tests.scenarios.project import Project


def calls(project: Project) -> list[tuple[str, str, Any, int]]:
    """Every call of the API since the project was applied."""
    return [(one["method"], one["path"], one["body"], one["status"]) for one in project.account.requests]


def replica(project: Project, name: str) -> str:
    """The id of an external replica."""
    return (project.root / f"manifests/{name}.yaml").read_text().split()[-1]
