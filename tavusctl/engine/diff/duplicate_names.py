"""Unmanaged objects with the name of a managed one: a copy, or a create that became visible late.  Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence

from tavusctl.core.binding import Binding
from tavusctl.core.diagnostics import Diagnostic, Severity
from tavusctl.core.model import Live
from tavusctl.engine.compare import claim
from tavusctl.engine.compare.match_create import plain_text
from tavusctl.engine.diff.replacement import replacement_ids


def shared_names(
    live: Sequence[Live], bindings: Sequence[Binding], owners: Callable[[], Mapping[str, str]] = dict
) -> Iterator[Diagnostic]:
    """A warning for each managed object that shares its name with unmanaged ones.

    `owners` returns the environment that has bound an object, by id; it is called only if there is a warning.
    """
    ids_in_replacement = replacement_ids(bindings)
    unmanaged: defaultdict[tuple[str, str], list[str]] = defaultdict(list)
    for obj in live:
        if obj.address is None and obj.remote_id not in ids_in_replacement:
            unmanaged[obj.kind.name, _name(obj)].append(obj.remote_id)
    if not unmanaged:
        return
    live_by_id = {(obj.kind.name, obj.remote_id): obj for obj in live}
    pairs = ((binding, live_by_id.get((binding.address.kind, binding.remote_id))) for binding in bindings)
    shared = [
        (binding, managed)
        for binding, managed in pairs
        if managed and managed.name and unmanaged.get((managed.kind.name, _name(managed)))
    ]
    owners_by_id = owners() if shared else {}
    for binding, managed in shared:
        yield _warning(managed, binding, unmanaged[managed.kind.name, _name(managed)], owners_by_id)


def _name(obj: Live) -> str:
    return plain_text(claim.without_claim(obj.name))


def _warning(managed: Live, binding: Binding, others: Sequence[str], owners: Mapping[str, str]) -> Diagnostic:
    ids = ", ".join(
        f"{remote_id} ({owners[remote_id]})" if remote_id in owners else remote_id for remote_id in sorted(others)
    )
    description = "another object" if len(others) == 1 else "other objects"
    message = (
        f"{binding.address}: the account has {description} with the name `{managed.name}`, not managed here: {ids}"
    )
    hint = "check whether it is a copy or a late create, and delete it in the portal if nobody needs it"
    if not owners.keys().isdisjoint(others):
        hint = "give each environment names of its own: put a variable into the name, such as `${var:environment}`"
    return Diagnostic("TV306", message, None, hint, binding.address, Severity.WARNING)
