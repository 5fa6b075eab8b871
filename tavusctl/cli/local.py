"""What commands that need no network have in common: options, the project, its manifests."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import click
from msgspec import Struct
from msgspec.structs import replace

from tavusctl import redaction, rules
from tavusctl.engine import load, resolve
from tavusctl.errors import ConfigError, RefusedError
from tavusctl.kinds import KINDS
from tavusctl.model import Address, Complaint, Document, Environment, Manifest, Project, Severity
from tavusctl.rules import ignores

Command = TypeVar("Command", bound=Callable[..., Any])


class LocalSession(Struct, frozen=True):
    """One run of a command on one environment of a project."""

    project: Project
    environment: Environment
    quiet: bool

    @property
    def root(self) -> Path:
        """The folder of the project."""
        return Path(self.project.root)

    def check(
        self, paths: Sequence[Path] = (), applied: Mapping[Address, Document] | None = None, *, advice: bool = True
    ) -> tuple[tuple[Manifest, ...], tuple[Complaint, ...]]:
        """The manifests that are right and all that is wrong; RefusedError when there is no manifest at all.

        Rules that look back see what was applied last.  Without advice, nothing is said of what is merely unwise.
        """
        loaded = load.read(self.project, self.environment, KINDS, paths)
        if not loaded.files and loaded.complaints:
            raise ConfigError(loaded.complaints)
        if not loaded.files:
            message = f"there is no manifest in {_relative(self.project.manifests)}"
            hint = "run `tavusctl init`, or set `manifests:` in tavusctl.yaml to the folder that holds them"
            raise RefusedError(message, hint, id="E420")
        complaints = [*loaded.complaints]
        if not paths:  # references lead anywhere in the project: a part of it cannot be checked for them
            try:
                resolve.resolve(loaded.manifests, KINDS, secrets=None, declared=loaded.declared)
            except ConfigError as error:
                complaints += error.complaints
        every, limit = (*loaded.manifests, *loaded.drafts), self.environment.crawl_limit
        looked_at = rules.Project(every, applied or {}, loaded.origins, limit)
        found = rules.check(looked_at, KINDS, advice=advice)
        wrong = {one.source for one in complaints if one.severity is Severity.ERROR}
        remarks = [*ignores.as_remarks(complaints), *(one for one in found if one.written not in wrong)]
        kept = ignores.heeded(remarks, {path: ignores.in_text(text) for path, text in loaded.marked.items()})
        told = [*ignores.beyond(complaints), *kept]
        return loaded.manifests, tuple(sorted(told, key=load.place))

    def load(self) -> tuple[tuple[Manifest, ...], tuple[Complaint, ...]]:
        """All manifests, and the warnings about them; ConfigError with every error.

        Rules that do not stop a plan warn when they are about something that cannot work; what is merely unwise is for
        validate to say, and no news to whoever looks at a plan.
        """
        manifests, found = self.check(advice=False)
        complaints = tuple(map(_tolerated, (one for one in found if not _is_advice(one))))
        if any(one.severity is Severity.ERROR for one in complaints):
            raise ConfigError(complaints)
        return manifests, complaints


def _is_advice(complaint: Complaint) -> bool:
    return complaint.id in rules.IDS and complaint.severity is Severity.WARNING


def _tolerated(complaint: Complaint) -> Complaint:
    lenient = complaint.id in rules.IDS - rules.STOPPING
    return replace(complaint, severity=Severity.WARNING) if lenient else complaint


def local_options(command: Command) -> Command:
    """Options of every command that works on a project; passes `session`."""

    @click.option("-e", "--env", "environment", envvar="TAVUSCTL_ENV", help="Environment of tavusctl.yaml to work on.")
    @click.option("-C", "--chdir", type=click.Path(file_okay=False, exists=True), help="Work in this folder.")
    @click.option("--no-color", is_flag=True, help="No colour; NO_COLOR does the same.")
    @click.option("-q", "--quiet", is_flag=True, help="Only results and errors.")
    @click.option("-v", "--verbose", count=True, help="Say what is done; twice: every request.")
    @functools.wraps(command)
    def wrapped(
        *args: Any,
        environment: str | None,
        chdir: str | None,
        no_color: bool,
        quiet: bool,
        verbose: int,
        **rest: Any,
    ) -> Any:
        _set_up_output(no_color=no_color, verbose=verbose)
        if chdir:
            os.chdir(chdir)
        return command(*args, session=open_session(environment, quiet=quiet), **rest)

    return wrapped  # type: ignore[return-value]  # the options are added, the rest of the signature stays


def open_session(environment: str | None, *, quiet: bool, start: Path | None = None) -> LocalSession:
    """Find the project around a folder, the working folder unless told."""
    project, chosen, complaints = load.read_project(start, environment=environment)
    if any(one.severity is Severity.ERROR for one in complaints):
        raise ConfigError(complaints)
    for name in (*project.secrets, chosen.api_key_env):
        redaction.remember(os.environ.get(name, ""))
    return LocalSession(project, chosen, quiet)


def say(session: LocalSession, text: str) -> None:
    """Progress and hints, which go to stderr and can be silenced."""
    if not session.quiet:
        click.echo(text, err=True)


def _set_up_output(*, no_color: bool, verbose: int) -> None:
    context = click.get_current_context()
    if no_color or os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb":
        context.color = False
    elif os.environ.get("FORCE_COLOR") or os.environ.get("CLICOLOR_FORCE"):
        context.color = True
    if verbose:  # warnings are shown without being set up
        import logging

        logging.basicConfig(format="%(message)s", level=logging.WARNING)
        logging.getLogger("tavusctl").setLevel(logging.DEBUG if verbose > 1 else logging.INFO)


def _relative(path: str) -> str:
    try:
        return str(Path(path).relative_to(Path.cwd()))
    except ValueError:
        return path
