"""The plan for the account of a session, which is only read.

Lint errors stop a plan only if it would write the field concerned, not if the account has the value already.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from tavusctl.api import Client, Sources
from tavusctl.app.planning.plan_options import PlanOptions
from tavusctl.app.session import named_addresses
from tavusctl.app.session.local import LocalSession
from tavusctl.app.session.manifests import WITHOUT, load
from tavusctl.app.session.online import Session
from tavusctl.app.session.progress import reading
from tavusctl.config.passages import with_sources
from tavusctl.core.diagnostics import Diagnostic, Severity, warning
from tavusctl.core.errors import ConfigError, RefusedError, StateError, TavusctlError
from tavusctl.core.model import Action, Change, Manifest, Plan
from tavusctl.core.ports import Reader
from tavusctl.engine import reconcile, resolve
from tavusctl.engine.compare.patch_guards import touches
from tavusctl.engine.import_ import missing_state
from tavusctl.engine.prepared_plan import PlanInputs, PreparedPlan
from tavusctl.engine.recovery import seconds_to_show
from tavusctl.engine.resolve import variable_in
from tavusctl.engine.safety import novelty
from tavusctl.secrets.values import Values
from tavusctl.state.journal import read_current_state
from tavusctl.state.seals import SealedState, open_state

NO_OPTIONS: Final = PlanOptions()
_WRITES_ALL = frozenset({Action.CREATE, Action.REPLACE})  # actions that write the whole object, if they send anything
_REMOVES = frozenset({Action.DELETE, Action.RETIRE, Action.FORGET})


class Basis(Struct, frozen=True):
    """What a plan is made from, if that is not the whole project, and the state as it is now."""

    loaded: tuple[tuple[Manifest, ...], tuple[Diagnostic, ...]] | None = None  # manifests and diagnostics of a part
    read_state: Callable[[], SealedState] | None = None


_WHOLE: Final = Basis()


def prepare(
    session: Session,
    api: Reader,
    options: PlanOptions = NO_OPTIONS,
    *,
    base: LocalSession | None = None,
    sources: Sources | None = None,
    checks_names: bool = True,
    gates: bool = False,
    needs_values: bool = False,
    basis: Basis = _WHOLE,
) -> PreparedPlan:
    """Plan this environment, or with `base` what other manifests would make of it; the account is only read.

    `sources` fetches the sources of watched documents; all plans of a run share it, and with it its time limit.
    With `gates`, a plan that would write a lint error is refused.  With `needs_values`, a plan that sends a secret
    without a value is refused; otherwise such a secret counts as unchanged.  `basis` may limit the plan to a
    part of the project and of the state.
    """
    secrets = None if options.destroy or base else session.secrets
    manifests, warnings = basis.loaded or _load(
        session, base, secrets, needs_values=needs_values, destroys=options.destroy
    )
    warnings = (*warnings, *session.trust_warnings, *session.local_state_remark) if base is None else warnings
    unset = () if secrets is None else resolve.unset_secrets(manifests, secrets)
    warnings += () if needs_values else unset_secrets_warning(unset)
    inputs = _inputs(session, options, manifests, warnings, sources, is_base=base is not None)

    with reading(session.progress, api):
        read_state = basis.read_state or partial(open_state, session.store(), inputs.keys)
        prepared = reconcile.prepare(manifests, api, read_state, inputs)
        if options.destroy:
            prepared = _with_unknown(session, api, manifests, prepared)
    if session.cache:
        session.cache.drop_found_secrets()
    plan = with_environment(session, with_sources(prepared.plan, prepared.desired))
    prepared = replace(prepared, plan=plan, unset_secrets=unset, manifests=manifests)
    if base is None and checks_names:
        named_addresses.check_known(options.named, {m.address for m in manifests} | prepared.state.bindings.keys())
    return gate(prepared, checks_lint=gates, needs_values=needs_values)


def _with_unknown(session: Session, api: Reader, manifests: Sequence[Manifest], prepared: PreparedPlan) -> PreparedPlan:
    """A plan to destroy with a warning about objects that have the names of manifests and are not in the state.

    StateError if no state was ever written: it may be lost, and then nothing would be destroyed.
    """
    if not prepared.state.bindings:
        session.say_empty()
    meant = [one for one in manifests if one.lifecycle.on_remove != "retain"]
    unknown = missing_state.of_account(meant, api, prepared.state.bindings, session.others)
    if not unknown.matching_ids:
        return prepared
    if not prepared.state.serial:
        raise StateError(unknown.summary, missing_state.HINT, id="E916")
    warnings = (*prepared.plan.warnings, *replace(unknown, new=()).warnings())
    return replace(prepared, plan=replace(prepared.plan, warnings=warnings))


def with_environment(session: Session, plan: Plan) -> Plan:
    """The plan, with the commands in its hints for this environment."""
    refused = tuple(replace(one, hint=session.with_environment(one.hint)) for one in plan.refused)
    warnings = tuple(replace(one, hint=session.with_environment(one.hint)) for one in plan.warnings)
    return replace(plan, refused=refused, warnings=warnings)


def _inputs(
    session: Session,
    options: PlanOptions,
    manifests: Sequence[Manifest],
    warnings: tuple[Diagnostic, ...],
    sources: Sources | None,
    *,
    is_base: bool,
) -> PlanInputs:
    """The inputs of the engine; `is_base`: the manifests are those of another commit."""
    inputs = session.plan_inputs(options, warnings)
    safety = None if options.destroy else session.project.safety
    reads = None if options.destroy or is_base else novelty.used_inputs(session.project, session.environment, manifests)
    inputs = replace(inputs, sources=sources, safety=safety, reads=reads)
    if session.grant and not is_base:
        reads = session.grant.limit_reads(reads)
        return replace(inputs, base_settings=session.grant.former, reads=reads, reads_limited=True)
    return inputs


def _load(
    session: Session, base: LocalSession | None, secrets: Values | None, *, needs_values: bool, destroys: bool
) -> tuple[tuple[Manifest, ...], tuple[Diagnostic, ...]]:
    """The manifests and warnings of the session, or of `base`; an error about no manifests also suggests `destroy`."""
    try:
        return load(base or session, secrets, needs_values=needs_values, needs_manifests=not destroys)
    except RefusedError as error:
        if base is None and error.id == WITHOUT and (managed := _managed_count(session)):
            objects = "the managed object" if managed == 1 else f"all {managed} managed objects"
            error.hint += f"; `{session.command('destroy')}` deletes {objects}"
        raise


def _managed_count(session: Session) -> int:
    """The number of objects in the state; 0 if it cannot be read, because another error is being reported here."""
    try:
        return len(read_current_state(session.store()).bindings)
    except TavusctlError:
        return 0


def read_afresh(session: Session, plan: Callable[[Session], PreparedPlan]) -> PreparedPlan:
    """The plan; made again without the cache if it would write and the cached manifests differ from the files."""
    prepared, uncached = plan(session), replace(session, cache=None)
    is_cached = session.cache and session.cache.manifests and session.cache.manifests.is_used
    if not (is_cached and prepared.plan.writes):
        return prepared
    parsed = load(uncached)[0]
    # By `repr`, because 1, 1.0 and True are equal.
    pairs = zip(map(repr, parsed), map(repr, prepared.manifests), strict=False)
    is_same = len(parsed) == len(prepared.manifests) and all(one == other for one, other in pairs)
    return prepared if is_same else plan(uncached)


def wait_for_creates(session: Session, api: Client, plan: Callable[[], PreparedPlan]) -> PreparedPlan:
    """The plan, once creates of an interrupted run are visible in the account, or have had the time to become so."""
    started = time.monotonic()
    while True:
        prepared = plan()
        seconds = seconds_to_show(prepared.recovered.lost, api.server_time(), session.settings.settle)
        # Without a server time, a clock that was set back must not cause a wait of hours.
        seconds = min(seconds, session.settings.settle - (time.monotonic() - started))
        if seconds <= 0:
            return prepared
        names = ", ".join(str(intent.address) for intent in prepared.recovered.lost)
        session.say(f"an interrupted run may have created {names}; checking again, for up to {seconds:.0f} s")
        time.sleep(min(seconds, 5.0))


def gate(prepared: PreparedPlan, *, checks_lint: bool, needs_values: bool) -> PreparedPlan:
    """The plan with its lint errors turned into warnings.

    ConfigError with everything that the plan would write and must not: with `checks_lint` each lint error, and with
    `needs_values` each secret whose variable is not set here.
    """
    plan = prepared.plan
    errors = [
        *(one for one in plan.warnings if checks_lint and one.severity is Severity.ERROR),
        *(prepared.unset_secrets if needs_values else ()),
    ]
    written = [one for one in errors if _is_written(one, plan)]
    if written:
        raise ConfigError(written)
    warnings = tuple(replace(one, severity=Severity.WARNING) for one in plan.warnings)
    return replace(prepared, plan=replace(plan, warnings=warnings))


def unset_secrets_warning(unset: Sequence[Diagnostic]) -> tuple[Diagnostic, ...]:
    """One warning for all secrets that cannot be compared."""
    names = sorted({variable_in(one.hint) for one in unset})
    if not names:
        return ()
    subject = f"the secret {names[0]} has" if len(names) == 1 else f"the secrets {', '.join(names)} have"
    message = f"{subject} no value here"
    hint = "set the value before you apply a change that sends it; until then, a field that was applied is not compared"
    return (warning("TV309", message, hint),)


def _is_written(diagnostic: Diagnostic, plan: Plan) -> bool:
    """Whether a step writes the value of a diagnostic, a part of that value, or a value that contains it."""
    steps = [step for step in plan.steps if step.address == diagnostic.address]
    return touches(diagnostic.pointer, [pointer for step in steps for pointer in _pointers(step)])


def _pointers(step: Change) -> Iterable[str]:
    """JSON Pointers of the fields that a step writes; an empty pointer means the whole object."""
    if step.action in _REMOVES or not step.patch:
        return ()
    return ("",) if step.action in _WRITES_ALL else (entry.path for entry in step.fields)
