"""`tavusctl undo`: reverse one apply, where nobody has edited what it left."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from typing import Any

import click

from tavusctl import sources
from tavusctl.cli.apply import check_safety, confirm, exit_code, next_step, show
from tavusctl.cli.carry import carry
from tavusctl.cli.interrupt import interruptible
from tavusctl.cli.keyring import keys
from tavusctl.cli.local import say
from tavusctl.cli.locking import lock_timeout, seconds
from tavusctl.cli.output import emit, format_option
from tavusctl.cli.progress import reading
from tavusctl.cli.runs import Archive
from tavusctl.cli.session import Session, addresses_option, options
from tavusctl.custody import opened
from tavusctl.document import map_leaves, plain
from tavusctl.engine.plan import Consent
from tavusctl.engine.reconcile import check_trusted, prepare_undo
from tavusctl.errors import ConfigError, RefusedError, UsageError
from tavusctl.journal import Past
from tavusctl.kinds import KINDS
from tavusctl.model import Action, Address, Change, Manifest, Plan
from tavusctl.reports import text, view
from tavusctl.reports.json import FORMAT_VERSION
from tavusctl.secret import SHOWN, SecretText


@click.command("undo")
@click.argument("run", required=False)
@format_option
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@click.option("--recreate", is_flag=True, help="Make deleted objects anew, under new ids, from what was kept of them.")
@click.option("--allow-deletes", type=click.IntRange(min=0), metavar="N", help="Agree to exactly this many deletes.")
@addresses_option("--allow-replica-delete", help="Agree to delete this replica.")
@click.option("--wait", callback=seconds, metavar="DURATION", help="Wait this long for background work, such as 15m.")
@lock_timeout
@options
def command(
    session: Session,
    *,
    run: str | None,
    format_: str,
    yes: bool,
    recreate: bool,
    allow_deletes: int | None,
    allow_replica_delete: frozenset[Address],
    wait: float,
    lock_timeout: float,
) -> int:
    """Reverse the apply RUN; without RUN, list the runs that can be reversed.

    An object that was edited since is left alone (exit 3).  Creates are reversed by deletes, with --allow-deletes N;
    deletes and replacements by new objects, with --recreate.  Manifests stay as they are.

    \b
    tavusctl undo
    tavusctl undo 3f2a91c07be4
    """  # noqa: D301
    store = session.store()
    found = opened(store, keys(session.environment))
    archive, lineage = Archive(store.shelf), found.replay.state.lineage
    if run is None:
        click.echo(_listed(archive.all(lineage), format_), nl=False)
        return 0
    past_run, trash = archive.past(lineage, run, found.custody.check_run), archive.bodies(run, found.custody)
    request = session.request(Consent(delete_costly=allow_replica_delete))
    manifests = _manifests(session)
    with interruptible() as interruption, store.lock(lock_timeout, "undo"), session.client() as api:
        with reading(session, api):
            prepared = prepare_undo(past_run, trash, KINDS, api, store, request, manifests=manifests, recreate=recreate)
        plan = prepared.plan
        show(session, prepared, format_)
        check_trusted(prepared)
        check_safety(session, prepared, allowed=allow_deletes)
        if plan.steps and not yes:
            confirm(plan, session.environment, "undo")
        outcomes, failure = carry(
            session,
            api,
            store,
            prepared,
            interruption,
            archive,
            patience=wait,
            format_=format_,
        )
    if format_ != "text" or outcomes:
        emit(lambda report: report.outcomes(plan, outcomes), format_)
    next_step(session, outcomes, archive)
    behind = _behind(plan, manifests)
    if outcomes and behind:
        say(session, f"the manifests still say what that run applied: {', '.join(behind)}; the next plan will show it;")
        say(session, "to make the undo last, change them back too (such as with git revert)")
    if failure:
        click.echo(text.complaint(view.complaint(failure.complaints[0])), err=True)
    return interruption.code or exit_code(plan, outcomes, failure)


def _manifests(session: Session) -> tuple[Manifest, ...]:
    """The manifests, for the secrets that they name; none where they cannot be read, for most undos need none."""
    try:
        return session.load()[0]
    except (ConfigError, RefusedError):
        return ()


def _behind(plan: Plan, manifests: Sequence[Manifest]) -> list[str]:
    """Addresses whose manifests do not say what the undo has brought about."""
    told = {one.address: one for one in manifests}
    return sorted({str(step.address) for step in plan.steps if not _is_told(step, told.get(step.address))})


def _is_told(step: Change, manifest: Manifest | None) -> bool:
    """Whether a manifest, or that there is none, agrees with a step of an undo; secrets cannot be compared."""
    if step.action in (Action.RETIRE, Action.FORGET) or manifest is None or step.desired is None:
        return step.action in (Action.RETIRE, Action.FORGET) or (manifest is None and step.action is Action.DELETE)
    spec = map_leaves(manifest.spec, lambda leaf: SHOWN if isinstance(leaf, SecretText) else leaf)
    return bool(plain(spec) == plain(sources.sent(step.desired.spec)))


def _listed(runs: Sequence[Past], format_: str) -> str:
    """The runs that are known, newest first."""
    if format_ == "json":
        document = {"format_version": FORMAT_VERSION, "runs": [_document(one) for one in runs]}
        return json.dumps(document, indent=2, ensure_ascii=False) + "\n"
    if format_ != "text":
        message = f"the list of runs has no format {format_}"
        raise UsageError(message, "text and json are what it has", id="E1209")
    return "".join(f"{_line(one)}\n" for one in runs) or "no run is known here\n"


def _document(past: Past) -> dict[str, Any]:
    known = {"run": past.run, "time": past.time or None, "actions": _actions(past)}
    return {**known, "withheld": list(past.withheld)} if past.withheld else known


def _actions(past: Past) -> dict[str, int]:
    """How many steps of each sort a run has carried out; that what it made got its own name is a part of making it."""
    made = {one.op: past.made[one.op] for one in past.intents if not one.remote_id and one.op in past.made}
    ids = {one for binding in made.values() for one in (binding.remote_id, binding.successor) if one}
    steps = [one for one in past.intents if one.op not in past.failed and one.remote_id not in ids]
    return dict(sorted(Counter(one.action.value for one in steps).items()))


def _line(past: Past) -> str:
    words = ", ".join(f"{count} {action}" for action, count in _actions(past).items()) or "nothing sent"
    words = f"cannot be undone: holds the value of {', '.join(past.withheld)}" if past.withheld else words
    return f"{past.run}  {past.time or '(time unknown)'}  {words}"
