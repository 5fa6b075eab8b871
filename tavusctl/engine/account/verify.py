"""See whether what applications use is there and ready; nothing is concluded from a list, each object is asked for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from concurrent.futures import ThreadPoolExecutor

from msgspec import Struct, field

from tavusctl.core.address import Address
from tavusctl.core.errors import Gone, Rejected
from tavusctl.core.json_tree import canonical, leaves
from tavusctl.core.ports import Api, Reader
from tavusctl.core.resource_kind import ResourceKind
from tavusctl.engine.account import conversations
from tavusctl.engine.compare.not_live import lasting, tells_of_draft
from tavusctl.engine.compare.patch_guards import value_at
from tavusctl.fields import spellings
from tavusctl.lib.json_types import Json, JsonObject, KeyPath
from tavusctl.patch import split

_AT_ONCE = 4


class Target(Struct, frozen=True):
    """Something that applications use; without an id, it is not in the account yet."""

    address: Address
    remote_id: str
    answered: Mapping[str, Json] = field(default_factory=dict)  # what the server keeps otherwise, by JSON Pointer
    not_live: Mapping[str, Json] = field(default_factory=dict)  # what was sent and did not go live, the same
    wanted: Mapping[str, Json] = field(default_factory=dict)  # what the manifest says at these places
    refers_to: tuple[Address, ...] = ()  # by its manifest


class Check(Struct, frozen=True):
    """One thing that was looked at, and why it cannot be used when it cannot."""

    address: Address
    remote_id: str
    what: str  # object, reference or conversation
    usable: bool
    reason: str
    pending: bool = False  # the server works on it, or on what it waits for: it will be usable by itself


class _Seen(Struct, frozen=True):
    """An object as found: its references by kind and id, and why it cannot be used, if so."""

    trouble: str = ""
    pending: bool = False  # the trouble ends by itself
    status: str = ""
    refers_to: tuple[tuple[str, str], ...] = ()
    body: JsonObject = field(default_factory=dict)
    draft: bool = False  # there is a version that nobody uses yet


def run(api: Reader, kinds: Mapping[str, ResourceKind], targets: Sequence[Target]) -> tuple[Check, ...]:
    """Every target, then everything that they refer to and that is not among them; only reads."""
    keys = {(one.address.kind, one.remote_id) for one in targets if one.remote_id}
    seen = _look_at(api, kinds, keys)
    referred = {key for one in seen.values() for key in one.refers_to if key[0] in kinds}
    seen |= _look_at(api, kinds, referred - keys)
    busy = {one.address for one in targets if seen.get((one.address.kind, one.remote_id), _Seen()).pending}
    checks = []
    for target in sorted(targets, key=lambda one: one.address):
        found = seen.get((target.address.kind, target.remote_id))
        if found is None:
            checks.append(_unmade(target, busy))
            continue
        told = (found.trouble or found.status or "exists", _otherwise(target, found), *_unpublished(target, found))
        reason = "; ".join(filter(None, told))
        checks.append(Check(target.address, target.remote_id, "object", not found.trouble, reason, found.pending))
        checks += _references(target, found, seen)
    return tuple(checks)


def _unmade(target: Target, busy: AbstractSet[Address]) -> Check:
    """What is not in the account yet, and may have to wait for something that the server works on."""
    waits = ", ".join(map(str, sorted(busy & set(target.refers_to))))
    reason = f"not in the account yet; it waits for {waits}" if waits else "not in the account yet"
    told = f"{reason}; run `tavusctl apply`{' when that is ready' if waits else ''}"
    return Check(target.address, "", "object", usable=False, reason=told, pending=bool(waits))


def converse(api: Api, target: Target, field: str, name: str) -> Check:
    """Begin a conversation in test mode with a persona or a replica, look at it, and leave nothing behind.

    `field` says which of the two the target is; `name` is of this run alone, so that a conversation can be found whose
    id was lost on the way.
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
    finally:
        gone = conversations.remove(api, conversation_id)
        left = "" if gone else f"the conversation {conversation_id} could not be deleted"
    return check("; ".join(filter(None, (trouble, left))))


def _look_at(
    api: Reader, kinds: Mapping[str, ResourceKind], keys: set[tuple[str, str]]
) -> dict[tuple[str, str], _Seen]:
    ordered = sorted(keys)
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        return dict(zip(ordered, pool.map(lambda key: _look(api, kinds[key[0]], key[1]), ordered), strict=True))


def _look(api: Reader, kind: ResourceKind, remote_id: str) -> _Seen:
    try:
        raw = kind.unwrap(api.get(f"{kind.collection}/{remote_id}", kind.get_query))
    except Gone as error:
        return _Seen(f"the account has no {kind.name} {remote_id}: {error.text}")
    found = kind.id_of(raw)
    if found not in ("", remote_id):
        return _Seen(f"the API returned another {kind.name}, {found}")
    status = str(raw.get("status") or "")
    trouble, pending = "", False
    if kind.ready_statuses and status not in kind.ready_statuses:
        why, pending = raw.get("error_message"), status not in kind.failed_statuses
        ends = "not usable yet" if pending else "needs a change to become usable"
        trouble = f"{status or 'without a status'}, {ends}{f': {why}' if why else ''}"
    body = spellings.read(kind, raw)
    return _Seen(trouble, pending, status, tuple(_ids(kind, body, ())), body, tells_of_draft(raw))


def _otherwise(target: Target, found: _Seen) -> str:
    """What the server still keeps otherwise than it was sent; a value that cannot be compared counts as it was."""
    paths = [
        pointer
        for pointer, answer in target.answered.items()
        if any(not isinstance(leaf, str | int | float | None) for _, leaf in leaves(answer))
        or canonical(answer) == canonical(value_at(found.body, split(pointer)))
    ]
    return f"the server stores {', '.join(sorted(paths))} differently from what was sent" if paths else ""


def _unpublished(target: Target, found: _Seen) -> Iterator[str]:
    """What the object shows, or does not show, because it lies in a draft."""
    paths = {*lasting(target.not_live, found.body)} & {*lasting(target.wanted, found.body)}
    if paths:
        yield f"the last write of {', '.join(sorted(paths))} did not go live"
    if found.draft:
        yield "it has an unpublished draft"


def _ids(kind: ResourceKind, value: Json, path: KeyPath) -> Iterator[tuple[str, str]]:
    """What an object refers to: kinds and ids, each once, in the order of its fields."""
    refers_to = kind.field_at(path).refers_to
    if refers_to and isinstance(value, str) and value:
        yield refers_to, value
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from _ids(kind, item, (*path, key))
    elif isinstance(value, list):
        for item in value:
            yield from _ids(kind, item, (*path, "*"))


def _references(target: Target, found: _Seen, seen: Mapping[tuple[str, str], _Seen]) -> Iterator[Check]:
    """References of an object that lead nowhere, or to what is not ready."""
    for kind, remote_id in dict.fromkeys(found.refers_to):
        other = seen.get((kind, remote_id))  # nobody here knows how to look at other kinds
        if other and other.trouble:
            reason = f"it refers to the {kind} {remote_id}: {other.trouble}"
            yield Check(target.address, remote_id, "reference", usable=False, reason=reason, pending=other.pending)


def _trouble(conversation: JsonObject, target: Target, field: str) -> str:
    if not conversation.get("conversation_url"):
        return "the conversation has no URL to join"
    if conversation.get(field, target.remote_id) != target.remote_id:
        return f"the conversation is with {conversation[field]}"
    return ""
