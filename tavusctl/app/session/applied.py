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
    from tavusctl.state.file.store import FileStore  # noqa: PLC0415 - most projects have no state yet
    from tavusctl.state.stores import open_store  # noqa: PLC0415 - as above

    def read() -> Mapping[Address, JsonObject]:
        try:
            bindings = store.read().bindings
        except TavusctlError:
            return {}  # a damaged state is for plan to complain about
        return {address: binding.applied for address, binding in bindings.items()}

    try:
        store = open_store(url, session.root, session.environment.name)
    except TavusctlError:
        return Applied()
    if isinstance(store, FileStore):
        return Applied(store.version, read)
    known = read()
    return Applied(digest({str(address): spec for address, spec in known.items()}), lambda: known)
