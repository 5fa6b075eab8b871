"""The cause of a refusal, derived from the call and from the body of the response: one status has several meanings.

The API answers 409 for unpublished edits in PAL Maker, for a name that is taken, for a delete of an object in use, for
a document that is being crawled, and for a `test` operation that fails.  It answers 400, among other reasons, to the
removal of something that is not attached to an object.  An unknown body gets the cause `UNKNOWN`.
"""

from __future__ import annotations

import re
from typing import Final

import httpx

from tavusctl.api.transport import Answer
from tavusctl.core.errors import RefusalCause
from tavusctl.lib.json_types import JsonObject
from tavusctl.lib.patterns import pattern
from tavusctl.lib.strict_json import strict_json

_REFUSALS: Final = frozenset(
    {
        httpx.codes.BAD_REQUEST,
        httpx.codes.CONFLICT,
        httpx.codes.PRECONDITION_FAILED,
        httpx.codes.UNPROCESSABLE_ENTITY,
    }
)
_PERSONA: Final = pattern(r"/v2/(personas|pals)/[^/]+(/.*)?")
_UNPUBLISHED: Final = pattern(r"unpublished|\bPAL Maker\b", re.IGNORECASE)
_TEST: Final = pattern(r"\btest (operation )?(has )?fail|\bfailed (the )?test|\btested value\b", re.IGNORECASE)
_TAKEN: Final = pattern(r"\btaken\b|\balready (exists|in use|used)\b|\bduplicate\b|must be unique", re.IGNORECASE)
_DETACHED: Final = pattern(r"\bnot attached\b", re.IGNORECASE)
_USED: Final = pattern(r"\bin use\b|\bused by\b|\bstill (used|attached)\b", re.IGNORECASE)


def refusal_cause(answer: Answer, body: JsonObject, text: str) -> RefusalCause:
    """The cause of a refused call; `body` is the object in the response, `text` is the error message of the server."""
    method, _, path = answer.request.partition(" ")
    if answer.status not in _REFUSALS or method == "GET":
        return RefusalCause.UNKNOWN
    if _conflict_name(body) == RefusalCause.MAKER_CHANGES:
        return RefusalCause.MAKER_CHANGES
    if method == "PATCH" and _TEST.search(text):
        return RefusalCause.TEST_FAILED
    if method == "DELETE" and _DETACHED.search(text):
        return RefusalCause.NOT_ATTACHED
    if answer.status != httpx.codes.CONFLICT:
        return RefusalCause.UNKNOWN
    return _cause_of_conflict(method, path, body, text)


def _cause_of_conflict(method: str, path: str, body: JsonObject, text: str) -> RefusalCause:
    """The cause of a 409 whose body does not say that PAL Maker holds unpublished edits."""
    if _PERSONA.fullmatch(path) and _UNPUBLISHED.search(text):
        return RefusalCause.MAKER_CHANGES
    if method == "DELETE":
        return RefusalCause.IN_USE if "used_by" in body or _USED.search(text) else RefusalCause.UNKNOWN
    if path.endswith("/recrawl"):
        return RefusalCause.BUSY
    return RefusalCause.NAME_TAKEN if _TAKEN.search(text) else RefusalCause.UNKNOWN


def _conflict_name(body: JsonObject) -> str:
    """The name of the conflict in a body, at the top or inside `error`, `message` or `detail`; empty if none."""
    inner = [one for key in ("error", "message", "detail") if isinstance(one := body.get(key), dict)]
    return next((one for candidate in (body, *inner) if isinstance(one := candidate.get("conflict"), str)), "")


def object_in(payload: bytes) -> JsonObject | None:
    """The JSON object in a body; None if the body is anything else."""
    try:
        document = strict_json(payload)
    except ValueError:
        return None
    return document if isinstance(document, dict) else None


def dependents_text(body: JsonObject) -> str:
    """The counts of dependents from the body of a refusal, as `; used by 2 pals, 1 faces`; empty if there are none."""
    used_by = body.get("used_by")
    counts = {kind: count for kind, count in used_by.items() if count} if isinstance(used_by, dict) else {}
    return f"; used by {', '.join(f'{count} {kind}' for kind, count in counts.items())}" if counts else ""
