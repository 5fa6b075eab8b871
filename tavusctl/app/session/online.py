"""One run of a command on the account of an environment: its API key, its API client, its state."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeVar

from msgspec.structs import replace

from tavusctl.api import DEFAULT_URL, Client, ReadClient, Sources
from tavusctl.app.session import keyring
from tavusctl.app.session.base_url import LOOPBACK, parts_of
from tavusctl.app.session.local import LocalSession
from tavusctl.app.session.settings import Settings
from tavusctl.core.diagnostics import Diagnostic, warning
from tavusctl.core.errors import RefusedError, UsageError
from tavusctl.core.model import Manifest
from tavusctl.core.ports import State
from tavusctl.secrets.values import UnreadSecret
from tavusctl.state.git.urls import is_on_this_machine

if TYPE_CHECKING:  # imported where needed: a run that finds its result in the cache should start fast
    from tavusctl.engine.plan import Approvals
    from tavusctl.engine.prepared_plan import PlanInputs

_LOST: Final = "the state is only on this CI machine and would be lost with it"
_KEPT: Final = (
    "set `state: git` in tavusctl.yaml, and give the repository a remote `origin`; "
    "`TAVUSCTL_LOCAL_STATE=1` if this machine keeps its files"
)
_TEST_SOURCES: Final = "TAVUSCTL_TEST_SOURCES"
AnyClient = TypeVar("AnyClient", bound=ReadClient)


class Session(LocalSession, frozen=True):
    """One run of a command on one environment of a project, with access to its account."""

    base_url: str = DEFAULT_URL
    settings: Settings = Settings()

    @classmethod
    def of(cls, session: LocalSession, base_url: str = DEFAULT_URL) -> Session:
        """A session of the same environment, with access to its account."""
        fields = {name: getattr(session, name) for name in LocalSession.__struct_fields__}
        return cls(**fields, base_url=base_url)

    @property
    def api_key(self) -> str:
        """The API key; UnauthorisedError names the variable, never its value."""
        return keyring.api_key(self)

    def reader(self) -> ReadClient:
        """An API client that can only read."""
        return self._connect(ReadClient, self.settings.parallel)

    def client(self, parallel: int | None = None) -> Client:
        """An API client that can also write, for `parallel` steps at a time; RefusedError if settings are withheld."""
        if self.trust_warnings:
            reason = f"while settings are unread: {self.trust_warnings[0].message}"
            message = f"a run for a pull request changes nothing {reason}"
            raise RefusedError(message, "plan it here, and apply it after the merge", id="E427")
        return self._connect(Client, max(parallel or 0, self.settings.parallel))

    def _connect(self, type_: type[AnyClient], parallel: int) -> AnyClient:
        settings = self.settings
        client = type_(self.base_url, self.api_key, parallel=parallel, rate=settings.rate, max_wait=settings.max_wait)
        client.takes_digests = self.cache is not None
        return client

    @property
    def local_state_remark(self) -> tuple[Diagnostic, ...]:
        """A warning if the state is a file that a CI machine loses, unless this run uses another state."""
        if self.uses_other_state or not self._loses_state:
            return ()
        return (warning("TV127", f"{_LOST}, so `apply` refuses to run", _KEPT),)

    def check_state_is_kept(self) -> None:
        """Refuse to change an account if the state would be lost with a CI machine; id E412."""
        if self._loses_state:
            raise RefusedError(_LOST, _KEPT, id="E412")

    @property
    def _loses_state(self) -> bool:
        if self.environment.demo:  # the account of a demo is a local file as well
            return False
        is_ci = any(os.environ.get(name, "").lower() not in ("", "0", "false") for name in ("CI", "GITHUB_ACTIONS"))
        if not is_ci or os.environ.get("TAVUSCTL_LOCAL_STATE") == "1":
            return False
        return is_on_this_machine(self.environment.state, Path(self.project.root))

    @property
    def secrets(self) -> dict[str, str | UnreadSecret]:
        """The values of the secrets that manifests may read, by variable; empty if the variable is not set."""
        return {name: self.value_of(name) for name in self.project.secrets}

    def current_state(self, manifests: Sequence[Manifest], *, writing: bool) -> State:
        """The state with its bindings by the addresses of manifests; a run that writes needs a trusted state.

        Prints a warning about a state that is not trusted.
        """
        from tavusctl.engine import renames  # noqa: PLC0415 - as above
        from tavusctl.state.seals import open_state  # noqa: PLC0415 - as above

        sealed_state = open_state(self.store(), keyring.keys(self))
        if writing:
            sealed_state.seals.check_trusted()
        self.warn(sealed_state.seals.warnings())
        state = sealed_state.replay.state
        return replace(state, bindings=renames.follow(manifests, state.bindings)[0])

    def sources(self) -> Sources:
        """The client for the sources of watched documents."""
        loopback = os.environ.get(_TEST_SOURCES, "").rstrip("/")
        parts = parts_of(loopback) if loopback else None
        if loopback and (parts is None or parts.hostname not in LOOPBACK or parts.path or parts.scheme != "http"):
            message = (
                f"{_TEST_SOURCES} is for tests: set it to an origin on this machine, such as `http://127.0.0.1:8000`"
            )
            raise UsageError(message)
        return Sources(loopback=loopback)

    def plan_inputs(self, approvals: Approvals, warnings: tuple[Diagnostic, ...] = ()) -> PlanInputs:
        """The inputs of a plan for the engine, with the keys and secrets of this session."""
        from tavusctl.engine.prepared_plan import PlanInputs  # noqa: PLC0415 - as above

        keys = keyring.keys(self)
        return PlanInputs(self.environment, self.secrets, keys, approvals, warnings, others=self.others)
