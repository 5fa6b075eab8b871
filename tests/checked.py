"""The diagnostics of `validate` for some files, without the command line, for tests with many small inputs."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tavusctl.app.session.local import LocalSession
from tavusctl.app.session.manifests import check
from tavusctl.cli.status_line import TerminalProgress
from tavusctl.config.project_file import discovery
from tavusctl.core.diagnostics import Diagnostic
from tavusctl.core.project_settings import Environment, Project


def written(root: Path, files: Mapping[str, str]) -> None:
    """Write the files of a project."""
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text, encoding="utf-8")


def opened(start: Path, environment: str | None = None) -> tuple[Project, Environment, tuple[Diagnostic, ...]]:
    """The project that contains a folder, one of its environments, and the diagnostics of the project file."""
    project, diagnostics = discovery.find_project(start)
    return project, discovery.choose_environment(project, environment, diagnostics), diagnostics


def diagnostics(root: Path) -> tuple[Diagnostic, ...]:
    """The diagnostics of `validate` for a project."""
    project, environment, found = opened(root)
    return check(LocalSession(project, environment, TerminalProgress(quiet=True), project_diagnostics=found))[1]


def of(root: Path, *documents: Mapping[str, Any], **files: str) -> tuple[Diagnostic, ...]:
    """The diagnostics for some documents, each written as JSON to its own file (d0.yaml, ...), and further files."""
    manifests = {f"manifests/d{n}.yaml": json.dumps(d, indent=1, ensure_ascii=False) for n, d in enumerate(documents)}
    written(root, {**manifests, **files})
    return diagnostics(root)
