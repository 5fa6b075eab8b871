"""The persona that a call is about."""

from __future__ import annotations

from tavusctl.emulator.account.store import Stored
from tavusctl.emulator.account.world import Call
from tavusctl.emulator.personas import drafts
from tavusctl.emulator.personas.validity import KIND
from tavusctl.emulator.resources.resource import Missing

MISSING = Missing(400, "error", "Invalid persona_id")


def found(call: Call) -> Stored:
    """The account's own persona in the path, or the refusal."""
    stored = call.world.store.get(call.account, KIND, call.id)
    if stored is None:
        raise MISSING.refusal(call.world.behaviors["not_found"])
    call.show(stored)
    return stored


def found_to_change(call: Call) -> Stored:
    """The same, when something is attached to it; whether a draft in PAL Maker keeps that out is a behaviour."""
    stored, guard = found(call), call.world.behaviors["drafts_guard"]
    if guard == "patch" or not drafts.draft_of(stored, "maker"):
        return stored
    if guard == "unforced" or not call.wants("force"):
        raise drafts.conflict()
    return drafts.without_draft(stored)
