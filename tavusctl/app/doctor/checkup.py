"""Check everything that commands need, in the order in which they need it; after a failure, the rest is checked too."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack
from functools import partial
from pathlib import Path

from msgspec.structs import replace

from tavusctl.app.doctor import checks
from tavusctl.app.doctor.finding import Finding, Health, ok, run_check
from tavusctl.app.session.local import LocalSession
from tavusctl.app.session.online import Session
from tavusctl.app.session.opening import load_project, open_session
from tavusctl.app.session.progress import Progress
from tavusctl.core.diagnostics import Severity
from tavusctl.core.errors import worst
from tavusctl.core.messages import counted
from tavusctl.core.project_settings import Environment
from tavusctl.reports.json import result_text
from tavusctl.reports.terminal.styling import style
from tavusctl.secrets.escape import escape_invisible

_COLOURS = {Health.OK: "green", Health.WARNING: "yellow", Health.FAILED: "red"}


Place = Callable[[Environment, Path], AbstractContextManager[str]]


def checkup(environment: str | None, place: Place, progress: Progress) -> Iterator[Finding]:
    """Run all checks; nothing is changed.  `place` is a context that gives the base URL of an environment's API."""
    yield from run_check("versions", checks.versions)
    project, diagnostics = load_project()
    yield from run_check("project", lambda: checks.project(project, diagnostics))
    opened: list[LocalSession] = []
    yield from run_check("environment", partial(_open, environment, progress, opened))
    state = opened[0].environment.state if opened else ""
    yield from run_check("git", lambda: checks.git(Path(project.root), state))
    if all(one.severity is not Severity.ERROR for one in diagnostics):
        yield from run_check("workflows", lambda: checks.workflows(project))
    for session in opened or [LocalSession(project, Environment(), progress)]:
        for finding in _account_findings(session, place, known=bool(opened)):
            yield replace(finding, hint=session.with_environment(finding.hint))


def _open(environment: str | None, progress: Progress, opened: list[LocalSession]) -> Iterator[Finding]:
    session = open_session(environment, progress)
    opened.append(session)
    label = session.environment.account
    yield ok("environment", f"{session.environment.name}{f' (account {label})' if label else ''}")


def _account_findings(session: LocalSession, place: Place, *, known: bool) -> Iterator[Finding]:
    """The checks of address, `.env`, key, account and state; only the address if the environment is unknown."""
    with ExitStack() as stack:
        urls: list[str] = []
        yield from run_check("address", partial(_address, session, place, stack, urls))
        if not known:
            return
        yield from run_check("env-file", lambda: checks.variables(session))
        key_findings = [*run_check("key", lambda: checks.key(session))]
        yield from key_findings
        has_key = all(finding.health is Health.OK for finding in key_findings)
        account_findings = [
            finding
            for url in (urls if has_key else ())
            for finding in run_check("account", partial(checks.account, session, url))
        ]
        yield from account_findings
        is_reached = bool(account_findings) and all(one.health is not Health.FAILED for one in account_findings)
        online = Session.of(session, *urls)
        yield from run_check("state", lambda: checks.state(online, is_reached=is_reached))


def _address(session: LocalSession, place: Place, stack: ExitStack, urls: list[str]) -> Iterator[Finding]:
    urls.append(stack.enter_context(place(session.environment, session.root)))
    yield checks.address(session.environment, urls[0])


def exit_code(findings: Sequence[Finding]) -> int:
    """0, or the exit code of the worst finding, with which a command would end because of it."""
    return worst([one.exit_code for one in findings])


def text(findings: Sequence[Finding]) -> str:
    """A line for each finding, with its hint below it, and a summary."""
    lines = []
    for finding in findings:
        word = style(f"{finding.health.value:<8}", fg=_COLOURS[finding.health])
        lines.append(f"{word} {finding.check}: {escape_invisible(finding.message)}")
        if finding.hint:
            lines.append(f"  help: {escape_invisible(finding.hint)}")
    counts = [(health, sum(finding.health is health for finding in findings)) for health in Health]
    words = (counted(count, one) if one is Health.WARNING else f"{count} {one}" for one, count in counts if count)
    summary = ", ".join(words)
    return "\n".join([*lines, style(f"Doctor: {summary}", bold=True)]) + "\n"


def document(findings: Sequence[Finding]) -> str:
    """The findings as JSON."""
    checks = [
        {
            "check": finding.check,
            "status": finding.health.value,
            "message": finding.message,
            "hint": finding.hint or None,
        }
        for finding in findings
    ]
    return result_text(checks=checks)
