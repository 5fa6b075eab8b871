"""Find what a change affects: everything that refers to the changed object.  Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet

from msgspec.structs import replace

from tavusctl.core.address import Address
from tavusctl.core.json_tree import leaves
from tavusctl.core.model import Action, Change, Desired, Live
from tavusctl.engine.diff.replacement import label

_AFFECTING = frozenset({Action.UPDATE, Action.REPLACE, Action.DELETE})


def with_referrers(changes: Sequence[Change], managed: Sequence[Desired], live: Sequence[Live]) -> tuple[Change, ...]:
    """Changes with what refers to their objects: manifests as they will be, unmanaged objects as they are."""
    users = _users(managed, live)
    return tuple(
        replace(change, affects=tuple(sorted(users[change.address])))
        if change.action in _AFFECTING and change.address in users
        else change
        for change in changes
    )


def _users(managed: Iterable[Desired], live: Iterable[Live]) -> Mapping[Address, AbstractSet[str]]:
    users: defaultdict[Address, set[str]] = defaultdict(set)
    for item in managed:
        for address in item.refers_to:
            users[address].add(str(item.address))
    for stranger in (obj for obj in live if obj.address is None):
        for _, leaf in leaves(stranger.body):
            if isinstance(leaf, Address):
                users[leaf].add(label(stranger))
    return users
