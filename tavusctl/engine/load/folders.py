"""The manifest files of a project: which there are, and what people call them."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from tavusctl.engine.load.budget import Budget
from tavusctl.engine.load.project import FILE
from tavusctl.errors import UsageError
from tavusctl.model import Complaint, Project, Source

_SUFFIXES: Final = (".yaml", ".yml")


def find(project: Project, paths: Sequence[Path], complaints: list[Complaint], budget: Budget) -> list[Path]:
    """Manifests, or those in some files and folders: YAML below the manifests folder, whatever else is named.

    Names that begin with a dot are passed over.
    """
    found: set[Path] = set()
    for path in paths or (Path(project.manifests),):
        found.update(_below(path, project, complaints, budget, asked=bool(paths)))
    return sorted(found)


def is_manifest(project: Project, path: Path) -> bool:
    """Whether a walk of the manifests folder would come upon a file: hooks name whatever was changed."""
    top = Path(os.path.abspath(path))  # noqa: PTH100 - reading judges where links end
    hidden = any(part.startswith(".") for part in Path(os.path.relpath(top, project.manifests)).parts if part != "..")
    named = top.name.lower().endswith(_SUFFIXES) and top != Path(project.root, FILE)
    return named and not hidden and _lies_in(top, Path(project.manifests))


def _lies_in(path: Path, folder: Path) -> bool:
    """Whether a path lies in a folder, as it is written or with all links resolved."""
    return path.is_relative_to(folder) or Path(os.path.realpath(path)).is_relative_to(os.path.realpath(folder))


def start(path: Path | str, project: Project) -> Source:
    """The beginning of a file."""
    return Source(shown_path(Path(path), project), 1, 1)


def shown_path(path: Path, project: Project) -> str:
    """A path as positions name it: from the root of the project, with / between folders, printable."""
    inside = path.is_relative_to(project.root)
    text = (path.relative_to(project.root) if inside else path).as_posix()
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


def _below(path: Path, project: Project, complaints: list[Complaint], budget: Budget, *, asked: bool) -> Iterator[Path]:
    top, manifests = Path(os.path.abspath(path)), Path(project.manifests)  # noqa: PTH100 - reading judges where links end
    if os.path.isdir(top):  # noqa: PTH112 - never raises
        if _lies_in(top, manifests):
            yield from _walk(top, project, complaints, budget)
        elif _lies_in(manifests, top) and os.path.isdir(manifests):  # noqa: PTH112 - as above
            yield from _walk(manifests, project, complaints, budget)
    elif asked and os.path.lexists(top):
        yield from [top] if is_manifest(project, top) else []
    elif asked:
        message = f"there is no {path}"
        raise UsageError(message)


def _walk(top: Path, project: Project, complaints: list[Complaint], budget: Budget) -> Iterator[Path]:
    def told(error: OSError) -> None:
        message = f"the folder cannot be read: {error.strerror}; manifests in it are not known"
        complaints.append(Complaint("TV110", message, start(error.filename, project)))

    for folder, folders, names in os.walk(top, onerror=told):
        here = Path(folder)
        budget.entered(len(folders) + len(names), len(here.relative_to(top).parts), start(here, project))
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        complaints += [_linked(here / name, project) for name in folders if (here / name).is_symlink()]
        complaints += [one for name in sorted(names) for one in _dangling(here / name, project)]
        for name in names:
            is_manifest = name.lower().endswith(_SUFFIXES) and not name.startswith(".")
            if is_manifest and here / name != Path(project.root, FILE):
                yield here / name


def _linked(folder: Path, project: Project) -> Complaint:
    message = "links to folders are not followed; manifests behind this one are not known"
    return Complaint("TV110", message, start(folder, project), "move the folder to this place, or link single files")


def _dangling(path: Path, project: Project) -> Iterator[Complaint]:
    """A link that leads nowhere, or where nobody may look: a folder of manifests may have been there."""
    if path.name.startswith(".") or path.suffix.lower() in _SUFFIXES or not path.is_symlink():
        return
    try:
        path.stat()
    except OSError as error:
        message = f"the link cannot be followed: {error.strerror}; manifests behind it are not known"
        yield Complaint("TV110", message, start(path, project), "put back what it leads to, or remove the link")
