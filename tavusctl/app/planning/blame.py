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
    """The plan, each field with the commits that wrote its lines and those that were overridden since a revision.

    If git cannot name the authors of some files, a message says so and their fields stay without commits.
    """
    origins = loading.read(session.project, session.environment, KINDS).origins
    locations = FieldLocations(session.root, {one.address: one for one in prepared.desired}, origins)
    changes: list[Change | Drift] = [*plan.changes, *plan.drift]
    lines = {(one.address, entry.path): locations.of(one.address, entry) for one in changes for entry in one.fields}
    authors = _authors(session, revision, lines.values())

    def fields(address: Address, entries: Iterable[FieldChange]) -> tuple[FieldChange, ...]:
        return tuple(replace(entry, blame=_commits(lines[address, entry.path], authors)) for entry in entries)

    def change(step: Change) -> Change:
        return replace(step, fields=fields(step.address, step.fields))

    return replace(
        plan,
        steps=tuple(map(change, plan.steps)),
        refused=tuple(replace(one, change=change(one.change)) for one in plan.refused),
        drift=tuple(replace(one, fields=fields(one.address, one.fields)) for one in plan.drift),
    )


def _authors(session: LocalSession, revision: str, lines: Iterable[Lines]) -> Mapping[str, Authors]:
    """The authors of the requested lines, by file; without the files that git cannot blame in time."""
    requests: dict[str, LineRequest] = {}
    for path, request in ((path, request) for file_lines in lines for path, request in file_lines.items()):
        requests.setdefault(path, LineRequest()).add(request.lines, request.deleted)
    authors: dict[str, Authors] = {}
    try:
        history = History(session.root, revision) if requests else None
        with session.progress.slow("asking git who wrote what", lambda: f"{len(authors)} of {len(requests)} files"):
            for path, request in sorted(requests.items()):
                authors[path] = history.authors(path, request) if history else Authors()
    except UnknownError as error:
        first, *others = sorted(requests.keys() - authors.keys())
        more = f" and {len(others)} more" if others else ""
        session.say(f"git cannot tell who wrote {flat(first)}{more}: {flat(str(error))}")
    return authors


def _commits(lines: Lines, authors: Mapping[str, Authors]) -> tuple[Blame, ...]:
    """The commits of some lines, each once, at its first line; overridden ones first, then by date, newest first."""
    blames: dict[tuple[str, bool], Blame] = {}
    for path, request in sorted(lines.items()):
        for blame in authors[path].of(request) if path in authors else ():
            blames.setdefault((blame.commit, blame.overridden), blame)
    return tuple(sorted(blames.values(), key=lambda blame: (not blame.overridden, -blame.date.timestamp())))
