"""Write the results of a step on GitHub: one comment, one issue, one pull request, each kept up to date."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import Final, Literal, Protocol

from msgspec import Struct

from tavusctl.app.files.rewritten_files import Rewritten
from tavusctl.app.github.pull_request import propose
from tavusctl.app.github.reports import ReportRequest, body, has_changes, short
from tavusctl.app.github.subject import Subject
from tavusctl.app.session.base_url import check_base_url
from tavusctl.core.errors import ApiError, Rejected, TavusctlError, Throttled, UnauthorisedError, UsageError
from tavusctl.core.messages import counted
from tavusctl.integrations.github.actions import API_URL, Workflow
from tavusctl.integrations.github.forge_objects import Pull, Text
from tavusctl.integrations.github.rest import GitHub
from tavusctl.lib.json_types import JsonObject, as_list
from tavusctl.reports.escaping import code as markup
from tavusctl.reports.github.annotations import remark
from tavusctl.reports.github.environment_sections import Section, sections
from tavusctl.reports.github.environment_sections import body as joined_body

Comment = Literal["always", "on-changes", "never"]

_MUST_SEE: Final = frozenset({"TV341", "TV342"})  # warnings that reviewers must see, so they always cause a comment
_UNKNOWN: Final = frozenset(
    {"TV310", "TV311"}
)  # the state does not know all manifests, so drift that was reported earlier may still exist
_PLANNED: Final = frozenset({0, 2})  # after a merge, the apply reports about changes that were planned with these codes
_PLAN: Final = "### tavusctl plan"  # in a report of a plan
_CONTAINED: Final = ", which contains this merge"  # the end of a report of the run of a later merge
_DONE: Final = frozenset({"created", "updated", "closed"})
_PAGE: Final = "The plan as a page"
_NEXT: Final = (
    "The next apply restores what the manifests say. To keep edits, run {} and merge the files that it writes."
)
_PERMISSIONS: Final = {"drift": ("issues",), "adopt": ("contents", "pull-requests")}
_COMMENTING: Final = ("pull-requests",)  # the permission of all other commands
_NO_TOKEN: Final = (
    "there is no token for GitHub, so nothing is written there",
    "set `github-token:` of the action, or GITHUB_TOKEN; with `comment: never`, nothing is to be written",
)
_ABANDONED_AFTER: Final = timedelta(days=8)  # each drift job updates its issue; some run once a week
_DRIFT_KNOWN: Final = frozenset({0, 2})  # exit codes of a `drift` that has read the account; others prove nothing


class Log(Protocol):
    """The log of the step."""

    def say(self, text: str) -> None:
        """Write a line for people."""
        ...

    def command(self, text: str) -> None:
        """Write workflow commands for the runner."""
        ...

    def preview(self, write: tuple[str, str, JsonObject]) -> None:
        """Show a request that would be sent to GitHub: method, path and body."""
        ...


class Publisher(Struct, frozen=True):
    """Writes the results of a step on GitHub."""

    step: Workflow
    subject: Subject
    comment: Comment
    dry_run: bool
    log: Log

    def propose(self, rewritten: Rewritten) -> int:
        """Create, update or close the pull request with live edits; return an exit code, 0 if that succeeded."""

        def write(github: GitHub) -> str:
            done = propose(github, self.step, self.subject, rewritten, self.log.say)
            return f"pull request with live edits: {done}"

        if self.dry_run:  # `adopt` has written no files that could be compared
            self.log.say("pull request with live edits: it would hold the edits above, if there are any")
            return 0
        return self._write(write, needed=True)

    def publish(self, code: int, reports: ReportRequest) -> int:
        """Update the issue (`drift`) or the comment (other commands); return an exit code, 0 if that succeeded."""
        is_drift = self.subject.command == "drift"
        tell = self._keep_issue if is_drift else self._keep_comments
        return self._write(lambda github: tell(github, code, reports), needed=is_drift)

    def link(self, url: str) -> int:
        """Add a link to an existing comment, whose page is made after the comment; return an exit code."""

        def with_link(before: Section | None) -> str:
            if before is None or before.commit != short(self.step.commit):
                return ""  # if the plan of this commit could not be written, that of an older one is there
            return f"{before.text.rstrip().partition(f' · [{_PAGE}](')[0]} · [{_PAGE}]({url})\n"

        def write(github: GitHub) -> str:
            return f"link in the {self._update_comment(github, self.step.pull_request, with_link)}"

        return self._write(write, needed=False) if self.step.pull_request else 0

    def _keep_comments(self, github: GitHub, code: int, reports: ReportRequest) -> str:
        """Keep the comment on the pull request of this run or, after a merge, on all that its commit contains."""
        step = self.step
        if step.pull_request:
            is_reported = self.subject.command in ("plan", "validate")
            return self._keep_comment(github, step.pull_request, code, reports) if is_reported else ""
        if not self._reports_merge(code, reports.document):
            return ""
        lately = github.merged_lately(step.branch) if step.branch else []  # a tag is no place of merges
        own = [pull.number for pull in lately if pull.merge_commit_sha in step.merged_commits]
        own += github.merged(step.merged_commits)
        earlier = (pull for pull in lately if pull.number not in own)
        return "\n".join(
            [
                *self._update_earlier(github, earlier, code, reports),
                *(self._keep_comment(github, number, code, reports) for number in dict.fromkeys(own)),
            ]
        )

    def _keep_comment(self, github: GitHub, number: int, code: int, reports: ReportRequest) -> str:
        subject, document = self.subject, reports.document
        must_see = reports.warning_ids & _MUST_SEE
        is_worth_comment = (
            self.comment == "always" or bool(code or must_see or document.get("complaints")) or has_changes(document)
        )
        text = body(self.step, subject, code, reports)
        is_after_merge = not self.step.pull_request and subject.command == "plan"

        def updated(before: Section | None) -> str:
            # Without changes, no apply follows that would report; what an earlier one has reported stays.
            return text if code or not is_after_merge or (before and _PLAN in before.text) else ""

        return self._update_comment(github, number, updated, create=is_worth_comment)

    def _update_earlier(
        self, github: GitHub, pulls: Iterable[Pull], code: int, reports: ReportRequest
    ) -> Iterator[str]:
        """Replace the plans on pull requests of earlier merges whose run was cancelled, or waited in vain.

        The commit of this run contains them: what came of it is what came of them.  `pulls` are the newest first.
        A run reports about the oldest one first, so nothing older than a report of another run needs one.
        """
        commit, unreported = short(self.step.commit), []
        for pull in pulls:
            before = self._present_section(github, pull.number)
            if before and before.commit != commit and _is_report(before, pull):  # another attempt reports again
                break
            if before:
                unreported.append(pull)
        text = body(self.step, self.subject, code, reports, remark=_CONTAINED)
        for pull in reversed(unreported):
            if github.contains(self.step.commit, pull.merge_commit_sha or ""):
                yield self._update_unless_refused(github, pull.number, text)

    def _update_unless_refused(self, github: GitHub, number: int, text: str) -> str:
        """Update a comment; a refusal, as for a locked pull request, must not keep others from being updated."""
        try:
            return self._update_comment(github, number, lambda _: text)
        except Throttled:
            raise
        except Rejected as error:
            return f"comment on #{number}: not updated: {error.message}"

    def _present_section(self, github: GitHub, number: int) -> Section | None:
        """The section of this environment in the comment on a pull request; None if there is none."""
        found: list[Section | None] = []

        def look(before: Section | None) -> str:
            found.append(before)
            return ""

        self._update_comment(github, number, look)
        return found[0]

    def _update_comment(
        self, github: GitHub, number: int, text: Callable[[Section | None], str], *, create: bool = False
    ) -> str:
        """Set the section of this environment in a comment, and return what was done.

        `text` makes the section from the present one; if it returns an empty text, nothing is written.  A comment that
        does not exist yet is made only with `create`.
        """
        subject, commit = self.subject, short(self.step.commit)

        def edited(bodies: Sequence[str]) -> str:
            # If two comments were made at the same time, the older one stays, with the sections of both.
            by_environment = {one.environment: one for body_text in reversed(bodies) for one in sections(body_text)}
            own = Section(subject.environment, commit, text(by_environment.get(subject.environment)))
            if not own.text or not (bodies or create):
                return ""
            order = subject.environments
            if subject.environment:  # an error without an environment was about this one, too
                by_environment.pop("", None)
            others = [
                one for one in by_environment.values() if subject.shares_comment and one.environment != own.environment
            ]
            remaining = [one for one in others if not order or one.environment in ("", *order)]
            return f"{subject.comment_marker}\n{subject.folder_line}{joined_body([*remaining, own], order, own)}"

        done = github.keep_comment(
            number, subject.comment_marker, edited, near=subject.is_near, settles=bool(subject.environment)
        )
        return f"comment on #{number}: {self._as_done(done)}"

    def _reports_merge(self, code: int, document: JsonObject) -> bool:
        """Whether the run is for a merge, and no later apply of it reports about the merge."""
        is_last = code not in _PLANNED or not has_changes(document)
        is_reported = self.subject.command == "apply" or (self.subject.command == "plan" and is_last)
        return is_reported and bool(self.step.merged_commits and not self.step.pull_request)

    def _keep_issue(self, github: GitHub, code: int, reports: ReportRequest) -> str:
        """Create, update or close the issue of this environment; close those of environments that were removed."""
        step, subject, marker = self.step, self.subject, self.subject.issue_marker
        drift = as_list(reports.document.get("drift") or [])
        if not drift and (code not in _DRIFT_KNOWN or reports.warning_ids & _UNKNOWN):
            return ""
        issues = github.issues(lambda first: first == marker or subject.was_removed(first))
        own = [one for one in issues if one.first_line == marker]
        abandoned = [one for one in issues if one not in own and _is_abandoned(one)]
        if drift:
            place = f" in {subject.name}" if subject.name else ""
            title = f"Drift{place}: {counted(len(drift), 'object')} changed outside the manifests"
            report = body(step, subject, code, reports)
            command = f"tavusctl adopt --all --env {subject.environment}"
            text = f"{marker}\n{subject.folder_line}{report}\n{_NEXT.format(markup(command))}\n"
            done = github.keep_issue(own, marker, title, text)
        else:
            done = github.close_issues(own, f"The drift is gone. {step.run_url}".strip())
        lines = [f"issue about drift: {self._as_done(done)}"]
        if abandoned:
            removed = github.close_issues(
                abandoned, f"The project has no such environment any more. {step.run_url}".strip()
            )
            lines.append(f"issues about environments that were removed: {self._as_done(removed)}")
        return "\n".join(lines)

    def _as_done(self, done: str) -> str:
        """What was done, or in a dry run what would be done."""
        return f"would be {done}" if self.dry_run and done in _DONE else done

    def _write(self, tell: Callable[[GitHub], str], *, needed: bool) -> int:
        """Write to GitHub and log what was done; return an exit code if that failed and is `needed`, else 0."""
        step, log = self.step, self.log
        if self.comment == "never":
            return 0
        if not (step.token or self.dry_run):
            return self._failed(UnauthorisedError(*_NO_TOKEN), needed=needed) if needed or step.pull_request else 0
        try:
            url = check_base_url(step.api_url, "GITHUB_API_URL", like=API_URL, sends="the token")
            preview = log.preview if self.dry_run else None
            with GitHub(url, step.repository, step.token, preview=preview, report_wait=log.say) as github:
                done = tell(github)
        except UsageError as error:
            log.say(f"error: {self._text(error)}")
            return error.exit_code
        except TavusctlError as error:
            return self._failed(error, needed=needed)
        if done:
            log.say(done)
        return 0

    def _failed(self, error: TavusctlError, *, needed: bool) -> int:
        """Report why nothing was written; return the exit code."""
        step, log = self.step, self.log
        if not step.is_trusted and isinstance(error, Rejected) and error.status == HTTPStatus.FORBIDDEN:
            # The token of a run for a fork may only read; log and summary have the report.
            log.say(f"notice: nothing was written on GitHub: {error.message}")
            return 0
        if not needed:
            # The runner shows an annotation in the log, too.
            log.command(remark("the comment could not be updated and may show an older plan", self._text(error)))
            return 0
        log.say(f"error: {self._text(error)}")
        return ApiError.exit_code if isinstance(error, ApiError) else error.exit_code

    def _text(self, error: TavusctlError) -> str:
        """An error, with what would allow a call that GitHub has refused to this token."""
        advice = self._advice(error) if isinstance(error, Rejected) else error.hint
        return f"{error.message} [{error.id}]" + (f"\n  help: {advice}" if advice else "")

    def _advice(self, error: Rejected) -> str:
        if "not permitted to create" in error.text:  # a setting of the repository, or of its organisation
            return "under Settings, Actions, General, allow GitHub Actions to create pull requests"
        if "Issues are disabled" in error.text:
            return "enable issues under Settings, General, Features of the repository, or set `comment: never`"
        if "not accessible" in error.text or error.status == HTTPStatus.NOT_FOUND:  # 404: it may not even read
            names = _PERMISSIONS.get(self.subject.command, _COMMENTING)
            allowed = " and ".join(f"`{name}: write`" for name in names)
            return f"the token needs {allowed}: see `permissions:` of the job, or `github-token:`"
        return ""


def _is_report(section: Section, pull: Pull) -> bool:
    """Whether a section says what came of a merge: it is of an apply, or of a plan after the merge without errors."""
    merge = short(pull.merge_commit_sha or "")
    is_after_merge = section.text.rstrip().endswith(_CONTAINED) or section.commit == merge != short(pull.head.sha)
    return _PLAN not in section.text or (is_after_merge and not section.is_alarming)


def _is_abandoned(issue: Text) -> bool:
    """Whether no job has updated an issue for long: a job for another branch may know the environment."""
    return issue.updated_at is not None and datetime.now(UTC) - issue.updated_at > _ABANDONED_AFTER
