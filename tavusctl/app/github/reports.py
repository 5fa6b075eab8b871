"""The reports that a command writes for GitHub, and the texts and outputs made from them."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from msgspec import Struct

from tavusctl.app.github.subject import Subject
from tavusctl.core.errors import InternalError
from tavusctl.integrations.github.actions import Workflow
from tavusctl.lib.json_types import JsonObject, as_list, as_object, as_text
from tavusctl.reports import escaping, markdown
from tavusctl.reports.formats import REPORTS
from tavusctl.reports.github.comment import IN_SUMMARY
from tavusctl.reports.github.fitting import IN_LOG

REPORTING: Final = frozenset({"plan", "apply", "drift", "validate"})  # the commands that write reports
_COMMIT: Final = 7  # digits of a short commit id


class ReportRequest(Struct, frozen=True):
    """The reports that a command wrote to a temporary folder."""

    folder: Path
    plan_files: Sequence[Path] = ()  # those that the command wrote, for any option
    shares: int = 1  # the number of environments, whose reports share the size of one comment

    def options(self, name: str) -> list[str]:
        """The first options of a command line, which request all reports; later options override them."""
        if name not in REPORTING:
            return []
        options = [f"--report={report}={self.folder / report}" for report in ("json", "summary", "github")]
        options += [f"--report=comment:{self.shares}={self.folder / 'comment'}"]
        return [*options, f"--out={self.folder / 'plan.json'}"] if name == "plan" else options

    @property
    def plan_file(self) -> str:
        """The path of the plan file; empty if none was written."""
        return str(next(iter(self.plan_files), ""))

    def text(self, name: str) -> str:
        """One report; empty when the command ended before it could write it."""
        with contextlib.suppress(FileNotFoundError):
            return (self.folder / name).read_text(encoding="utf-8")
        return ""

    @property
    def document(self) -> JsonObject:
        """The JSON report: the plan document, or the error; empty if there is none."""
        return as_object(json.loads(self.text("json") or "{}"))

    @property
    def warning_ids(self) -> frozenset[str]:
        """The ids of the warnings of the command."""
        warnings = map(as_object, as_list(self.document.get("warnings") or []))
        return frozenset(as_text(one["id"]) for one in warnings)

    def disclaim_summary(self) -> None:
        """Let the comment refer to the log instead of the summary, which had no room for this report."""
        text = self.text("comment")
        if IN_SUMMARY in text:
            (self.folder / "comment").write_text(text.replace(IN_SUMMARY, IN_LOG, 1), encoding="utf-8")


def outputs(name: str, code: int, reports: ReportRequest) -> dict[str, str]:
    """The outputs of the step, for later steps of the workflow."""
    document = reports.document
    drift = bool(document.get("drift"))
    return {
        "changes": _word(drift if name == "drift" else has_changes(document)),
        "drift": _word(drift),
        "fingerprint": str(document.get("fingerprint", "")),
        "plan-file": reports.plan_file,
        "exit-code": str(code),
    }


def _word(value: object) -> str:
    return "true" if value else "false"


def has_changes(document: JsonObject) -> bool:
    """Whether an apply would write anything, to the account or to the state, or would fail."""
    parts = ("changes", "limits", "moved", "recorded", "recovered", "refused", "settings", "error")
    return any(document.get(part) for part in parts)


def body(step: Workflow, subject: Subject, code: int, reports: ReportRequest, *, remark: str = "") -> str:
    """The text of a comment or an issue: the report, a link to the run, and the commit, with a remark about it."""
    text = titled(reports.text("comment") or _unreported(subject, code), subject)
    links = [f"[The run and its log]({step.run_url})"] if step.run_url else []
    links += [f"commit {short(step.commit)}{remark}"] if step.commit else []
    return "\n\n".join([text.rstrip(), *([" · ".join(links)] if links else [])]) + "\n"


def titled(text: str, subject: Subject) -> str:
    """A report whose title names command and environment of the step also if it only lists diagnostics."""
    place = f": {escaping.code(subject.environment)}" if subject.environment else ""
    return text.replace(markdown.DIAGNOSTICS_TITLE, f"### tavusctl {subject.command}{place}", 1)


def short(commit: str) -> str:
    """The short form of a commit id."""
    return commit[:_COMMIT]


def _unreported(subject: Subject, code: int) -> str:
    """The report about a command that ended before it could write one."""
    message = f"{subject.command} ended with {code} before it could report; the log of this run says why"
    return REPORTS["comment"].diagnostics(InternalError(message).diagnostics)
