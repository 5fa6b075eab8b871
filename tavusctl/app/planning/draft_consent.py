"""What the command line says about drafts of objects; each word names one address, and no plan file brings it along."""

from __future__ import annotations

from tavusctl.app.session.online import Session
from tavusctl.core.errors import UsageError
from tavusctl.core.messages import suggestion
from tavusctl.engine.apply import DraftConsent
from tavusctl.engine.prepared_plan import PreparedPlan
from tavusctl.kinds import KINDS


def check_sense(drafts: DraftConsent) -> None:
    """Refuse two fates for one draft, and to publish what has none."""
    for address in sorted(drafts.discarded & drafts.published):
        message = f"`--discard-drafts` and `--publish` both name {address}"
        raise UsageError(message, "choose one of them")
    without = [one for one in drafts.published if one.kind in KINDS and not KINDS[one.kind].published_at]
    for address in sorted(without):
        message = f"`--publish {address}`: the API has no drafts of kind {address.kind}"
        raise UsageError(message, "remove the option")


def check_named(session: Session, prepared: PreparedPlan, drafts: DraftConsent) -> None:
    """Refuse an address that nothing has; say of one that nothing is written to it, so that its draft stays."""
    known = {*(one.address for one in prepared.desired), *prepared.state.bindings}
    named = drafts.discarded | drafts.published
    for address in sorted(named - known):
        message = f"`{address}` is neither in the manifests nor in the state"
        raise UsageError(message, suggestion(str(address), map(str, known)))
    written = {step.address for step in prepared.plan.steps if step.patch}
    for address in sorted(named - written):
        session.say(f"{address} is not written by this plan, so a draft of it stays as it is")
