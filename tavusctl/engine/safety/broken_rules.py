"""Refuse patches after which an object breaks a rule of its kind that it keeps now.  Pure.

A manifest keeps the rules by itself, but an object also has fields that no manifest manages: one of them may need a
field that the patch removes or changes, and the API would refuse the patch.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Final

from tavusctl.core.json_tree import is_empty, map_leaves, set_at, value_at
from tavusctl.core.messages import either, listed, parted
from tavusctl.core.model import ABSENT, Action, Cause, Change, Live, Refusal
from tavusctl.core.resource_kind import ResourceKind
from tavusctl.engine.compare.updates import update_of
from tavusctl.lib.json_types import PLAIN, Json, JsonObject, KeyPath
from tavusctl.patch import split

if TYPE_CHECKING:
    from tavusctl.core.schema.spec_model import FieldError

_PATCHED: Final = frozenset({Action.UPDATE, Action.ADOPT})
Broken = Mapping[tuple[KeyPath, str], "FieldError"]  # by place and type


def refuse(change: Change) -> Refusal | None:
    """The refusal of a change that breaks a rule: it names the fields of the account that need others, and a remedy."""
    live, spec = change.live, change.desired.spec if change.desired else {}
    if change.action not in _PATCHED or not change.patch or live is None:
        return None
    after = update_of(live.kind).result(live, change.patch, spec)
    broken = _broken(live, after)
    if not broken:
        return None
    unnamed = [path for path in _near(after, broken.values()) if is_empty(value_at(spec, path))]
    removed = _settling(live, after, broken, dict.fromkeys(unnamed, ABSENT))
    changed = (split(field.path) for field in change.fields)
    restored = _settling(live, after, broken, {path: value_at(live.body, path, ABSENT) for path in changed})
    needing = f"{listed(map(_dotted, removed))}, which the manifest does not manage" if removed else "other fields"
    rules = " and ".join(dict.fromkeys(map(_rule, broken.values())))
    reason = f"the account has {needing}, and the change does not fit: {rules}"
    return Refusal(change, "E416", 4, reason, _hint(change, restored, removed))


Settling = Mapping[KeyPath, bool]  # places whose other value settles a broken rule, and whether it settles all of them


def _settling(live: Live, after: JsonObject, broken: Broken, values: Mapping[KeyPath, Json]) -> Settling:
    left = {path: _broken(live, set_at(after, path, value)).keys() for path, value in values.items()}
    return {path: not rules for path, rules in left.items() if broken.keys() - rules}


def _hint(change: Change, restored: Settling, removed: Settling) -> str:
    if change.cause is Cause.ASKED:
        return f"remove {listed(map(_dotted, removed))} in the account first" if removed else ""
    ways = _ways({f"`{_dotted(path)}` as in the account": is_enough for path, is_enough in restored.items()})
    nulls = {f"`{_dotted(path)}: null`{_unless_ignored(change, path)}": one for path, one in removed.items()}
    ways += _ways(nulls)
    return f"in the manifest of {change.address}, write {either(ways)}" if ways else ""


def _ways(texts: Mapping[str, bool]) -> list[str]:
    """The texts that are enough each; without one, all of them together."""
    return [text for text, is_enough in texts.items() if is_enough] or ([" and ".join(texts)] if texts else [])


def _unless_ignored(change: Change, path: KeyPath) -> str:
    ignored = change.desired.lifecycle.ignore_changes if change.desired else ()
    entries = [pointer for pointer in ignored if path[: len(split(pointer))] == split(pointer)]
    return f" without {listed(entries)} in `lifecycle.ignore_changes`" if entries else ""


def _rule(error: FieldError) -> str:
    place = _place(error)
    if error.missing:
        return f"the key `{_dotted(place)}` is missing"
    message = parted(error.message)[0]
    return message if f"`{place[-1]}`" in message else f"`{_dotted(place)}`: {message}"


def _place(error: FieldError) -> KeyPath:
    """The path of what an error is about, also of a missing key."""
    key = error.missing or error.choice
    return (*error.path, key) if key else error.path


def _dotted(path: KeyPath) -> str:
    return ".".join(path)


def _near(after: JsonObject, errors: Iterable[FieldError]) -> list[KeyPath]:
    """The paths of what errors are about, and of the other members of the objects that hold these."""
    found: dict[KeyPath, None] = {}
    for error in errors:
        holder = _place(error)[:-1]
        members = value_at(after, holder) if holder else after
        members = members if isinstance(members, dict) else {}
        found |= dict.fromkeys((*holder, key) for key, value in members.items() if not is_empty(value))
    return [*found]


def _broken(live: Live, after: JsonObject) -> Broken:
    """The rules that an object breaks after a patch and not before it, whether or not it has what reads hide."""
    shown, full = (
        _new_errors(live.kind, live.body, after),
        _new_errors(live.kind, *(_with_hidden(live.kind, body) for body in (live.body, after))),
    )
    return {rule: error for rule, error in shown.items() if rule in full}


def _new_errors(kind: ResourceKind, before: JsonObject, after: JsonObject) -> Broken:
    after_errors = _errors(kind, after)
    before_errors = _errors(kind, before) if after_errors else {}
    return {rule: error for rule, error in after_errors.items() if rule not in before_errors}


def _errors(kind: ResourceKind, body: JsonObject) -> Broken:
    from tavusctl.core.schema.spec_model import RULES, field_errors  # noqa: PLC0415 - slow; most plans need none

    words = map_leaves(body, lambda leaf: leaf if type(leaf) in PLAIN else "word")
    counted = (error for error in field_errors(kind.model, words) if error.type in (*RULES, "missing"))
    return {(_place(error), error.type): error for error in counted}


def _with_hidden(kind: ResourceKind, body: JsonObject) -> JsonObject:
    """A body with a text in each empty field that reads may hide."""
    for pointer, traits in kind.fields.items():
        path = split(pointer)
        may_be_hidden = (traits.masked or traits.write_only) and isinstance(value_at(body, path[:-1]), dict)
        if may_be_hidden and path[-1] != "*" and is_empty(value_at(body, path)):
            body = set_at(body, path, "word")
    return body
