"""What apply would do, and what was changed in the account since the last one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from tavusctl.api import Sources
from tavusctl.api.caching import CachingReader
from tavusctl.app.planning.plan_options import PlanOptions
from tavusctl.app.planning.prepare import prepare
from tavusctl.app.session import unchanged
from tavusctl.app.session.online import Session
from tavusctl.app.session.opening import checked, open_session
from tavusctl.core.errors import ConfigError, RefusedError, UsageError, worst
from tavusctl.core.json_tree import leaves
from tavusctl.core.model import Desired, Plan
from tavusctl.core.ports import Reader
from tavusctl.engine import attribution
from tavusctl.engine.import_.missing_state import Unknown, of_plan
from tavusctl.engine.prepared_plan import PreparedPlan
from tavusctl.integrations.git.worktree import base_tree, merge_base
from tavusctl.secrets import redaction

_GUESSED: Final = 20  # characters of a value: nobody guesses a longer one that is any good as a secret


class DriftResult(Struct, frozen=True):
    """What was changed in the account, and what of it nobody can tell."""

    plan: Plan
    unknown: Unknown


def plan(
    session: Session, asked: PlanOptions, *, base: str | None = None, blame: bool = False, out: Path | None = None
) -> Plan:
    """What apply would do; with `base`, less what the branch that was left would do; with `out`, as a plan file too."""
    sources = session.sources(wanted=asked.watches)
    about = b"" if base else unchanged.about_account(session, asked.document())  # of less than a plan nothing is kept
    with session.reader() as client:
        api: Reader = CachingReader(client) if base else client
        prepared = prepare(session, api, asked, sources=sources, judges=True)
        found = _attributed(session, api, prepared.plan, base, asked, sources) if base else prepared.plan
        now = api.server_time()
        unchanged.keep_plan(session, unchanged.PLAN, asked.document(), about, client, prepared)
    _show_what_is_written(session, prepared)
    if found.recovered:
        found = replace(found, running=_running(session))
    if blame:
        from tavusctl.app.planning.blame import with_blame  # noqa: PLC0415 - most plans ask for none, and start at once

        found = with_blame(session, prepared, found, merge_base(session.root, base) if base else "HEAD")
    if out:
        from tavusctl.app.planning import plan_file  # noqa: PLC0415 - as above

        plan_file.write(out, prepared, now, asked)
    return found


def drift(session: Session, *, blame: bool = False) -> DriftResult:
    """What was changed or deleted in the account, outside tavusctl, since the last apply."""
    about = unchanged.about_account(session, {})
    with session.reader() as api:
        prepared = prepare(session, api)
        unchanged.keep_plan(session, unchanged.DRIFT, {}, about, api, prepared)
    found, unknown = prepared.plan, of_plan(prepared.plan, prepared.state.bindings)
    found = replace(found, warnings=(*found.warnings, *unknown.warnings()))
    if blame:
        from tavusctl.app.planning.blame import with_blame  # noqa: PLC0415 - as above

        found = with_blame(session, prepared, found)
    return DriftResult(found, unknown)


def _running(session: Session) -> str:
    """The run whose records have been read, where it was no interrupted one: it is under way, or has ended by now."""
    store = session.store()
    return store.holder() or ("" if store.journal() else "it has ended by now")


def exit_code(plan: Plan, *, changes_exist: int = 0) -> int:
    """What a plan says to a script: refusals before changes."""
    refused = worst([refusal.exit_code for refusal in plan.refused])
    return refused or (changes_exist if plan.writes else 0)


def _show_what_is_written(session: Session, prepared: PreparedPlan) -> None:
    """Hide nothing that manifests say in the clear behind a variable that was no secret before they named it.

    Otherwise whoever chooses what is in a variable, a title or the name of a branch, could choose what reviewers see.
    In a run for a pull request, what is short enough to be guessed shows as well: a guess that is hidden, or refused in
    the plan file, would be known to be right.
    """
    before = prepared.request.former.reads or prepared.state.reads
    if before is None:
        return
    values = {name: value for name, value in session.secrets.items() if isinstance(value, str)}
    known = {values.get(name) for name in before.secrets} | {session.api_key}
    new = {value for name, value in values.items() if name not in before.secrets and value} - known
    if session.granted:
        new |= {value for value in values.values() if len(value) < _GUESSED} - {session.api_key}
    if new:
        redaction.show_in("\n".join(str(leaf) for one in prepared.desired for leaf in _texts(one)), new)


def _texts(one: Desired) -> Iterator[str]:
    """What a manifest says, keys included; a secret is none of it."""
    for path, leaf in leaves(one.spec):
        yield from (*path, leaf) if isinstance(leaf, str) else path


def _attributed(
    session: Session, api: Reader, plan: Plan, reference: str, asked: PlanOptions, sources: Sources | None
) -> Plan:
    """The plan, with what of it the manifests would have changed already where this branch left another."""
    alike = replace(asked, import_existing=False, destroy=False)
    with base_tree(session.root, reference) as found:
        try:
            older = checked(open_session(session.environment.name, session.progress, found.root))
            before = prepare(session, api, alike, base=older, sources=sources).plan
        except (ConfigError, RefusedError, UsageError) as error:
            session.say(f"the manifests at `{found.name}` cannot be compared: {error.message}")
            return plan
        return replace(plan, pending=attribution.pending(plan, before), base=found.name)
