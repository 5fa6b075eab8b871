"""What people do in PAL Maker: begin a draft of a persona, publish it, discard it."""

from __future__ import annotations

from tavusctl.emulator.account.clock import in_microseconds
from tavusctl.emulator.account.journal import redact
from tavusctl.emulator.account.portal import BadEdit
from tavusctl.emulator.account.store import Stored
from tavusctl.emulator.account.world import World
from tavusctl.emulator.control import forms, seeding
from tavusctl.emulator.http.messages import Json, Object, Request
from tavusctl.emulator.personas import drafts, personas
from tavusctl.emulator.personas.validity import KIND

MEMBERS = ("account", "id", "model", "patch", "when")
EVERY = "*"


def begin(world: World, wanted: Json, *, request: int | None = None) -> Object:
    """Begin drafts of one persona or of all, as the body of POST drafts says; returns `{"drafts": [ids]}`."""
    check(wanted)
    ids = []
    for stored in _personas(world, wanted):
        operations = wanted.get("patch") or []
        document = (
            seeding.patched(world, personas.RESOURCE, stored, operations).document if operations else stored.document
        )
        draft = {"model": wanted.get("model", "maker"), "document": document}
        world.commit(
            stored.with_document(stored.document, draft=draft), "draft", by="portal", request=request, body=operations
        )
        ids.append(stored.id)
    return {"drafts": ids}


def check(wanted: Json) -> None:
    """Raise BadEdit or BadForm if the body of POST drafts is invalid."""
    forms.only(wanted, MEMBERS, "a draft")
    forms.text(wanted, "id")
    if "account" in wanted:
        forms.text(wanted, "account")
    if wanted.get("model", "maker") not in drafts.MODELS:
        message = f"`model` is {' or '.join(drafts.MODELS)}; found {wanted['model']!r}"
        raise BadEdit(message)
    if "patch" in wanted:
        seeding.check_patch(wanted["patch"])


def _personas(world: World, selection: Object) -> list[Stored]:
    """The persona that a body names by its id, or all (of the account, if the body names one)."""
    if selection["id"] != EVERY:
        return [seeding.target(world, personas.RESOURCE, selection)]
    accounts = [selection["account"]] if "account" in selection else world.store.accounts()
    return [stored for account in accounts for stored in world.store.every(account, KIND)]


def every(world: World) -> list[Object]:
    """All drafts as JSON, secrets hidden."""
    return [
        {
            "account": stored.account,
            "id": stored.id,
            "model": stored.hidden["draft"]["model"],
            "unpublished": drafts.is_unpublished(stored),
            "document": redact(stored.hidden["draft"]["document"]),
        }
        for account in world.store.accounts()
        for stored in world.store.every(account, KIND)
        if stored.hidden.get("draft")
    ]


def end(world: World, wanted: Object, *, publish: bool) -> Object:
    """Publish or discard the draft of one persona, or all drafts; returns `{"drafts": [ids]}`."""
    forms.only(wanted, ("account", "id"), "the body")
    ids = []
    for stored in _personas(world, {"id": forms.text(wanted, "id", EVERY), **wanted}):
        if not stored.hidden.get("draft"):
            continue
        now = in_microseconds(world.clock.now())
        changed = drafts.published(stored, now) if publish else drafts.without_draft(stored)
        world.commit(changed, "publish" if publish else "discard", by="portal")
        ids.append(stored.id)
    return {"drafts": ids}


def carry_out(world: World, change: Object, *, request: int) -> Object:
    """Make an armed edit on the request that it waited for: begin drafts, or change an object."""
    if "draft" in change:
        return begin(world, change["draft"], request=request)
    return seeding.edit(world, change, request=request)


def arm(world: World, wanted: Object) -> None:
    """Arm drafts: they begin around the requests that `when` describes."""
    check(wanted)
    world.portal.arm(wanted["when"], {"draft": {name: value for name, value in wanted.items() if name != "when"}})


def asked(world: World, request: Request) -> Json:
    """Carry out POST drafts of the control side: begin drafts, or arm them."""
    body = request.json()
    if isinstance(body, dict) and "when" in body:
        arm(world, body)
        return {"armed": True}
    return begin(world, body)
