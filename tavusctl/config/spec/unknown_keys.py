"""A key that no field has: what was probably meant, by what is known of such mistakes first, by its letters last.

A hint never leads into the next complaint: it proposes no key that is there already, and none that is going away.
"""

from __future__ import annotations

import re
from typing import Final

from tavusctl.config.collector import DiagnosticCollector, Fix, dotted
from tavusctl.core.messages import either, nearest, shown, suggestion
from tavusctl.core.resource_kind import ResourceKind
from tavusctl.core.schema.model_fields import fields_at, homes
from tavusctl.lib.json_types import Json, JsonObject, KeyPath, as_object
from tavusctl.lib.patterns import pattern
from tavusctl.patch.pointer import join

_MAX_HOMES: Final = 3  # a key that is known in more places than this says little
_COMMENT = pattern(r"[_$]?(comments?|remarks?)|[_$].*|//.*|#.*", re.IGNORECASE)
_ID = pattern(r"[A-Za-z0-9-]{6,60}")
_AROUND: Final = ("kind", "lifecycle", "moved_from", "external", "recrawl", "watch")  # keys that stand beside spec


def tell(kind: ResourceKind, spec: JsonObject, path: KeyPath, notes: DiagnosticCollector) -> None:
    """Complain about an unknown key."""
    hint, fix = _advice(kind, spec, path, notes)
    message = f"unknown key {shown(path[-1])} in {place(kind, path[:-1])}"
    notes.error("TV103", message, notes.key_at("/spec" + join(path)), hint, fix)


def place(kind: ResourceKind, path: KeyPath) -> str:
    """A place in spec as people say it."""
    return dotted(join(path)) or kind.name


def _advice(kind: ResourceKind, spec: JsonObject, path: KeyPath, notes: DiagnosticCollector) -> tuple[str, Fix]:
    pointer, around = "/spec" + join(path), _beside(kind, spec, path, notes)
    pattern, key = generic(spec, path), path[-1]
    right = kind.canonical_key(pattern)
    if right:
        if right in around:
            return f"remove it: `{right}` is present and means the same", ()
        return f"write `{right}`", notes.edit(pointer, "rename", right)
    if len(path) == 1 and key in kind.computed:
        return _computed(kind, key, spec[key], notes), ()
    if len(path) == 1 and key in _AROUND:
        return f"write `{key}:` beside `spec:`, not inside it", ()
    if _COMMENT.fullmatch(key):
        return "write a YAML comment that starts with `#`; comments are not sent", ()
    told = kind.mistaken(pattern)
    known = told.removeprefix("write `").removesuffix("`")
    if told and known in around:
        return f"remove it or `{known}`, which is present already", ()
    return told or _elsewhere(kind, spec, path) or _like(kind, around, path), ()


def _beside(kind: ResourceKind, spec: JsonObject, path: KeyPath, notes: DiagnosticCollector) -> frozenset[str]:
    """The known keys beside one that the same file says: what an overlay misspells may well be right below it."""
    above, file = "/spec" + join(path[:-1]), notes.key_at("/spec" + join(path)).path
    members = as_object(value_at(spec, path[:-1]))
    known = (key for key in fields_at(kind.model, path[:-1]) if key in members)
    return frozenset(key for key in known if notes.key_at(above + join((key,))).path == file)


def _computed(kind: ResourceKind, key: str, value: Json, notes: DiagnosticCollector) -> str:
    if key not in (*kind.id_fields, "uuid", "id"):
        return "remove it: the API sets it"
    known = value if isinstance(value, str) and _ID.fullmatch(value) else "ID"
    address = notes.address or f"{kind.name}/NAME"
    return f"remove it; run `tavusctl import {address} {known}` to manage an object that exists already"


def _elsewhere(kind: ResourceKind, spec: JsonObject, path: KeyPath) -> str:
    """Where a key belongs that is known in another place."""
    places = [one for one in homes(kind.model, path[-1]) if not _is_going(kind, (*one, path[-1]))]
    if not 0 < len(places) <= _MAX_HOMES:
        return ""
    there = [one for one in places if value_at(spec, (*one, path[-1])) is not None]
    if there:
        return f"remove it here: it is present under {_named(there[0])}"
    return f"write it under {either(map(_named, places))}"


def _named(home: KeyPath) -> str:
    return f"`{dotted(join(home)) or 'spec'}:`"


def _is_going(kind: ResourceKind, path: KeyPath) -> bool:
    return any(kind.field_at(path[:length]).deprecated for length in range(1, len(path) + 1))


def _like(kind: ResourceKind, around: frozenset[str], path: KeyPath) -> str:
    known = fields_at(kind.model, path[:-1])
    going = [key for key in known if _is_going(kind, (*path[:-1], key))]
    hint = suggestion(path[-1], known, {*around, *going})
    if hint.startswith("did"):
        return hint
    there = nearest(path[-1], [key for key in known if key in around])
    if there:
        return f"remove it or `{there}`, which is present already"
    return f"{hint}{'; ' if hint else ''}write a field that is newer than tavusctl under `extra:`"


def generic(spec: Json, path: KeyPath) -> KeyPath:
    """A path as declarations know it: `*` for list indices."""
    pattern: list[str] = []
    here = spec
    for key in path:
        pattern.append("*" if isinstance(here, list) else key)
        here = _inside(here, key)
    return tuple(pattern)


def value_at(spec: Json, path: KeyPath) -> Json:
    """The value at a path, or None."""
    here = spec
    for key in path:
        here = _inside(here, key)
    return here


def _inside(here: Json, key: str) -> Json:
    if isinstance(here, list):
        return here[int(key)] if key.isdecimal() and int(key) < len(here) else None
    return here.get(key) if isinstance(here, dict) else None
