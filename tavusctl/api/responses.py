"""The value of a response, or the error with which its call ended."""

from __future__ import annotations

from datetime import UTC, datetime
from urllib.parse import urlsplit

import httpx

from tavusctl.api.refusals import dependents_text, object_in, refusal_cause
from tavusctl.api.transport import Answer
from tavusctl.core.errors import Ambiguous, ApiError, Gone, Rejected, TavusctlError, Throttled, UnauthorisedError
from tavusctl.core.timestamps import parse_timestamp
from tavusctl.lib.json_types import Json, JsonObject
from tavusctl.lib.patterns import pattern
from tavusctl.lib.strict_json import strict_json
from tavusctl.secrets.redaction import redacted_words

_UNKNOWN_ID = pattern(r"Invalid \w+_(id|uuid)")
_TEXT_LIMIT, _INSPECTED = 300, 16_384
_CHECK_URL = "check `--base-url` or TAVUS_BASE_URL"


def parse_response(answer: Answer) -> Json:
    """Return the value of a response, or raise its error."""
    status = answer.status
    if answer.request.startswith("DELETE ") and (httpx.codes.is_success(status) or status == httpx.codes.NOT_MODIFIED):
        _check_deleted(answer)
        return None
    if status == httpx.codes.NOT_MODIFIED:
        return None  # 304: the object is already as requested, which is a success
    if httpx.codes.is_success(status):
        return _value(answer)
    if httpx.codes.is_redirect(status):
        raise _redirect_error(answer)
    raise _error_of(answer)


def date_of(answer: Answer) -> datetime | None:
    """The `Date` header of a response; None if it is missing or invalid."""
    return parse_timestamp(answer.headers.get("Date", ""))


def _value(answer: Answer) -> Json:
    if not answer.payload:
        return None
    try:
        return strict_json(answer.payload)
    except ValueError as error:
        message = f"{answer.request} returned {answer.status} with invalid JSON: {error}"
        raise Ambiguous(message, accepted=True) from None


def _check_deleted(answer: Answer) -> None:
    """Raise Ambiguous unless a DELETE was answered as the API does it: 200 or 204, without a body.

    Any other response may come from something else, such as the sign-in page of a network.
    """
    if answer.status not in (httpx.codes.OK, httpx.codes.NO_CONTENT) or answer.payload:
        raise Ambiguous(f"{answer.request} returned {answer.status} in a form that the Tavus API does not use")


def _redirect_error(answer: Answer) -> ApiError:
    """The error for a redirect, which is never followed because the API key would be sent to another place."""
    try:
        host = urlsplit(redacted_words(answer.headers.get("Location", ""))).hostname or "another place"
    except ValueError:
        host = "another place"
    message = f"{answer.request} returned a redirect to {host[:100]}, which is never followed"
    if answer.status == httpx.codes.SEE_OTHER and not answer.request.startswith("GET"):
        return Ambiguous(message, _CHECK_URL, accepted=True)  # 303: done, the result is elsewhere
    error = ApiError(message, _CHECK_URL)
    error.status = answer.status
    return error


def _error_of(answer: Answer) -> TavusctlError:
    status, document = answer.status, object_in(answer.payload)
    text = _text(answer.payload, document or {})
    if status == httpx.codes.UNAUTHORIZED:
        message = f"the API key was refused: {text}"
        return UnauthorisedError(message, "check the environment variable that holds it")
    if status >= httpx.codes.INTERNAL_SERVER_ERROR or status == httpx.codes.REQUEST_TIMEOUT:
        message = f"{answer.request} was answered with {status}: {text}"
        error: Rejected | Ambiguous = Ambiguous(message)
    elif status == httpx.codes.TOO_MANY_REQUESTS:
        error = Throttled(status, text, answer.request)
    elif status == httpx.codes.NOT_FOUND and document is None:
        # The API answers 404 with a JSON object: this response comes from something between the API and us.
        error = Ambiguous(f"{answer.request} was answered with 404, and not by the API: {text}", _CHECK_URL)
    elif status == httpx.codes.NOT_FOUND or _names_unknown_id(answer, text):
        error = Gone(status, text, answer.request)
    else:
        error = Rejected(status, text, answer.request, refusal_cause(answer, document or {}, text))
    error.status, error.retry_after = status, _retry_after(answer)
    if answer.request.startswith("GET ") and isinstance(error, Rejected):
        error.exit_code = ApiError.exit_code  # a read changes nothing, so nothing is partly done
        error.hint = error.hint or (
            "" if isinstance(error, Throttled) else f"{_CHECK_URL}, and the permissions of the API key"
        )
    return error


def _names_unknown_id(answer: Answer, text: str) -> bool:
    # For a POST, the message is about an id in its body, not about the id in its path.
    may_name_id = answer.status == httpx.codes.BAD_REQUEST and not answer.request.startswith("POST")
    return may_name_id and bool(_UNKNOWN_ID.fullmatch(text))


def _retry_after(answer: Answer) -> float | None:
    """The seconds of Retry-After (RFC 9110, section 10.2.3), the largest of several; None if none is valid."""
    waits = [_seconds(value.strip(), answer) for value in answer.headers.get_list("Retry-After")]
    return max((wait for wait in waits if wait is not None), default=None)


def _seconds(value: str, answer: Answer) -> float | None:
    if value.isascii() and value.isdigit():
        return float(value[:12])
    until = parse_timestamp(value)
    if until is None:
        return None
    # Relative to the server's own clock: ours may be wrong by hours.
    return max((until - (date_of(answer) or datetime.now(UTC))).total_seconds(), 0.0)


def _text(payload: bytes, document: JsonObject) -> str:
    """The error message in a body: `error`, then `message`, then `detail`, then the raw text; one line, 300 characters.

    Secrets are redacted, because a server may repeat what it was sent, API keys included.
    """
    # Much more than is shown: at the end of the cut text, a part of a secret may be left that redaction does not find.
    words = payload[:_INSPECTED].decode("utf-8", "replace")
    words = next((str(document[key]) for key in ("error", "message", "detail") if document.get(key)), words)
    words += dependents_text(document)
    return " ".join(redacted_words(words).split())[:_TEXT_LIMIT] or "(no text)"
