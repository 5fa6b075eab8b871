"""What a run for a pull request may read and open: what the branch says that it is for, never what it says itself.

Whoever opens a pull request writes the project file.  A variable that it names for the first time is not looked at, so
that nothing in a run depends on whether it is there and what is in it; a store that it names is not opened.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator, Sequence
from contextvars import ContextVar
from pathlib import Path
from typing import TYPE_CHECKING, Final

from msgspec import Struct
from msgspec.structs import replace

from tavusctl.config.project_file import discovery
from tavusctl.core.diagnostics import Diagnostic, Severity
from tavusctl.core.errors import RefusedError, UsageError
from tavusctl.core.messages import shown
from tavusctl.core.project_settings import FILE, Environment, Known, Project
from tavusctl.secrets.values import Unread

if TYPE_CHECKING:  # as long as nobody asks, nothing of it is needed, and a run is to start at once
    from tavusctl.engine.prepared_plan import Former
    from tavusctl.engine.safety import novelty

_OWN: Final = "git"  # the state in the repository itself, in a ref that nobody chooses
_USUAL: Final = re.compile(r"TAVUS_API_KEY(_[A-Za-z0-9_]+)?")
_FETCH: Final = "in GitHub Actions: checkout with `fetch-depth: 0`"
_MERGED: Final = "check that it should be read, which happens after the merge"


class _Asked(Struct, frozen=True):
    """How a run for a pull request is to find out what it may read."""

    references: tuple[str, ...]
    writes: bool


_asked: ContextVar[_Asked | None] = ContextVar("asked", default=None)


class Grant(Struct, frozen=True):
    """What a branch has agreed to; without a project, nobody knows which branch, and next to nothing is agreed to."""

    base: str = ""  # the branch and the commit, for people
    project: Project | None = None
    reads: Known | None = None
    places: frozenset[novelty.Place] | None = None  # what stands where secrets may; None: all is compared

    @property
    def secrets(self) -> tuple[str, ...]:
        """The variables that may be read."""
        return self.project.secrets if self.project else ()

    @property
    def former(self) -> Former:
        """What a plan is measured against."""
        from tavusctl.engine.prepared_plan import Former  # noqa: PLC0415 - as above

        return Former(self.reads, self.project.safety, self.places) if self.project else Former()

    @property
    def unread(self) -> Unread:
        """What stands for a secret that is not read: another one than before, where it is known what was before."""
        return Unread(differs=self.project is not None)

    def cut(self, reads: Known | None) -> Known | None:
        """What is read, of what the files name."""
        return reads and replace(reads, secrets=tuple(name for name in reads.secrets if name in self.secrets))

    def bounded(self, project: Project) -> Project:
        """A project whose environments have the key and the store that they had before."""
        return replace(project, environments={name: self._agreed(one) for name, one in project.environments.items()})

    def _agreed(self, one: Environment) -> Environment:
        if self.project is None:
            usual = one.api_key_env if _USUAL.fullmatch(one.api_key_env) else ""
            return replace(one, api_key_env=usual, demo=False)
        before = self.project.environments.get(one.name)
        # A ref of the repository that is checked out is nothing foreign; it takes the place of no other store.
        own = one.state if one.state == _OWN else ""
        if before:
            return replace(one, api_key_env=before.api_key_env, state=before.state or own, demo=before.demo)
        keys = {each.api_key_env for each in self.project.environments.values()}
        return replace(one, api_key_env=one.api_key_env if one.api_key_env in keys else "", state=own)

    def check_open(self, environment: Environment) -> None:
        """Refuse to open a store when nobody knows whether it is the one that was agreed to."""
        if self.project is None and re.match(r"(?!file:)(git\b|[a-z0-9]+:)", environment.state):
            message = (
                f"the state {shown(environment.state)} is not opened: the base branch of this pull request is unknown"
            )
            raise RefusedError(message, f"fetch the whole history ({_FETCH})", id="E426")

    def remarks(self, project: Project, environment: Environment) -> Iterator[Diagnostic]:
        """What the files name and this run does not use; `project` is as they say it, `environment` as it is used."""
        named = project.environments.get(environment.name, environment)
        new = [name for name in project.secrets if name not in self.secrets]
        if self.project is None:
            if new:
                why = "because the base branch of this pull request is unknown"
                yield _remark(
                    f"no secret is read or compared, {why}: {', '.join(new)}", f"fetch the whole history ({_FETCH})"
                )
            return
        if named.api_key_env != environment.api_key_env:
            used = environment.api_key_env or "none"
            message = f"`{named.api_key_env}` is not read as the API key, which is `{used}` in {self.base}"
            yield _remark(message, _MERGED)
        if named.demo != environment.demo:
            what = "an emulator" if named.demo else "an account"
            yield _remark(f"`{environment.name}` is not taken for {what}, which it is not in {self.base}", _MERGED)
        if named.state != environment.state:
            before = shown(environment.state) if environment.state else "a file of the project"
            yield _remark(
                f"the state {shown(named.state)} is not opened: the state is {before} in {self.base}", _MERGED
            )
        for name in new:
            yield _remark(f"`{name}` is not read as a secret: `secrets:` does not list it in {self.base}", _MERGED)


def _remark(message: str, hint: str) -> Diagnostic:
    return Diagnostic("TV342", message, None, hint, None, Severity.WARNING)


def ask(references: Sequence[str], *, writes: bool) -> None:
    """Read in the rest of this run only what one of these references agrees to, the first that is there.

    A run that writes nothing compares no guess with a secret: what it shows could tell whether the guess is right.
    """
    _asked.set(_Asked(tuple(references), writes))


def is_asked() -> bool:
    """Whether this run reads no more than a branch has agreed to."""
    return _asked.get() is not None


def agreed(project: Project) -> Project:
    """A project that names only the variables that this run may read."""
    asked = _asked.get()
    if asked is None:
        return project
    grant = Grant()
    for _, before in _bases(Path(project.root), asked):
        grant = Grant(project=before)
        break
    named = tuple(name for name in project.secrets if name in grant.secrets)
    return replace(grant.bounded(project), secrets=named, doubtful=frozenset())


def find(root: Path, environment: Environment) -> Grant | None:
    """The settings that this run may read of a project; None if it may read all of them."""
    asked = _asked.get()
    if asked is None:
        return None
    from tavusctl.config import loading  # noqa: PLC0415 - as above
    from tavusctl.engine.safety import novelty  # noqa: PLC0415 - as above
    from tavusctl.kinds import KINDS  # noqa: PLC0415 - as above

    for name, project in _bases(root, asked):
        before = project.environments.get(environment.name)
        manifests = loading.read(project, before or environment, KINDS).manifests
        reads = novelty.known(project, before or replace(environment, api_key_env="", uploads=""), manifests)
        return Grant(name, project, reads, None if asked.writes else novelty.places(manifests, KINDS))
    return Grant()


def _bases(root: Path, asked: _Asked) -> Iterator[tuple[str, Project]]:
    """The project as the branches have it that are there, each while its files are."""
    from tavusctl.integrations.git.worktree import base_tree  # noqa: PLC0415 - as above

    for reference in asked.references:
        with contextlib.suppress(UsageError), base_tree(root, reference) as found:
            project, _ = (
                discovery.find_project(found.root)
                if (found.root / FILE).is_file()
                else (Project.default(found.root), ())
            )
            yield found.name.removeprefix("refs/remotes/"), project
