"""The persona that a call is about."""

from __future__ import annotations

from tavusctl.emulator.account.store import StoredObject
from tavusctl.emulator.account.world import Call
from tavusctl.emulator.personas import drafts
from tavusctl.emulator.personas.validity import KIND
from tavusctl.emulator.resources.resource import Missing

MISSING = Missing(400, "error", "Invalid persona_id")


def find_persona(call: Call) -> StoredObject:
    """The persona of the account whose id is in the path; raises the refusal if there is none."""
    stored = call.world.store.get(call.account, KIND, call.id)
    if stored is None:
        raise MISSING.refusal(call.world.behaviors["not_found"])
    call.record_shown(stored)
    return stored


def find_persona_to_change(call: Call) -> StoredObject:
    """The persona in the path, for a call that changes its tools or skills.

    Whether a draft in PAL Maker blocks the call is the behaviour `drafts_guard`.  Where that allows it,
    `?force=true` discards the draft.
    """
    stored, guard = find_persona(call), call.world.behaviors["drafts_guard"]
    if guard == "patch" or not drafts.draft_of(stored, "maker"):
        return drafts.part_to_write(call, stored)
    if guard == "unforced" or not call.has_flag("force"):
        raise drafts.conflict()
    return drafts.without_draft(stored)


def commit_part(call: Call, changed: StoredObject) -> None:
    """Store a persona whose tools or skills a call has changed, or its draft if that is what has changed."""
    stored = find_persona(call)
    call.commit(drafts.part_result(call, stored, changed), "update")
