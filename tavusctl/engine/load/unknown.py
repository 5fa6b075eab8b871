"""A key that no field has: what was probably meant, by what is known of such mistakes first, by its letters last.

A hint never leads into the next complaint: it proposes no key that is there already, and none that is going away.
"""

from __future__ import annotations

import re
from typing import Final

from tavusctl.engine.load.notes import Fix, Notes, dotted
from tavusctl.fit import fields_at, homes
from tavusctl.model import Document, ResourceKind, Value
from tavusctl.model import Path as KeyPath
from tavusctl.patch.pointer import join
from tavusctl.wording import either, nearest, shown, suggestion

_MAX_HOMES: Final = 3  # a key that is known in more places than this says little
_COMMENT = re.compile(r"[_$]?(comments?|remarks?)|[_$].*|//.*|#.*", re.IGNORECASE)
_ID = re.compile(r"[A-Za-z0-9-]{6,60}")
_AROUND: Final = ("kind", "lifecycle", "moved_from", "external", "recrawl", "watch")  # keys that stand beside spec


def tell(kind: ResourceKind, spec: Document, path: KeyPath, notes: Notes) -> None:
    """Complain about an unknown key."""
    hint, fix = _advice(kind, spec, path, notes)
    message = f"unknown key {shown(path[-1])} in {place(kind, path[:-1])}"
    notes.error("TV103", message, notes.key_at("/spec" + join(path)), hint, fix)


def place(kind: ResourceKind, path: KeyPath) -> str:
    """A place in spec as people say it."""
    return dotted(join(path)) or kind.name


def _advice(kind: ResourceKind, spec: Document, path: KeyPath, notes: Notes) -> tuple[str, Fix]:
    pointer, around = "/spec" + join(path), value_at(spec, path[:-1])
    pattern, key = generic(spec, path), path[-1]
    right = kind.spelled(pattern)
    if right:
        if right in around:
            return f"{right} is there already, and means the same; keep one of the two", ()
        return f"write {right}", notes.edit(pointer, "rename", right)
    if len(path) == 1 and key in kind.computed:
        return _computed(kind, key, spec[key], notes), ()
    if len(path) == 1 and key in _AROUND:
        return f"{key}: stands beside spec:, not in it", ()
    if _COMMENT.fullmatch(key):
        return "write a comment as # and text; it is not sent", ()
    return kind.mistaken(pattern) or _elsewhere(kind, spec, path) or _like(kind, around, path), ()


def _computed(kind: ResourceKind, key: str, value: Value, notes: Notes) -> str:
    if key not in (*kind.id_fields, "uuid", "id"):
        return "the API fills it in; remove it"
    known = value if isinstance(value, str) and _ID.fullmatch(value) else "ID"
    address = notes.address or f"{kind.name}/NAME"
    return f"remove it; `tavusctl import {address} {known}` says that an object exists already"


def _elsewhere(kind: ResourceKind, spec: Document, path: KeyPath) -> str:
    """Where a key belongs that is known in another place."""
    places = [one for one in homes(kind.model, path[-1]) if not _is_going(kind, (*one, path[-1]))]
    if not 0 < len(places) <= _MAX_HOMES:
        return ""
    there = [one for one in places if value_at(spec, (*one, path[-1])) is not None]
    if there:
        return f"it is there already under {_named(there[0])}; remove it here"
    return f"write it under {either(map(_named, places))}"


def _named(home: KeyPath) -> str:
    return (dotted(join(home)) or "spec") + ":"


def _is_going(kind: ResourceKind, path: KeyPath) -> bool:
    return any(kind.field_at(path[:length]).deprecated for length in range(1, len(path) + 1))


def _like(kind: ResourceKind, around: Document, path: KeyPath) -> str:
    known = fields_at(kind.model, path[:-1])
    going = [key for key in known if _is_going(kind, (*path[:-1], key))]
    hint = suggestion(path[-1], known, {*around, *going})
    if hint.startswith("did"):
        return hint
    there = nearest(path[-1], [key for key in known if key in around])
    if there:
        return f"{there!r} is there already; remove one of the two"
    return f"{hint}{'; ' if hint else ''}a field newer than tavusctl goes under extra:"


def generic(spec: Value, path: KeyPath) -> KeyPath:
    """A path as declarations know it: `*` for list indices."""
    pattern: list[str] = []
    here = spec
    for key in path:
        is_list = isinstance(here, list)
        pattern.append("*" if is_list else key)
        here = here[int(key)] if is_list else here.get(key)
    return tuple(pattern)


def value_at(spec: Value, path: KeyPath) -> Value:
    """The value at a path; None where there is none."""
    here = spec
    for key in path:
        if isinstance(here, list):
            here = here[int(key)] if key.isdecimal() and int(key) < len(here) else None
        else:
            here = here.get(key) if isinstance(here, dict) else None
    return here
