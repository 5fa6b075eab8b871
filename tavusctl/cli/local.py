"""What commands that need no network have in common: options, the project, its manifests."""

from __future__ import annotations

import contextlib
import functools
import os
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, TypeVar

import click
from msgspec import Struct

from tavusctl import redaction, rules, yaml12
from tavusctl.cli import grant, writers
from tavusctl.cli.grant import Grant
from tavusctl.document import leaves
from tavusctl.engine import load, resolve
from tavusctl.engine.load import files, folders
from tavusctl.engine.load.project import FILE
from tavusctl.errors import ConfigError, RefusedError, TavusctlError
from tavusctl.kinds import KINDS
from tavusctl.model import Address, Complaint, Document, Environment, Manifest, Project, Severity
from tavusctl.rules import ignores
from tavusctl.secret import Values
from tavusctl.unseen import flat

KEY_FILE: Final = "TAVUS_API_KEY_FILE"  # the variable with the name of a file in place of the API key
_SHOWN: Final = 5  # files in one message
Command = TypeVar("Command", bound=Callable[..., Any])


class LocalSession(Struct, frozen=True):
    """One run of a command on one environment of a project."""

    project: Project
    environment: Environment
    quiet: bool
    found: tuple[Complaint, ...] = ()  # about the project file
    granted: Grant | None = None  # what a pull request's run may read; None: whatever the files say
    withheld: tuple[Complaint, ...] = ()  # what they say and it does not read

    @property
    def root(self) -> Path:
        """The folder of the project."""
        return Path(self.project.root)

    def checked(self) -> LocalSession:
        """The session itself; ConfigError with all that is wrong when the project file is."""
        if any(one.severity is Severity.ERROR for one in self.found):
            self.load()
        return self

    def check(
        self,
        paths: Sequence[Path] = (),
        applied: Mapping[Address, Document] | None = None,
        *,
        advice: bool = True,
        secrets: Values | None = None,
        needs_values: bool = True,
    ) -> tuple[tuple[Manifest, ...], tuple[Complaint, ...]]:
        """The manifests that are right and all that is wrong; RefusedError when there is no manifest at all.

        Rules that look back see what was applied last.  Without advice, nothing is said of what is merely unwise; with
        `secrets`, those that cannot be one are complained about, and those without a value where values are needed.
        """
        loaded = load.read(self.project, self.environment, KINDS, paths)
        wrong_files = any(one.severity is Severity.ERROR for one in (*self.found, *loaded.complaints))
        if not (loaded.files or paths or wrong_files):
            raise self._without_manifests()
        every, limit = (*loaded.manifests, *loaded.drafts), self.environment.crawl_limit
        # References lead anywhere in the project: a part of it cannot be checked for them.
        declared = loaded.declared | _hidden(every, loaded)
        links = (
            resolve.complaints(every, KINDS, secrets=secrets, declared=declared, needs_values=needs_values)
            if not paths
            else ()
        )
        complaints = [*loaded.complaints, *links]
        looked_at = rules.Project(
            every,
            applied or {},
            loaded.origins,
            limit,
            variables=frozenset(self.environment.vars),
            secrets=frozenset(self.project.secrets),
            file_named=lambda manifest, text: load.meant.file_named(self.project, self.root / manifest, text),
            name_fields={name: kind.name_field for name, kind in KINDS.items()},
        )
        found = rules.check(looked_at, KINDS, advice=advice)
        wrong = {one.source for one in complaints if one.severity is Severity.ERROR}
        remarks = [*ignores.as_remarks(complaints), *(one for one in found if one.written not in wrong)]
        kept = ignores.heeded(remarks, {path: ignores.in_text(text) for path, text in loaded.marked.items()})
        told = [*ignores.beyond(complaints), *kept]
        return loaded.manifests, self._with_project(told)

    def load(
        self, secrets: Values | None = None, *, needs_values: bool = False
    ) -> tuple[tuple[Manifest, ...], tuple[Complaint, ...]]:
        """All manifests, and the warnings about them; ConfigError with every error.

        That a secret has no value is told with other errors where values are needed; alone, the plan judges it.

        An error of a rule stands until a plan has shown whether anything would be written of what it is about; what is
        merely unwise is for validate to say, and no news to whoever looks at a plan.
        """
        manifests, found = self.check(advice=False, secrets=secrets, needs_values=False)
        complaints = tuple(one for one in found if not _is_advice(one))
        if any(one.severity is Severity.ERROR and one.id not in LENIENT for one in complaints):
            every = self.check(advice=False, secrets=secrets)[1] if needs_values else found
            raise ConfigError([one for one in every if not _is_advice(one)])
        return manifests, complaints

    def _without_manifests(self) -> RefusedError:
        message = f"there is no manifest in {_relative(self.project.manifests)}"
        there = load.files.otherwise_spelled(Path(self.project.manifests), self.root)
        hint = "run `tavusctl init`, or set `manifests:` in tavusctl.yaml to the folder that holds them"
        return RefusedError(message, f"there is {there}: write manifests: {there}" if there else hint, id="E420")

    def _with_project(self, told: Sequence[Complaint]) -> tuple[Complaint, ...]:
        """Complaints, those about the project file before them, without those that may only follow from these."""
        following = {_FOLLOWING.get(part, "") for part in self.project.doubtful}
        told = [one for one in told if one.id not in following]
        return tuple(sorted([*self.found, *told], key=load.place))


# What rules call an error, and an account may hold: it stops a plan only where that would write it.
LENIENT: Final = rules.IDS - rules.STOPPING
# Complaints about manifests that may only follow from what is wrong with a part of the project file.
_FOLLOWING: Final[Mapping[str, str]] = {"environments": "TV111", "vars": "TV111", "secrets": "TV112"}


def _hidden(manifests: Sequence[Manifest], loaded: load.Loaded) -> frozenset[Address]:
    """Addresses that are referred to and may well be declared, in a file that cannot be read as a whole."""
    targets = {leaf for one in manifests for _, leaf in leaves(one.spec) if isinstance(leaf, Address)}
    return frozenset(
        target
        for target in targets - loaded.declared
        if any(not text or re.search(rf"\bname\W+{target.name}\b", text) for text in loaded.unread)
    )


def _is_advice(complaint: Complaint) -> bool:
    return complaint.id in rules.IDS and complaint.severity is Severity.WARNING


def local_options(command: Command, *, judges: bool = False) -> Command:
    """Options of every command that works on a project; passes `session`.

    One that judges gets a session whatever is wrong with the project file, and tells that with all else.
    """

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
        session = open_session(environment, quiet=quiet)
        writers.check(click.get_current_context(), session.project, session.environment)
        return command(*args, session=session if judges else session.checked(), **rest)

    return wrapped  # type: ignore[return-value]  # the options are added, the rest of the signature stays


def open_session(environment: str | None, *, quiet: bool, start: Path | None = None) -> LocalSession:
    """Find the project around a folder, the working folder unless told."""
    named, complaints = known_project(start)
    chosen = load.chosen(named, environment, complaints)
    granted = grant.find(Path(named.root), chosen) if start is None else None
    project = granted.bounded(named) if granted else named
    chosen = project.environments.get(chosen.name, chosen)
    withheld = tuple(granted.remarks(named, chosen)) if granted else ()
    return LocalSession(project, chosen, quiet, complaints, granted, withheld)


def known_project(start: Path | None = None) -> tuple[Project, tuple[Complaint, ...]]:
    """The project around a folder, and what is wrong with its file, once the secrets that it names are known.

    A complaint that was made before may have quoted a part of one: nobody would find that afterwards.
    """
    project, complaints = load.find_project(start)
    for name in _secret_variables(grant.agreed(project)):
        redaction.remember(os.environ.get(name, ""), name)
    if file := os.environ.get(KEY_FILE):
        with contextlib.suppress(OSError, UnicodeDecodeError):
            redaction.remember(Path(file).read_text(encoding="utf-8").strip(), KEY_FILE)
    return load.find_project(start) if complaints else (project, complaints)


def _secret_variables(project: Project) -> set[str]:
    """The variables that hold secrets; where the project file does not tell them, all that stand in it."""
    keys = {one.api_key_env for one in project.environments.values()}
    names = {*project.secrets, *keys, *(f"{one}_OLD" for one in keys)}
    if project.doubtful.isdisjoint(("secrets", "environments")):
        return names
    with contextlib.suppress(OSError, ValueError):
        text = files.read_bytes(Path(project.root, FILE), Path(project.root), yaml12.MAX_BYTES)
        names |= set(re.findall(r"[A-Za-z_]\w*", text.decode("utf-8", "replace"))) & os.environ.keys()
    return names


def learn(args: Sequence[str]) -> None:
    """Know the secrets of a project before a failure of a command line is told, which may come before anything is read.

    Commands that need no project, and command lines that are none, repeat words that were typed, too.
    """
    pairs = zip(args, [*args[1:], ""], strict=False)
    named = [value if arg in ("-C", "--chdir") else arg[len("--chdir=") :] for arg, value in pairs if _changes(arg)]
    for folder in (None, *map(Path, named)):
        with contextlib.suppress(TavusctlError, OSError, ValueError):
            known_project(folder)


def _changes(arg: str) -> bool:
    return arg in ("-C", "--chdir") or arg.startswith("--chdir=")


def say(session: LocalSession, text: str) -> None:
    """Progress and hints, which go to stderr and can be silenced."""
    if not session.quiet:
        click.echo(text, err=True)


def tell_passed_over(session: LocalSession, paths: Sequence[Path]) -> None:
    """Say which of the files that were named are no manifests, so that nobody takes them for looked at."""
    others = [str(one) for one in paths if not one.is_dir() and not folders.is_manifest(session.project, one)]
    if others:
        more = f" and {len(others) - _SHOWN} more" if len(others) > _SHOWN else ""
        say(session, f"passed over, no manifest: {', '.join(map(flat, others[:_SHOWN]))}{more}")


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
