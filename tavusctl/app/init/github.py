"""`tavusctl init --github`: the workflows of a project, in the repository that it lies in."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from msgspec import Struct

from tavusctl.app.files import file_writer
from tavusctl.config.project_file import discovery
from tavusctl.core.diagnostics import Severity
from tavusctl.core.errors import ConfigError, UsageError
from tavusctl.core.project_settings import Project
from tavusctl.integrations.git.process import Git, GitError
from tavusctl.integrations.github import workflow_files
from tavusctl.integrations.github.workflow_files import Shape
from tavusctl.secrets.redaction import Record

_FOLDER = ".github/workflows"


class Tell(Struct, frozen=True):
    """Where it is told what was written: lines beside the result, and differences as the result."""

    say: Callable[[str], None]
    show: Callable[[str], None]


def write_workflows(folder: Path, action: str | None, tell: Tell) -> None:
    """Write what is missing, bring up to date what nobody has edited, and show what else would be different."""
    project, diagnostics = discovery.find_project(folder)
    if any(one.severity is Severity.ERROR for one in diagnostics):
        raise ConfigError(diagnostics)
    root = Path(os.path.realpath(project.root))
    top = next((one for one in (root, *root.parents) if os.path.lexists(one / ".git")), root)
    place = top / _FOLDER
    with file_writer.readable(place):
        found = {path.name: path.read_bytes().decode("utf-8", "replace") for path in sorted(place.glob("tavus-*.yml"))}
    shape = _shape(project, root.relative_to(top).as_posix(), top)
    mine = [text for name, text in found.items() if name in workflow_files.workflows(shape, {})]
    known = next((one for one in map(workflow_files.action_in, mine) if one), "")
    shape = Shape(shape.environments, shape.secrets, shape.folder, shape.branch, action or known or shape.action)
    # An action that is named takes the place of the version that is there.
    kept = {name: text.replace(known, action) if action and known else text for name, text in found.items()}
    for name, text in workflow_files.workflows(shape, kept).items():
        _put(place / name, found.get(name), text, top, tell)
    _advise(shape, tell.say)


def _shape(project: Project, inside: str, top: Path) -> Shape:
    folder = "" if inside == "." else inside
    environments = tuple(one for one in project.environments.values() if not one.demo)
    if not environments:
        message = "the project has a demo only, and no environment with an account that a workflow could apply to"
        raise UsageError(message, "add an environment to tavusctl.yaml, such as `prod: {account: acme, state: git}`")
    return Shape(environments, project.secrets, folder, _branch(top))


def _branch(top: Path) -> str:
    """The branch that merges go to, as far as the repository tells."""
    try:
        git = Git(top, 10.0)
        remote = git.known("symbolic-ref", "--quiet", "--short", "refs/remotes/origin/HEAD")
        if remote:
            return remote.removeprefix("origin/")
        named = [name for name in ("main", "master") if git.object(f"refs/heads/{name}")]
        return named[0] if named else git.known("symbolic-ref", "--quiet", "--short", "HEAD") or "main"
    except GitError:
        return "main"


def _put(path: Path, found: str | None, wanted: str, top: Path, tell: Tell) -> None:
    if found == wanted:
        tell.say(f"kept    {path}: up to date")
        return
    if found is None or workflow_files.is_unedited(found):
        file_writer.where(path, top)
        file_writer.make_folder(path.parent)
        file_writer.write(path, Record(wanted), root=top, rights=file_writer.PUBLIC)
        tell.say(f"{'wrote' if found is None else 'updated'}   {path}")
        return
    tell.show(workflow_files.difference(path.relative_to(top).as_posix(), found, wanted))
    tell.say(f"kept    {path}: edited by hand; the diff above shows what would change")


def _advise(shape: Shape, say: Callable[[str], None]) -> None:
    """What is left to be done by hand."""
    names = dict.fromkeys(
        name
        for one in shape.environments
        for name in workflow_files.names_of(shape, one)
        if name != workflow_files.VARIABLE
    )
    say(f"\nnext: add these secrets to the repository: {', '.join(names)}")
    if workflow_files.NO_RELEASE in shape.action:
        message = f"next: replace {workflow_files.NO_RELEASE} by the commit of tavusctl that you trust:"
        say(f"{message} tavusctl init --github --action {workflow_files.ACTION}@COMMIT")
    for one in shape.environments:
        if not one.state or one.state.startswith("file:"):
            told = f"warning: the state of `{one.name}` is a local file, which a workflow cannot read"
            say(f"{told}; set `state: git` in tavusctl.yaml")
