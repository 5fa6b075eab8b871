"""Drafts: unpublished edits of a persona, which block the writes of the API (PAL Maker) or receive them (July 2026).

The hidden part of a persona holds its draft as `{"model", "document"}`.

Model `maker`: a write is answered 409 with `"conflict": "maker_changes"`, unless it has `?force=true`, which discards
the draft, or writes only inside `/layers/conferencing`.

Model `july`: a write changes the draft and is answered 200 as usual, unless it has `?target=live`; `?source=draft`
shows the draft.

Drafts are begun and ended in `tavusctl.emulator.control.maker`.
"""

from __future__ import annotations

from dataclasses import replace

from tavusctl.emulator.account.clock import in_microseconds
from tavusctl.emulator.account.store import StoredObject
from tavusctl.emulator.account.world import Call, World
from tavusctl.emulator.http.messages import Json, Object, Refusal, refuse
from tavusctl.emulator.personas.validity import KIND
from tavusctl.emulator.resources.resource import Missing, find

MISSING = Missing(400, "error", "Invalid persona_id")
MODELS = ("maker", "july")
CONFERENCING = "/layers/conferencing"
PARTS = ("tool_ids", "skills")  # parts: calls of their own write them, to a draft if `draft_parts` says so
BLOCKED = "This PAL has unpublished changes in PAL Maker. Publish or discard them there, or send force=true."


def draft_of(stored: StoredObject, model: str) -> Object | None:
    """The draft of a persona, or None if it has no draft of this model."""
    draft = stored.hidden.get("draft")
    return draft if draft and draft["model"] == model else None


def refuse_blocked(call: Call, stored: StoredObject, operations: Json) -> None:
    """Refuse a patch that a draft in PAL Maker blocks."""
    if draft_of(stored, "maker") and not call.has_flag("force") and not touches_only_conferencing(operations):
        raise conflict()


def conflict() -> Refusal:
    """The 409 refusal of a write that a draft in PAL Maker blocks."""
    return Refusal(409, {"error": BLOCKED, "conflict": "maker_changes"})


def touches_only_conferencing(operations: Json) -> bool:
    """Whether a patch writes only inside the conferencing layer, which no draft blocks; False if it writes nothing."""
    paths = _written_paths(operations)
    return bool(paths) and all(_is_conferencing(path) for path in paths)


def refuse_mixed(operations: Json) -> None:
    """Refuse a patch that writes the conferencing layer together with anything else."""
    are_conferencing = {_is_conferencing(path) for path in _written_paths(operations)}
    if len(are_conferencing) > 1:
        raise refuse("Bad Request. layers.conferencing must be patched on its own.")


def _written_paths(operations: Json) -> list[str]:
    """The paths that a patch writes; a `test` operation writes nothing."""
    entries = operations if isinstance(operations, list) else []
    return [str(entry.get("path")) for entry in entries if isinstance(entry, dict) and entry.get("op") != "test"]


def _is_conferencing(path: str) -> bool:
    return path == CONFERENCING or path.startswith(f"{CONFERENCING}/")


def persona_to_write(call: Call, stored: StoredObject) -> StoredObject:
    """The persona that a patch changes: its draft of model `july`, or the live one (no draft, or `?target=live`)."""
    draft = draft_of(stored, "july")
    return stored if draft is None or call.request.query.get("target") == "live" else _with_document_of(stored, draft)


def _with_document_of(stored: StoredObject, draft: Object) -> StoredObject:
    return replace(stored, document=draft["document"])


def patch_result(call: Call, stored: StoredObject, changed: StoredObject) -> tuple[StoredObject, Object]:
    """The persona to store after a patch, and the members about drafts that the answer gets.

    `stored` is the persona before the patch, `changed` the result of the patch.
    """
    if persona_to_write(call, stored) is not stored:
        return _with_draft(stored, changed.document), {"publish_url": publish_url(stored)}
    if draft_of(stored, "maker") and call.has_flag("force"):
        return without_draft(changed), {"discarded_maker_changes": True}
    return changed, {}


def _with_draft(stored: StoredObject, document: Object) -> StoredObject:
    return replace(stored, hidden=stored.hidden | {"draft": {"model": "july", "document": document}})


def without_draft(stored: StoredObject) -> StoredObject:
    """The persona without its draft."""
    return replace(stored, hidden={name: value for name, value in stored.hidden.items() if name != "draft"})


def publish_url(stored: StoredObject) -> str:
    """The page of PAL Maker on which a person publishes the draft."""
    return f"https://maker.tavus.io/pals/{stored.id}"


def persona_to_show(call: Call, stored: StoredObject) -> tuple[StoredObject, Object]:
    """The persona that a read shows, and the members about drafts that the read adds."""
    draft = draft_of(stored, "july")
    draft_requested = draft is not None and call.request.query.get("source") == "draft"
    unpublished = draft is not None and is_unpublished(stored)
    marks = {"is_draft_view": draft_requested, "has_unpublished_changes": unpublished}
    if draft is not None and draft_requested:
        return _with_document_of(stored, draft), marks | {"publish_url": publish_url(stored)}
    return stored, marks if draft is not None and call.world.behaviors["draft_marks"] == "every read" else {}


def is_unpublished(stored: StoredObject) -> bool:
    """Whether a persona has a draft that differs from it, times aside; a draft of PAL Maker always counts."""
    draft = stored.hidden.get("draft")
    if not draft:
        return False
    times = ("created_at", "updated_at")
    draft_fields, live_fields = (
        {k: v for k, v in document.items() if k not in times} for document in (draft["document"], stored.document)
    )
    return bool(draft["model"] == "maker" or draft_fields != live_fields)


def _part_to_write(call: Call, stored: StoredObject) -> StoredObject:
    """The persona that a call for a part changes: its draft of model `july` if `draft_parts` says so, or the live."""
    draft = draft_of(stored, "july") if call.world.behaviors["draft_parts"] == "draft" else None
    return _with_document_of(stored, draft) if draft else stored


def with_draft_published(world: World, stored: StoredObject, now: str) -> StoredObject:
    """The persona after its draft was published; its live conferencing layer stays, and so do parts without drafts.

    A draft of model `july` stays, too, equal to the new live document.
    """
    draft = stored.hidden.get("draft")
    if not draft:
        return stored
    layers = {name: layer for name, layer in (draft["document"].get("layers") or {}).items() if name != "conferencing"}
    conferencing = (stored.document.get("layers") or {}).get("conferencing")
    if conferencing is not None:
        layers["conferencing"] = conferencing
    live_parts = () if world.behaviors["draft_parts"] == "draft" else PARTS
    parts = {name: stored.document[name] for name in live_parts if name in stored.document}
    document = {**draft["document"], **parts, "layers": layers, "updated_at": now}
    if draft["model"] == "maker":
        return without_draft(stored.with_document(document))
    return stored.with_document(document, draft=draft | {"document": document})


def find_persona(call: Call) -> StoredObject:
    """The persona of the account whose id is in the path; raises the refusal if there is none."""
    return find(call, KIND, MISSING)


def find_persona_to_change(call: Call) -> StoredObject:
    """The persona in the path, for a call that changes its tools or skills.

    Whether a draft in PAL Maker blocks the call is the behaviour `drafts_guard`.  Where that allows it,
    `?force=true` discards the draft.
    """
    stored, guard = find_persona(call), call.world.behaviors["drafts_guard"]
    if guard == "patch" or not draft_of(stored, "maker"):
        return _part_to_write(call, stored)
    if guard == "unforced" or not call.has_flag("force"):
        raise conflict()
    return without_draft(stored)


def store_part(call: Call, persona: StoredObject, name: str, part: Json) -> StoredObject:
    """Store the tools or the skills of a persona that a call changes, or its draft with them; returns the result."""
    now = in_microseconds(call.world.clock.now())
    changed = persona.with_document(persona.document | {name: part, "updated_at": now})
    stored = find_persona(call)
    is_live = _part_to_write(call, stored) is stored
    call.commit(changed if is_live else _with_draft(stored, changed.document), "update")
    return changed
