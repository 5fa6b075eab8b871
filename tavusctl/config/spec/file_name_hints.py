"""Files of the project that a text of a manifest names without an expression, and how `${file:}` would name them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from tavusctl.config import files
from tavusctl.core.project_settings import Project

_MAX_LENGTH = 300  # characters of a text that may be a path


def may_be_path(text: str) -> bool:
    """Whether a text looks like a path at all: one line, and neither a bare word nor a page of prose."""
    name = text.strip()
    return 0 < len(name) <= _MAX_LENGTH and ("." in name or "/" in name) and name.isprintable()


def file_named(project: Project, manifest: Path, text: str) -> str:
    """The path for `${file:}` of the file that a text names, relative to any likely folder; empty if it names none."""
    name = text.strip()
    if not may_be_path(name):
        return ""
    file = next((path for path in _candidates(project, manifest, name) if _is_file(path, project)), None)
    return written(project, manifest, file) if file else ""


def likely(project: Project, manifest: Path, name: str) -> str:
    """The path for `${file:}` of the file that was probably meant by the name of a missing one; empty if unknown."""
    exact = file_named(project, manifest, name)
    if exact:
        return exact
    for path in _candidates(project, manifest, name):
        similar = files.similar_path(path, Path(project.root), os.path.isfile)
        if similar:
            return written(project, manifest, Path(project.root, similar))
    namesakes = _namesakes(project, name)
    return written(project, manifest, namesakes[0]) if len(namesakes) == 1 else ""


def _namesakes(project: Project, path: str) -> list[Path]:
    """The files in the manifests folder that have the name at the end of a path, however its folders are written."""
    name = path.replace("\\", "/").rpartition("/")[2]
    found: list[Path] = []
    for folder, inner, files_in_it in os.walk(project.manifests):
        inner[:] = (one for one in inner if not one.startswith("."))
        found += [Path(folder, name)] if name in files_in_it and not name.startswith(".") else []
    return found


def written(project: Project, manifest: Path, file: Path) -> str:
    """The path for `${file:}` of a file: relative to the manifests folder if it lies there, else to the manifest."""
    manifests, path = Path(project.manifests), Path(os.path.normpath(file))
    if path.is_relative_to(manifests):
        return path.relative_to(manifests).as_posix()
    beside = Path(os.path.relpath(path, manifest.parent)).as_posix()
    return beside if beside.startswith("../") else f"./{beside}"


def _candidates(project: Project, manifest: Path, name: str) -> Iterator[Path]:
    if os.path.isabs(name) or "\\" in name:  # noqa: PTH117 - any text of a manifest
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
