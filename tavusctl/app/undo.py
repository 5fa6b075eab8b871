"""Reverse one apply, except where its values were edited since."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from msgspec import Struct
from msgspec.structs import replace

from tavusctl.app.planning.execution import (
    Dialogue,
    RunResult,
    check_draft_addresses,
    check_drafts,
    check_safety,
    confirm,
    run_plan,
)
from tavusctl.app.planning.prepare import wait_for_creates, with_environment
from tavusctl.app.session.keyring import keys
from tavusctl.app.session.manifests import check, load
from tavusctl.app.session.online import Session
from tavusctl.app.session.progress import reading
from tavusctl.core.address import Address
from tavusctl.core.diagnostics import Diagnostic, errors_in
from tavusctl.core.errors import ConfigError, RefusedError, UsageError
from tavusctl.core.json_tree import manifest_notation, map_leaves
from tavusctl.core.messages import moment
from tavusctl.core.model import Action, Change, Manifest, Plan
from tavusctl.core.timestamps import parse_timestamp
from tavusctl.crawl import source_fingerprint
from tavusctl.engine.apply import DraftConsent
from tavusctl.engine.execution import check_trusted
from tavusctl.engine.plan import Approvals
from tavusctl.engine.prepared_plan import PreparedPlan
from tavusctl.engine.reconcile import prepare_undo
from tavusctl.lib.json_types import JsonObject
from tavusctl.reports.json import FORMAT_VERSION, json_text
from tavusctl.secrets.values import SHOWN, SecretText
from tavusctl.state.journal import FinishedRun
from tavusctl.state.run_records import RunRecords
from tavusctl.state.seals import open_state


class UndoOptions(Struct, frozen=True):
    """What an undo is allowed to do, and how long it may take."""

    yes: bool = False  # undo without a confirmation
    recreate: bool = False
    allow_deletes: int | None = None
    allow_replica_delete: frozenset[Address] = frozenset()
    wait: float = 0.0  # seconds, for background work
    lock_timeout: float = 0.0
    drafts: DraftConsent = DraftConsent()


def past_runs(session: Session) -> Sequence[FinishedRun]:
    """The runs that can be reversed, newest first."""
    store = session.store()
    lineage = open_state(store, keys(session)).replay.state.lineage
    return RunRecords(store.artifacts).all(lineage)


def undo(session: Session, run: str, options: UndoOptions, dialogue: Dialogue) -> RunResult:
    """Reverse a run: show the plan, ask for approval, and carry it out."""
    check_drafts(options.drafts)
    session.check_state_is_kept()
    store = session.store()
    sealed_state = open_state(store, keys(session))
    archive, lineage = RunRecords(store.artifacts), sealed_state.replay.state.lineage
    past = archive.finished_run(lineage, run, sealed_state.seals.check_run)
    trash = archive.bodies(past, sealed_state.seals)
    past = replace(past, intents=tuple(map(sealed_state.seals.comparable_intent, past.intents)))
    inputs = session.plan_inputs(Approvals(allow_replica_delete=options.allow_replica_delete))
    manifests, errors = _manifests(session)
    with store.lock(options.lock_timeout, "undo"), session.client() as api:

        def plan() -> PreparedPlan:
            with reading(session.progress, api):
                return prepare_undo(past, trash, api, store, inputs, manifests=manifests, recreate=options.recreate)

        prepared = wait_for_creates(session, api, plan)
        prepared = replace(prepared, plan=with_environment(session, prepared.plan))
        dialogue.show(prepared.plan)
        _check_protections_known(prepared.plan, manifests, errors)
        check_draft_addresses(session, prepared, options.drafts)
        check_trusted(prepared)
        check_safety(session, prepared, allowed=options.allow_deletes)
        if prepared.plan.steps and not options.yes:
            confirm(prepared.plan, dialogue, action="undo", hint="add `--yes`")
        result = run_plan(session, api, store, prepared, dialogue, patience=options.wait, drafts=options.drafts)
    return replace(result, again=f"undo {run}", hints=tuple(_hints(result, manifests)))


def _hints(result: RunResult, manifests: Sequence[Manifest]) -> Iterator[str]:
    """Advice for manifests that would make the next apply repeat the reversed changes."""
    behind = _outdated_manifests(result.plan, manifests)
    if result.outcomes and behind:
        yield f"the manifests still contain the changes of that run: {', '.join(behind)}; the next plan will show them;"
        yield "to make the undo permanent, revert the manifests too, such as with `git revert`"


def _manifests(session: Session) -> tuple[tuple[Manifest, ...], Sequence[Diagnostic]]:
    """The valid manifests, which name the secrets of an undo and protect objects, and the errors in the others."""
    try:
        return load(session)[0], ()
    except ConfigError as error:  # most undos need no manifest
        return check(session, advice=False)[0], errors_in(error.diagnostics)
    except RefusedError:  # there is none
        return (), ()


def _check_protections_known(plan: Plan, manifests: Sequence[Manifest], errors: Sequence[Diagnostic]) -> None:
    """Refuse to delete or replace objects that a manifest with an error may protect.

    An object is not unsure if a valid manifest declares it, and all errors are in manifests of other addresses.
    """
    declared = {address for one in manifests for address in (one.address, *one.moved_from)}
    steps = sorted({step.address for step in plan.steps if step.action in (Action.DELETE, Action.REPLACE)})
    doubts = {one: [error for error in errors if error.address in (None, one) or one not in declared] for one in steps}
    if unsure := {address: found for address, found in doubts.items() if found}:
        first = next(iter(unsure.values()))[0]
        found = f"{first.source or 'tavusctl.yaml'}: {first.message}"
        names = ", ".join(map(str, unsure))
        message = f"a manifest that is invalid may protect {names}; nothing was written ({found})"
        raise RefusedError(message, "run `tavusctl validate`, correct what it reports, and run undo again", id="E428")


def _outdated_manifests(plan: Plan, manifests: Sequence[Manifest]) -> list[str]:
    """The addresses whose manifests disagree with the result of the undo."""
    manifest_of = {manifest.address: manifest for manifest in manifests}
    return sorted({str(step.address) for step in plan.steps if not _agrees(step, manifest_of.get(step.address))})


def _agrees(step: Change, manifest: Manifest | None) -> bool:
    """Whether a manifest, or its absence, agrees with a step of an undo; secrets are not compared."""
    if step.action in (Action.RETIRE, Action.FORGET) or manifest is None or step.desired is None:
        return step.action in (Action.RETIRE, Action.FORGET) or (manifest is None and step.action is Action.DELETE)
    spec = map_leaves(manifest.spec, lambda leaf: SHOWN if isinstance(leaf, SecretText) else leaf)
    return bool(manifest_notation(spec) == manifest_notation(source_fingerprint.without_fingerprint(step.desired.spec)))


def listed(runs: Sequence[FinishedRun], format_: str) -> str:
    """The list of runs as text or JSON, newest first; UsageError for another format."""
    if format_ == "json":
        return json_text({"format_version": FORMAT_VERSION, "runs": [_document(past) for past in runs]})
    if format_ != "text":
        message = f"the list of runs has no format `{format_}`"
        raise UsageError(message, "use `text` or `json`", id="E1209")
    return "".join(f"{_line(past)}\n" for past in runs) or "no run to undo\n"


def _document(past: FinishedRun) -> JsonObject:
    entry: JsonObject = {"run": past.run, "time": past.time or None, "actions": _actions(past)}
    return {**entry, "withheld": list(past.withheld)} if past.withheld else entry


def _actions(past: FinishedRun) -> dict[str, int]:
    """The number of steps of each action in a run, also of those without a call.

    A later step on an object that the run created is not counted.
    """
    created = {one.op: past.results[one.op] for one in past.intents if not one.remote_id and one.op in past.results}
    ids = {one for binding in created.values() for one in (binding.remote_id, binding.successor) if one}
    steps = [one for one in past.intents if one.op not in past.failed and one.remote_id not in ids]
    called = {one.address for one in steps}
    bound = {Action.ADOPT: past.imported, Action.FORGET: past.unbound}
    others = [action for action, bindings in bound.items() for one in bindings if one.address not in called]
    return dict(sorted(Counter(action.value for action in (*(one.action for one in steps), *others)).items()))


def _line(past: FinishedRun) -> str:
    summary = ", ".join(f"{count} {action}" for action, count in _actions(past).items()) or "nothing sent"
    if past.withheld:
        summary = f"cannot be undone: its record would contain the value of {', '.join(past.withheld)}"
    began = parse_timestamp(past.time)
    return f"{past.run}  {moment(began) if began else '(time unknown)'}  {summary}"
