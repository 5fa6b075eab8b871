"""`--blame`: the git commits and authors of the source lines of changed fields."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from msgspec.structs import replace

from tavusctl.app.planning.locations import FieldLocations, Lines
from tavusctl.app.session.local import LocalSession
from tavusctl.config import loading
from tavusctl.core.address import Address
from tavusctl.core.diagnostics import Blame
from tavusctl.core.model import Change, Drift, FieldChange, Plan
from tavusctl.engine.prepared_plan import PreparedPlan
from tavusctl.integrations.git.blame import Authors, History, LineRequest, UnknownError
from tavusctl.kinds import KINDS
from tavusctl.secrets.escape import flat


def with_blame(session: LocalSession, prepared: PreparedPlan, plan: Plan, revision: str = "HEAD") -> Plan:
    """The plan with who wrote what it writes, and what was overridden since a revision.

    What git cannot tell is said, and stops nothing.
    """
    origins = loading.read(session.project, session.environment, KINDS).origins
    whereabouts = FieldLocations(session.root, {one.address: one for one in prepared.desired}, origins)
    changes: list[Change | Drift] = [*plan.steps, *(one.change for one in plan.refused), *plan.drift]
    lines = {(one.address, entry.path): whereabouts.of(one.address, entry) for one in changes for entry in one.fields}
    known = _known(session, revision, lines.values())

    def fields(address: Address, found: Iterable[FieldChange]) -> tuple[FieldChange, ...]:
        return tuple(replace(one, blame=_commits(lines[address, one.path], known)) for one in found)

    def change(one: Change) -> Change:
        return replace(one, fields=fields(one.address, one.fields))

    return replace(
        plan,
        steps=tuple(map(change, plan.steps)),
        refused=tuple(replace(one, change=change(one.change)) for one in plan.refused),
        drift=tuple(replace(one, fields=fields(one.address, one.fields)) for one in plan.drift),
    )


def _known(session: LocalSession, revision: str, lines: Iterable[Lines]) -> Mapping[str, Authors]:
    """Who is behind the lines of every file, as far as git tells in time."""
    wanted: dict[str, LineRequest] = {}
    for path, one in ((path, one) for each in lines for path, one in each.items()):
        wanted.setdefault(path, LineRequest()).add(one.lines, one.gone)
    known: dict[str, Authors] = {}
    try:
        history = History(session.root, revision) if wanted else None
        with session.progress.slow("asking git who wrote what", lambda: f"{len(known)} of {len(wanted)} files"):
            for path, one in sorted(wanted.items()):
                known[path] = history.authors(path, one) if history else Authors()
    except UnknownError as error:
        first, *others = sorted(wanted.keys() - known.keys())
        more = f" and {len(others)} more" if others else ""
        session.say(f"git cannot tell who wrote {flat(first)}{more}: {flat(str(error))}")
    return known


def _commits(lines: Lines, known: Mapping[str, Authors]) -> tuple[Blame, ...]:
    """The commits behind lines, each with the first of its lines: what is overridden, then the newest."""
    found: dict[tuple[str, bool], Blame] = {}
    for path, wanted in sorted(lines.items()):
        for one in known[path].of(wanted) if path in known else ():
            found.setdefault((one.commit, one.overridden), one)
    return tuple(sorted(found.values(), key=lambda one: (not one.overridden, -one.date.timestamp())))
