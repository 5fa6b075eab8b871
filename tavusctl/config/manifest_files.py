"""The manifest files of a project: which there are, and what people call them."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from tavusctl.config.limits import Budget
from tavusctl.core.address import Source
from tavusctl.core.diagnostics import Diagnostic
from tavusctl.core.errors import UsageError
from tavusctl.core.project_settings import FILE, Environment, Project
from tavusctl.lib import unwritten_files

_SUFFIXES: Final = (".yaml", ".yml")


def find(
    project: Project, folder: Path, paths: Sequence[Path], diagnostics: list[Diagnostic], budget: Budget
) -> list[Path]:
    """Manifests of one folder, the base or an overlay, or those in some files and folders that lie in it.

    Names that begin with a dot are passed over, and so are the overlays that lie in the folder.
    """
    found: set[Path] = set()
    for path in paths or (folder,):
        found.update(_below(path, folder, project, diagnostics, budget, asked=bool(paths)))
    if not paths:
        found.update(path for path in unwritten_files.new(Path(project.root)) if _is_one_of(project, folder, path))
    return sorted(found)


def is_manifest(project: Project, path: Path) -> bool:
    """Whether a path is a manifest of the project, as for the changed files that a hook passes."""
    return any(_is_one_of(project, folder, path) for folder in folders(project))


def folders(project: Project) -> list[Path]:
    """The folders of manifests, each once: the base, then the overlays of all environments."""
    overlays = (Path(project.root, one.overlay) for one in project.environments.values() if one.overlay)
    return list(dict.fromkeys((Path(project.manifests), *overlays)))


def layers(project: Project, environment: Environment) -> list[Path]:
    """The folders of manifests that make an environment: the base, then what is laid over it."""
    overlay = [Path(project.root, environment.overlay)] if environment.overlay else []
    return [Path(project.manifests), *overlay]


def _is_one_of(project: Project, folder: Path, path: Path) -> bool:
    """Whether a path is a manifest of a folder, and of no other folder in it."""
    top = Path(os.path.abspath(path))  # noqa: PTH100 - reading judges where links end
    hidden = any(part.startswith(".") for part in Path(os.path.relpath(top, folder)).parts if part != "..")
    named = top.name.lower().endswith(_SUFFIXES) and top != Path(project.root, FILE)
    inner = (one for one in folders(project) if one != folder and _lies_in(one, folder))
    return named and not hidden and _lies_in(top, folder) and not any(_lies_in(top, one) for one in inner)


def _lies_in(path: Path, folder: Path) -> bool:
    """Whether a path lies in a folder, as it is written or with all links resolved."""
    return path.is_relative_to(folder) or Path(os.path.realpath(path)).is_relative_to(os.path.realpath(folder))


def start(path: Path | str, project: Project) -> Source:
    """The beginning of a file."""
    return Source(shown_path(Path(path), project), 1, 1)


def shown_path(path: Path, project: Project) -> str:
    """A path as positions name it: from the root of the project, with / between folders, printable."""
    written, top = str(path), os.path.join(project.root, "")  # noqa: PTH118 - as text, for each file of the project
    if written.startswith(top):
        text = written[len(top) :].replace(os.sep, "/")
    else:
        text = (path.relative_to(project.root) if path.is_relative_to(project.root) else path).as_posix()
    return text if text.isprintable() else "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


def _below(
    path: Path, folder: Path, project: Project, diagnostics: list[Diagnostic], budget: Budget, *, asked: bool
) -> Iterator[Path]:
    top = Path(os.path.abspath(path))  # noqa: PTH100 - reading judges where links end
    if os.path.isdir(top):  # noqa: PTH112 - never raises
        inside = any(_lies_in(top, one) for one in folders(project) if one != folder and _lies_in(one, folder))
        if _lies_in(top, folder) and not inside:
            yield from _walk(top, project, diagnostics, budget)
        elif _lies_in(folder, top) and os.path.isdir(folder):  # noqa: PTH112 - as above
            yield from _walk(folder, project, diagnostics, budget)
    elif asked and os.path.lexists(top):
        yield from [top] if _is_one_of(project, folder, top) else []
    elif asked:
        message = f"`{path}` does not exist"
        raise UsageError(message)


def _walk(top: Path, project: Project, diagnostics: list[Diagnostic], budget: Budget) -> Iterator[Path]:
    def told(error: OSError) -> None:
        message = f"the folder cannot be read: {error.strerror}; its manifests are unknown"
        diagnostics.append(Diagnostic("TV110", message, start(error.filename, project)))

    others = [one for one in folders(project) if one != top]
    for folder, names_below, names in os.walk(top, onerror=told):
        here = Path(folder)
        budget.entered(len(names_below) + len(names), len(here.relative_to(top).parts), start(here, project))
        names_below[:] = sorted(one for one in names_below if not one.startswith(".") and here / one not in others)
        diagnostics += [_linked(here / name, project) for name in names_below if (here / name).is_symlink()]
        shown = [name for name in names if not name.startswith(".")]
        others_here = sorted(name for name in shown if not name.lower().endswith(_SUFFIXES))
        diagnostics += [one for name in others_here for one in _dangling(here / name, project)]
        manifests = (here / name for name in shown if name.lower().endswith(_SUFFIXES))
        yield from (path for path in manifests if path != Path(project.root, FILE))


def _linked(folder: Path, project: Project) -> Diagnostic:
    message = "symbolic links to folders are not followed; the manifests behind this link are unknown"
    return Diagnostic("TV110", message, start(folder, project), "move the folder here, or link its files one by one")


def _dangling(path: Path, project: Project) -> Iterator[Diagnostic]:
    """A link that leads nowhere, or where nobody may look: a folder of manifests may have been there."""
    if not path.is_symlink():
        return
    try:
        path.stat()
    except OSError as error:
        message = f"the symbolic link cannot be followed: {error.strerror}; the manifests behind it are unknown"
        yield Diagnostic("TV110", message, start(path, project), "restore the target of the link, or remove the link")
