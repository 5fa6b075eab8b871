"""Objects that are not ours and have the name of one that is: somebody's copy, or a create that came late.  Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence

from tavusctl.core.binding import Binding
from tavusctl.core.diagnostics import Diagnostic, Severity
from tavusctl.core.model import Live
from tavusctl.engine.compare import claim
from tavusctl.engine.compare.match_create import plain_text
from tavusctl.engine.diff.replacement import halves


def namesakes(
    live: Sequence[Live], bindings: Sequence[Binding], owners: Callable[[], Mapping[str, str]] = dict
) -> Iterator[Diagnostic]:
    """One warning for each object of ours that shares its name with others.

    `owners` tells what other environments have bound, id by id; it is asked only where there is something to say.
    """
    ours = halves(bindings)
    strangers: defaultdict[tuple[str, str], list[str]] = defaultdict(list)
    for one in live:
        if one.address is None and one.remote_id not in ours:
            strangers[one.kind.name, _name(one)].append(one.remote_id)
    found = {(one.kind.name, one.remote_id): one for one in live}
    pairs = ((one, found.get((one.address.kind, one.remote_id))) for one in bindings)
    named = [(one, mine) for one, mine in pairs if mine and mine.name and strangers.get((mine.kind.name, _name(mine)))]
    known = owners() if named else {}
    for binding, mine in named:
        yield _warning(mine, binding, strangers[mine.kind.name, _name(mine)], known)


def _name(one: Live) -> str:
    return plain_text(claim.bare(one.name))


def _warning(mine: Live, binding: Binding, others: Sequence[str], owners: Mapping[str, str]) -> Diagnostic:
    ids = ", ".join(f"{one} ({owners[one]})" if one in owners else one for one in sorted(others))
    what = "another object" if len(others) == 1 else "other objects"
    message = f"{binding.address}: the account has {what} with the name `{mine.name}`, not managed here: {ids}"
    hint = "check whether it is a copy or a late create, and delete it in the portal if nobody needs it"
    if not owners.keys().isdisjoint(others):
        hint = "give each environment names of its own: put a variable into the name, such as `${var:environment}`"
    return Diagnostic("TV306", message, None, hint, binding.address, Severity.WARNING)
