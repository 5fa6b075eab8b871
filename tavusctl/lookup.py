"""Tell by look what became of a create whose answer was lost.

What the create made was not there before, belongs to nobody, has the name and reads as what was sent.  When exactly one
object is like that it is ours; when nothing even has the name, there is none; anything between is for a person.
"""

from __future__ import annotations

from collections.abc import Iterable
from collections.abc import Set as AbstractSet

from tavusctl.errors import Ambiguous
from tavusctl.model import Address, Binding, Desired, Document, Live, ResourceKind, Source
from tavusctl.threeway import compare


def matching(
    kind: ResourceKind, spec: Document, name: str, live: Iterable[Live], known: AbstractSet[str]
) -> tuple[str, ...]:
    """Ids of objects that a create of `spec` may have made; Ambiguous when one has the name and reads otherwise."""
    new = [one for one in live if one.address is None and one.remote_id not in known and one.name == name]
    like = tuple(sorted(one.remote_id for one in new if reads_as(kind, spec, one)))
    if new and not like:
        ids = ", ".join(sorted(one.remote_id for one in new))
        message = f"a {kind.name} called {name!r} has appeared ({ids}) that does not read as what was sent"
        raise Ambiguous(message, "if it is the one, bind it with import; otherwise rename or delete it")
    return like


def found(kind: ResourceKind, spec: Document, name: str, live: Iterable[Live], known: AbstractSet[str]) -> str:
    """The id of what a create has made, or an empty string; Ambiguous when that cannot be told."""
    like = matching(kind, spec, name, live, known)
    if len(like) > 1:
        message = f"{len(like)} objects read as what was sent: {', '.join(like)}"
        raise Ambiguous(message, "bind the right one with import, and delete the other")
    return like[0] if like else ""


def reads_as(kind: ResourceKind, spec: Document, live: Live) -> bool:
    """Whether an object is as a binding of `spec` would have it; a masked secret counts as the one that was sent."""
    address = Address(kind.name, "sent")
    desired = Desired(kind, address, spec, Source("", 0, 0))
    return not compare(desired, live, Binding(address, live.remote_id, spec)).fields
