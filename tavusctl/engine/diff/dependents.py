"""Who else will notice a change: what refers to an object that others share.  Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet

from msgspec.structs import replace

from tavusctl.core.address import Address
from tavusctl.core.json_tree import leaves
from tavusctl.core.model import Action, Change, Desired, Live
from tavusctl.engine.diff.replacement import label

_NOTICED = frozenset({Action.UPDATE, Action.REPLACE, Action.DELETE})


def affecting(changes: Sequence[Change], managed: Sequence[Desired], live: Sequence[Live]) -> tuple[Change, ...]:
    """Changes that say what refers to their objects: manifests as they will be, and strangers as they are."""
    users = _users(managed, live)
    return tuple(
        replace(change, affects=tuple(sorted(users[change.address])))
        if change.action in _NOTICED and change.address in users
        else change
        for change in changes
    )


def _users(managed: Iterable[Desired], live: Iterable[Live]) -> Mapping[Address, AbstractSet[str]]:
    users: defaultdict[Address, set[str]] = defaultdict(set)
    for item in managed:
        for address in item.refers_to:
            users[address].add(str(item.address))
    for stranger in (one for one in live if one.address is None):
        for _, leaf in leaves(stranger.body):
            if isinstance(leaf, Address):
                users[leaf].add(label(stranger))
    return users
