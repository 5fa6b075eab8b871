"""What a refusal is about, told by its call and its body: a status alone has several meanings.

409 is the answer to unpublished edits in PAL Maker, to a name that is taken, to a delete of what is in use, to a
document that is being crawled, and to a `test` operation that fails.  400 is one to the removal of what an object does
not have, among others.  A body of which nothing is known stays untold.
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


def refusal_cause(answer: Answer, text: str) -> RefusalCause:
    """What a refused call was refused for; `text` is the server's words."""
    body, (method, _, path) = _object(answer.payload), answer.request.partition(" ")
    if answer.status not in _REFUSALS or method == "GET":
        return RefusalCause.UNTOLD
    if _conflict(body) == RefusalCause.MAKER_CHANGES:
        return RefusalCause.MAKER_CHANGES
    if method == "PATCH" and _TEST.search(text):
        return RefusalCause.TEST_FAILED
    if method == "DELETE" and _DETACHED.search(text):
        return RefusalCause.NOT_ATTACHED
    if answer.status != httpx.codes.CONFLICT:
        return RefusalCause.UNTOLD
    return _of_conflict(method, path, body, text)


def _of_conflict(method: str, path: str, body: JsonObject, text: str) -> RefusalCause:
    """What a 409 is about whose body has no name for it."""
    if _PERSONA.fullmatch(path) and _UNPUBLISHED.search(text):
        return RefusalCause.MAKER_CHANGES
    if method == "DELETE":
        return RefusalCause.IN_USE if "used_by" in body or _USED.search(text) else RefusalCause.UNTOLD
    if path.endswith("/recrawl"):
        return RefusalCause.BUSY
    return RefusalCause.NAME_TAKEN if _TAKEN.search(text) else RefusalCause.UNTOLD


def _conflict(body: JsonObject) -> str:
    """The name that a body has for what stands in the way; it may be inside of `error` or `detail`."""
    inner = [one for key in ("error", "message", "detail") if isinstance(one := body.get(key), dict)]
    return next((one for found in (body, *inner) if isinstance(one := found.get("conflict"), str)), "")


def _object(payload: bytes) -> JsonObject:
    try:
        document = strict_json(payload)
    except ValueError:
        return {}
    return document if isinstance(document, dict) else {}


def users_told(body: JsonObject) -> str:
    """What still uses an object, in words, where the body of a refusal counts it: `; used by 2 pals, 1 faces`."""
    counted = body.get("used_by")
    used = {what: many for what, many in counted.items() if many} if isinstance(counted, dict) else {}
    return f"; used by {', '.join(f'{many} {what}' for what, many in used.items())}" if used else ""
