"""`tavusctl init --github`: the workflows of a project, in the repository that it lies in."""

from __future__ import annotations

import os
from pathlib import Path

import click

from tavusctl.cli import workflows, writing
from tavusctl.cli.git import Git, GitError
from tavusctl.cli.workflows import Shape
from tavusctl.engine import load
from tavusctl.errors import ConfigError
from tavusctl.model import Project, Severity
from tavusctl.redaction import Record

_FOLDER = ".github/workflows"


def write(folder: Path, action: str | None) -> int:
    """Write what is missing, bring up to date what nobody has edited, and show what else would be different."""
    project, complaints = load.find_project(folder)
    if any(one.severity is Severity.ERROR for one in complaints):
        raise ConfigError(complaints)
    root = Path(os.path.realpath(project.root))
    top = next((one for one in (root, *root.parents) if os.path.lexists(one / ".git")), root)
    place = top / _FOLDER
    found = {path.name: path.read_bytes().decode("utf-8", "replace") for path in sorted(place.glob("tavus-*.yml"))}
    shape = _shape(project, root.relative_to(top).as_posix(), top)
    mine = [text for name, text in found.items() if name in workflows.workflows(shape, {})]
    known = next((one for one in map(workflows.action_in, mine) if one), "")
    shape = Shape(shape.environments, shape.secrets, shape.folder, shape.branch, action or known or shape.action)
    # An action that is named takes the place of the version that is there.
    kept = {name: text.replace(known, action) if action and known else text for name, text in found.items()}
    for name, text in workflows.workflows(shape, kept).items():
        _put(place / name, found.get(name), text, top)
    _advise(project, shape)
    return 0


def _shape(project: Project, inside: str, top: Path) -> Shape:
    folder = "" if inside == "." else inside
    return Shape(tuple(project.environments.values()), project.secrets, folder, _branch(top))


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


def _put(path: Path, found: str | None, wanted: str, top: Path) -> None:
    if found == wanted:
        click.echo(f"kept    {path}: it is up to date", err=True)
        return
    if found is None or workflows.is_unedited(found):
        writing.where(path, top)
        path.parent.mkdir(parents=True, exist_ok=True)
        writing.write(path, Record(wanted), root=top, rights=writing.PUBLIC)
        click.echo(f"{'wrote' if found is None else 'updated'}   {path}", err=True)
        return
    click.echo(workflows.difference(path.relative_to(top).as_posix(), found, wanted), nl=False)
    click.echo(f"kept    {path}: somebody has edited it; above is what would be different without", err=True)


def _advise(project: Project, shape: Shape) -> None:
    """What is left to be done by hand."""
    names = dict.fromkeys(
        name for one in shape.environments for name in workflows.names_of(shape, one) if name != workflows.VARIABLE
    )
    click.echo(f"\nnext: give the repository these secrets: {', '.join(names)}", err=True)
    if workflows.NO_RELEASE in shape.action:
        message = f"next: put the commit of tavusctl that you trust in place of {workflows.NO_RELEASE}:"
        click.echo(f"{message} tavusctl init --github --action {workflows.ACTION}@COMMIT", err=True)
    for one in project.environments.values():
        if not one.state or one.state.startswith("file:"):
            told = f"warning: the state of {one.name} is a file of this machine, which a workflow does not have"
            click.echo(f"{told}; name a store in tavusctl.yaml, such as state: s3://bucket/{one.name}", err=True)
