"""What a command leaves behind for GitHub, and what is made of it."""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from msgspec import Struct

from tavusctl.app.github.subject import Subject
from tavusctl.core.errors import InternalError
from tavusctl.integrations.github.actions import Workflow
from tavusctl.lib.json_types import JsonObject, as_list, as_object, as_text
from tavusctl.reports.formats import REPORTS
from tavusctl.reports.github.annotations import as_property
from tavusctl.reports.github.comment import IN_SUMMARY
from tavusctl.reports.github.fitting import IN_LOG

REPORTING: Final = frozenset({"plan", "apply", "drift", "validate"})  # what leaves reports behind
_COMMIT: Final = 7  # digits by which a commit is known


class ReportRequest(Struct, frozen=True):
    """The reports that a command wrote to a temporary folder."""

    folder: Path
    written: Sequence[tuple[str, Path]] = ()  # by the command, whatever made it do so
    shares: int = 1  # reports that the comment holds: one for each environment

    def options(self, name: str) -> list[str]:
        """What a command line begins with so that it leaves everything there is to show; what follows overrides it."""
        if name not in REPORTING:
            return []
        found = [f"--report={one}={self.folder / one}" for one in ("json", "summary", "github")]
        found += [f"--report=comment:{self.shares}={self.folder / 'comment'}"]
        return [*found, f"--out={self.folder / 'plan.json'}"] if name == "plan" else found

    @property
    def plan_file(self) -> str:
        """The path of the plan file; empty if none was written."""
        return next((str(path) for sort, path in self.written if sort == "plan-file"), "")

    def text(self, name: str) -> str:
        """One report; empty when the command ended before it could write it."""
        with contextlib.suppress(FileNotFoundError):
            return (self.folder / name).read_text(encoding="utf-8")
        return ""

    @property
    def document(self) -> JsonObject:
        """The plan document, or the error."""
        return as_object(json.loads(self.text("json") or "{}"))

    @property
    def warned(self) -> frozenset[str]:
        """Ids of what the command has warned of."""
        warnings = map(as_object, as_list(self.document.get("warnings") or []))
        return frozenset(as_text(one["id"]) for one in warnings)

    def disclaim_summary(self) -> None:
        """Let the comment say that all is in the log, where the summary had no room left for this report."""
        text = self.text("comment")
        if IN_SUMMARY in text:
            (self.folder / "comment").write_text(text.replace(IN_SUMMARY, IN_LOG, 1), encoding="utf-8")


def outputs(name: str, code: int, reports: ReportRequest) -> dict[str, str]:
    """What later steps of the workflow read."""
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
    """Whether an apply would write anything, to the account or to the state, or cannot."""
    parts = ("changes", "limits", "moved", "recorded", "recovered", "refused", "error")
    return any(document.get(part) for part in parts)


def placed(annotations: str, folder: str) -> str:
    """Annotations with paths from the root of the repository, which GitHub asks for."""
    if not folder:
        return annotations
    return re.sub(r"(?m)^::\w+ file=", lambda found: f"{found.group()}{as_property(folder)}/", annotations)


def body(step: Workflow, subject: Subject, code: int, reports: ReportRequest) -> str:
    """What is written on GitHub: the report, of what commit it is, and where the rest is."""
    text = reports.text("comment") or _unreported(subject, code)
    links = [f"[The run and its log]({step.run_url})"] if step.run_url else []
    links += [f"commit {short(step.commit)}"] if step.commit else []
    return "\n\n".join([text.rstrip(), *([" · ".join(links)] if links else [])]) + "\n"


def short(commit: str) -> str:
    """A commit as people know it."""
    return commit[:_COMMIT]


def _unreported(subject: Subject, code: int) -> str:
    """What is told of a command that ended before it could report."""
    message = f"{subject.command} ended with {code} before it could report; the log of this run says why"
    return REPORTS["comment"].diagnostics(InternalError(message).diagnostics)
