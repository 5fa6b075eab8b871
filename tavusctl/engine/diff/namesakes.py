"""Objects that are not ours and have the name of one that is: somebody's copy, or a create that came late.  Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence

from tavusctl import claim
from tavusctl.engine.diff.succession import halves
from tavusctl.lookup import plain_text
from tavusctl.model import Binding, Complaint, Live, Severity


def namesakes(live: Sequence[Live], bindings: Sequence[Binding]) -> Iterator[Complaint]:
    """One warning for each object of ours that shares its name with others."""
    ours = halves(bindings)
    strangers: defaultdict[tuple[str, str], list[str]] = defaultdict(list)
    for one in live:
        if one.address is None and one.remote_id not in ours:
            strangers[one.kind.name, _name(one)].append(one.remote_id)
    found = {(one.kind.name, one.remote_id): one for one in live}
    for binding in bindings:
        mine = found.get((binding.address.kind, binding.remote_id))
        if mine and mine.name and strangers.get((mine.kind.name, _name(mine))):
            yield _warning(mine, binding, strangers[mine.kind.name, _name(mine)])


def _name(one: Live) -> str:
    return plain_text(claim.bare(one.name))


def _warning(mine: Live, binding: Binding, others: Sequence[str]) -> Complaint:
    ids = ", ".join(sorted(others))
    what = "another object" if len(others) == 1 else "other objects"
    message = f"{binding.address}: the account has {what} called {mine.name!r}, not managed here: {ids}"
    hint = "a copy, or a create that came late; what nobody needs can be deleted in the portal"
    return Complaint("TV306", message, None, hint, binding.address, Severity.WARNING)
