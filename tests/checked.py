"""What `validate` says of some files, without a command line: for tables and laws of what people write."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tavusctl.cli.local import LocalSession
from tavusctl.engine import load
from tavusctl.model import Complaint


def written(root: Path, files: Mapping[str, str]) -> None:
    """Files of a project."""
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text, encoding="utf-8")


def complaints(root: Path) -> tuple[Complaint, ...]:
    """All that `validate` says of a project."""
    project, environment, found = load.read_project(root, environment=None)
    return LocalSession(project, environment, quiet=True, found=found).check()[1]


def of(root: Path, *documents: Mapping[str, Any], **files: str) -> tuple[Complaint, ...]:
    """All that is said of some documents, each in a file of its own (d0.yaml, ...); JSON is YAML."""
    made = {f"manifests/d{n}.yaml": json.dumps(one, indent=1, ensure_ascii=False) for n, one in enumerate(documents)}
    written(root, {**made, **files})
    return complaints(root)
