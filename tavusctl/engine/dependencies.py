"""Bind the functions of other stages that an apply calls to its plan."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import replace

from tavusctl.core.address import Address
from tavusctl.core.model import Live
from tavusctl.core.ports import Reader
from tavusctl.core.resource_kind import ResourceKind
from tavusctl.engine import apply, diff
from tavusctl.engine.account import observe, referrers
from tavusctl.engine.account.observe import Decoder
from tavusctl.engine.compare import match_create
from tavusctl.engine.compare.match_create import SearchResult, SentCreate
from tavusctl.engine.compare.three_way import unkept_fields
from tavusctl.engine.prepared_plan import PreparedPlan
from tavusctl.state.recorder import Recorder


def dependencies(
    prepared: PreparedPlan,
    api: Reader,
    recorder: Recorder,
    save_body: apply.SaveBody,
    upload_file: apply.UploadFile,
) -> apply.Dependencies:
    """The functions of other stages that an apply calls, bound to the plan that it carries out."""
    key = prepared.seals.fingerprint_key
    decoder = observe.decoder(recorder.ids, key, recorder.state.bindings.values(), prepared.desired)

    def read(kind: ResourceKind, remote_id: str) -> Live:
        return observe.read(api, kind, remote_id, decoder)

    def users(kind: ResourceKind, remote_id: str, address: Address | None) -> Sequence[str]:
        return referrers.users(api, kind, remote_id, address, decoder)

    def find_created(sent: SentCreate, known_ids: Sequence[str]) -> SearchResult:
        live = _listed(api, sent.kind, decoder, recorder)
        newest = max((obj.created for obj in live), default="")
        return SearchResult(match_create.created_id(sent, live, frozenset(known_ids)), newest)

    def possible_duplicates(sent: SentCreate, known_ids: Sequence[str]) -> tuple[Live, ...]:
        return match_create.possible_duplicates(sent, _listed(api, sent.kind, decoder, recorder), frozenset(known_ids))

    return apply.Dependencies(
        read,
        users,
        diff.with_applied,
        unkept_fields,
        find_created,
        possible_duplicates,
        save_body,
        upload_file,
    )


def _listed(api: Reader, kind: ResourceKind, decoder: Decoder, recorder: Recorder) -> tuple[Live, ...]:
    """All objects of a kind; successors and old versions of replacements count as managed, as bound objects do."""
    managed_ids = {**observe.replacement_ids(recorder.state.bindings.values()), **recorder.ids}
    return observe.listed(api, kind, replace(decoder, ids=managed_ids))
