"""`tavusctl init`: create a project."""

from __future__ import annotations

import os
from pathlib import Path

import click

from tavusctl.app.export import report
from tavusctl.app.export.write import ExportResult
from tavusctl.app.files import file_writer
from tavusctl.app.init import github as workflows
from tavusctl.app.init.project import Account, start
from tavusctl.app.session.online import Session
from tavusctl.app.session.opening import register_secrets
from tavusctl.cli.demo_account import check_installed
from tavusctl.cli.report_options import show
from tavusctl.cli.status_line import TerminalProgress
from tavusctl.cli.wrapped_output import say
from tavusctl.core.errors import UsageError
from tavusctl.core.project_settings import FILE
from tavusctl.integrations.github import workflow_files


def _action(_: click.Context, __: click.Parameter, value: str | None) -> str | None:
    if value is not None and not workflow_files.REFERENCE.fullmatch(value):
        message = f"`--action {value}` does not pin an action to a full commit"
        raise UsageError(
            message, f"write `{workflow_files.ACTION}@` and the 40 digits of a commit, or `./` for this repository"
        )
    return value


@click.command("init")
@click.argument("folder", required=False, default=".", type=click.Path(file_okay=False, path_type=Path))
@click.option(
    "--from-account",
    is_flag=True,
    help="Export the objects of the account of TAVUS_API_KEY instead of writing examples.",
)
@click.option("--base-url", envvar="TAVUS_BASE_URL", help="Base URL of the API, with --from-account.")
@click.option("--demo", is_flag=True, help="Work on a local emulator instead of an account: no key, no cost.")
@click.option("--github", is_flag=True, help="Write or update workflows for GitHub Actions.")
@click.option(
    "--action",
    callback=_action,
    metavar="REF",
    help="Action that the workflows use, as OWNER/REPO@COMMIT; with --github.",
)
def command(
    folder: Path, *, from_account: bool, base_url: str | None, demo: bool, github: bool, action: str | None
) -> None:
    """Create a project: project file, an example persona, schemas for the editor, .gitignore.

    With --demo, the project works on a local emulator of Tavus, which each command starts and ends by itself.

    No existing file is overwritten, only .gitignore gets lines at its end, and nothing is sent.  Manifests go into
    the folder `manifests`, or into another one if that has YAML files of other programs.  With --from-account, the
    objects of the account are exported, as `tavusctl export` does.  With --github, in a new or an existing project,
    workflows are written: plan on pull requests, apply on merge, drift and recrawl on a schedule.  A second run
    updates workflows that were not edited, and shows the differences of the others.
    """
    # A project around the folder may have secrets that appear in the name of the folder, or in what is written there.
    register_secrets(())
    if action and not github:
        raise UsageError("`--action` is allowed with `--github` only", "add `--github`")
    if demo:
        if from_account or github:
            raise UsageError("`--demo` needs no account and no workflows", "leave `--from-account` and `--github` out")
        check_installed()
    root = file_writer.project_root()
    if Path(os.path.abspath(folder)).is_relative_to(root):  # noqa: PTH100 - it may be a link
        file_writer.real_path(folder)
    with file_writer.errors_as_usage("read", folder / FILE):
        is_project = (folder / FILE).exists()
    if is_project and (from_account or not github):
        message = f"`{folder / FILE}` exists: the folder is a project already"
        raise UsageError(message, "run `tavusctl validate` to check it")
    if not is_project:
        start(folder, Account(base_url, TerminalProgress(), _report_export) if from_account else None, say, demo=demo)
    if github:
        workflows.write_workflows(folder, action, workflows.Output(say, lambda text: click.echo(text, nl=False)))


def _report_export(session: Session, result: ExportResult) -> None:
    show(report.text(result))
    for line in report.hints(session, result):
        session.say(line)
