"""The JSON Schema of the plan document: what `plan --format json` prints and a plan file holds."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from tavusctl.model import NAME, Action, Cause, ResourceKind, Status

Schema = dict[str, Any]

_TEXT: Final[Schema] = {"type": "string"}
_COUNT: Final[Schema] = {"type": "integer", "minimum": 0}
_STEPS: Final = tuple(action for action in Action if action is not Action.WAIT)  # what a plan may hold
_COUNTED: Final = (*(action.value for action in _STEPS), "rename", "record", "no_op", "refused")
_PROMISED: Final = ("create", "update", "replace", "delete", "recrawl", "adopt", "no_op", "refused")


def for_plan(kinds: Mapping[str, ResourceKind]) -> Schema:
    """The schema of a plan; further keys may come within one major format version, so they are allowed."""
    top = {
        "format_version": {"type": "string", "pattern": r"^1\.\d+$", "description": "Layout of this document."},
        "tavusctl_version": {**_TEXT, "description": "The program that made the plan."},
        "environment": {**_TEXT, "description": "Name of the environment."},
        "account": {**_TEXT, "description": "Label of the account; empty when none is given."},
        "fingerprint": {
            "type": "string",
            "pattern": "^sha256:[0-9a-f]+$",
            "description": "Digest of all that apply would do; two plans with one fingerprint do the same.",
        },
        "summary": {
            "type": "object",
            "description": "How many changes of each action, and of what only the state learns.",
            "properties": dict.fromkeys(_COUNTED, _COUNT),
            "required": list(_PROMISED),
        },
        "changes": _list("change", "What apply does, in order."),
        "drift": _list("drift", "Managed objects that were changed outside."),
        "refused": _list("refusal", "What is needed and must not be done."),
        "warnings": _list("complaint", "What deserves a look."),
    }
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "description": "A tavusctl plan.",
        "type": "object",
        "properties": {**top, **_SOMETIMES},
        "required": list(top),
        "$defs": {
            "address": {**_TEXT, "pattern": f"^({'|'.join(sorted(kinds))})/{NAME.pattern}$"},
            "blame": _BLAME,
            "change": _CHANGE,
            "complaint": _COMPLAINT,
            "drift": _DRIFT,
            "field": _FIELD,
            "limit": _LIMIT,
            "move": _MOVE,
            "operation": _OPERATION,
            "outcome": _OUTCOME,
            "pending": _PENDING,
            "recorded": _RECORDED,
            "refusal": _REFUSAL,
            "risk": _RISK,
            "source": _SOURCE,
            "tokens": _TOKENS,
        },
    }


def _list(name: str, text: str) -> Schema:
    return {"type": "array", "items": {"$ref": f"#/$defs/{name}"}, "description": text}


def _object(text: str, required: tuple[str, ...], properties: Schema) -> Schema:
    return {"type": "object", "description": text, "properties": properties, "required": list(required)}


def _words(values: Iterable[Action | Cause | Status]) -> Schema:
    return {"enum": [value.value for value in values]}


_SOMETIMES: Final[Schema] = {
    "outcomes": _list("outcome", "What became of each change and of each wait; only after apply."),
    "limits": _list("limit", "Limits on deletes that are higher than at the last apply; only when there are any."),
    "moved": _list("move", "Addresses that apply records anew, as manifests were renamed; only when there are any."),
    "recorded": _list(
        "recorded", "Objects as their manifests say, of which the state learns; only when there are any."
    ),
    "recovered": {"const": True, "description": "Apply makes the records of an interrupted run part of the state."},
    "options": {"type": "object", "description": "Options that the plan was made with; only in a plan file."},
    "base": {**_TEXT, "description": "The commit that `pending` compares with; only with --base."},
    "pending": _list("pending", "What the manifests of that commit would change alike; only with --base."),
}
_ADDRESS: Final[Schema] = {"$ref": "#/$defs/address"}
_FIELDS: Final = _list("field", "The fields that differ.")

_ID: Final[Schema] = {"type": ["string", "null"], "description": "Id in the account; null when there is none yet."}
_CHANGED: Final[Schema] = {
    "address": _ADDRESS,
    "kind": _TEXT,
    "id": _ID,
    "action": _words(_STEPS),
    "cause": _words(Cause),
    "patch": _list("operation", "What is sent, in the operations of RFC 6902."),
    "guards": _list("operation", "`test` operations sent ahead of the patch."),
    "fields": _FIELDS,
    "risks": _list("risk", "Why to look twice, the worst first."),
    "affects": {"type": "array", "items": _TEXT, "description": "What refers to the object, managed or not."},
    "waits_for": {"type": "array", "items": _ADDRESS, "description": "What must be there first."},
    "reason": _TEXT,
    "source": {"anyOf": [{"$ref": "#/$defs/source"}, {"type": "null"}]},
}
_REQUIRED: Final = ("address", "kind", "id", "action", "cause", "patch", "fields", "waits_for", "reason", "source")

_CHANGE: Final = _object("One change.", _REQUIRED, _CHANGED)
_REFUSAL: Final = _object(
    "A change that must not be made, why, and what would allow it.",
    (*_REQUIRED, "code", "exit_code", "hint"),
    {**_CHANGED, "code": {**_TEXT, "description": "Stable id of the rule."}, "exit_code": _COUNT, "hint": _TEXT},
)
_DRIFT: Final = _object(
    "A managed object that was changed or deleted outside.",
    ("address", "kind", "id", "cause", "fields"),
    {"address": _ADDRESS, "kind": _TEXT, "id": _TEXT, "cause": {"enum": ["drifted", "missing"]}, "fields": _FIELDS}
    | {"source": {"anyOf": [{"$ref": "#/$defs/source"}, {"type": "null"}]}},
)
_FIELD: Final = _object(
    "One field, three ways; a way that is absent has no key, and a sensitive field has none of them.",
    ("path",),
    {
        "path": {"type": "string", "description": "JSON Pointer into spec."},
        "cause": _words(Cause),
        "source": {"$ref": "#/$defs/source", "description": "Where it is written, also in a file that is brought."},
        "base": {"description": "As last applied."},
        "live": {"description": "As it is in the account."},
        "desired": {"description": "As the manifest wants it."},
        "tokens": {"$ref": "#/$defs/tokens"},
        "sensitive": {"type": "boolean", "description": "Whether the values are kept out of this document."},
        "blame": _list("blame", "Who wrote the lines behind it, or what they override; only with --blame."),
    },
)
_BLAME: Final = _object(
    "A commit behind lines that say what a field should be.",
    ("source", "commit", "author", "date", "summary", "overridden", "at_least"),
    {
        "source": {"$ref": "#/$defs/source"},
        "commit": {**_TEXT, "pattern": "^[0-9a-f]+$"},
        "author": _TEXT,
        "date": {**_TEXT, "format": "date-time"},
        "summary": {**_TEXT, "description": "The first line of its message."},
        "overridden": {
            "type": "boolean",
            "description": "The line was changed since HEAD, or since --base; this commit wrote what it overrides.",
        },
        "at_least": {"type": "boolean", "description": "The clone is shallow: the line may be older."},
    },
)
_OPERATION: Final = _object(
    "An operation of RFC 6902.",
    ("op", "path"),
    {
        "op": {"enum": ["add", "remove", "replace", "move", "copy", "test"]},
        "path": {"type": "string", "pattern": "^(/.*)?$"},
        "from": {"type": "string", "pattern": "^(/.*)?$"},
        "value": {"description": "A secret stands here as (sensitive)."},
    },
)
_RISK: Final = _object(
    "Something dangerous about a change.",
    ("id", "message"),
    {
        "id": {**_TEXT, "description": "Stable: delete, replace, retire, unprotect or new-host."},
        "message": _TEXT,
        "path": {"type": ["string", "null"], "description": "JSON Pointer into spec."},
        "host": {
            "type": ["string", "null"],
            "description": "Host that data goes to, with its scheme unless encrypted.",
        },
    },
)
_TOKENS: Final = _object(
    "About how many tokens a prompt has.", ("live", "desired"), {"live": _COUNT, "desired": _COUNT}
)
_SOURCE: Final = _object(
    "Where it was written.",
    ("path", "line"),
    {"path": _TEXT, "line": {"type": "integer", "minimum": 1}, "column": {"type": "integer", "minimum": 1}},
)
_COMPLAINT: Final = _object(
    "One thing wrong, or worth a look.",
    ("id", "severity", "message"),
    {
        "id": _TEXT,
        "severity": {"enum": ["error", "warning"]},
        "path": {"type": ["string", "null"]},
        "line": {"type": ["integer", "null"]},
        "column": {"type": ["integer", "null"]},
        "address": {"type": ["string", "null"]},
        "message": _TEXT,
        "hint": {"type": ["string", "null"]},
    },
)
_OUTCOME: Final = _object(
    "What became of one change, or of a wait for what an earlier run has made.",
    ("address", "action", "status"),
    {
        "address": _ADDRESS,
        "action": _words(Action),
        "status": _words(Status),
        "id": _ID,
        "reason": _TEXT,
        "unkept": {
            "type": "array",
            "items": _TEXT,
            "description": "JSON Pointers of fields that the account did not keep.",
        },
    },
)
_MOVE: Final = _object(
    "An object whose manifest was renamed; nothing of it is sent.",
    ("address", "from", "id"),
    {"address": _ADDRESS, "from": _ADDRESS, "id": _TEXT},
)
_RECORDED: Final = _object(
    "An object that is as its manifest says; nothing of it is sent.",
    ("address", "id"),
    {"address": _ADDRESS, "id": _TEXT},
)
_LIMIT: Final = _object(
    "A limit of `safety:` that allows more than it did at the last apply.",
    ("name", "before", "now", "message"),
    {"name": _TEXT, "before": {"type": "number"}, "now": {"type": "number"}, "message": _TEXT},
)
_PENDING: Final = _object(
    "A change that was to be made already before the commits since `base`.",
    ("address", "paths", "whole"),
    {
        "address": _ADDRESS,
        "paths": {"type": "array", "items": _TEXT, "description": "JSON Pointers of the fields in question."},
        "whole": {"type": "boolean", "description": "The change as a whole is the same."},
    },
)
