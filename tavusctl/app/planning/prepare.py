"""A plan for the account of a session; reads only."""

from __future__ import annotations

import time
from collections.abc import Callable
from collections.abc import Set as AbstractSet
from datetime import datetime, timedelta
from typing import Final

from msgspec.structs import replace

from tavusctl.api import Client, Sources
from tavusctl.app.planning.lint_gate import check_values, judged, taken_as_unchanged, tolerated
from tavusctl.app.planning.plan_options import PlanOptions
from tavusctl.app.session.local import LocalSession
from tavusctl.app.session.manifests import WITHOUT, load
from tavusctl.app.session.online import Session
from tavusctl.app.session.progress import reading
from tavusctl.config.passages import located
from tavusctl.core.address import Address
from tavusctl.core.diagnostics import Diagnostic
from tavusctl.core.errors import RefusedError, TavusctlError, UsageError
from tavusctl.core.messages import suggestion
from tavusctl.core.model import Manifest
from tavusctl.core.ports import Reader
from tavusctl.engine import reconcile, resolve
from tavusctl.engine.plan import Approvals
from tavusctl.engine.prepared_plan import PreparedPlan
from tavusctl.engine.safety import novelty
from tavusctl.kinds import KINDS
from tavusctl.secrets.values import Values
from tavusctl.state.journal import recall

NO_OPTIONS: Final = PlanOptions()


def prepare(
    session: Session,
    api: Reader,
    asked: PlanOptions = NO_OPTIONS,
    *,
    base: LocalSession | None = None,
    sources: Sources | None = None,
    checks_names: bool = True,
    judges: bool = False,
    needs_values: bool = False,
) -> PreparedPlan:
    """Plan this environment, or with `base` what other manifests would make of it; reads only.

    `sources` looks at those of watched documents: one for all plans of a run, which have their time together.
    What `judges` refuses to write what cannot work.  What needs the values of secrets is refused when the plan
    sends one that has none; all else takes such a secret as unchanged, and says so once.
    """
    secrets = None if asked.destroy or base else session.secrets
    manifests, warnings = _load(session, base, secrets, needs_values=needs_values, destroys=asked.destroy)
    warnings = (*warnings, *session.withheld, *session.local_state_remark) if base is None else warnings
    unset = () if secrets is None else resolve.unset(manifests, secrets)
    warnings += () if needs_values else taken_as_unchanged(unset)
    request = session.request(asked.consent, adopt=asked.import_existing, destroy=asked.destroy, warnings=warnings)
    safety = None if asked.destroy else session.project.safety
    reads = None if asked.destroy or base else novelty.known(session.project, session.environment, manifests)
    request = replace(request, sources=sources, safety=safety, reads=reads)
    if session.granted and base is None:
        request = replace(request, former=session.granted.former, reads=session.granted.cut(reads))
    with reading(session.progress, api):
        prepared = reconcile.prepare(manifests, KINDS, api, session.store(), request)
    found = located(prepared.plan, prepared.desired)
    prepared = replace(prepared, plan=found, unset=unset, manifests=manifests)
    if base is None and checks_names:
        _check_named(request.consent, {m.address for m in manifests} | prepared.state.bindings.keys())
    if needs_values:
        check_values(prepared)
    return judged(prepared) if judges else replace(prepared, plan=tolerated(prepared.plan))


def _load(
    session: Session, base: LocalSession | None, secrets: Values | None, *, needs_values: bool, destroys: bool
) -> tuple[tuple[Manifest, ...], tuple[Diagnostic, ...]]:
    """The manifests of the session, or of `base`; the error that there is none names what deletes what is managed."""
    try:
        return load(base or session, secrets, needs_values=needs_values, needs_manifests=not destroys)
    except RefusedError as error:
        if base is None and error.id == WITHOUT and (managed := _managed(session)):
            objects = "the managed object" if managed == 1 else f"all {managed} managed objects"
            error.hint += f"; `{session.command('destroy')}` deletes {objects}"
        raise


def _managed(session: Session) -> int:
    """How many objects the state knows; none where it cannot be read, which is not what the error is about."""
    try:
        return len(recall(session.store()).bindings)
    except TavusctlError:
        return 0


def read_afresh(session: Session, plan: Callable[[Session], PreparedPlan]) -> PreparedPlan:
    """A plan that writes nothing but what the files say, whatever the cache says of them."""
    prepared, afresh = plan(session), replace(session, cache=None)
    if not (session.cache and prepared.plan.writes):
        return prepared
    # Not by `==`, to which 1 and 1.0 and true are the same.
    return prepared if repr(load(afresh)[0]) == repr(prepared.manifests) else plan(afresh)


def _check_named(consent: Approvals, known: AbstractSet[Address]) -> None:
    """Refuse an address that nothing has: a slip of the pen would mean "nothing to do"."""
    named = consent.targets | consent.replace | consent.overwrite | consent.delete_costly
    for address in sorted(named - known):
        message = f"`{address}` is neither in the manifests nor in the state"
        raise UsageError(message, suggestion(str(address), map(str, known)))


def wait_for_creates(session: Session, api: Client, plan: Callable[[], PreparedPlan]) -> PreparedPlan:
    """The plan; first, time for creates of an interrupted run to show in the account."""
    begun = time.monotonic()
    while True:
        prepared = plan()
        sent = [datetime.fromisoformat(intent.time) + timedelta(seconds=intent.delay) for intent in prepared.lost]
        left = session.settings.settle - (api.server_time() - max(sent)).total_seconds() if sent else 0.0
        # Where no server tells the time, a clock that was put back must not make anyone wait for hours.
        left = min(left, session.settings.settle - (time.monotonic() - begun))
        if left <= 0:
            return prepared
        names = ", ".join(str(intent.address) for intent in prepared.lost)
        session.say(f"an interrupted run may have created {names}; checking again, for up to {left:.0f} s")
        time.sleep(min(left, 5.0))
