"""Hints for unknown keys: known mistakes and aliases come first, similar names last.

A hint never leads to another diagnostic: it proposes no key that is present already, and no deprecated one.
"""

from __future__ import annotations

import re
from typing import Final

from tavusctl.config.collector import DiagnosticCollector, Fix, dotted
from tavusctl.core.json_tree import pattern_in, value_at
from tavusctl.core.messages import either, key_hint, shown
from tavusctl.core.resource_kind import ResourceKind
from tavusctl.core.schema.model_fields import fields_at, parents_of
from tavusctl.lib.json_types import Json, JsonObject, KeyPath, as_object
from tavusctl.lib.patterns import pattern
from tavusctl.patch.pointer import join

_MAX_HOMES: Final = 3  # a key that is a field in more places than this gets no hint about them
_PROPOSAL = pattern(r"(?:did you mean|write) `(\w+)`")
_COMMENT = pattern(r"[_$]?(comments?|remarks?)|[_$].*|//.*|#.*", re.IGNORECASE)
_ID = pattern(r"[A-Za-z0-9-]{6,60}")
_BESIDE_SPEC: Final = ("kind", "lifecycle", "moved_from", "external", "recrawl", "watch")  # keys that stand beside spec


def report(kind: ResourceKind, spec: JsonObject, path: KeyPath, collector: DiagnosticCollector) -> None:
    """Report an unknown key, with a hint and, if that is safe, a fix."""
    hint, fix = _advice(kind, spec, path, collector)
    message = f"unknown key {shown(path[-1])} in {place(kind, path[:-1])}"
    collector.error("TV103", message, collector.key_at("/spec" + join(path)), hint, fix)


def intended(kind: ResourceKind, spec: JsonObject, path: KeyPath, collector: DiagnosticCollector) -> KeyPath:
    """The path of the key that the hint for an unknown key proposes beside it; empty if it proposes none."""
    proposal = _PROPOSAL.match(_advice(kind, spec, path, collector)[0])
    return (*path[:-1], proposal[1]) if proposal else ()


def place(kind: ResourceKind, path: KeyPath) -> str:
    """A path in `spec` in the notation of messages; the name of the kind for `spec` itself."""
    return dotted(join(path)) or kind.name


def _advice(kind: ResourceKind, spec: JsonObject, path: KeyPath, collector: DiagnosticCollector) -> tuple[str, Fix]:
    pointer, around = "/spec" + join(path), _beside(kind, spec, path, collector)
    pattern, key = pattern_in(spec, path), path[-1]
    canonical = kind.canonical_key(pattern)
    if canonical:
        if canonical in around:
            return f"remove it: `{canonical}` is present and means the same", ()
        return f"write `{canonical}`", collector.edit(pointer, "rename", canonical)
    if len(path) == 1 and key in kind.computed:
        return _computed(kind, key, spec[key], collector), ()
    if len(path) == 1 and key in _BESIDE_SPEC:
        return f"write `{key}:` beside `spec:`, not inside it", ()
    if _COMMENT.fullmatch(key):
        return "write a YAML comment that starts with `#`; comments are not sent", ()
    known_hint = kind.mistake_hint(pattern)
    intended = known_hint.removeprefix("write `").removesuffix("`")
    if known_hint and intended in around:
        return f"remove it or `{intended}`, which is present already", ()
    return known_hint or _other_place(kind, spec, path) or _similar_name(kind, around, path), ()


def _beside(kind: ResourceKind, spec: JsonObject, path: KeyPath, collector: DiagnosticCollector) -> frozenset[str]:
    """The known keys that stand beside an unknown one in the same file.

    Keys of the base do not count for one of its overlay: the overlay may have misspelled one of them.
    """
    above, file = "/spec" + join(path[:-1]), collector.key_at("/spec" + join(path)).path
    members = as_object(value_at(spec, path[:-1]))
    known = (key for key in fields_at(kind.model, path[:-1]) if key in members)
    return frozenset(key for key in known if collector.key_at(above + join((key,))).path == file)


def _computed(kind: ResourceKind, key: str, value: Json, collector: DiagnosticCollector) -> str:
    if key not in id_keys(kind):
        return "remove it: the API sets it"
    return import_hint(kind, value, collector)


def id_keys(kind: ResourceKind) -> tuple[str, ...]:
    """The names under which people write the id of an object into its manifest."""
    return (*kind.id_fields, "uuid", "id")


def import_hint(kind: ResourceKind, value: Json, collector: DiagnosticCollector) -> str:
    """The hint for an id in a manifest: the command that binds an existing object."""
    remote_id = value if isinstance(value, str) and _ID.fullmatch(value) else "ID"
    address = collector.address or f"{kind.name}/NAME"
    return f"remove it; run `tavusctl import {address} {remote_id}` to manage an object that exists already"


def _other_place(kind: ResourceKind, spec: JsonObject, path: KeyPath) -> str:
    """A hint for a key that is a field in another place; empty if there is none, or if there are too many."""
    places = [home for home in parents_of(kind.model, path[-1]) if not _is_deprecated(kind, (*home, path[-1]))]
    if not 0 < len(places) <= _MAX_HOMES:
        return ""
    present = [home for home in places if value_at(spec, (*home, path[-1])) is not None]
    if present:
        return f"remove it here: it is present under {_named(present[0])}"
    return f"write it under {either(map(_named, places))}"


def _named(home: KeyPath) -> str:
    return f"`{dotted(join(home)) or 'spec'}:`"


def _is_deprecated(kind: ResourceKind, path: KeyPath) -> bool:
    return any(kind.field_at(path[:length]).deprecated for length in range(1, len(path) + 1))


def _similar_name(kind: ResourceKind, around: frozenset[str], path: KeyPath) -> str:
    known = fields_at(kind.model, path[:-1])
    deprecated = [key for key in known if _is_deprecated(kind, (*path[:-1], key))]
    hint = key_hint(path[-1], known, around, deprecated)
    if hint.startswith(("did", "remove")):
        return hint
    return f"{hint}{'; ' if hint else ''}write a field that is newer than tavusctl under `extra:`"
