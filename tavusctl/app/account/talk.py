"""Begin a conversation with a persona, which costs minutes of the account, and end it."""

from __future__ import annotations

import secrets
import time
from collections.abc import Mapping
from typing import Final

from msgspec import Struct

from tavusctl.app.account.verify import PARTNERS, targets
from tavusctl.app.session import named_addresses
from tavusctl.app.session.online import Session
from tavusctl.core.address import Address
from tavusctl.core.errors import Gone, RefusedError, UsageError
from tavusctl.core.messages import counted, suggestion
from tavusctl.core.model import Live
from tavusctl.core.ports import Reader
from tavusctl.core.resource_kind import ResourceKind
from tavusctl.core.timestamps import another_object
from tavusctl.engine.account import conversations, observe
from tavusctl.engine.account.verify import Target
from tavusctl.kinds import KINDS
from tavusctl.lib.json_types import JsonObject
from tavusctl.reports.json import result_text
from tavusctl.secrets.values import NO_KEY

MOST_MINUTES: Final = 60  # of one conversation: the limit of the API
MINUTES: Final = 10
_ABSENT: Final = 5  # minutes after which a conversation that nobody joins ends by itself
_DECODER: Final = observe.Decoder({}, NO_KEY)
_POLL: Final = 0.5  # seconds between two reads of a conversation
_LAST_PAGE: Final = 1.0  # seconds in which a browser fetches the page that says that the conversation has ended
_UNUSABLE: Final = "E440"  # the id of the error about an object that cannot take part in a conversation


class Offer(Struct, frozen=True):
    """A conversation that can begin, and its cost."""

    address: Address
    body: JsonObject
    minutes: int  # 0: it is in test mode, and free
    is_demo: bool

    @property
    def cost(self) -> str:
        """What it costs, in one clause."""
        if self.is_demo:
            return "it is free, because this is a demo"
        if not self.minutes:
            return "it is in test mode: free, and ended at once, so nobody can join"
        cost = counted(self.minutes, "minute")
        return f"it costs up to {cost} of the account, and ends after {_ABSENT} minutes when nobody joins"


class Conversation(Struct, frozen=True):
    """A conversation that has begun."""

    conversation_id: str
    url: str
    status: str
    address: Address
    minutes: int


def prepare(session: Session, address: Address, replica: str, minutes: int, *, test: bool) -> Offer:
    """Check that the objects of a conversation exist and are ready; RefusedError with a hint if not.

    `replica` is an address or an id, or empty for the default of the persona.
    """
    known_targets = targets(session)
    with session.reader() as api:
        partner = _read_ready(api, _existing_target(address, known_targets))
        body: JsonObject = {PARTNERS[address.kind]: partner.remote_id, **_replica(api, partner, replica, known_targets)}
    body["conversation_name"] = f"tavusctl talk {address} {secrets.token_hex(4)}"
    limit: JsonObject = {"test_mode": True} if test else {"properties": {"max_call_duration": minutes * 60}}
    return Offer(address, {**body, **limit}, 0 if test else minutes, session.environment.demo)


def begin(session: Session, offer: Offer) -> Conversation:
    """Begin the conversation of an offer."""
    with session.client() as api:
        response = conversations.begin(api, offer.body)
    return Conversation(
        conversations.id_of(response),
        str(response.get("conversation_url") or ""),
        str(response.get("status") or ""),
        offer.address,
        offer.minutes,
    )


def end(session: Session, conversation_id: str) -> bool:
    """End a conversation; return whether it was under way.  UsageError if the account does not have it."""
    with session.client() as api:
        try:
            return conversations.end(api, conversation_id)
        except Gone as error:
            message = f"the account has no conversation `{conversation_id}`: {error.text}"
            raise UsageError(message, "check the id, and that the API key belongs to the right account") from None


def wait_for_end(session: Session, conversation_id: str) -> None:
    """Wait until a conversation has ended."""
    with session.client() as api:
        while conversations.is_active(api, conversation_id):
            time.sleep(_POLL)
    time.sleep(_LAST_PAGE)


def _existing_target(address: Address, known_targets: Mapping[Address, Target]) -> Target:
    if address not in known_targets:
        raise named_addresses.undeclared(address, known_targets)
    if not known_targets[address].remote_id:
        raise RefusedError(f"`{address}` is not in the account yet", "run `tavusctl apply` first", id=_UNUSABLE)
    return known_targets[address]


def _read_ready(api: Reader, target: Target) -> Live:
    """Read an object; RefusedError if it does not exist or is not ready."""
    kind = KINDS[target.address.kind]
    try:
        live = observe.read(api, kind, target.remote_id, _DECODER)
    except Gone as error:
        bound, hint = "", f"choose one of `tavusctl list {kind.name} --stock`"
        if target.is_declared:
            bound, hint = f", to which `{target.address}` is bound", "run `tavusctl plan` to see what became of it"
        message = f"the account has no {kind.name} {target.remote_id}{bound}: {error.text}"
        raise RefusedError(message, hint, id=_UNUSABLE) from None
    if changed := another_object(target.remote_id, live.created, target.created_at):
        message = f"`{target.address}`: {changed}"
        raise RefusedError(message, "run `tavusctl plan` to see what became of it", id=_UNUSABLE)
    if kind.ready_statuses and live.status not in kind.ready_statuses:
        raise _not_ready(kind, target, live)
    return live


def _not_ready(kind: ResourceKind, target: Target, live: Live) -> RefusedError:
    if live.status in kind.failed_statuses:
        message = f"`{target.address}` ({live.remote_id}) cannot be used: its status is {live.status}, {live.error}"
        return RefusedError(message.removesuffix(", "), "run `tavusctl verify`, and choose another", id=_UNUSABLE)
    work = kind.provisioning.name if kind.provisioning else "processing"
    message = (
        f"`{target.address}` ({live.remote_id}) is not ready: its {work} has the status {live.status or 'unknown'}"
    )
    hint = "wait until `tavusctl verify` says `ok` about it, or choose another with `--replica`"
    return RefusedError(message, hint, id=_UNUSABLE)


def _replica(api: Reader, partner: Live, chosen: str, known_targets: Mapping[Address, Target]) -> JsonObject:
    """The member of the request that names the chosen replica; empty if none was chosen, or the partner is a replica.

    Checks that the replica, the chosen one or the default of the partner, exists and is ready.
    """
    pointer = next((path for path, traits in partner.kind.fields.items() if traits.refers_to in PARTNERS), "")
    if not pointer:
        if chosen:
            raise UsageError(f"`--replica` cannot be used with a {partner.kind.name}", "remove `--replica`")
        return {}
    key = pointer.rpartition("/")[2]
    kind = KINDS[partner.kind.field_at((key,)).refers_to]
    default = str(partner.body.get(key) or "")
    if not (chosen or default):
        message = f"the {partner.kind.name} {partner.remote_id} has no {kind.name}, so nobody could be seen or heard"
        hint = f"set `{key}` in its manifest and apply, or add `--replica ID` (see `tavusctl list {kind.name} --stock`)"
        raise RefusedError(message, hint, id=_UNUSABLE)
    _read_ready(api, _target_of(chosen or default, kind, known_targets))
    return {kind.partner_key: _target_of(chosen, kind, known_targets).remote_id} if chosen else {}


def _target_of(text: str, kind: ResourceKind, known_targets: Mapping[Address, Target]) -> Target:
    """The object that an address or an id means; an unknown id is accepted as an object of the kind."""
    if "/" in text:
        address = named_addresses.parse(text)
        if address.kind != kind.name:
            message = f"`--replica {address}` is not a {kind.name}"
            own = [str(one) for one in known_targets if one.kind == kind.name]
            hint = suggestion(str(address), own) or f"choose one of `tavusctl list {kind.name} --stock`"
            raise UsageError(message, hint)
        return _existing_target(address, known_targets)
    matches = (one for one in known_targets.values() if one.address.kind == kind.name and one.remote_id == text)
    return next(matches, Target(Address(kind.name, text), text, is_declared=False))


def document(conversation: Conversation) -> str:
    """A conversation that has begun, as JSON."""
    return result_text(
        id=conversation.conversation_id,
        url=conversation.url,
        status=conversation.status,
        address=str(conversation.address),
        minutes=conversation.minutes,
    )


def end_document(conversation_id: str, *, was_active: bool) -> str:
    """The end of a conversation as JSON."""
    return result_text(id=conversation_id, status="ended", was_active=was_active)
