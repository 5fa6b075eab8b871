"""`tavusctl init --github`: write the workflows of a project into its repository."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path

from msgspec import Struct
from msgspec.structs import replace

from tavusctl.app.files import file_writer
from tavusctl.config.project_file import discovery
from tavusctl.core.diagnostics import errors_in
from tavusctl.core.errors import ConfigError, UsageError
from tavusctl.core.project_settings import Project
from tavusctl.integrations.git.checkout import checkout_around
from tavusctl.integrations.git.process import Git, GitError
from tavusctl.integrations.github import workflow_files
from tavusctl.integrations.github.workflow_files import WorkflowInputs
from tavusctl.lib.command_line import with_folder
from tavusctl.lib.private_files import read_regular
from tavusctl.secrets.redaction import Record

_FOLDER = ".github/workflows"


class Output(Struct, frozen=True):
    """The output: `say` for lines about what was written, `show` for diffs, which are the result."""

    say: Callable[[str], None]
    show: Callable[[str], None]


def write_workflows(folder: Path, action: str | None, output: Output) -> None:
    """Write missing workflows, update those that nobody has edited, and show a diff for the others.

    `action` is the reference of the action to use, None for the present one.
    """
    project, diagnostics = discovery.find_project(folder)
    if errors_in(diagnostics):
        raise ConfigError(diagnostics)
    root, top = _roots(project)
    place = top / _FOLDER
    existing = _existing(place)
    inputs, present_action = _inputs(project, root, top, existing, action)
    # A given action replaces the present one in workflows that exist.
    updated = {
        name: text.replace(present_action, action) if action and present_action else text
        for name, text in existing.items()
    }
    for name, text in workflow_files.workflows(inputs, updated).items():
        _put(place / name, existing.get(name), text, top, output)
    _advise(inputs, output.say)


def outdated(project: Project) -> tuple[list[str], str] | None:
    """The names of unedited workflows that would be written otherwise now, and the branch that these would be for.

    None if the project has no workflows.
    """
    root, top = _roots(project)
    existing = _existing(top / _FOLDER)
    if not existing or all(one.demo for one in project.environments.values()):
        return None
    inputs, _ = _inputs(project, root, top, existing, None)
    wanted = workflow_files.workflows(inputs, existing)
    present = [name for name in wanted if workflow_files.is_unedited(existing.get(name, ""))]
    return ([name for name in present if existing[name] != wanted[name]], inputs.branch) if present else None


def _inputs(
    project: Project, root: Path, top: Path, existing: Mapping[str, str], action: str | None
) -> tuple[WorkflowInputs, str]:
    """What the workflows are written from, and the action that the existing ones use, which is empty without any."""
    inputs = _shape(project, root.relative_to(top).as_posix(), top)
    own_texts = [text for name, text in existing.items() if name in workflow_files.workflows(inputs, {})]
    present_action = next((one for one in map(workflow_files.action_in, own_texts) if one), "")
    return replace(inputs, action=action or present_action or inputs.action), present_action


def _roots(project: Project) -> tuple[Path, Path]:
    """The folder of a project, and that of the repository around it, or else the same."""
    root = Path(os.path.realpath(project.root))
    return root, checkout_around(root) or root


def _existing(place: Path) -> dict[str, str]:
    """The workflows of tavusctl in a folder, by name."""
    with file_writer.errors_as_usage("read", place):
        contents = {path.name: read_regular(path) for path in sorted(place.glob("tavus-*.yml"))}
    # A checkout may have the line ends of Windows.
    return {name: content.decode("utf-8", "replace").replace("\r\n", "\n") for name, content in contents.items()}


def _shape(project: Project, inside: str, top: Path) -> WorkflowInputs:
    folder = "" if inside == "." else inside
    environments = tuple(one for one in project.environments.values() if not one.demo)
    if not environments:
        message = "the project has a demo only, and no environment with an account that a workflow could apply to"
        raise UsageError(message, "add an environment to tavusctl.yaml, such as `prod: {account: acme, state: git}`")
    return WorkflowInputs(environments, project.secrets, folder, _branch(top))


def _branch(top: Path) -> str:
    """The default branch of the remote, else `main` or `master`, there or here, else the current branch, or `main`.

    A clone names the default branch as it was when the clone was made: since then it may have been renamed.
    """
    try:
        git = Git(top, 10.0)
        remote = git.line_or_empty("symbolic-ref", "--quiet", "--short", "refs/remotes/origin/HEAD")
        if remote and git.object(f"refs/remotes/{remote}"):
            return remote.removeprefix("origin/")
        places, names = ("remotes/origin", "heads"), [name for name in ("main", "master") if remote != f"origin/{name}"]
        branches = [name for place in places for name in names if git.object(f"refs/{place}/{name}")]
        return branches[0] if branches else git.line_or_empty("symbolic-ref", "--quiet", "--short", "HEAD") or "main"
    except GitError:
        return "main"


def _put(path: Path, existing: str | None, new: str, top: Path, output: Output) -> None:
    shown = os.path.relpath(path)
    if existing == new:
        output.say(f"kept    {shown}: up to date")
        return
    if existing is None or workflow_files.is_unedited(existing):
        file_writer.real_path(path, top)
        file_writer.make_folder(path.parent)
        file_writer.write(path, Record(new), root=top, rights=file_writer.PUBLIC)
        output.say(f"{'wrote' if existing is None else 'updated'}   {shown}")
        return
    output.show(workflow_files.difference(path.relative_to(top).as_posix(), existing, new))
    output.say(f"kept    {shown}: edited by hand; the diff above shows what would change")


def _advise(inputs: WorkflowInputs, say: Callable[[str], None]) -> None:
    """Print what has to be done by hand: add secrets and reviewers, pin the action, move a local state."""
    names = dict.fromkeys(
        name
        for one in inputs.environments
        for name in workflow_files.variable_names(inputs, one)
        if name != workflow_files.VARIABLE
    )
    say(f"\nnext: add these secrets to the repository: {', '.join(names)}")
    environments = ", ".join(one.name for one in inputs.environments)
    say(f"next: give these environments reviewers on GitHub, or a merge is applied at once: {environments}")
    if workflow_files.NO_RELEASE in inputs.action:
        message = f"next: replace {workflow_files.NO_RELEASE} by the commit of tavusctl that you trust:"
        say(with_folder(f"{message} run `tavusctl init --github --action {workflow_files.ACTION}@COMMIT`"))
    for one in inputs.environments:
        if one.state.startswith("git+"):
            place = "in another repository, where the token of a job has no rights"
            say(f"warning: the state of `{one.name}` is {place}; give git credentials for it in the workflows")
        if not one.state or one.state.startswith("file:"):
            warning = f"warning: the state of `{one.name}` is a local file, which a workflow cannot read"
            say(f"{warning}; set `state: git` in tavusctl.yaml")
