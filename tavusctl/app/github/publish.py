"""What is written on GitHub: one comment, one issue, one pull request, each kept up to date."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from http import HTTPStatus
from typing import Final, Literal, Protocol

from msgspec import Struct

from tavusctl.app.files.rewritten_files import Rewritten
from tavusctl.app.github.pull_request import propose
from tavusctl.app.github.reports import ReportRequest, body, has_changes, short
from tavusctl.app.github.subject import Subject
from tavusctl.app.session.base_url import check_base_url
from tavusctl.core.errors import ApiError, Rejected, TavusctlError, UsageError
from tavusctl.integrations.github.actions import Workflow
from tavusctl.integrations.github.rest import GitHub
from tavusctl.lib.json_types import JsonObject, as_list
from tavusctl.reports.github.annotations import remark
from tavusctl.reports.github.environment_sections import Section, sections
from tavusctl.reports.github.environment_sections import body as joined_body

Comment = Literal["always", "on-changes", "never"]

_TOLD: Final = frozenset({"TV341", "TV342"})  # what reviewers are to see, whatever else changes
_UNKNOWN: Final = frozenset(
    {"TV310", "TV311"}
)  # the state does not know all manifests: what was told may be there still
_PLANNED: Final = frozenset({0, 2})  # after a merge, a plan that is there is told by the apply that carries it out
_DONE: Final = frozenset({"created", "updated", "closed"})
_PAGE: Final = "The plan as a page"
_DRIFT_KNOWN: Final = frozenset({0, 2})  # how a drift that saw the account ends; after anything else nobody knows


class Log(Protocol):
    """The log of the step."""

    def say(self, text: str) -> None:
        """A line for people."""
        ...

    def command(self, text: str) -> None:
        """Commands for the runner."""
        ...

    def preview(self, write: tuple[str, str, JsonObject]) -> None:
        """What would be sent to GitHub."""
        ...


class Publisher(Struct, frozen=True):
    """Writes on GitHub what a step has to say."""

    step: Workflow
    subject: Subject
    comment: Comment
    dry_run: bool
    log: Log

    def propose(self, rewritten: Rewritten) -> int:
        """Keep the pull request with live edits; an exit code when that failed."""

        def told(github: GitHub) -> str:
            done = propose(github, self.step, self.subject, rewritten, self.log.say)
            return f"pull request with live edits: {done}"

        if self.dry_run:  # `adopt` has written no file that it could hold
            self.log.say("pull request with live edits: it would hold the edits above, if there are any")
            return 0
        return self._write(told, needed=True)

    def publish(self, code: int, reports: ReportRequest) -> int:
        """Say on GitHub what there is to say; an exit code when that failed."""
        is_drift = self.subject.command == "drift"
        tell = self._keep_issue if is_drift else self._keep_comment
        return self._write(lambda github: tell(github, code, reports), needed=is_drift)

    def link(self, url: str) -> int:
        """Let the comment lead to a page, which is known only when the comment is there; an exit code."""

        def linked(before: Section | None) -> str:
            return f"{before.text.rstrip().partition(f' · [{_PAGE}](')[0]} · [{_PAGE}]({url})\n" if before else ""

        def told(github: GitHub) -> str:
            return f"link in the {self._kept(github, self.step.pull_request, linked)}"

        return self._write(told, needed=False) if self.step.pull_request else 0

    def _keep_comment(self, github: GitHub, code: int, reports: ReportRequest) -> str:
        subject, document = self.subject, reports.document
        news = reports.warned & _TOLD
        worth = self.comment == "always" or bool(code or news or document.get("complaints")) or has_changes(document)
        text = body(self.step, subject, code, reports)
        told = [
            self._kept(github, number, lambda _: text, create=worth) for number in self._pull_requests(github, code)
        ]
        return "\n".join(told)

    def _kept(self, github: GitHub, number: int, text: Callable[[Section | None], str], *, create: bool = False) -> str:
        """Bring the section of this environment to a text, none where there is none to write; what was done."""
        subject, commit = self.subject, short(self.step.commit)

        def edited(bodies: Sequence[str]) -> str:
            # Of two that were made at once, the older is kept, and gets what only the other has.
            known = {one.environment: one for found in reversed(bodies) for one in sections(found)}
            own = Section(subject.environment, commit, text(known.get(subject.environment)))
            if not own.text or not (bodies or create):
                return ""
            order = subject.environments
            if subject.environment:  # an error of no known environment was about this one as well
                known.pop("", None)
            others = [one for one in known.values() if subject.shares_comment and one.environment != own.environment]
            kept = [one for one in others if not order or one.environment in ("", *order)]
            return f"{subject.comment_marker}\n{joined_body([*kept, own], order, own)}"

        done = github.keep_comment(
            number, subject.comment_marker, edited, near=subject.is_near, settles=bool(subject.environment)
        )
        return f"comment on #{number}: {self._told(done)}"

    def _pull_requests(self, github: GitHub, code: int) -> list[int]:
        """Those that are told: the one that a run is for, and those whose merge an apply is about, done or not."""
        step, command = self.step, self.subject.command
        if step.pull_request:
            return [step.pull_request] if command in ("plan", "validate") else []
        is_told = command == "apply" or (command == "plan" and code not in _PLANNED)
        return github.merged(step.merged) if is_told and step.merged else []

    def _keep_issue(self, github: GitHub, code: int, reports: ReportRequest) -> str:
        step, marker = self.step, self.subject.issue_marker
        drift = as_list(reports.document.get("drift") or [])
        if drift:
            count = len(drift)
            title = f"Drift: {count} object{'' if count == 1 else 's'} changed outside the manifests"
            text = f"{marker}\n{body(step, self.subject, code, reports)}"
            return f"issue about drift: {self._told(github.keep_issue(marker, title, text))}"
        if code in _DRIFT_KNOWN and not reports.warned & _UNKNOWN:
            closed = github.close_issues(marker, f"The drift is gone. {step.run_url}".strip())
            return f"issue about drift: {self._told(closed)}"
        return ""

    def _told(self, done: str) -> str:
        """What was done, or in a dry run would have been."""
        return f"would be {done}" if self.dry_run and done in _DONE else done

    def _write(self, tell: Callable[[GitHub], str], *, needed: bool) -> int:
        """Write to GitHub; an exit code when that failed, unless the step is good without it."""
        step, log = self.step, self.log
        if self.comment == "never" or not (step.token or self.dry_run):
            return 0
        try:
            url = check_base_url(step.api_url, "GITHUB_API_URL")
            preview = log.preview if self.dry_run else None
            with GitHub(url, step.repository, step.token, preview=preview, tell=log.say) as github:
                told = tell(github)
        except UsageError as error:
            log.say(f"error: {error.message} [{error.id}]")
            return error.exit_code
        except TavusctlError as error:
            return self._failed(error, needed=needed)
        if told:
            log.say(told)
        return 0

    def _failed(self, error: TavusctlError, *, needed: bool) -> int:
        """Say why nothing was written; the exit code."""
        step, log = self.step, self.log
        if not step.trusted and isinstance(error, Rejected) and error.status == HTTPStatus.FORBIDDEN:
            # The token of a fork's run may only read; what there is to say is in the log and the summary.
            log.say(f"notice: nothing was written on GitHub: {error.message}")
            return 0
        if not needed:
            log.say(f"warning: the comment could not be written: {error.message} [{error.id}]")
            log.command(remark("the comment could not be updated and may show an older plan", error.message))
            return 0
        log.say(f"error: {error.message} [{error.id}]")
        return ApiError.exit_code if isinstance(error, ApiError) else error.exit_code
