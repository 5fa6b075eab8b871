"""Two spellings of one field: persona and PAL, replica and face.  What is kept has the older one."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from tavusctl.emulator.http.messages import Object, Request, refuse

Table = Mapping[str, str]
PERSONA: Table = {
    "persona_id": "pal_id",
    "persona_name": "pal_name",
    "persona_description": "pal_description",
    "default_replica_id": "default_face_id",
}
REPLICA: Table = {"replica_id": "face_id", "replica_name": "face_name", "replica_type": "face_type"}
CONVERSATION: Table = {"persona_id": "pal_id", "replica_id": "face_id"}
INTERRUPTIBILITY = ("replica_interruptibility", "pal_interruptibility", "face_interruptibility")
# Not to be sent in both spellings.
EXCLUSIVE = frozenset({"replica_id", "replica_name", "default_replica_id"})


def is_new(request: Request) -> bool:
    """Whether a path has the newer words."""
    segments = request.segments()
    return len(segments) > 1 and segments[1] in ("pals", "faces")


def renamed(document: Object, table: Table) -> Object:
    """A document in the newer words."""
    return {table.get(name, name): value for name, value in document.items()}


def older(body: Object, table: Table, *, new: bool) -> Object:
    """A body in the older words; of two spellings that of the path counts, where both may be sent."""
    kept = dict(body)
    for old, other in table.items():
        if other not in kept:
            continue
        value = kept.pop(other)
        if old in kept and old in EXCLUSIVE:
            text = f"Bad Request. Please provide only one of {old} and {other}."
            raise refuse(text)
        if new or old not in kept:
            kept[old] = value
    return kept


def rewritten(before: Object, after: Object, table: Table) -> Object:
    """A patched document in the older words: a spelling that the read does not show was written, so it counts."""
    kept = dict(after)
    for old, other in table.items():
        first, second = (old, other) if old in before else (other, old)
        value = kept.pop(second, kept.get(first, kept))
        kept.pop(first, None)
        if value is not kept:
            kept[old] = value
    return kept


def one_spelling(layer: Object, shown: str, written: Collection[str] = INTERRUPTIBILITY) -> Object:
    """The layer of the flow with the older word for how easily it is interrupted; `shown` is what a read says."""
    given = {name: layer[name] for name in written if name in layer}
    if not given:
        return layer
    others = [value for name, value in given.items() if name != shown]
    kept = {name: value for name, value in layer.items() if name not in INTERRUPTIBILITY}
    return kept | {INTERRUPTIBILITY[0]: others[0] if others else given[shown]}
