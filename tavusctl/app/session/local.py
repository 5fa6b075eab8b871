"""One run of a command on a project, without the network."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from msgspec import Struct

from tavusctl.app.session.cache import SessionCache
from tavusctl.app.session.env_file import Variables
from tavusctl.app.session.progress import Progress
from tavusctl.app.session.pull_request_trust import Grant
from tavusctl.core.diagnostics import Diagnostic
from tavusctl.core.project_settings import Environment, Project
from tavusctl.secrets.escape import flat
from tavusctl.secrets.values import Unread, outer


class LocalSession(Struct, frozen=True):
    """One run of a command on one environment of a project."""

    project: Project
    environment: Environment
    progress: Progress
    found: tuple[Diagnostic, ...] = ()  # about the project file
    granted: Grant | None = None  # what a run for a pull request may read; None: everything that the files name
    withheld: tuple[Diagnostic, ...] = ()  # about settings that this run does not read
    unopened: bool = False  # whether the files name another state than the one that is used
    variables: Variables = Variables()  # the source of keys and secrets
    unread: tuple[Diagnostic, ...] = ()  # about variables of other programs in `.env`
    cache: SessionCache | None = None  # None: this run uses no cache

    @property
    def root(self) -> Path:
        """The folder of the project."""
        return Path(self.project.root)

    def value_of(self, name: str) -> str | Unread:
        """The value of the variable of a secret; empty if it is not set, Unread if this run may not read it."""
        if self.granted and name not in self.granted.secrets:
            return self.granted.unread
        return outer(self.variables.get(name))

    def command(self, line: str) -> str:
        """A command line of this program for the same environment."""
        option = f" --env {flat(self.environment.name)}" if len(self.project.environments) > 1 else ""
        return f"tavusctl {line}{option}"

    def say(self, text: str) -> None:
        """Print a line of progress or a hint."""
        self.progress.say(text)

    def warn(self, remarks: Iterable[Diagnostic]) -> None:
        """Print warnings, for a command without a report."""
        for remark in remarks:
            self.say(f"warning: {remark.message}; {remark.hint}" if remark.hint else f"warning: {remark.message}")
