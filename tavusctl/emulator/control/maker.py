"""What people do in PAL Maker: begin a draft of a persona, publish it, throw it away."""

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
    """Begin drafts: of one persona, or of all there are."""
    check(wanted)
    begun = []
    for stored in _personas(world, wanted):
        ops = wanted.get("patch") or []
        document = seeding.patched(world, personas.RESOURCE, stored, ops).document if ops else stored.document
        draft = {"model": wanted.get("model", "maker"), "document": document}
        world.commit(
            stored.with_document(stored.document, draft=draft), "draft", by="portal", request=request, body=ops
        )
        begun.append(stored.id)
    return {"drafts": begun}


def check(wanted: Json) -> None:
    """Refuse a draft that could never be begun."""
    forms.only(wanted, MEMBERS, "a draft")
    forms.text(wanted, "id")
    if "account" in wanted:
        forms.text(wanted, "account")
    if wanted.get("model", "maker") not in drafts.MODELS:
        message = f"`model` is {' or '.join(drafts.MODELS)}; found {wanted['model']!r}"
        raise BadEdit(message)
    if "patch" in wanted:
        seeding.check_patch(wanted["patch"])


def _personas(world: World, wanted: Object) -> list[Stored]:
    """The personas that are meant."""
    if wanted["id"] != EVERY:
        return [seeding.target(world, personas.RESOURCE, wanted)]
    accounts = [wanted["account"]] if "account" in wanted else world.store.accounts()
    return [stored for account in accounts for stored in world.store.every(account, KIND)]


def every(world: World) -> list[Object]:
    """All drafts there are."""
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
    """Publish or throw away the drafts of one persona, or of all there are."""
    forms.only(wanted, ("account", "id"), "the body")
    ended = []
    for stored in _personas(world, {"id": forms.text(wanted, "id", EVERY), **wanted}):
        if not stored.hidden.get("draft"):
            continue
        now = in_microseconds(world.clock.now())
        after = drafts.published(stored, now) if publish else drafts.without_draft(stored)
        world.commit(after, "publish" if publish else "discard", by="portal")
        ended.append(stored.id)
    return {"drafts": ended}


def carry_out(world: World, change: Object, *, request: int) -> Object:
    """An edit that has waited for a request: a draft that begins, or a change of an object."""
    if "draft" in change:
        return begin(world, change["draft"], request=request)
    return seeding.edit(world, change, request=request)


def arm(world: World, wanted: Object) -> None:
    """Let a draft begin around a request."""
    check(wanted)
    world.portal.arm(wanted["when"], {"draft": {name: value for name, value in wanted.items() if name != "when"}})


def asked(world: World, request: Request) -> Json:
    """POST drafts of the control side."""
    wanted = request.json()
    if isinstance(wanted, dict) and "when" in wanted:
        arm(world, wanted)
        return {"armed": True}
    return begin(world, wanted)
