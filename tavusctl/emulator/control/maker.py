"""What people do in PAL Maker: begin a draft of a persona, publish it, discard it."""

from __future__ import annotations

from tavusctl.emulator.account.clock import in_microseconds
from tavusctl.emulator.account.journal import redact
from tavusctl.emulator.account.portal import BadEdit
from tavusctl.emulator.account.store import StoredObject
from tavusctl.emulator.account.world import World
from tavusctl.emulator.control import forms, seeding
from tavusctl.emulator.http.messages import Json, Object, Request
from tavusctl.emulator.personas import drafts, personas
from tavusctl.emulator.personas.validity import KIND

MEMBERS = ("account", "id", "model", "patch", "when")
ALL_PERSONAS = "*"


def begin(world: World, body: Json, *, request: int | None = None) -> Object:
    """Begin drafts of one persona or of all, as the body of POST drafts says; returns `{"drafts": [ids]}`."""
    check(body)
    ids = []
    for stored in _personas(world, body):
        operations = body.get("patch") or []
        document = (
            seeding.patched(world, personas.RESOURCE, stored, operations).document if operations else stored.document
        )
        draft = {"model": body.get("model", "maker"), "document": document}
        world.commit(
            stored.with_document(stored.document, draft=draft), "draft", by="portal", request=request, body=operations
        )
        ids.append(stored.id)
    return {"drafts": ids}


def check(body: Json) -> None:
    """Raise BadEdit or BadForm if the body of POST drafts is invalid."""
    forms.check_members(body, MEMBERS, "a draft")
    forms.text(body, "id")
    if "account" in body:
        forms.text(body, "account")
    if body.get("model", "maker") not in drafts.MODELS:
        raise BadEdit(f"`model` is {' or '.join(drafts.MODELS)}; found {body['model']!r}")
    if "patch" in body:
        seeding.check_patch(body["patch"])


def _personas(world: World, selection: Object) -> list[StoredObject]:
    """The persona that a body names by its id, or all (of the account, if the body names one)."""
    if selection["id"] != ALL_PERSONAS:
        return [seeding.find_target(world, personas.RESOURCE, selection)]
    accounts = [selection["account"]] if "account" in selection else world.store.accounts()
    return [stored for account in accounts for stored in world.store.live_objects(account, KIND)]


def all_drafts(world: World) -> list[Object]:
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
        for stored in world.store.live_objects(account, KIND)
        if stored.hidden.get("draft")
    ]


def end(world: World, body: Object, *, publish: bool) -> Object:
    """Publish or discard the draft of one persona, or all drafts; returns `{"drafts": [ids]}`."""
    forms.check_members(body, ("account", "id"), "the body")
    ids = []
    for stored in _personas(world, {"id": forms.text(body, "id", ALL_PERSONAS), **body}):
        if not stored.hidden.get("draft"):
            continue
        now = in_microseconds(world.clock.now())
        changed = drafts.with_draft_published(world, stored, now) if publish else drafts.without_draft(stored)
        world.commit(changed, "publish" if publish else "discard", by="portal")
        ids.append(stored.id)
    return {"drafts": ids}


def carry_out(world: World, change: Object, *, request: int) -> Object:
    """Make an armed edit on the request that it waited for: begin drafts, or change an object."""
    if "draft" in change:
        return begin(world, change["draft"], request=request)
    return seeding.edit(world, change, request=request)


def post_drafts(world: World, request: Request) -> Json:
    """Carry out POST drafts of the control side: begin drafts, or arm them."""
    body = request.json()
    if isinstance(body, dict) and "when" in body:
        check(body)
        world.portal.arm(body["when"], {"draft": {name: value for name, value in body.items() if name != "when"}})
        return {"armed": True}
    return begin(world, body)
