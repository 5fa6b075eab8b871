"""Finding the project file, reading it, and choosing an environment."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from tavusctl.config import files
from tavusctl.config.limits import MAX_YAML_BYTES
from tavusctl.core.address import Source
from tavusctl.core.diagnostics import Diagnostic, errors_in
from tavusctl.core.errors import UsageError
from tavusctl.core.messages import listed, suggestion
from tavusctl.core.project_settings import FILE, Environment, Project

ReadProject = tuple[Project, tuple[Diagnostic, ...]]


def read(root: Path, content: bytes) -> ReadProject:
    """The project of a project file with this content, and its diagnostics."""
    from tavusctl.config.project_file import project  # noqa: PLC0415 - slow; not needed if the file is known

    return project.read(root, content)


def find_project(start: Path | None, read: Callable[[Path, bytes], ReadProject] = read) -> ReadProject:
    """The project that a folder belongs to, and the diagnostics of its file; `read` parses the content of the file."""
    folder = Path(os.path.abspath(start or current_folder()))  # noqa: PTH100 - links on the path to the project are kept
    root = next((parent for parent in _upward(folder) if os.path.lexists(parent / FILE)), None)
    if root is None:
        return Project.default(folder), _misnamed(folder)
    try:
        content = files.read_bytes(root / FILE, root, MAX_YAML_BYTES)
    except files.UnreadableFileError as error:
        from tavusctl.config.project_file.project import unreadable_project  # noqa: PLC0415 - as above

        return unreadable_project(root), (Diagnostic("TV110", f"the project file {error}", Source(FILE, 1, 1)),)
    return read(root, content)


def current_folder() -> Path:
    """The absolute path of the current folder; UsageError if it is gone, or if its path is too long for the system."""
    try:
        folder = Path.cwd()
        folder.stat()
    except OSError as error:
        message = f"cannot read the current folder: {error.strerror}"
        hint = "change to a folder that exists; if it was created again, run `cd .`"
        if error.errno == errno.ENAMETOOLONG:
            hint = "move the project to a folder with a shorter path"
        raise UsageError(message, hint) from None
    return folder


def _upward(folder: Path) -> Iterator[Path]:
    """A folder and its parents, up to the root of the repository, and never a folder of another user."""
    own = {_owner(folder), os.geteuid()}
    for parent in (folder, *folder.parents):
        if _owner(parent) not in own:
            return
        yield parent
        if os.path.lexists(parent / ".git"):
            return


def _owner(folder: Path) -> int | None:
    try:
        return folder.stat().st_uid
    except OSError:
        return None


def _misnamed(folder: Path) -> tuple[Diagnostic, ...]:
    if not os.path.lexists(folder / "tavusctl.yml"):
        return ()
    source = Source("tavusctl.yml", 1, 1)
    return (Diagnostic("TV110", "the project file must be named tavusctl.yaml", source, "rename it"),)


def choose_environment(project: Project, name: str | None, diagnostics: Sequence[Diagnostic]) -> Environment:
    """The environment of this name, or the only one of the project; UsageError if it is unknown or ambiguous."""
    environments = project.environments
    if name is None and len(environments) == 1:
        return next(iter(environments.values()))
    if name is not None and name in environments:
        return environments[name]
    if errors_in(diagnostics):  # the diagnostics of the file say more than an error about the choice
        return Environment(name or "default")
    if not Path(project.root, FILE).is_file():
        message = f"unknown environment `{name}`: there is no {FILE} here or above"
        raise UsageError(message, "change to the folder of the project with `-C`")
    names = listed(sorted(environments))
    if name is None:
        message = f"the project has several environments: {names}"
        raise UsageError(message, "choose one with `--env NAME` or TAVUSCTL_ENV")
    message = f"unknown environment `{name}`"
    raise UsageError(message, suggestion(name, environments) or f"known: {names}")
