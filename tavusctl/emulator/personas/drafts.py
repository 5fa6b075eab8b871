"""Unpublished edits of a persona: in PAL Maker they keep the API's writes out, or (July 2026) they swallow them.

A draft is kept in the hidden part of a persona as `{"model", "document"}`.  Model `maker`: a write is answered 409 with
`"conflict": "maker_changes"` unless it has `?force=true`, which throws the draft away, or touches only
`/layers/conferencing`.  Model `july`: a write goes to the draft and is answered 200 all the same, unless it has
`?target=live`; `?source=draft` shows the draft.  Who makes and ends drafts: `tavusctl.emulator.control.maker`.
"""

from __future__ import annotations

from dataclasses import replace

from tavusctl.emulator.account.store import Stored
from tavusctl.emulator.account.world import Call
from tavusctl.emulator.http.messages import Json, Object, Refusal, refuse

MODELS = ("maker", "july")
CONFERENCING = "/layers/conferencing"
OWN_CALLS = ("tool_ids", "skills")  # what calls of their own write, past all drafts
BLOCKED = "This PAL has unpublished changes in PAL Maker. Publish or discard them there, or send force=true."


def draft_of(stored: Stored, model: str) -> Object | None:
    """The draft of a persona, when it has one of this model."""
    draft = stored.hidden.get("draft")
    return draft if draft and draft["model"] == model else None


def refuse_blocked(call: Call, stored: Stored, operations: Json) -> None:
    """Refuse a patch that somebody's draft in PAL Maker keeps out."""
    if draft_of(stored, "maker") and not call.wants("force") and not touches_only_conferencing(operations):
        raise conflict()


def conflict() -> Refusal:
    """The refusal that names the draft."""
    return Refusal(409, {"error": BLOCKED, "conflict": "maker_changes"})


def touches_only_conferencing(operations: Json) -> bool:
    """Whether a patch has operations, all of them inside the layer that never waits for a draft."""
    paths = _written(operations)
    return bool(paths) and all(_is_conferencing(path) for path in paths)


def refuse_mixed(operations: Json) -> None:
    """Refuse a patch that writes the meeting identity beside something else."""
    inside = {_is_conferencing(path) for path in _written(operations)}
    if len(inside) > 1:
        text = "Bad Request. layers.conferencing must be patched on its own."
        raise refuse(text)


def _written(operations: Json) -> list[str]:
    """The paths that a patch writes; a test writes nothing."""
    ops = operations if isinstance(operations, list) else []
    return [str(one.get("path")) for one in ops if isinstance(one, dict) and one.get("op") != "test"]


def _is_conferencing(path: str) -> bool:
    return path == CONFERENCING or path.startswith(f"{CONFERENCING}/")


def row_to_write(call: Call, stored: Stored) -> Stored:
    """The persona as a patch finds it: live, or its draft of July."""
    draft = draft_of(stored, "july")
    return stored if draft is None or call.request.query.get("target") == "live" else _drafted(stored, draft)


def _drafted(stored: Stored, draft: Object) -> Stored:
    return replace(stored, document=draft["document"])


def written(call: Call, stored: Stored, changed: Stored) -> tuple[Stored, Object]:
    """What to keep after a patch, and what the answer says of it."""
    if row_to_write(call, stored) is not stored:
        draft = {"model": "july", "document": changed.document}
        return replace(stored, hidden=stored.hidden | {"draft": draft}), {"publish_url": publish_url(stored)}
    if draft_of(stored, "maker") and call.wants("force"):
        return without_draft(changed), {"discarded_maker_changes": True}
    return changed, {}


def without_draft(stored: Stored) -> Stored:
    """A persona whose draft was thrown away."""
    return replace(stored, hidden={name: value for name, value in stored.hidden.items() if name != "draft"})


def publish_url(stored: Stored) -> str:
    """Where a person publishes the draft."""
    return f"https://maker.tavus.io/pals/{stored.id}"


def row_to_show(call: Call, stored: Stored) -> tuple[Stored, Object]:
    """The persona that a read shows, and what the read says of drafts."""
    draft = draft_of(stored, "july")
    wanted = draft is not None and call.request.query.get("source") == "draft"
    unpublished = draft is not None and is_unpublished(stored)
    marks = {"is_draft_view": wanted, "has_unpublished_changes": unpublished}
    if draft is not None and wanted:
        return _drafted(stored, draft), marks | {"publish_url": publish_url(stored)}
    return stored, marks if draft is not None and call.world.behaviors["draft_marks"] == "every read" else {}


def is_unpublished(stored: Stored) -> bool:
    """Whether a draft says something else than the live persona; one of PAL Maker always counts."""
    draft = stored.hidden.get("draft")
    if not draft:
        return False
    times = ("created_at", "updated_at")
    said, live = ({k: v for k, v in one.items() if k not in times} for one in (draft["document"], stored.document))
    return bool(draft["model"] == "maker" or said != live)


def published(stored: Stored, now: str) -> Stored:
    """The persona after its draft went live: the live meeting identity stays, and so does a draft of July."""
    draft = stored.hidden.get("draft")
    if not draft:
        return stored
    layers = {name: layer for name, layer in (draft["document"].get("layers") or {}).items() if name != "conferencing"}
    live = (stored.document.get("layers") or {}).get("conferencing")
    if live is not None:
        layers["conferencing"] = live
    kept = {name: stored.document[name] for name in OWN_CALLS if name in stored.document}
    document = {**draft["document"], **kept, "layers": layers, "updated_at": now}
    fresh = stored.with_document(document)
    return (
        without_draft(fresh)
        if draft["model"] == "maker"
        else fresh.with_document(document, draft=draft | {"document": document})
    )
