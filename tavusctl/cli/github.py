"""`tavusctl github`: a command as a step of a GitHub workflow: outputs, summary, annotations, comment, issue."""

from __future__ import annotations

import contextlib
import json
import os
import re
import secrets
import shlex
import tempfile
from collections.abc import Callable, Iterator, Sequence
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click
from msgspec import Struct

from tavusctl import cli
from tavusctl.cli import grant
from tavusctl.cli.keyring import WITHHELD
from tavusctl.cli.output import noting, print_commands
from tavusctl.cli.session import check_base_url
from tavusctl.cli.workflow import Workflow, add_summary, current, option, set_outputs
from tavusctl.errors import ApiError, Rejected, TavusctlError
from tavusctl.redaction import redacted

if TYPE_CHECKING:
    from tavusctl.client.github import GitHub

Comment = Literal["always", "on-changes", "never"]

# Which commands leave reports behind, and so have something to show.
_REPORTING = frozenset({"plan", "apply", "drift", "validate"})
_COMMANDS = (*sorted(_REPORTING), "adopt", "recrawl", "verify")
_LOOKING = frozenset({"plan", "drift", "validate", "verify"})
_TOLD = frozenset({"TV341", "TV342"})  # what reviewers are to see, whatever else changes
_ADOPTED = frozenset({0, 4})  # 4: all but what adopt refuses
_UNKNOWN = frozenset({"TV310", "TV311"})  # the state does not know all manifests: what was told may be there still
_DRIFT_KNOWN = frozenset({0, 2})  # how a drift that saw the account ends; after anything else nobody knows


class Reports(Struct, frozen=True):
    """What a command left behind, in a folder of its own."""

    folder: Path
    written: Sequence[tuple[str, Path]] = ()  # by the command, whatever made it do so

    def options(self, name: str) -> list[str]:
        """What a command line begins with so that it leaves everything there is to show; what follows overrides it."""
        if name not in _REPORTING:
            return []
        found = [f"--report={report}={self.folder / report}" for report in ("json", "markdown", "comment", "github")]
        return [*found, f"--out={self.folder / 'plan.json'}"] if name == "plan" else found

    @property
    def plan_file(self) -> str:
        """The plan file that was written; empty when there is none."""
        return next((str(path) for sort, path in self.written if sort == "plan-file"), "")

    def text(self, report: str) -> str:
        """One report; empty when the command ended before it could write it."""
        with contextlib.suppress(FileNotFoundError):
            return (self.folder / report).read_text(encoding="utf-8")
        return ""

    @property
    def document(self) -> dict[str, Any]:
        """The plan document, or the error."""
        found: dict[str, Any] = json.loads(self.text("json") or "{}")
        return found


@click.command("github", context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False})
@click.option(
    "--comment",
    type=click.Choice(["always", "on-changes", "never"]),
    envvar="TAVUSCTL_COMMENT",
    default="on-changes",
    help="When to comment on the pull request, or to open an issue about drift.",
)
@click.option("--dry-run", is_flag=True, help="Print what would be written to GitHub, and write nothing there.")
@click.argument("name", metavar="COMMAND", type=click.Choice(_COMMANDS))
@click.argument("args", nargs=-1, type=click.UNPROCESSED)
def command(*, comment: Comment, dry_run: bool, name: str, args: tuple[str, ...]) -> int:
    """Run a command as a step of a GitHub workflow.

    The report goes to the summary of the run, to annotations, to one comment on the pull request that is kept up to
    date, and for drift to one issue that is closed when the drift is gone; `adopt` keeps one pull request.  Later steps
    get the outputs `changes`, `drift`, `fingerprint`, `plan-file` and `exit-code`.  Further arguments are taken from
    TAVUSCTL_ARGS.  Only push, schedule, dispatch, merge queue and pull requests of this repository see the account;
    everything else is only validated.  For a pull request, keys, secrets and the state are those of the branch that it
    is for: checkout needs fetch-depth: 0.

    \b
    tavusctl github plan --base origin/main
    tavusctl github --dry-run drift
    """  # noqa: D301
    step = current()
    asked = [*args, *shlex.split(os.environ.get("TAVUSCTL_ARGS", ""))]
    if not step.trusted and name != "validate":
        what = f"the event {step.event_name or '(none)'} of this run may come from outside of the repository"
        click.echo(f"{what}: the manifests are validated, and {name} is not run", err=True)
        name, asked = "validate", _where(asked)
    folder = Path(tempfile.mkdtemp(prefix="tavusctl-", dir=os.environ.get("RUNNER_TEMP"))).absolute()
    if step.proposed:
        grant.ask((*step.bases, *option(asked, "--base")[1:]), writes=name not in _LOOKING)
    with _foreign_text(), noting() as written:
        reports = Reports(folder, written)
        code = cli.attempt([name, *reports.options(name), *asked])
        if reports.document.get("error", {}).get("id") == WITHHELD:
            click.echo(f"the manifests are validated, and {name} is not run", err=True)
            name, asked = "validate", _where(asked)
            code = cli.attempt([name, *reports.options(name), *asked])
    if name not in _REPORTING:
        set_outputs({"exit-code": str(code)})
        trouble = _propose(step, comment, dry_run=dry_run) if name == "adopt" and code in _ADOPTED else 0
        return code or trouble
    print_commands(_placed(reports.text("github")))
    add_summary(reports.text("markdown"))
    set_outputs(_outputs(name, code, reports))
    trouble = _publish(step, name, code, reports, comment, dry_run=dry_run)
    return code or trouble


def _where(asked: Sequence[str]) -> list[str]:
    """What a command line says about the folder and the environment: validate needs it as any command does."""
    return [*option(asked, "-e", "--env"), *option(asked, "-C", "--chdir")]


@contextlib.contextmanager
def _foreign_text() -> Iterator[None]:
    """The log of a command, in which no line is an order to the runner, whoever has written it."""
    token = secrets.token_hex(16) if os.environ.get("GITHUB_ACTIONS") == "true" else ""
    if token:
        print_commands(f"::stop-commands::{token}\n")
    try:
        yield
    finally:
        if token:
            print_commands(f"::{token}::\n")


def _outputs(name: str, code: int, reports: Reports) -> dict[str, str]:
    document = reports.document
    drift = bool(document.get("drift"))
    return {
        "changes": _word(drift if name == "drift" else _has_changes(document)),
        "drift": _word(drift),
        "fingerprint": str(document.get("fingerprint", "")),
        "plan-file": reports.plan_file,
        "exit-code": str(code),
    }


def _word(value: bool) -> str:
    return "true" if value else "false"


def _has_changes(document: dict[str, Any]) -> bool:
    """Whether an apply would write anything, to the account or to the state, or cannot."""
    parts = ("changes", "limits", "moved", "recorded", "recovered", "refused", "error")
    return any(document.get(part) for part in parts)


def _propose(step: Workflow, comment: Comment, *, dry_run: bool) -> int:
    """Keep the pull request with live edits; an exit code when that failed."""

    def told(github: GitHub) -> str:
        from tavusctl.cli.proposing import propose

        return f"pull request with live edits: {propose(github, step)}"

    return _with_github(step, comment, told, dry_run=dry_run)


def _publish(step: Workflow, name: str, code: int, reports: Reports, comment: Comment, *, dry_run: bool) -> int:
    """Say on GitHub what there is to say; an exit code when that failed."""
    document = reports.document
    marker = _marker(name, str(document.get("environment", "")))

    def told(github: GitHub) -> str:
        if name == "drift":
            return _keep_issue(github, step, marker, code, reports)
        if name in ("plan", "validate") and step.pull_request:
            news = {one["id"] for one in document.get("warnings") or []} & _TOLD
            worth = comment == "always" or _has_changes(document) or bool(document.get("complaints")) or bool(news)
            done = github.keep_comment(step.pull_request, marker, _body(marker, step, reports), create=worth)
            return f"comment on #{step.pull_request}: {done}"
        return ""

    return _with_github(step, comment, told, dry_run=dry_run)


def _with_github(step: Workflow, comment: Comment, tell: Callable[[GitHub], str], *, dry_run: bool) -> int:
    from tavusctl.client.github import GitHub

    if comment == "never" or not (step.token or dry_run):
        return 0
    try:
        url = check_base_url(step.api_url, "GITHUB_API_URL")
        with GitHub(url, step.repository, step.token, preview=_show if dry_run else None) as github:
            told = tell(github)
    except TavusctlError as error:
        if not step.trusted and isinstance(error, Rejected) and error.status == HTTPStatus.FORBIDDEN:
            # The token of a fork's run may only read; what there is to say is in the log and the summary.
            click.echo(f"notice: nothing was written on GitHub: {error.message}", err=True)
            return 0
        click.echo(f"error: {error.message} [{error.id}]", err=True)
        return ApiError.exit_code if isinstance(error, ApiError) else error.exit_code
    if told:
        click.echo(told, err=True)
    return 0


def _keep_issue(github: GitHub, step: Workflow, marker: str, code: int, reports: Reports) -> str:
    drift = reports.document.get("drift") or []
    if drift:
        count = len(drift)
        title = f"Drift: {count} object{'' if count == 1 else 's'} changed outside the manifests"
        return f"issue about drift: {github.keep_issue(marker, title, _body(marker, step, reports))}"
    unknown = {one["id"] for one in reports.document.get("warnings") or []} & _UNKNOWN
    if code in _DRIFT_KNOWN and not unknown:
        return f"issue about drift: {github.close_issues(marker, f'The drift is gone. {step.run_url}'.strip())}"
    return ""


def _marker(name: str, environment: str) -> str:
    """What our text begins with, one for each environment and folder; nothing in it can end the comment it is in."""
    words = [re.sub(r"[^A-Za-z0-9._/]", "_", one) for one in (name, environment, redacted(_inside())) if one]
    return f"<!-- tavusctl:{':'.join(words)} -->"


def _inside() -> str:
    """The folder of the project, from the root of the repository; empty at the root itself."""
    workspace, here = os.environ.get("GITHUB_WORKSPACE", ""), Path.cwd()
    inside = here.relative_to(workspace).as_posix() if workspace and here.is_relative_to(workspace) else "."
    return "" if inside == "." else inside


def _placed(annotations: str) -> str:
    """Annotations with paths from the root of the repository, which GitHub asks for."""
    if not (folder := _inside()):
        return annotations
    from tavusctl.reports.github import as_property

    return re.sub(r"(?m)^::\w+ file=", lambda found: f"{found.group()}{as_property(folder)}/", annotations)


def _body(marker: str, step: Workflow, reports: Reports) -> str:
    link = f"\n\n[The whole report]({step.run_url})" if step.run_url else ""
    return f"{marker}\n{reports.text('comment').rstrip()}{link}\n"


def _show(write: tuple[str, str, dict[str, Any]]) -> None:
    method, path, body = write
    click.echo(f"would send {method} {path}")
    click.echo("".join(f"    {line}\n" for line in str(body.get("body") or json.dumps(body)).splitlines()), nl=False)
