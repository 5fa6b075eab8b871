"""What a text of a manifest names although it is no expression: a file of the project, as it would be written."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from tavusctl.config import files
from tavusctl.core.project_settings import Project

_LONGEST = 300  # characters of a text that may be a path


def may_be_path(text: str) -> bool:
    """Whether a text looks like a path at all: one line, and neither a bare word nor a page of prose."""
    name = text.strip()
    return 0 < len(name) <= _LONGEST and ("." in name or "/" in name) and name.isprintable()


def file_named(project: Project, manifest: Path, text: str) -> str:
    """The path that `${file:}` takes for a file that a text names, from wherever people count; empty when none is."""
    name = text.strip()
    if not may_be_path(name):
        return ""
    found = next((one for one in _places(project, manifest, name) if _is_file(one, project)), None)
    return written(project, manifest, found) if found else ""


def likely(project: Project, manifest: Path, name: str) -> str:
    """The path of the file that was meant by one that is not there, or an empty string."""
    exact = file_named(project, manifest, name)
    if exact:
        return exact
    for one in _places(project, manifest, name):
        there = files.otherwise_spelled(one, Path(project.root))
        if there:
            return written(project, manifest, Path(project.root, there))
    return ""


def written(project: Project, manifest: Path, file: Path) -> str:
    """A file of the project as a manifest names it: from the manifests folder, else from the manifest."""
    manifests, path = Path(project.manifests), Path(os.path.normpath(file))
    if path.is_relative_to(manifests):
        return path.relative_to(manifests).as_posix()
    beside = Path(os.path.relpath(path, manifest.parent)).as_posix()
    return beside if beside.startswith("../") else f"./{beside}"


def _places(project: Project, manifest: Path, name: str) -> Iterator[Path]:
    if os.path.isabs(name) or "\\" in name:  # noqa: PTH117 - a text of anybody
        return
    inside = os.path.join(project.root, "")  # noqa: PTH118 - for each text of the project
    for folder in (project.manifests, str(manifest.parent), project.root):
        path = os.path.normpath(os.path.join(folder, name))  # noqa: PTH118 - as above
        if path.startswith(inside) or path == project.root:
            yield Path(path)


def _is_file(path: Path, project: Project) -> bool:
    if not os.path.isfile(path) or path == Path(project.root, "tavusctl.yaml"):  # noqa: PTH113 - as above
        return False
    return not any(part.startswith(".") for part in path.relative_to(project.root).parts)
