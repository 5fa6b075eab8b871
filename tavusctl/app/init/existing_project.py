"""Check the folder of a new project for files of other programs, and for an existing project around it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from tavusctl.config import yaml12
from tavusctl.config.limits import MAX_YAML_BYTES
from tavusctl.config.project_file import discovery
from tavusctl.core.diagnostics import Severity
from tavusctl.core.errors import UsageError
from tavusctl.core.project_settings import FILE
from tavusctl.kinds import KINDS

NAMES: Final = (
    "manifests",
    "tavus",
    "tavusctl",
)  # possible names of the manifests folder, in the order in which they are tried


def manifests_folder(folder: Path) -> tuple[str, str]:
    """The name for the manifests folder, and the file of another program because of which it is not the usual one.

    UsageError if every possible folder has YAML files of other programs.
    """
    foreign_files = {name: _first_foreign_file(folder / name) for name in NAMES}
    name = next((one for one in NAMES if not foreign_files[one]), "")
    if not name:
        message = f"each of the folders {', '.join(NAMES)} has YAML files of other programs"
        hint = f"create {FILE} with `manifests: FOLDER`, and start in that folder"
        raise UsageError(message, hint, id="E1212")
    return name, foreign_files[NAMES[0]] if name != NAMES[0] else ""


def check_around(folder: Path) -> str:
    """The root of the project around a folder, or empty; UsageError if the folder is inside its manifests folder."""
    project, _ = discovery.find_project(folder)
    root, here = Path(project.root), Path(os.path.realpath(folder))
    if not (root / FILE).is_file() or Path(os.path.realpath(root)) == here:
        return ""
    if here.is_relative_to(os.path.realpath(project.manifests)):
        message = f"this folder is inside the manifests folder of the project in {root}"
        raise UsageError(message, "use a folder outside the manifests folder", id="E1212")
    return str(root)


def _first_foreign_file(folder: Path) -> str:
    """The first YAML file below a folder that is not a manifest; empty if there is none."""
    return next((str(path) for path in _yaml_files(folder) if not _is_manifest(path)), "")


def _yaml_files(folder: Path) -> Iterator[Path]:
    for parent, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(names):
            if name.lower().endswith((".yaml", ".yml")) and not name.startswith("."):
                yield Path(parent, name)


def _is_manifest(path: Path) -> bool:
    try:
        if path.stat().st_size > MAX_YAML_BYTES:
            return False
        parsed = yaml12.read(path.read_bytes(), path.name)
    except OSError:
        return False
    if any(one.severity is Severity.ERROR for one in parsed.diagnostics):
        return False
    documents = [one.value for one in parsed.documents]
    return all(isinstance(one, dict) and one.get("kind") in KINDS and "apiVersion" not in one for one in documents)
