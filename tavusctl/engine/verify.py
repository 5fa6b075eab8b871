"""See whether what applications use is there and ready; nothing is concluded from a list, each object is asked for.

A conversation in test mode is free, is born ended, and is the one call that proves a persona and its replica together.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

from msgspec import Struct, field

from tavusctl.document import canonical, leaves
from tavusctl.errors import Ambiguous, Gone, Rejected, UnknownOutcome
from tavusctl.guards import value_at
from tavusctl.model import Address, Document, Path, ResourceKind, Value
from tavusctl.patch import split
from tavusctl.ports import Api, Open, Reader

CONVERSATIONS = "/v2/conversations"
_AT_ONCE = 4
_OURS = Open()  # a conversation has a name that only this run knows, and nothing is kept of it


class Target(Struct, frozen=True):
    """Something that applications use; without an id, it is not in the account yet."""

    address: Address
    remote_id: str
    answered: Mapping[str, Value] = field(default_factory=dict)  # what the server keeps otherwise, by JSON Pointer


class Check(Struct, frozen=True):
    """One thing that was looked at, and why it cannot be used when it cannot."""

    address: Address
    remote_id: str
    what: str  # object, reference or conversation
    usable: bool
    reason: str


class _Seen(Struct, frozen=True):
    """An object as found: its references by kind and id, and why it cannot be used, if so."""

    trouble: str = ""
    status: str = ""
    refers_to: tuple[tuple[str, str], ...] = ()
    body: Document = field(default_factory=dict)


def run(api: Reader, kinds: Mapping[str, ResourceKind], targets: Sequence[Target]) -> tuple[Check, ...]:
    """Every target, then everything that they refer to and that is not among them; only reads."""
    keys = {(one.address.kind, one.remote_id) for one in targets if one.remote_id}
    seen = _look_at(api, kinds, keys)
    referred = {key for one in seen.values() for key in one.refers_to}
    seen |= _look_at(api, kinds, referred - keys)
    checks = []
    for target in sorted(targets, key=lambda one: one.address):
        found = seen.get((target.address.kind, target.remote_id))
        if found is None:
            reason = "it is not in the account yet; run tavusctl apply"
            checks.append(Check(target.address, "", "object", usable=False, reason=reason))
            continue
        reason = "; ".join(filter(None, (found.trouble or found.status or "exists", _otherwise(target, found))))
        checks.append(Check(target.address, target.remote_id, "object", not found.trouble, reason))
        checks += _references(target, found, seen)
    return tuple(checks)


def converse(api: Api, target: Target, field: str, name: str) -> Check:
    """Begin a conversation in test mode with a persona or a replica, look at it, and leave nothing behind.

    `field` says which of the two the target is; `name` is of this run alone, so that a conversation can be found whose
    id was lost on the way.
    """

    def check(reason: str = "") -> Check:
        text = reason or "a conversation in test mode was begun and deleted"
        return Check(target.address, target.remote_id, "conversation", not reason, text)

    if not target.remote_id:
        return check("it is not in the account yet; run tavusctl apply")
    try:
        conversation_id = _begin(api, {field: target.remote_id, "conversation_name": name, "test_mode": True})
    except Rejected as error:
        return check(f"a conversation cannot begin: {error.text}")
    try:
        trouble = _trouble(api.get(f"{CONVERSATIONS}/{conversation_id}"), target, field)
    except Gone as error:
        trouble = f"the conversation {conversation_id} was begun, and is not there: {error.text}"
    finally:
        left = _remove(api, conversation_id)
    return check("; ".join(filter(None, (trouble, left))))


def _look_at(
    api: Reader, kinds: Mapping[str, ResourceKind], keys: set[tuple[str, str]]
) -> dict[tuple[str, str], _Seen]:
    ordered = sorted(keys)
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        return dict(zip(ordered, pool.map(lambda key: _look(api, kinds[key[0]], key[1]), ordered), strict=True))


def _look(api: Reader, kind: ResourceKind, remote_id: str) -> _Seen:
    try:
        raw = _inner(kind, api.get(f"{kind.collection}/{remote_id}", kind.get_query))
    except Gone as error:
        return _Seen(f"the account has no {kind.name} {remote_id}: {error.text}")
    found = kind.id_of(raw)
    if found not in ("", remote_id):
        return _Seen(f"the API answered with another {kind.name}, {found}")
    status = str(raw.get("status") or "")
    trouble = ""
    if kind.usable and status not in kind.usable:
        why = raw.get("error_message")
        ends = "will not become usable by itself" if status in kind.failed else "not usable yet"
        trouble = f"{status or 'without a status'}, {ends}{f': {why}' if why else ''}"
    body = kind.normalise(raw)
    return _Seen(trouble, status, tuple(_ids(kind, body, ())), body)


def _otherwise(target: Target, found: _Seen) -> str:
    """What the server still keeps otherwise than it was sent; a value that cannot be compared counts as it was."""
    paths = [
        pointer
        for pointer, answer in target.answered.items()
        if any(not isinstance(leaf, str | int | float | None) for _, leaf in leaves(answer))
        or canonical(answer) == canonical(value_at(found.body, split(pointer)))
    ]
    return f"the server keeps {', '.join(sorted(paths))} otherwise than it was sent" if paths else ""


def _inner(kind: ResourceKind, raw: Document) -> Document:
    """The object itself, also when it comes in an envelope."""
    inner = raw.get("data")
    if isinstance(inner, list) and len(inner) == 1:
        inner = inner[0]
    return inner if not kind.id_of(raw) and isinstance(inner, dict) else raw


def _ids(kind: ResourceKind, value: Value, path: Path) -> Iterator[tuple[str, str]]:
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
        trouble = seen[kind, remote_id].trouble
        if trouble:
            reason = f"it refers to the {kind} {remote_id}: {trouble}"
            yield Check(target.address, remote_id, "reference", usable=False, reason=reason)


def _begin(api: Api, body: Document) -> str:
    """Begin a conversation; its id, also when the answer is lost."""
    try:
        found = api.post(CONVERSATIONS, body, fence=_OURS).get("conversation_id")
    except Ambiguous:
        found = None
    if isinstance(found, str) and found:
        return found
    listed = api.list(CONVERSATIONS, first_page=1, query={}, id_fields=("conversation_id",))
    for one in listed:
        if one.get("conversation_name") == body["conversation_name"]:
            return str(one["conversation_id"])
    message = "no answer came when a conversation in test mode was begun, and it is not listed"
    raise UnknownOutcome(message, f"if it appears, it is called {body['conversation_name']!r} and costs nothing")


def _trouble(conversation: Document, target: Target, field: str) -> str:
    if not conversation.get("conversation_url"):
        return "the conversation has no address to join"
    if conversation.get(field, target.remote_id) != target.remote_id:
        return f"the conversation is with {conversation[field]}"
    return ""


def _remove(api: Api, conversation_id: str) -> str:
    """End and delete a conversation; what is left behind, if anything."""
    # One that has ended already is refused, and one that is gone needs nothing: only what is there at the end counts.
    with suppress(Rejected, Ambiguous):
        api.post(f"{CONVERSATIONS}/{conversation_id}/end", fence=_OURS)
    with suppress(Rejected, Ambiguous):
        api.delete(f"{CONVERSATIONS}/{conversation_id}", fence=_OURS)
    try:
        api.get(f"{CONVERSATIONS}/{conversation_id}")
    except Gone:
        return ""
    return f"the conversation {conversation_id} could not be deleted"
