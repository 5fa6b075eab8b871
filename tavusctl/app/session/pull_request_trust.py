"""The settings that a run for a pull request may use: those of the base branch, never those of the pull request.

The author of a pull request controls its project file.  A variable that this file names for the first time is not read,
so that nothing in the run depends on its existence or its value; a store that it names is not opened.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from contextvars import ContextVar
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

from msgspec import Struct
from msgspec.structs import replace

from tavusctl.config.project_file import discovery
from tavusctl.config.project_file.state_scheme import is_file
from tavusctl.core.diagnostics import Diagnostic, warning
from tavusctl.core.errors import RefusedError, UsageError
from tavusctl.core.messages import shown
from tavusctl.core.project_settings import FILE, ApprovedInputs, Environment, Project
from tavusctl.lib.patterns import pattern
from tavusctl.secrets.values import UnreadSecret

if TYPE_CHECKING:  # needed only in a run for a pull request; others should start fast
    from tavusctl.engine.prepared_plan import BaseSettings
    from tavusctl.engine.safety import novelty

_OWN: Final = "git"  # the state in the repository itself, in a ref that no setting can change
_USUAL: Final = pattern(r"TAVUS_API_KEY(_[A-Za-z0-9_]+)?")
_FETCH: Final = "in GitHub Actions: checkout with `fetch-depth: 0`"
_remark: Final = partial(warning, "TV342")
_MERGED: Final = "check this setting, which takes effect after the merge"


class _Restriction(Struct, frozen=True):
    """The arguments of `restrict`: the possible base branches, and whether the run writes."""

    references: tuple[str, ...]
    writes: bool


_restriction: ContextVar[_Restriction | None] = ContextVar("restriction", default=None)


class Grant(Struct, frozen=True):
    """The settings that the base branch allows; without a project, the branch is unknown and allows almost nothing."""

    base: str = ""  # the branch and the commit, for messages
    project: Project | None = None
    reads: ApprovedInputs | None = None  # what its files make the environment read
    places: frozenset[novelty.Place] | None = None  # its values in places of secrets; None: any value is compared
    why_unknown: str = ""  # what git says if it knows no repository
    to_know: str = f"fetch the whole history ({_FETCH})"  # what makes the base branch known

    @property
    def secrets(self) -> tuple[str, ...]:
        """The variables that may be read."""
        return self.project.secrets if self.project else ()

    @property
    def former(self) -> BaseSettings:
        """The earlier settings that a plan is compared with."""
        from tavusctl.engine.prepared_plan import BaseSettings  # noqa: PLC0415 - as above

        return BaseSettings(self.reads, self.project.safety, self.places) if self.project else BaseSettings()

    @property
    def unread(self) -> UnreadSecret:
        """The value of a secret that is not read; it counts as changed only if the base branch is known."""
        return UnreadSecret(differs=self.project is not None)

    def limit_reads(self, reads: ApprovedInputs | None) -> ApprovedInputs | None:
        """What the files make a run read, limited to the secrets that may be read."""
        return reads and replace(reads, secrets=tuple(name for name in reads.secrets if name in self.secrets))

    def limit_project(self, project: Project) -> Project:
        """The project, each environment with the API key variable and the state of the base branch."""
        return replace(
            project, environments={name: self._limit_environment(one) for name, one in project.environments.items()}
        )

    def _limit_environment(self, environment: Environment) -> Environment:
        if self.project is None:
            api_key_env = environment.api_key_env if _USUAL.fullmatch(environment.api_key_env) else ""
            return replace(environment, api_key_env=api_key_env, demo=False)
        former = self.project.environments.get(environment.name)
        # `state: git` is a ref of this very repository, so it is safe; but it never replaces another store.
        own = environment.state if environment.state == _OWN else ""
        if former:
            return replace(environment, api_key_env=former.api_key_env, state=former.state or own, demo=former.demo)
        keys = {known.api_key_env for known in self.project.environments.values()}
        return replace(
            environment, api_key_env=environment.api_key_env if environment.api_key_env in keys else "", state=own
        )

    @property
    def _unknown(self) -> str:
        return f"the base branch of this pull request is unknown{self.why_unknown and ': '}{self.why_unknown}"

    def check_open(self, environment: Environment) -> None:
        """Refuse to open a state that is not a local file if the base branch is unknown: it may use another state."""
        if self.project is None and not is_file(environment.state):
            message = f"the state {shown(environment.state)} is not opened: {self._unknown}"
            raise RefusedError(message, self.to_know, id="E426")

    def remarks(self, project: Project, environment: Environment) -> Iterator[Diagnostic]:
        """Warnings about settings in `project`, as the files have it, that differ from the `environment` in use."""
        declared = project.environments.get(environment.name, environment)
        new = [name for name in project.secrets if name not in self.secrets]
        if self.project is None:
            if new:
                yield _remark(f"no secret is read or compared ({', '.join(new)}): {self._unknown}", self.to_know)
            return
        if declared.api_key_env != environment.api_key_env:
            used = environment.api_key_env or "none"
            message = f"`{declared.api_key_env}` is not read as the API key, which is `{used}` in {self.base}"
            yield _remark(message, _MERGED)
        if declared.demo != environment.demo:
            new_use, old_use = ("an emulator", "an account") if declared.demo else ("an account", "an emulator")
            message = f"`{environment.name}` is not used as {new_use}: it is {old_use} in {self.base}"
            yield _remark(message, _MERGED)
        if declared.state != environment.state:
            before = shown(environment.state) if environment.state else "a file of the project"
            yield _remark(
                f"the state {shown(declared.state)} is not opened: the state is {before} in {self.base}", _MERGED
            )
        for name in new:
            yield _remark(f"`{name}` is not read as a secret: `secrets:` does not list it in {self.base}", _MERGED)


def restrict(references: Sequence[str], *, writes: bool) -> None:
    """Limit the rest of this run to the settings of the first of these references that exists.

    If the run writes nothing, it does not compare a value of the pull request with a secret, because the result would
    show whether a guess is right.
    """
    _restriction.set(_Restriction(tuple(references), writes))


def is_restricted() -> bool:
    """Whether `restrict` has limited this run to the settings of a base branch."""
    return _restriction.get() is not None


def restricted_project(project: Project) -> Project:
    """The project with the variables whose values this run may read, or may show nowhere: all those of the base branch.

    A pull request that names one no more must not make it visible.
    """
    restriction = _restriction.get()
    if restriction is None:
        return project
    for _, base in _bases(Path(project.root), restriction):
        environments = {**base.environments, **Grant(project=base).limit_project(project).environments}
        return replace(project, secrets=base.secrets, environments=environments, doubtful=frozenset())
    return replace(Grant().limit_project(project), secrets=(), doubtful=frozenset())


def grant_for(root: Path, environment: Environment) -> Grant | None:
    """The settings that this run may use of a project; None if it may use all of them."""
    restriction = _restriction.get()
    if restriction is None:
        return None
    from tavusctl.config import loading  # noqa: PLC0415 - as above
    from tavusctl.engine.safety import novelty  # noqa: PLC0415 - as above
    from tavusctl.integrations.git.worktree import repository_fault  # noqa: PLC0415 - as above
    from tavusctl.kinds import KINDS  # noqa: PLC0415 - as above

    for name, project in _bases(root, restriction):
        former = project.environments.get(environment.name)
        manifests = loading.read(project, former or environment, KINDS).manifests
        reads = novelty.used_inputs(project, former or replace(environment, api_key_env="", uploads=""), manifests)
        return Grant(name, project, reads, None if restriction.writes else novelty.places(manifests))
    fault = repository_fault(root)
    return Grant(why_unknown=str(fault), to_know=fault.advice or Grant().to_know) if fault else Grant()


def _bases(root: Path, restriction: _Restriction) -> Iterator[tuple[str, Project]]:
    """The name and the project of each reference that exists; its files exist until the next one is taken."""
    from tavusctl.integrations.git.worktree import base_tree, merge_base  # noqa: PLC0415 - as above

    for reference in restriction.references:
        with contextlib.suppress(UsageError), base_tree(root, reference, merge_base(root, reference)) as tree:
            project, _ = (
                discovery.find_project(tree.root) if (tree.root / FILE).is_file() else (Project.default(tree.root), ())
            )
            yield tree.name.removeprefix("refs/remotes/"), project
