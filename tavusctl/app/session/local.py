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
    granted: Grant | None = None  # what a pull request's run may read; None: whatever the files say
    withheld: tuple[Diagnostic, ...] = ()  # what they say and it does not read
    unopened: bool = False  # whether the files name a state that is not opened
    variables: Variables = Variables()  # where keys and secrets are
    unread: tuple[Diagnostic, ...] = ()  # variables of other programs in `.env`
    cache: SessionCache | None = None  # what earlier runs have kept, and this one keeps; None: it does without

    @property
    def root(self) -> Path:
        """The folder of the project."""
        return Path(self.project.root)

    def value_of(self, name: str) -> str | Unread:
        """The value of a variable that holds a secret, where this run may read it; empty where it is not set."""
        if self.granted and name not in self.granted.secrets:
            return self.granted.unread
        return outer(self.variables.get(name))

    def command(self, line: str) -> str:
        """A command line of this program for the same environment."""
        chosen = f" --env {flat(self.environment.name)}" if len(self.project.environments) > 1 else ""
        return f"tavusctl {line}{chosen}"

    def say(self, text: str) -> None:
        """Progress and hints."""
        self.progress.say(text)

    def warn(self, remarks: Iterable[Diagnostic]) -> None:
        """Remarks of a command that makes no report."""
        for one in remarks:
            self.say(f"warning: {one.message}; {one.hint}" if one.hint else f"warning: {one.message}")
