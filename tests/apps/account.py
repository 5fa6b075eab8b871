"""The calls and ids that the tests of all applications check."""

from __future__ import annotations

from typing import Any

from tests.scenarios.project import Project


def calls(project: Project) -> list[tuple[str, str, Any, int]]:
    """Every API call since the project was applied: method, path, body and status."""
    return [(entry["method"], entry["path"], entry["body"], entry["status"]) for entry in project.account.requests]


def replica(project: Project, name: str) -> str:
    """The id in the manifest of an external replica."""
    return (project.root / f"manifests/{name}.yaml").read_text().split()[-1]
