"""One writer for each path: refuse outputs of a command that would overwrite one another, or files that it reads."""

from __future__ import annotations

import functools
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from os import PathLike
from os.path import realpath
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click
from msgspec import Struct

from tavusctl.app.files import file_writer
from tavusctl.app.session.env_file import NAME as ENV_FILE
from tavusctl.config import manifest_files
from tavusctl.config.project_file import discovery
from tavusctl.core.errors import UsageError
from tavusctl.core.project_settings import FILE, Environment, Project
from tavusctl.kinds import KINDS

if TYPE_CHECKING:
    from tavusctl.config.loading import LoadResult

ID: Final = "E1210"
_SECRETS: Final = "the file with API keys and secrets"
_SUFFIXES: Final = (".yaml", ".yml")


class OutputFile(click.Path):
    """The type of an option whose value is a file that the command writes, and does not have to read."""

    def __init__(self) -> None:
        super().__init__(readable=False, path_type=Path)
        self.name = "file"  # in the help; click would look for a folder of that name before `--chdir`

    def convert(
        self, value: str | PathLike[str], param: click.Parameter | None, ctx: click.Context | None
    ) -> str | bytes | PathLike[str]:
        """The path; UsageError for `-`."""
        return super().convert(file_writer.named(value) if isinstance(value, str) else value, param, ctx)


class InputFile(click.Path):
    """The type of an argument whose value is a file that the command reads."""

    def __init__(self) -> None:
        super().__init__(dir_okay=False, path_type=Path)


class NamedFile(Struct, frozen=True):
    """A file on the command line, and the words that name it there."""

    words: str
    path: Path


def check(context: click.Context, project: Project) -> None:
    """Refuse a command line that writes one file twice, a file that it reads, or one that cannot be written.

    That is before anything is read or written, and in the folder that `--chdir` names.
    """
    outputs = list(_named_files(context, OutputFile))
    outputs += [NamedFile(f"--report {name}={path}", path) for name, path in context.params.get("reports") or ()]
    for index, output in enumerate(outputs):
        file_writer.check_writable(output.path)
        for other in outputs[:index]:
            if _is_same(output.path, other.path):
                message = f"`{other.words}` and `{output.words}` name the same file"
                raise UsageError(message, "use a different file for each", id=ID)
    loaded = _load_once(project)
    inputs = [*_named_files(context, InputFile)]
    for output in outputs:
        what = _used_as(output.path, inputs, project, loaded)
        # `output --write` edits single lines of a .env file and keeps the others.
        if what and not (what == _SECRETS and output.words.startswith("--write ")):
            message = f"`{output.words}` would overwrite {what}"
            raise UsageError(message, "choose another file", id=ID)


def is_free(paths: Sequence[Path]) -> bool:
    """Whether an error may be reported to these files: no two are the same, and none is one that the command reads.

    Unlike `check`, this needs no parsed command line.
    """
    if any(_is_same(path, other) for index, path in enumerate(paths) for other in paths[:index]):
        return False
    project, _ = discovery.find_project(None)
    loaded = _load_once(project)
    return not any(_used_as(path, (), project, loaded) for path in paths)


def _named_files(context: click.Context, type_: type[click.Path]) -> Iterator[NamedFile]:
    """The files on a command line whose parameters have the given type."""
    for param in context.command.params:
        value: object = context.params.get(param.name or "")
        if isinstance(param.type, type_) and isinstance(value, Path):
            words = f"{max(param.opts, key=len)} {value}" if isinstance(param, click.Option) else str(value)
            yield NamedFile(words, value)


def _used_as(
    path: Path, inputs: Iterable[NamedFile], project: Project, loaded: Callable[[], Collection[LoadResult]]
) -> str:
    """What a file is that the command reads, in any environment; empty if the command does not read the file."""
    root, manifests = Path(project.root), manifest_files.folders(project)
    uses: Sequence[tuple[str, Callable[[], bool]]] = (
        ("a file that the command reads", lambda: any(_is_same(path, file.path) for file in inputs)),
        ("the project file", lambda: _is_same(path, root / FILE)),
        ("the state", lambda: _is_state(path, project)),
        ("a manifest", lambda: _is_manifest(path, manifests)),
        ("a file that a manifest refers to", lambda: _is_included(path, loaded)),
        (_SECRETS, lambda: _is_same(path, root / ENV_FILE)),
    )
    return next((what for what, is_used in uses if is_used()), "")


def _is_state(path: Path, project: Project) -> bool:
    """Whether a file belongs to the state of an environment, or to the default state of a project without `state:`."""
    states = ("", *(environment.state for environment in project.environments.values()))
    return any(_belongs_to_state(path, Path(project.root), state) for state in dict.fromkeys(states))


def _belongs_to_state(path: Path, root: Path, state: str) -> bool:
    """Whether a file belongs to one state, or to the folders beside it; none belongs to a remote state."""
    from tavusctl.config.project_file.state_scheme import file_of
    from tavusctl.state.artifacts import RUNS, TRASH

    file = file_of(state, root, "")
    if file is None:
        return False
    state_path = file if state else root / ".tavusctl/state"  # the default state of any environment
    is_in_folder = any(_is_inside(path, state_path.parent / folder) for folder in (RUNS, TRASH))
    return is_in_folder or realpath(path).startswith(realpath(state_path))


def _is_manifest(path: Path, folders: Iterable[Path]) -> bool:
    return path.suffix.lower() in _SUFFIXES and any(_is_inside(path, folder) for folder in folders)


def _is_included(path: Path, loaded: Callable[[], Collection[LoadResult]]) -> bool:
    """Whether a manifest includes the content of a file; of a manifest that is invalid YAML, the name is enough."""
    return path.is_file() and any(
        any(_is_same(path, file) for file in one.included_files)
        or any(_names(text, path.name) for text in one.unreadable_texts)
        for one in loaded()
    )


def _names(text: str, name: str) -> bool:
    from tavusctl.config.interpolation import expressions

    return any(one.startswith("${file:") and one.rstrip(" }").endswith(name) for one in expressions(text))


def _load_once(project: Project) -> Callable[[], Collection[LoadResult]]:
    """A function that reads the manifests of every environment when it is first called, and only once."""

    @functools.cache
    def results() -> Collection[LoadResult]:
        from tavusctl.config import loading

        environments = [*project.environments.values()] or [Environment()]
        return [loading.read(project, one, KINDS) for one in environments]

    return results


def _is_same(first: Path, second: Path) -> bool:
    """Whether two paths lead to the same file, also through links; never for a device, which accepts many writers."""
    if first.exists() and not first.is_file():
        return False
    if realpath(first) == realpath(second):
        return True
    return first.is_file() and second.is_file() and first.samefile(second)


def _is_inside(path: Path, folder: Path) -> bool:
    return Path(realpath(path)).is_relative_to(realpath(folder))
