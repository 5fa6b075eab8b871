"""Run a command as a step of a workflow, and report its result wherever GitHub shows one, such as in a comment."""

from __future__ import annotations

import contextlib
import os
import secrets
import shlex
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final, Protocol

from msgspec import Struct
from msgspec.structs import replace

from tavusctl.app.files.rewritten_files import Rewritten, collect_rewritten_files
from tavusctl.app.github.publish import Comment, Log, Publisher
from tavusctl.app.github.reports import REPORTING, ReportRequest, outputs, short, titled
from tavusctl.app.github.subject import Subject, subject_of
from tavusctl.app.planning.plan_file import collect_plan_files
from tavusctl.app.session import pull_request_trust
from tavusctl.app.session.base_url import check_base_url
from tavusctl.app.session.keyring import WITHHELD
from tavusctl.core.errors import RefusedError, TavusctlError, Throttled, UsageError
from tavusctl.integrations.git.process import head
from tavusctl.integrations.github.actions import API_URL, Workflow, add_summary, current, set_outputs
from tavusctl.integrations.github.rest import GitHub
from tavusctl.lib.command_line import option_values
from tavusctl.lib.json_types import Json, as_object
from tavusctl.lib.patterns import pattern
from tavusctl.secrets.escape import flat

LINK: Final = "link"  # adds a page to the comment of a plan
COMMANDS: Final = (*sorted(REPORTING), "adopt", LINK, "recrawl", "verify")
_PAGE_URL: Final = pattern(r"https?://[\w.:-]+/[\w./-]+")
_MOST_SHARES: Final = 99  # of one comment
_READ_ONLY: Final = frozenset({"plan", "drift", "validate", "verify"})
_WITH_DRY_RUN: Final = frozenset({"adopt", "recrawl"})  # they have a dry run of their own
_READS_BRANCH: Final = (
    "a re-run reads the newest commit of its branch: check GITHUB_API_URL, "
    "and that the token has `contents: read` (`permissions:` of the job, or `github-token:`)"
)


class CommandLine(Log, Protocol):
    """Runs the command of the step."""

    def run(self, line: Sequence[str]) -> int:
        """Run a command line; return its exit code."""
        ...

    def fail(self, error: TavusctlError, line: Sequence[str]) -> int:
        """Report an error about a command line; return its exit code."""
        ...

    def options(self, name: str, args: Sequence[str]) -> Mapping[str, Json]:
        """The values of the options of a command line, as they are written; unknown options are left out."""
        ...

    def is_interrupted(self, code: int) -> bool:
        """Whether an exit code says that a signal has ended the run."""
        ...


class StepResult(Struct, frozen=True):
    """The result of the command of a step."""

    subject: Subject
    code: int
    reports: ReportRequest
    rewritten: Rewritten


class Writing(Struct, frozen=True):
    """The options about what is written on GitHub."""

    comment: Comment  # when
    shares_comment: bool  # one comment for all environments
    dry_run: bool  # write nothing: neither on GitHub nor to the account or to files


def run_step(name: str, args: Sequence[str], writing: Writing, command_line: CommandLine) -> int:
    """Run a command, report its result on GitHub, and return the exit code of the step."""
    step = current()
    if name == LINK:
        return _link(step, args, writing, command_line)
    if writing.dry_run and name == "apply":
        message = "`--dry-run` cannot be used with `apply`, which would write to the account"
        return command_line.fail(UsageError(message, "run `tavusctl github --dry-run plan`"), [name, *args])
    if name != "validate" and (outdated := _outdated_error(step, command_line)):
        return command_line.fail(outdated, [name, *args])
    result = _run(step, name, args, writing, command_line)
    name, code, reports = result.subject.command, result.code, result.reports
    publisher = Publisher(step, result.subject, writing.comment, writing.dry_run, command_line)
    if name not in REPORTING:
        set_outputs({"exit-code": str(code)})
        is_adopted = name == "adopt" and not code
        # If all edits were refused, an earlier pull request stays: nothing says that its edits are gone.
        if is_adopted or (name == "adopt" and code == RefusedError.exit_code and result.rewritten):
            publish_code = publisher.propose(result.rewritten)
            return code or publish_code
        return code
    command_line.command(reports.text("github"))
    is_in_summary = add_summary(titled(reports.text("summary"), result.subject))
    set_outputs(outputs(name, code, reports))
    if command_line.is_interrupted(code):  # the next run writes the comment or issue
        return code
    if not is_in_summary:
        reports.disclaim_summary()
    publish_code = publisher.publish(code, reports)
    return code or publish_code


def _outdated_error(step: Workflow, log: Log) -> TavusctlError | None:
    """The error of a re-run whose branch has newer commits: it would take their changes back, or comment on old files.

    GitHub gives a re-run the commit of its first attempt.  A first attempt has its turn before the newer commits have.
    """
    if step.attempt == "1" or not (step.is_trusted and step.branch and step.token):
        return None
    try:
        url = check_base_url(step.api_url, "GITHUB_API_URL", like=API_URL, sends="the token")
        with GitHub(url, step.repository, step.token, report_wait=log.say) as github:
            newest = github.tip(step.branch)
    except TavusctlError as error:
        error.hint = error.hint if isinstance(error, Throttled) else _READS_BRANCH
        return error
    if newest and newest in (step.commit, head(Path.cwd())):  # a workflow may check out the branch and not the commit
        return None
    branch = flat(step.branch)
    now = f"is at {short(newest)} now" if newest else "does not exist any more, or the token may not read `contents`"
    message = f"this is a re-run for commit {short(step.commit)}, and `{branch}` {now}"
    message += ": a re-run has the files of its old commit"
    may_start = newest and step.event_name not in ("pull_request", "merge_group")
    by_hand = f", or start the workflow for `{branch}` by hand" if may_start else ""
    hint = f"use the newest run of this workflow{by_hand}; to go back to older files, revert the newer commits"
    return RefusedError(message, hint, id="E434")


def _link(step: Workflow, args: Sequence[str], writing: Writing, log: CommandLine) -> int:
    """Add a link to the comment of a plan; the URL is the last argument, after options that choose the project."""
    words, unreadable = _arguments(args)
    if unreadable or not words or not _PAGE_URL.fullmatch(words[-1]):
        message = "`link` needs the address of a page, such as the output `artifact-url` of actions/upload-artifact"
        return log.fail(unreadable or UsageError(message), [LINK, *words])
    subject = subject_of(LINK, log.options("plan", words[:-1]), shares_comment=writing.shares_comment)
    return Publisher(step, subject, writing.comment, writing.dry_run, log).link(words[-1])


def _run(step: Workflow, name: str, args: Sequence[str], writing: Writing, command_line: CommandLine) -> StepResult:
    """Run the command; run `validate` instead if the event may come from outside the repository."""
    arguments, unreadable = _arguments(args)
    if step.is_unreviewed:
        pull_request_trust.restrict(
            (*step.base_references, *option_values(arguments, "--base")[-1:]), writes=name not in _READ_ONLY
        )
    subject = subject_of(name, command_line.options(name, arguments), shares_comment=writing.shares_comment)
    if not step.is_trusted and name != "validate":
        event = f"the event `{step.event_name or '(none)'}` of this run may come from outside the repository"
        command_line.say(f"{event}: the manifests are validated, and `{name}` is not run")
        subject, arguments = replace(subject, command="validate"), list(subject.options)
    elif writing.dry_run and name in _WITH_DRY_RUN:
        arguments = ["--dry-run", *arguments]
    folder = Path(tempfile.mkdtemp(prefix="tavusctl-", dir=os.environ.get("RUNNER_TEMP"))).absolute()
    with _foreign_text(command_line), collect_plan_files() as plan_files, collect_rewritten_files() as rewritten:
        reports = ReportRequest(folder, plan_files, min(max(1, len(subject.environments)), _MOST_SHARES))
        line = _line(subject, reports, arguments)
        code = command_line.fail(unreadable, line) if unreadable else command_line.run(line)
        if as_object(reports.document.get("error", {})).get("id") == WITHHELD:
            command_line.say(f"the manifests are validated, and `{subject.command}` is not run")
            subject = replace(subject, command="validate")
            code = command_line.run(_line(subject, reports, subject.options))
        if not code and subject.command in REPORTING and not reports.document:
            code = command_line.fail(_no_report_error(subject.command), _line(subject, reports, subject.options))
    return StepResult(subject, code, reports, rewritten)


def _no_report_error(name: str) -> UsageError:
    """The error of a command that succeeded without a report, such as one with `--help`."""
    message = f"`{name}` ended without a report: it has not done what the step is for"
    return UsageError(message, "remove options such as `--help` from `args` of the step")


def _line(subject: Subject, reports: ReportRequest, args: Sequence[str]) -> Sequence[str]:
    return [subject.command, *reports.options(subject.command), *args]


def _arguments(args: Sequence[str]) -> tuple[list[str], UsageError | None]:
    """The arguments of the command, with those of `TAVUSCTL_ARGS`, and the error if that variable is invalid."""
    try:
        return [*args, *shlex.split(os.environ.get("TAVUSCTL_ARGS", ""))], None
    except ValueError as error:
        message = f"TAVUSCTL_ARGS is not valid shell syntax: {str(error).lower()}"
        return list(args), UsageError(message, "look for an unclosed quote in `args`")


@contextlib.contextmanager
def _foreign_text(log: Log) -> Iterator[None]:
    """A context in which the runner executes no workflow commands of the log, whoever has written its lines."""
    token = secrets.token_hex(16) if os.environ.get("GITHUB_ACTIONS") == "true" else ""
    if token:
        log.command(f"::stop-commands::{token}\n")
    try:
        yield
    finally:
        if token:
            log.command(f"::{token}::\n")
