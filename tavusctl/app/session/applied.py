"""The values of the last apply, for lint rules that compare with them; read lazily, and only from a local file."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import cached_property

from tavusctl.app.session.local import LocalSession
from tavusctl.config.project_file.state_scheme import file_of
from tavusctl.core.address import Address
from tavusctl.core.errors import TavusctlError
from tavusctl.lib.json_types import JsonObject
from tavusctl.state.artifacts import version_of


class Applied(Mapping[Address, JsonObject]):
    """The last applied values, by address; a change of `version` means that they may have changed."""

    def __init__(self, version: str = "", read: Callable[[], Mapping[Address, JsonObject]] = dict) -> None:
        self.version = version
        self._read = read

    def __getitem__(self, address: Address) -> JsonObject:
        return self._specs[address]

    def __iter__(self) -> Iterator[Address]:
        return iter(self._specs)

    def __len__(self) -> int:
        return len(self._specs)

    @cached_property
    def _specs(self) -> Mapping[Address, JsonObject]:
        return self._read()


def last_applied(session: LocalSession) -> Applied:
    """The last applied values; empty if the state is not a local file, or cannot be read."""
    url = session.environment.state
    file = file_of(url, session.root, session.environment.name)
    if file is None or not (url or (session.root / ".tavusctl").is_dir()):
        return Applied()
    return Applied(version_of(file), lambda: _applied(session))


def _applied(session: LocalSession) -> Mapping[Address, JsonObject]:
    try:
        bindings = session.store().read().bindings
    except TavusctlError:
        return {}  # `plan` reports a damaged state
    return {address: binding.applied for address, binding in bindings.items()}
