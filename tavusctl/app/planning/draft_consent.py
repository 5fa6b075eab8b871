"""The options `--discard-drafts` and `--publish`: each names one address, and a plan file never contains them."""

from __future__ import annotations

from tavusctl.app.session import named_addresses
from tavusctl.app.session.online import Session
from tavusctl.core.errors import UsageError
from tavusctl.engine.apply import DraftConsent
from tavusctl.engine.prepared_plan import PreparedPlan
from tavusctl.kinds import KINDS


def check_sense(drafts: DraftConsent) -> None:
    """Raise UsageError if both options name an address, or `--publish` names a kind that has no drafts."""
    for address in sorted(drafts.discarded & drafts.published):
        raise UsageError(f"`--discard-drafts` and `--publish` both name {address}", "choose one of them")
    without_drafts = [one for one in drafts.published if one.kind in KINDS and not KINDS[one.kind].publish_collection]
    for address in sorted(without_drafts):
        raise UsageError(f"`--publish {address}`: the API has no drafts of kind {address.kind}", "remove the option")


def check_named(session: Session, prepared: PreparedPlan, drafts: DraftConsent) -> None:
    """Raise UsageError for an unknown address; report an address that the plan does not write, so its draft stays."""
    known = {*(item.address for item in prepared.desired), *prepared.state.bindings}
    named = drafts.discarded | drafts.published
    named_addresses.check_known(named, known)
    written = {step.address for step in prepared.plan.steps if step.patch}
    for address in sorted(named - written):
        session.say(f"{address} is not written by this plan, so a draft of it stays as it is")
