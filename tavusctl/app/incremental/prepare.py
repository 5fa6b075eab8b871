"""An incremental plan: only objects that may have changed are compared; all others count as equal, as recorded.

The part of the project that is planned is closed: it has every object that may differ from the record, what refers to
such an object, and all that any of these refers to.  Its plan is that of the whole project as long as no object gets
another id, and no manifest another address or name.  Any other result is discarded, and the whole project is planned:
after an error in a manifest, and if an object would be created, replaced, deleted or imported.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from collections.abc import Set as AbstractSet
from functools import partial
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from tavusctl.api import Sources
from tavusctl.app.incremental import record as records
from tavusctl.app.incremental import selection
from tavusctl.app.incremental.listings import Listings
from tavusctl.app.incremental.record import ComparisonRecord, KnownManifest
from tavusctl.app.incremental.selection import Account, Relations
from tavusctl.app.planning import prepare as whole
from tavusctl.app.planning.plan_options import PlanOptions
from tavusctl.app.planning.prepare import NO_OPTIONS, Basis
from tavusctl.app.session import keyring, unchanged
from tavusctl.app.session.manifests import load
from tavusctl.app.session.online import Session
from tavusctl.app.session.progress import reading
from tavusctl.core.address import Address, Source
from tavusctl.core.binding import DOCUMENTS
from tavusctl.core.diagnostics import Diagnostic
from tavusctl.core.errors import ConfigError, RefusedError, Rejected, StateError, TavusctlError
from tavusctl.core.model import Action, Manifest, Plan
from tavusctl.core.ports import Reader, State
from tavusctl.engine.prepared_plan import PreparedPlan
from tavusctl.kinds import KINDS
from tavusctl.lib.json_types import Json, JsonObject
from tavusctl.state.seals import SealedState, Trust, open_state

_log: Final = logging.getLogger(__name__)


def prepare(
    session: Session,
    api: Reader,
    options: PlanOptions = NO_OPTIONS,
    *,
    sources: Sources | None = None,
    gates: bool = False,
) -> PreparedPlan:
    """The plan of this environment, as `planning.prepare` makes it; incremental if the cache has a valid record."""
    if session.cache is None or options != NO_OPTIONS or session.grant or session.project_diagnostics:
        return whole.prepare(session, api, options, sources=sources, gates=gates)
    listings = Listings(api, session.cache.digests)
    settings_digest = unchanged.comparison_settings_digest(session)
    sealed_before: list[SealedState] = []  # the state that was read before the account was listed

    def read_state() -> SealedState:
        return sealed_before.pop() if sealed_before else open_state(session.store(), keyring.keys(session))

    record = session.cache.read(records.NAME, ComparisonRecord)
    if record and record.settings_digest == settings_digest and not session.environment.overlay:
        make_plan = partial(whole.prepare, sources=sources, gates=gates)
        incremental = _prepare_part(session, listings, record, sealed_before, make_plan)
        if incremental:
            records.keep_part(session, record, incremental, listings)
            return incremental
    listings.left_out = frozenset()
    basis = Basis(read_state=read_state)
    prepared = whole.prepare(session, listings, options, sources=sources, gates=gates, basis=basis)
    records.keep(session, settings_digest, prepared, listings)
    return prepared


def _prepare_part(
    session: Session,
    listings: Listings,
    record: ComparisonRecord,
    sealed_before: list[SealedState],
    make_plan: Callable[..., PreparedPlan],
) -> PreparedPlan | None:
    """The plan if its part can be planned by itself, else None; errors of the state are raised."""
    changed = selection.changed_files(record, session.project, session.environment)
    if changed is None:
        return None
    relations = Relations(record)
    with_same_file = {one.address for one in record.equal if relations.file_of(one.address) not in changed}
    files = _Files.load(session, relations, relations.concerned(with_same_file))
    if files is None:
        return None
    sealed = open_state(session.store(), keyring.keys(session))
    sealed_before.append(sealed)
    if not _is_known(session, record, sealed):
        return None
    state = sealed.replay.state
    try:
        with reading(session.progress, listings):
            account = Account.listed(listings, record)
        relations.documents = partial(_documents, state, account)
        equal = selection.equal_objects(record, changed, state, account)
        files = _Files.load(session, relations, relations.concerned(equal), files)
        basis = _basis(record, relations, sealed, account, files) if files else None
        if files is None or basis is None:
            return None
        others = relations.without(files.addresses)
        listings.left_out = {account.keys[one.address] for one in others}
        prepared = make_plan(session, listings, basis=basis)
    except (RefusedError, ConfigError, StateError, Rejected):
        return None
    if not (_only_updates(prepared.plan) and _knows_no_more(session, record)):
        return None
    _log.info("%d objects are as they were; compared %d", len(others), len(files.addresses))
    plan = replace(prepared.plan, no_op=prepared.plan.no_op + len(others))
    return replace(prepared, plan=plan, state=state)


def _basis(
    record: ComparisonRecord, relations: Relations, sealed: SealedState, account: Account, files: _Files
) -> Basis | None:
    """The manifests and the state of a part; None if the objects outside of it matter to the plan."""
    others, restricted = relations.without(files.addresses), _restricted(sealed, files.addresses)
    places = records.secret_places(files.manifests, restricted.replay.state.bindings.values())
    if selection.has_namesake(others, account) or places != record.secret_places:
        return None
    return Basis((files.manifests, files.warnings), lambda: restricted)


def _documents(state: State, account: Account, address: Address) -> Iterator[Json]:
    """What the state records of an object, and its body."""
    yield from (getattr(state.bindings[address], name) for name in DOCUMENTS)
    yield account.body_of(address)


def _knows_no_more(session: Session, record: ComparisonRecord) -> bool:
    """Whether all secrets that are known by now were known when the record was made.

    A base that contains the value of a secret is recorded anew, and a secret is hidden wherever it is.
    """
    return session.cache is not None and set(record.known_secrets).issuperset(session.cache.known_secrets())


class _Files(Struct, frozen=True):
    addresses: AbstractSet[Address]
    manifests: tuple[Manifest, ...]
    warnings: tuple[Diagnostic, ...]

    @classmethod
    def load(
        cls, session: Session, relations: Relations, addresses: AbstractSet[Address], before: _Files | None = None
    ) -> _Files | None:
        """Load the files of these objects, and of all that they refer to; `before` has some that were loaded already.

        None if the files have errors, are more than half of the project, or declare other objects than before.
        """
        loaded = before
        while not (loaded and loaded.addresses == addresses):
            others = relations.without(addresses)
            if len(addresses) > len(others):
                return None
            try:
                manifests, warnings = load(
                    session, session.secrets, paths=relations.files_of(addresses), others=[*map(_stand_in, others)]
                )
            except TavusctlError:
                return None
            if not relations.are_as_known(manifests, addresses):
                return None
            loaded = cls(addresses, manifests, warnings)
            addresses = relations.with_targets({*addresses, *relations.targets_in([one.spec for one in manifests])})
        return loaded


def _stand_in(known: KnownManifest) -> Manifest:
    """A manifest that is not loaded, with all that the checks of others may look up."""
    spec: JsonObject = {KINDS[known.address.kind].name_field: known.name} if known.name else {}
    return Manifest(known.address, spec, Source(known.file, 1, 1), external_id=known.external_id)


def _is_known(session: Session, record: ComparisonRecord, sealed: SealedState) -> bool:
    """Whether the state binds the recorded objects, nothing is unfinished, and all secrets were read before.

    A value that only now became a secret may be in any manifest.
    """
    state = sealed.replay.state
    is_unfinished = bool(sealed.lines) or any(binding.successor for binding in state.bindings.values())
    managed = {str(one.address) for one in record.manifests if not one.external_id}
    read = {name for name, value in session.secrets.items() if isinstance(value, str) and value}
    return (
        sealed.seals.trust is Trust.SEALED
        and not is_unfinished
        and records.bound_ids(state.bindings) == record.bound_ids
        and record.bound_ids.keys() == managed
        and (state.reads is None or read <= {*state.reads.secrets})
    )


def _restricted(sealed: SealedState, addresses: AbstractSet[Address]) -> SealedState:
    """The state without the bindings of other objects."""
    state = sealed.replay.state
    bindings = {address: binding for address, binding in state.bindings.items() if address in addresses}
    return replace(sealed, replay=replace(sealed.replay, state=replace(state, bindings=bindings)))


def _only_updates(plan: Plan) -> bool:
    others = plan.refused or plan.awaited or plan.moves or plan.recovered
    return not others and all(step.action is Action.UPDATE for step in plan.steps)
