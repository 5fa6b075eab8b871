"""Bind existing objects to addresses."""

from __future__ import annotations

from msgspec.structs import replace

from tavusctl.app.session import named_addresses
from tavusctl.app.session.manifests import load
from tavusctl.app.session.online import Session
from tavusctl.app.session.progress import reading
from tavusctl.config import loading
from tavusctl.core.address import Address
from tavusctl.core.errors import Gone, StateError, UsageError
from tavusctl.core.messages import suggestion
from tavusctl.engine.import_.bind import Matches, bind, bind_by_name
from tavusctl.engine.plan import Approvals
from tavusctl.engine.prepared_plan import PlanInputs
from tavusctl.kinds import KINDS


def bind_one(session: Session, address: str, remote_id: str, lock_timeout: float) -> Address:
    """Bind one object, by its id, to an address; returns the parsed address.  StateError if no object has the id."""
    target = named_addresses.parse(address)
    if target.kind not in KINDS:
        raise UsageError(f"unknown kind `{target.kind}`", suggestion(target.kind, KINDS))
    store = session.store()
    with store.lock(lock_timeout, "import"), session.reader() as api:
        try:
            warnings = bind(target, remote_id, api, store, _plan_inputs(session))
        except Gone as error:
            message = f"the account has no {target.kind} `{remote_id}`: {error.text}"
            raise StateError(
                message, "check the id, and that the API key belongs to the right account", id="E906"
            ) from None
    session.warn(warnings)
    return target


def is_declared(session: Session, address: Address) -> bool:
    """Whether a manifest declares an address, or renames it; also true if a file that cannot be read may do so."""
    loaded = loading.read(session.project, session.environment, KINDS)
    renamed = {old for one in loaded.manifests for old in one.moved_from}
    return address in loaded.declared | renamed or bool(loaded.unreadable_texts)


def match_names(session: Session, lock_timeout: float, *, dry_run: bool) -> Matches:
    """Bind objects to manifests of the same name, if the match is unique; with `dry_run`, only report the matches."""
    manifests, _ = load(session)
    store = session.store()
    with store.lock(lock_timeout, "import"), session.reader() as api, reading(session.progress, api):
        inputs = _plan_inputs(session)
        matches = bind_by_name(manifests, api, store, inputs, record=not dry_run)
    session.warn(matches.warnings)
    return matches


def _plan_inputs(session: Session) -> PlanInputs:
    """The options for binding; warns about each environment whose state, and so whose objects, cannot be read."""
    others = session.others_with_warnings()
    inputs = session.plan_inputs(Approvals())
    return replace(inputs, others=lambda: others, settle=session.settings.settle)
