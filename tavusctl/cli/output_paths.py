"""One writer for each path: outputs of a command that would take the place of one another, or of what it reads."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Final

import click
from msgspec import Struct

from tavusctl.app.session.env_file import NAME as ENV_FILE
from tavusctl.config import manifest_files
from tavusctl.config.project_file import discovery
from tavusctl.core.errors import UsageError
from tavusctl.core.project_settings import FILE, Environment, Project
from tavusctl.kinds import KINDS

ID: Final = "E1210"
_SUFFIXES: Final = (".yaml", ".yml")


class OutputFile(click.Path):
    """An option's value: a file that the command writes."""

    def __init__(self) -> None:
        super().__init__(dir_okay=False, path_type=Path)


class InputFile(click.Path):
    """An argument's value: a file that the command reads."""

    def __init__(self) -> None:
        super().__init__(dir_okay=False, path_type=Path)


class Named(Struct, frozen=True):
    """A file of the command line, and the words that name it there."""

    words: str
    path: Path


def check(context: click.Context, project: Project) -> None:
    """Refuse a command line on which one file is written twice, or written and read; nothing has been written yet."""
    outputs = list(_named(context, OutputFile))
    outputs += [Named(f"--report {name}={path}", path) for name, path in context.params.get("reports") or ()]
    for index, one in enumerate(outputs):
        for other in outputs[:index]:
            if _is_same(one.path, other.path):
                message = f"`{other.words}` and `{one.words}` name the same file"
                raise UsageError(message, "use a different file for each", id=ID)
    brought = _brought_by(project)
    for one in outputs:
        # What is written for applications is put among the lines that are there.
        if not one.words.startswith("--write ") and _is_same(one.path, Path(project.root, ENV_FILE)):
            message = f"`{one.words}` would overwrite the file with API keys and secrets"
            raise UsageError(message, "choose another file", id=ID)
        what = _taken(one.path, [*_named(context, InputFile)], project, brought)
        if what:
            message = f"`{one.words}` would overwrite {what}"
            raise UsageError(message, "choose another file", id=ID)


def is_free(paths: Sequence[Path]) -> bool:
    """Whether files can be written without looking into the project: each by itself, and none where it has its own."""
    if any(_is_same(one, other) for index, one in enumerate(paths) for other in paths[:index]):
        return False
    project, _ = discovery.find_project(None)
    root, brought = Path(project.root), _brought_by(project)
    return not any(
        _is_same(one, root / FILE)
        or _is_same(one, root / ENV_FILE)
        or any(_is_inside(one, folder) for folder in manifest_files.folders(project))
        or _is_state(one, project)
        or _is_brought(one, brought)
        for one in paths
    )


def _named(context: click.Context, sort: type[click.Path]) -> Iterator[Named]:
    """The files of a command line that are written, or read."""
    for param in context.command.params:
        value: object = context.params.get(param.name or "")
        if isinstance(param.type, sort) and isinstance(value, Path):
            words = f"{max(param.opts, key=len)} {value}" if isinstance(param, click.Option) else str(value)
            yield Named(words, value)


def _taken(path: Path, inputs: Iterable[Named], project: Project, brought: Callable[[], Collection[Path]]) -> str:
    """What a file is that the command reads, for whatever environment; empty when it reads no such file."""
    root, manifests = Path(project.root), manifest_files.folders(project)
    known: Sequence[tuple[str, Callable[[], bool]]] = (
        ("a file that the command reads", lambda: any(_is_same(path, one.path) for one in inputs)),
        ("the project file", lambda: _is_same(path, root / FILE)),
        ("the state", lambda: _is_state(path, project)),
        ("a manifest", lambda: _is_manifest(path, manifests)),
        ("a file that a manifest refers to", lambda: _is_brought(path, brought)),
    )
    return next((what for what, is_it in known if is_it()), "")


def _is_state(path: Path, project: Project) -> bool:
    """Whether a file is of the state of an environment, or of the one that a project without `state:` has."""
    states = ("", *(one.state for one in project.environments.values()))
    return any(_lies_with(path, Path(project.root), state) for state in dict.fromkeys(states))


def _lies_with(path: Path, root: Path, state: str) -> bool:
    """Whether a file is one state's, or of what lies beside it; one in a bucket is out of reach of any file."""
    scheme, separator, location = state.partition("://")
    if separator and scheme != "file":
        return False
    from tavusctl.state.artifacts import RUNS, TRASH

    place = Path(root, (location if separator else state) or ".tavusctl/state")
    beside = any(_is_inside(path, place.parent / folder) for folder in (RUNS, TRASH))
    return beside or _real(path).startswith(_real(place))


def _is_manifest(path: Path, folders: Iterable[Path]) -> bool:
    return path.suffix.lower() in _SUFFIXES and any(_is_inside(path, folder) for folder in folders)


def _is_brought(path: Path, brought: Callable[[], Collection[Path]]) -> bool:
    return path.is_file() and any(_is_same(path, one) for one in brought())


def _brought_by(project: Project) -> Callable[[], Collection[Path]]:
    """What tells the files that manifests of any environment bring; the manifests are read once, when it is asked."""

    @functools.cache
    def files() -> Collection[Path]:
        from tavusctl.config import loading

        environments = [*project.environments.values()] or [Environment()]
        return frozenset(path for each in environments for path in loading.read(project, each, KINDS).brought)

    return files


def _is_same(one: Path, other: Path) -> bool:
    """Whether two paths lead to one file, whatever they look like; a device takes what many write."""
    if one.exists() and not one.is_file():
        return False
    if _real(one) == _real(other):
        return True
    return one.is_file() and other.is_file() and one.samefile(other)


def _is_inside(path: Path, folder: Path) -> bool:
    return Path(_real(path)).is_relative_to(_real(folder))


def _real(path: Path) -> str:
    return os.path.realpath(path)
