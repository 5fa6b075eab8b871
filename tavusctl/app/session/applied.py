"""What the last apply has left, for rules that look back; without the network, and read when the first one looks."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from functools import cached_property

from tavusctl.app.session.local import LocalSession
from tavusctl.core.address import Address
from tavusctl.core.errors import TavusctlError
from tavusctl.core.json_tree import digest
from tavusctl.lib.json_types import JsonObject
from tavusctl.state.file.state_version import version_of
from tavusctl.state.scheme import file_of


class Applied(Mapping[Address, JsonObject]):
    """What was applied last, by address; `version` is another text whenever it may be something else."""

    def __init__(self, version: str = "", read: Callable[[], Mapping[Address, JsonObject]] = dict) -> None:
        self.version = version
        self._read = read

    def __getitem__(self, address: Address) -> JsonObject:
        return self._found[address]

    def __iter__(self) -> Iterator[Address]:
        return iter(self._found)

    def __len__(self) -> int:
        return len(self._found)

    @cached_property
    def _found(self) -> Mapping[Address, JsonObject]:
        return self._read()


def last_applied(session: LocalSession) -> Applied:
    """What was applied last; nothing where that is not known without the network."""
    url = session.environment.state
    if re.match(r"(?!file:)[a-z0-9]+:", url) or not (url or (session.root / ".tavusctl").is_dir()):
        return Applied()
    file = file_of(url, session.root, session.environment.name)
    if file:
        return Applied(version_of(file), lambda: _applied(session))
    known = _applied(session)
    return Applied(digest({str(address): spec for address, spec in known.items()}), lambda: known)


def _applied(session: LocalSession) -> Mapping[Address, JsonObject]:
    from tavusctl.state.stores import open_store  # noqa: PLC0415 - who asks for the version alone does not wait for it

    try:
        bindings = open_store(session.environment.state, session.root, session.environment.name).read().bindings
    except TavusctlError:
        return {}  # a damaged state is for plan to complain about
    return {address: binding.applied for address, binding in bindings.items()}
