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
from msgspec.structs import replace

from tavusctl import cli
from tavusctl.cli import grant
from tavusctl.cli.failure import report
from tavusctl.cli.keyring import WITHHELD
from tavusctl.cli.output import noting, print_commands
from tavusctl.cli.rewritten import Rewritten, keeping
from tavusctl.cli.session import check_base_url
from tavusctl.cli.subject import Subject, subject_of
from tavusctl.cli.workflow import Workflow, add_summary, current, option, set_outputs
from tavusctl.errors import ApiError, InternalError, Rejected, TavusctlError, UsageError

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
_COMMIT = 7  # digits by which a commit is known
_DRIFT_KNOWN = frozenset({0, 2})  # how a drift that saw the account ends; after anything else nobody knows


class Reports(Struct, frozen=True):
    """What a command left behind, in a folder of its own."""

    folder: Path
    written: Sequence[tuple[str, Path]] = ()  # by the command, whatever made it do so

    def options(self, name: str) -> list[str]:
        """What a command line begins with so that it leaves everything there is to show; what follows overrides it."""
        if name not in _REPORTING:
            return []
        found = [f"--report={one}={self.folder / one}" for one in ("json", "summary", "comment", "github")]
        return [*found, f"--out={self.folder / 'plan.json'}"] if name == "plan" else found

    @property
    def plan_file(self) -> str:
        """The plan file that was written; empty when there is none."""
        return next((str(path) for sort, path in self.written if sort == "plan-file"), "")

    def text(self, name: str) -> str:
        """One report; empty when the command ended before it could write it."""
        with contextlib.suppress(FileNotFoundError):
            return (self.folder / name).read_text(encoding="utf-8")
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
    asked, unreadable = _arguments(args)
    if step.proposed:
        grant.ask((*step.bases, *option(asked, "--base")[1:]), writes=name not in _LOOKING)
    subject = subject_of(name, asked)
    if not step.trusted and name != "validate":
        what = f"the event {step.event_name or '(none)'} of this run may come from outside of the repository"
        click.echo(f"{what}: the manifests are validated, and {name} is not run", err=True)
        name, asked = "validate", list(subject.options)
        subject = replace(subject, command=name)
    folder = Path(tempfile.mkdtemp(prefix="tavusctl-", dir=os.environ.get("RUNNER_TEMP"))).absolute()
    with _foreign_text(), noting() as written, keeping() as rewritten:
        reports = Reports(folder, written)
        line = [name, *reports.options(name), *asked]
        code = report(unreadable, line) if unreadable else cli.attempt(line)
        if reports.document.get("error", {}).get("id") == WITHHELD:
            click.echo(f"the manifests are validated, and {name} is not run", err=True)
            name, asked = "validate", list(subject.options)
            subject = replace(subject, command=name)
            code = cli.attempt([name, *reports.options(name), *asked])
    if name not in _REPORTING:
        set_outputs({"exit-code": str(code)})
        if name == "adopt" and code in _ADOPTED:
            return code or _propose(step, subject, rewritten, comment, dry_run=dry_run)
        return code
    print_commands(_placed(reports.text("github"), subject.folder))
    is_there = add_summary(reports.text("summary"))
    set_outputs(_outputs(name, code, reports))
    if code > cli.SIGNALS:  # the next run says what there is to say
        return code
    if not is_there:
        _disclaim_summary(reports)
    trouble = _publish(step, subject, code, reports, comment, dry_run=dry_run)
    return code or trouble


def _disclaim_summary(reports: Reports) -> None:
    """Let the comment say that all is in the log, where the summary had no room left for this report."""
    from tavusctl.reports.comment import IN_SUMMARY
    from tavusctl.reports.fitting import IN_LOG

    text = reports.text("comment")
    if IN_SUMMARY in text:
        (reports.folder / "comment").write_text(text.replace(IN_SUMMARY, IN_LOG, 1), encoding="utf-8")


def _arguments(args: Sequence[str]) -> tuple[list[str], UsageError | None]:
    """The arguments of the command, and what is wrong with those that come from the environment."""
    try:
        return [*args, *shlex.split(os.environ.get("TAVUSCTL_ARGS", ""))], None
    except ValueError as error:
        message = f"TAVUSCTL_ARGS cannot be read as a shell would: {str(error).lower()}"
        return list(args), UsageError(message, "look for a quote that is not closed in `args`")


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


def _propose(step: Workflow, subject: Subject, rewritten: Rewritten, comment: Comment, *, dry_run: bool) -> int:
    """Keep the pull request with live edits; an exit code when that failed."""

    def told(github: GitHub) -> str:
        from tavusctl.cli.proposing import propose

        return f"pull request with live edits: {propose(github, step, subject, rewritten)}"

    return _with_github(step, comment, told, dry_run=dry_run)


def _publish(step: Workflow, subject: Subject, code: int, reports: Reports, comment: Comment, *, dry_run: bool) -> int:
    """Say on GitHub what there is to say; an exit code when that failed."""
    document = reports.document

    def told(github: GitHub) -> str:
        if subject.command == "drift":
            return _keep_issue(github, step, subject, code, reports)
        if subject.command in ("plan", "validate") and step.pull_request:
            news = any(one["id"] in _TOLD for one in document.get("warnings") or [])
            worth = comment == "always" or bool(code or news or document.get("complaints")) or _has_changes(document)
            text = _text(step, subject, code, reports)
            settles = bool(subject.environment)
            done = github.keep_comment(
                step.pull_request, subject.marker, text, near=subject.is_near, settles=settles, create=worth
            )
            return f"comment on #{step.pull_request}: {done}"
        return ""

    return _with_github(step, comment, told, dry_run=dry_run, needed=subject.command == "drift")


def _with_github(
    step: Workflow, comment: Comment, tell: Callable[[GitHub], str], *, dry_run: bool, needed: bool = True
) -> int:
    """Write to GitHub; an exit code when that failed, unless the step is good without it."""
    from tavusctl.client.github import GitHub

    if comment == "never" or not (step.token or dry_run):
        return 0
    try:
        url = check_base_url(step.api_url, "GITHUB_API_URL")
        with GitHub(url, step.repository, step.token, preview=_show if dry_run else None, tell=_say) as github:
            told = tell(github)
    except UsageError as error:
        _say(f"error: {error.message} [{error.id}]")
        return error.exit_code
    except TavusctlError as error:
        if not step.trusted and isinstance(error, Rejected) and error.status == HTTPStatus.FORBIDDEN:
            # The token of a fork's run may only read; what there is to say is in the log and the summary.
            _say(f"notice: nothing was written on GitHub: {error.message}")
            return 0
        if not needed:
            from tavusctl.reports.github import remark

            _say(f"warning: the comment could not be written: {error.message} [{error.id}]")
            print_commands(remark("the comment could not be written, and may show an older plan", error.message))
            return 0
        _say(f"error: {error.message} [{error.id}]")
        return ApiError.exit_code if isinstance(error, ApiError) else error.exit_code
    if told:
        _say(told)
    return 0


def _say(text: str) -> None:
    click.echo(text, err=True)


def _keep_issue(github: GitHub, step: Workflow, subject: Subject, code: int, reports: Reports) -> str:
    marker = subject.marker
    drift = reports.document.get("drift") or []
    if drift:
        count = len(drift)
        title = f"Drift: {count} object{'' if count == 1 else 's'} changed outside the manifests"
        text = _text(step, subject, code, reports)
        body = f"{marker}\n{text}"
        return f"issue about drift: {github.keep_issue(marker, title, body)}"
    unknown = {one["id"] for one in reports.document.get("warnings") or []} & _UNKNOWN
    if code in _DRIFT_KNOWN and not unknown:
        return f"issue about drift: {github.close_issues(marker, f'The drift is gone. {step.run_url}'.strip())}"
    return ""


def _placed(annotations: str, folder: str) -> str:
    """Annotations with paths from the root of the repository, which GitHub asks for."""
    if not folder:
        return annotations
    from tavusctl.reports.github import as_property

    return re.sub(r"(?m)^::\w+ file=", lambda found: f"{found.group()}{as_property(folder)}/", annotations)


def _text(step: Workflow, subject: Subject, code: int, reports: Reports) -> str:
    """What is written on GitHub: the report, of what commit it is, and where the rest is."""
    text = reports.text("comment") or _unreported(subject, code)
    links = [f"[The run and its log]({step.run_url})"] if step.run_url else []
    links += [f"commit {step.commit[:_COMMIT]}"] if step.commit else []
    return "\n\n".join([text.rstrip(), *([" · ".join(links)] if links else [])]) + "\n"


def _unreported(subject: Subject, code: int) -> str:
    """What is told of a command that ended before it could report."""
    from tavusctl.reports import REPORTS

    message = f"{subject.command} ended with {code} before it could report; the log of this run says why"
    return REPORTS["comment"].complaints(InternalError(message).complaints)


def _show(write: tuple[str, str, dict[str, Any]]) -> None:
    method, path, body = write
    click.echo(f"would send {method} {path}")
    click.echo("".join(f"    {line}\n" for line in str(body.get("body") or json.dumps(body)).splitlines()), nl=False)
