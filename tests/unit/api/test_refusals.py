"""What a refusal is about: each meaning of a status by the call and the body, and nothing by the status alone."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest

from tavusctl.api.responses import parse_response
from tavusctl.api.transport import Answer
from tavusctl.core.errors import Gone, RefusalCause, Rejected

PERSONA, PAL, TOOL = "/v2/personas/p1", "/v2/pals/p1", "/v2/tools"
MAKER, TEST, TAKEN, USED, BUSY, DETACHED, UNKNOWN = (
    RefusalCause.MAKER_CHANGES,
    RefusalCause.TEST_FAILED,
    RefusalCause.NAME_TAKEN,
    RefusalCause.IN_USE,
    RefusalCause.BUSY,
    RefusalCause.NOT_ATTACHED,
    RefusalCause.UNKNOWN,
)
NOT_EQUAL = "'Coach' (<class 'str'>) is not equal to tested value 'Coaci' (<class 'str'>)"


def cause(call: str, status: int, body: Any) -> RefusalCause:
    payload = body if isinstance(body, bytes) else json.dumps(body).encode()
    with pytest.raises(Rejected) as caught:
        parse_response(Answer(call, status, httpx.Headers(), payload))
    return caught.value.cause


@pytest.mark.parametrize(
    ("call", "status", "body", "meaning"),
    [
        # Edits in PAL Maker: the body names them, or says so of a persona.
        (f"PATCH {PERSONA}", 409, {"error": "no", "conflict": "maker_changes"}, MAKER),
        (f"PATCH {PAL}", 409, {"message": "no", "conflict": "maker_changes"}, MAKER),
        (f"PATCH {PAL}", 409, {"error": {"text": "no", "conflict": "maker_changes"}}, MAKER),
        (f"PATCH {PAL}", 409, {"detail": {"conflict": "maker_changes"}}, MAKER),
        (f"PATCH {PAL}", 409, {"error": "This PAL has unpublished changes."}, MAKER),
        (f"PATCH {PERSONA}", 409, {"error": "Publish the changes in PAL Maker first."}, MAKER),
        (f"POST {PAL}/tools", 409, {"error": "no", "conflict": "maker_changes"}, MAKER),
        (f"PUT {PAL}/skills/memory", 409, {"error": "no", "conflict": "maker_changes"}, MAKER),
        ("PATCH /v2/guardrails/g1", 409, {"error": "This set has unpublished changes."}, UNKNOWN),
        (f"PATCH {PERSONA}", 409, {"error": "no", "conflict": "version"}, UNKNOWN),
        (f"PATCH {PERSONA}", 409, {"error": "no", "conflict": ["maker_changes"]}, UNKNOWN),
        # A test operation.
        (f"PATCH {PERSONA}", 409, {"error": "JSON Patch test failed"}, TEST),
        (f"PATCH {PERSONA}", 412, {"error": "test operation failed at /system_prompt"}, TEST),
        (f"PATCH {PERSONA}", 422, {"message": NOT_EQUAL}, TEST),
        (f"PATCH {PERSONA}", 400, {"error": "the test failed"}, TEST),
        (f"POST {PERSONA}", 409, {"error": "the test failed"}, UNKNOWN),
        (f"PATCH {PERSONA}", 422, {"message": "Invalid JSON patch format"}, UNKNOWN),
        (f"PATCH {PERSONA}", 412, {"error": "Precondition Failed"}, UNKNOWN),
        # A name.
        (f"POST {TOOL}", 409, {"error": "A tool named book_table already exists"}, TAKEN),
        (f"PATCH {TOOL}/t1", 409, {"error": "name is taken"}, TAKEN),
        ("POST /v2/memories", 409, {"error": "Memory store already exists"}, TAKEN),
        (f"POST {TOOL}", 400, {"error": "name is taken"}, UNKNOWN),
        # What is in use.
        ("DELETE /v2/voices/v1", 409, {"error": "no", "used_by": {"pals": 2, "faces": 0}}, USED),
        ("DELETE /v2/voices/v1", 409, {"error": "Voice is in use"}, USED),
        ("DELETE /v2/voices/v1", 409, {"error": "no"}, UNKNOWN),
        ("PATCH /v2/voices/v1", 409, {"error": "no", "used_by": {"pals": 2}}, UNKNOWN),
        # What is not there to be taken away; edits in PAL Maker come first.
        (f"DELETE {PAL}/tools/t1", 400, {"error": "Bad Request. Tool not attached to this PAL"}, DETACHED),
        (f"POST {PAL}/tools", 400, {"error": "Tool not attached to this PAL"}, UNKNOWN),
        (f"DELETE {PAL}/tools/t1", 409, {"error": "This PAL has unpublished changes."}, MAKER),
        (f"DELETE {PAL}/tools/t1", 409, {"error": "no", "conflict": "maker_changes"}, MAKER),
        # A document at work.
        ("POST /v2/documents/d1/recrawl", 409, {"error": "Document is not ready"}, BUSY),
        ("PATCH /v2/documents/d1", 409, {"error": "Document is not ready"}, UNKNOWN),
        # Nothing that anybody could read.
        (f"PATCH {PERSONA}", 409, b"", UNKNOWN),
        (f"PATCH {PERSONA}", 409, b"<html>Conflict</html>", UNKNOWN),
        (f"PATCH {PERSONA}", 409, ["maker_changes"], UNKNOWN),
        (f"PATCH {PERSONA}", 403, {"error": "no", "conflict": "maker_changes"}, UNKNOWN),
        (f"GET {PERSONA}", 409, {"error": "no", "conflict": "maker_changes"}, UNKNOWN),
    ],
)
def test_a_refusal_is_told_by_its_call_and_its_body(call: str, status: int, body: Any, meaning: RefusalCause) -> None:
    assert cause(call, status, body) is meaning


def test_a_refusal_of_an_unknown_id_stays_what_it_is() -> None:
    with pytest.raises(Gone) as caught:
        parse_response(Answer(f"PATCH {PAL}", 400, httpx.Headers(), b'{"error": "Invalid pal_id"}'))
    assert caught.value.cause is UNKNOWN
