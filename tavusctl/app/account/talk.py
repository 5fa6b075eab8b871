"""Begin a conversation with a persona, which costs minutes of the account, and end it."""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping
from typing import Final

from msgspec import Struct

from tavusctl.app.account.verify import PARTNERS, targets
from tavusctl.app.session.online import Session
from tavusctl.core.address import Address
from tavusctl.core.errors import Gone, RefusedError, UsageError
from tavusctl.core.messages import suggestion
from tavusctl.core.model import Live
from tavusctl.core.ports import Reader
from tavusctl.core.resource_kind import ResourceKind
from tavusctl.engine.account import conversations, observe
from tavusctl.engine.account.verify import Target
from tavusctl.kinds import KINDS, address_in
from tavusctl.lib.json_types import JsonObject
from tavusctl.reports.json import FORMAT_VERSION
from tavusctl.secrets.values import NO_KEY

MOST_MINUTES: Final = 60  # of one conversation, as the API has it
MINUTES: Final = 10
_ABSENT: Final = 5  # minutes after which a conversation that nobody joins ends by itself
_LENS: Final = observe.Decoder({}, NO_KEY)
_UNUSABLE: Final = "E440"  # of what cannot take part in a conversation


class Offer(Struct, frozen=True):
    """A conversation that can begin, and what it comes to."""

    address: Address
    body: JsonObject
    minutes: int  # 0: it is in test mode, and free

    @property
    def cost(self) -> str:
        """What it costs, in one clause."""
        if not self.minutes:
            return "it is in test mode: free, and ended at once, so nobody can join"
        unit = "minute" if self.minutes == 1 else "minutes"
        return f"it costs up to {self.minutes} {unit} of the account, and ends after {_ABSENT} when nobody joins"


class Conversation(Struct, frozen=True):
    """A conversation that has begun."""

    conversation_id: str
    url: str
    status: str
    address: Address
    minutes: int


def prepare(session: Session, address: Address, replica: str, minutes: int, *, test: bool) -> Offer:
    """See that a conversation can begin: the objects are there and ready.  RefusedError says what to do if not."""
    known = targets(session)
    with session.reader() as api:
        partner = _found(api, _known(address, known))
        body: JsonObject = {PARTNERS[address.kind]: partner.remote_id, **_replica(api, partner, replica, known)}
    body["conversation_name"] = f"tavusctl talk {address} {secrets.token_hex(4)}"
    limit: JsonObject = {"test_mode": True} if test else {"properties": {"max_call_duration": minutes * 60}}
    return Offer(address, {**body, **limit}, 0 if test else minutes)


def begin(session: Session, offer: Offer) -> Conversation:
    """Begin it."""
    with session.client() as api:
        found = conversations.begin(api, offer.body)
    return Conversation(
        conversations.id_of(found),
        str(found.get("conversation_url") or ""),
        str(found.get("status") or ""),
        offer.address,
        offer.minutes,
    )


def end(session: Session, conversation_id: str) -> bool:
    """End a conversation; whether it was under way."""
    with session.client() as api:
        try:
            return conversations.end(api, conversation_id)
        except Gone as error:
            message = f"the account has no conversation `{conversation_id}`: {error.text}"
            raise UsageError(message, "check the id, and that the API key belongs to the right account") from None


def _known(address: Address, known: Mapping[Address, Target]) -> Target:
    if address not in known:
        message = f"`{address}` is not in the manifests"
        raise UsageError(message, suggestion(str(address), map(str, known)))
    if not known[address].remote_id:
        message = f"`{address}` is not in the account yet"
        raise RefusedError(message, "run `tavusctl apply` first", id=_UNUSABLE)
    return known[address]


def _found(api: Reader, target: Target) -> Live:
    """An object that is there and ready."""
    kind = KINDS[target.address.kind]
    try:
        live = observe.read(api, kind, target.remote_id, _LENS)
    except Gone as error:
        message = (
            f"the account has no {kind.name} {target.remote_id}, which `{target.address}` stands for: {error.text}"
        )
        raise RefusedError(message, "run `tavusctl plan` to see what became of it", id=_UNUSABLE) from None
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
    hint = "wait until `tavusctl verify` calls it usable, or choose another with `--replica`"
    return RefusedError(message, hint, id=_UNUSABLE)


def _replica(api: Reader, partner: Live, chosen: str, known: Mapping[Address, Target]) -> JsonObject:
    """Who lends face and voice, if it is another object than the partner: the one that was chosen, or the default."""
    field = next((path for path, one in partner.kind.fields.items() if one.refers_to in PARTNERS), "")
    if not field:
        if chosen:
            message = f"`--replica` does not go with a {partner.kind.name}"
            raise UsageError(message, "leave it out")
        return {}
    key = field.rpartition("/")[2]
    kind = KINDS[partner.kind.field_at((key,)).refers_to]
    default = str(partner.body.get(key) or "")
    if not (chosen or default):
        message = f"the {partner.kind.name} {partner.remote_id} has no {kind.name}, so nobody could be seen or heard"
        hint = f"set `{key}` in its manifest and apply, or add `--replica ID` (see `tavusctl list {kind.name} --stock`)"
        raise RefusedError(message, hint, id=_UNUSABLE)
    _found(api, _chosen(chosen or default, kind, known))
    return {kind.partner_key: _chosen(chosen, kind, known).remote_id} if chosen else {}


def _chosen(text: str, kind: ResourceKind, known: Mapping[Address, Target]) -> Target:
    """The object that an address or an id stands for."""
    if "/" in text:
        try:
            return _known(address_in(text), known)
        except ValueError as error:
            raise UsageError(str(error)) from None
    same = (one for one in known.values() if one.address.kind == kind.name and one.remote_id == text)
    return next(same, Target(Address(kind.name, text), text))


def document(found: Conversation) -> str:
    """A conversation as JSON."""
    told = {
        "format_version": FORMAT_VERSION,
        "id": found.conversation_id,
        "url": found.url,
        "status": found.status,
        "address": str(found.address),
        "minutes": found.minutes,
    }
    return json.dumps(told, indent=2, ensure_ascii=False) + "\n"


def ended(conversation_id: str, *, was_active: bool) -> str:
    """The end of a conversation as JSON."""
    told = {"format_version": FORMAT_VERSION, "id": conversation_id, "status": "ended", "was_active": was_active}
    return json.dumps(told, indent=2) + "\n"
