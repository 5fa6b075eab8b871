"""What `validate` says of some files, without a command line: for tables and laws of what people write."""

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
    """Files of a project."""
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text, encoding="utf-8")


def opened(start: Path, environment: str | None = None) -> tuple[Project, Environment, tuple[Diagnostic, ...]]:
    """The project around a folder and one of its environments, as a command finds them."""
    project, found = discovery.find_project(start)
    return project, discovery.chosen(project, environment, found), found


def diagnostics(root: Path) -> tuple[Diagnostic, ...]:
    """All that `validate` says of a project."""
    project, environment, found = opened(root)
    return check(LocalSession(project, environment, TerminalProgress(quiet=True), found=found))[1]


def of(root: Path, *documents: Mapping[str, Any], **files: str) -> tuple[Diagnostic, ...]:
    """All that is said of some documents, each in a file of its own (d0.yaml, ...); JSON is YAML."""
    made = {f"manifests/d{n}.yaml": json.dumps(one, indent=1, ensure_ascii=False) for n, one in enumerate(documents)}
    written(root, {**made, **files})
    return diagnostics(root)
