"""Check whether the objects that applications use exist and are ready; each is read by itself, not from a listing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from functools import partial

from msgspec import Struct, field
from msgspec.structs import replace

from tavusctl.core.address import Address, ObjectKey
from tavusctl.core.errors import Gone, Rejected
from tavusctl.core.json_tree import canonical, leaves, value_at
from tavusctl.core.ports import Api, Reader
from tavusctl.core.resource_kind import ResourceKind
from tavusctl.core.timestamps import another_object
from tavusctl.engine.account import conversations
from tavusctl.engine.compare.not_live import mentions_draft, still_not_live
from tavusctl.engine.compare.references import referenced_objects
from tavusctl.fields import spellings
from tavusctl.kinds import KINDS
from tavusctl.lib.concurrency import run_all
from tavusctl.lib.json_types import Json, JsonObject
from tavusctl.patch import split

_AT_ONCE = 4


class Target(Struct, frozen=True):
    """A resource that applications use; without an id, it is not in the account yet."""

    address: Address
    remote_id: str
    answered: Mapping[str, Json] = field(default_factory=dict)  # by JSON Pointer: what the server stores differently
    not_live: Mapping[str, Json] = field(default_factory=dict)  # by JSON Pointer: what was sent and did not go live
    desired: Mapping[str, Json] = field(default_factory=dict)  # by JSON Pointer: what the manifest declares there
    refers_to: tuple[Address, ...] = ()  # in its manifest
    created_at: str = ""  # when the bound object was created, as the server reported it; empty: not known
    is_declared: bool = True  # by a manifest; otherwise only its id is known


class Check(Struct, frozen=True):
    """The result of one check, with the reason if it is not usable."""

    address: Address
    remote_id: str
    what: str  # object, reference or conversation
    usable: bool
    reason: str
    pending: bool = False  # it becomes usable without a change: the server works on it, or on what it waits for
    missing: bool = False  # the account has no object of this id


class _Observed(Struct, frozen=True):
    """An object as it was read, with the kind and id of each reference, and why it cannot be used, if so."""

    trouble: str = ""
    pending: bool = False  # the trouble ends without a change
    status: str = ""
    refers_to: tuple[ObjectKey, ...] = ()
    body: JsonObject = field(default_factory=dict)
    draft: bool = False  # it has an unpublished draft
    created: str = ""
    missing: bool = False  # the account does not have it


def run(api: Reader, targets: Sequence[Target]) -> tuple[Check, ...]:
    """Check every target, then every other object that they refer to; read only."""
    keys = {(item.address.kind, item.remote_id) for item in targets if item.remote_id}
    observed = _read_all(api, keys)
    references = {key for item in observed.values() for key in item.refers_to if key[0] in KINDS}
    observed |= _read_all(api, references - keys)
    pending = {
        item.address for item in targets if observed.get((item.address.kind, item.remote_id), _Observed()).pending
    }
    checks = []
    for target in sorted(targets, key=lambda item: item.address):
        observation = observed.get((target.address.kind, target.remote_id))
        if observation is None:
            checks.append(_not_created(target, pending))
            continue
        trouble = observation.trouble or another_object(target.remote_id, observation.created, target.created_at)
        remarks = (
            trouble or observation.status or "exists",
            _stored_differently(target, observation),
            *_unpublished(target, observation),
        )
        reason = "; ".join(filter(None, remarks))
        check = Check(target.address, target.remote_id, "object", not trouble, reason, observation.pending)
        checks.append(replace(check, missing=observation.missing))
        checks += _references(target, observation, observed)
    return tuple(checks)


def _not_created(target: Target, busy: AbstractSet[Address]) -> Check:
    """The check of a target that is not in the account yet; it may have to wait for objects in `busy`."""
    waits = ", ".join(map(str, sorted(busy & set(target.refers_to))))
    reason = f"not in the account yet; it waits for {waits}" if waits else "not in the account yet"
    text = f"{reason}; run `tavusctl apply`{' when that is ready' if waits else ''}"
    return Check(target.address, "", "object", usable=False, reason=text, pending=bool(waits))


def converse(api: Api, target: Target, field: str, name: str) -> Check:
    """Check a persona or a replica by a conversation in test mode, which is read and deleted again.

    `field` is the key of the target's id in the request.  `name` is unique to this run, so that the conversation can be
    found if the response with its id is lost.
    """

    def check(reason: str = "") -> Check:
        text = reason or "a conversation in test mode was started and deleted"
        return Check(target.address, target.remote_id, "conversation", not reason, text)

    if not target.remote_id:
        return check("not in the account yet; run `tavusctl apply`")
    try:
        body = {field: target.remote_id, "conversation_name": name, "test_mode": True}
        conversation_id = conversations.id_of(conversations.begin(api, body))
    except Rejected as error:
        return check(f"a conversation cannot be started: {error.text}")
    try:
        trouble = _trouble(conversations.read(api, conversation_id), target, field)
    except Gone as error:
        trouble = f"the conversation {conversation_id} was started, but cannot be read: {error.text}"
    except BaseException as error:
        conversations.remove_at_the_end(api, conversation_id, error)
        raise
    left = (
        "" if conversations.remove(api, conversation_id) else f"the conversation {conversation_id} could not be deleted"
    )
    return check("; ".join(filter(None, (trouble, left))))


def _read_all(api: Reader, keys: set[ObjectKey]) -> dict[ObjectKey, _Observed]:
    ordered = sorted(keys)
    reads = [partial(_read_one, api, KINDS[kind], remote_id) for kind, remote_id in ordered]
    return dict(zip(ordered, run_all(reads, _AT_ONCE), strict=True))


def _read_one(api: Reader, kind: ResourceKind, remote_id: str) -> _Observed:
    try:
        answer = api.get(f"{kind.collection}/{remote_id}", kind.get_query)
        kind.check_exists(answer, remote_id)
    except Gone as error:
        return _Observed(f"the account has no {kind.name} {remote_id}: {error.text}", missing=True)
    raw = kind.unwrap(answer)
    found_id = kind.id_of(raw)
    if found_id not in ("", remote_id):
        return _Observed(f"the API returned another {kind.name}, {found_id}")
    status = str(raw.get("status") or "")
    trouble, pending = "", False
    if kind.ready_statuses and status not in kind.ready_statuses:
        error_text, pending = raw.get("error_message"), status not in kind.failed_statuses
        ends = "not usable yet" if pending else "needs a change to become usable"
        trouble = f"{status or 'without a status'}, {ends}{f': {error_text}' if error_text else ''}"
    body = spellings.read(kind, answer)
    created = str(raw.get("created_at") or "")
    references = tuple(referenced_objects(kind, body))
    return _Observed(trouble, pending, status, references, body, mentions_draft(raw), created)


def _stored_differently(target: Target, observed: _Observed) -> str:
    """A remark on fields that the server still stores differently; an incomparable value counts as unchanged."""
    paths = [
        pointer
        for pointer, answer in target.answered.items()
        if any(not isinstance(leaf, str | int | float | None) for _, leaf in leaves(answer))
        or canonical(answer) == canonical(value_at(observed.body, split(pointer)))
    ]
    return f"the server stores {', '.join(sorted(paths))} differently from what was sent" if paths else ""


def _unpublished(target: Target, observed: _Observed) -> Iterator[str]:
    """Remarks on an unpublished draft, and on fields whose last write did not go live."""
    paths = {*still_not_live(target.not_live, observed.body)} & {*still_not_live(target.desired, observed.body)}
    if paths:
        yield f"the last write of {', '.join(sorted(paths))} did not go live"
    if observed.draft:
        yield "it has an unpublished draft"


def _references(target: Target, observed: _Observed, others: Mapping[ObjectKey, _Observed]) -> Iterator[Check]:
    """Failed checks for references to objects that do not exist or are not ready."""
    for kind, remote_id in dict.fromkeys(observed.refers_to):
        other = others.get((kind, remote_id))  # None: a kind that cannot be read here
        if other and other.trouble:
            reason = f"it refers to the {kind} {remote_id}: {other.trouble}"
            yield Check(target.address, remote_id, "reference", usable=False, reason=reason, pending=other.pending)


def _trouble(conversation: JsonObject, target: Target, field: str) -> str:
    if not conversation.get("conversation_url"):
        return "the conversation has no URL to join"
    if conversation.get(field, target.remote_id) != target.remote_id:
        return f"the conversation is with {conversation[field]}"
    return ""
