"""One run of a command on a project, without the network."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from msgspec import Struct

from tavusctl.app.session.cache import SessionCache
from tavusctl.app.session.env_file import Variables
from tavusctl.app.session.progress import Progress
from tavusctl.app.session.pull_request_trust import Grant
from tavusctl.core.diagnostics import Diagnostic
from tavusctl.core.errors import TavusctlError
from tavusctl.core.ports import OtherBindings, Store
from tavusctl.core.project_settings import FILE, Environment, Project
from tavusctl.lib.command_line import folder_option
from tavusctl.lib.patterns import pattern
from tavusctl.secrets.escape import flat
from tavusctl.secrets.values import UnreadSecret, trimmed

_COMMAND: Final = pattern(r"`tavusctl (?P<line>(?P<name>[a-z]+)[^`]*)`")
_NEED_NO_ENVIRONMENT: Final = frozenset(
    ("completion", "diff", "emulator", "fmt", "github", "init", "promote", "schema", "validate", "version")
)


class LocalSession(Struct, frozen=True):
    """One run of a command on one environment of a project."""

    project: Project
    environment: Environment
    progress: Progress
    project_diagnostics: tuple[Diagnostic, ...] = ()  # about the project file
    grant: Grant | None = None  # what a run for a pull request may read; None: everything that the files name
    trust_warnings: tuple[Diagnostic, ...] = ()  # about settings that this run does not read
    uses_other_state: bool = False  # whether the files name another state than the one that is used
    variables: Variables = Variables()  # the source of keys and secrets
    env_file_warnings: tuple[Diagnostic, ...] = ()  # about variables of other programs in `.env`
    cache: SessionCache | None = None  # None: this run uses no cache

    @property
    def root(self) -> Path:
        """The folder of the project."""
        return Path(self.project.root)

    def value_of(self, name: str) -> str | UnreadSecret:
        """The value of the variable of a secret; empty if it is not set, Unread if this run may not read it.

        A value of blanks alone stays as it is: it is a mistake, and no secret that is not set.
        """
        if self.grant and name not in self.grant.secrets:
            return self.grant.unread
        value = self.variables.get(name)
        return trimmed(value) or value

    def store(self, environment: Environment | None = None) -> Store:
        """The store of the state of this environment, or of another one; RefusedError if this run may not open it."""
        from tavusctl.state.stores import open_store  # noqa: PLC0415 - slow to import, and not needed by every command

        chosen = environment or self.environment
        if self.grant:
            self.grant.check_open(chosen)
        return open_store(chosen.state, self.root, chosen.name)

    def command(self, line: str) -> str:
        """A command line of this program for the same project and the same environment."""
        option = f" --env {flat(self.environment.name)}" if len(self.project.environments) > 1 else ""
        return f"tavusctl{flat(folder_option())} {line}{option}"

    def with_environment(self, hint: str) -> str:
        """A hint whose commands name the project and, if it has several environments, this one where they need one."""

        def named(command: re.Match[str]) -> str:
            if command["name"] in _NEED_NO_ENVIRONMENT or "--env" in command["line"]:
                return f"`tavusctl{flat(folder_option())} {command['line']}`"
            return f"`{self.command(command['line'])}`"

        return _COMMAND.sub(named, hint)

    def say(self, text: str) -> None:
        """Print a line of progress or a hint; its commands name the environment, if the project has several."""
        self.progress.say(self.with_environment(text))

    def say_empty(self, text: str = "") -> None:
        """Print that a result is empty, and that the reason may be the folder, if no project is in it or above."""
        is_project = (self.root / FILE).is_file() or Path(self.project.manifests).is_dir()
        nowhere = "" if is_project else f"there is no {FILE} here or above; use `-C` to name the folder of the project"
        for line in filter(None, (text, nowhere)):
            self.say(line)

    def warn(self, remarks: Iterable[Diagnostic]) -> None:
        """Print warnings, for a command without a report."""
        for remark in remarks:
            self.say(f"warning: {remark.message}; {remark.hint}" if remark.hint else f"warning: {remark.message}")

    def others(self) -> OtherBindings:
        """The objects that other environments of the project have bound, so that this one does not import them."""
        from tavusctl.state.journal import read_current_state  # noqa: PLC0415 - as for the store

        owners: dict[str, str] = {}
        unread: list[tuple[str, str]] = []
        for name, environment in sorted(self.project.environments.items()):
            if name == self.environment.name:
                continue
            try:
                state = read_current_state(self.store(environment))
            except TavusctlError as error:
                unread.append((name, error.message))
                continue
            for binding in state.bindings.values():
                owner = f"`{binding.address}` of the environment `{name}`"
                owners |= dict.fromkeys(binding.ids, owner)
        return OtherBindings(owners, tuple(unread))

    def others_with_warnings(self) -> OtherBindings:
        """The same; prints a warning about each environment whose state, and so whose objects, cannot be read."""
        others = self.others()
        for name, reason in others.unread:
            unread = f"the state of the environment `{name}` cannot be read"
            self.say(f"warning: {unread}, so its objects are unknown: {reason}")
        return others
