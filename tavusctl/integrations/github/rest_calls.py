"""Calls of GitHub's REST API for one repository: they wait for rate limits, and follow redirects at the same host.

https://docs.github.com/en/rest, version 2022-11-28.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Final, Self, TypeVar

from msgspec import ValidationError, convert

from tavusctl import __version__
from tavusctl.api.responses import parse_response
from tavusctl.api.retry import RetryPolicy, Tries, read_attempts, write_attempts
from tavusctl.api.transport import Answer, Wire
from tavusctl.core.errors import Ambiguous, ApiError, NeverSent, Rejected, UnauthorisedError
from tavusctl.integrations.github import redirects
from tavusctl.integrations.github.rate_limits import IN_ALL, Allowance, as_throttled
from tavusctl.integrations.github.redirects import Place
from tavusctl.lib.json_types import Json, JsonObject
from tavusctl.secrets import redaction

Write = tuple[str, str, JsonObject]  # method, path, body
Response = TypeVar("Response")
_NAMES_OF_TAVUS: Final = "`--base-url` or TAVUS_BASE_URL"  # what hints about addresses name
_CONTENT_NAMED: Final = frozenset({"/git/blobs", "/git/trees", "/git/commits"})
_SECONDS: Final = 30.0
_PAGES: Final = 500


class Calls:
    """Calls for one repository; with `preview`, each write is passed to that function instead of being sent."""

    def __init__(
        self,
        api_url: str,
        repository: str,
        token: str,
        *,
        preview: Callable[[Write], None] | None = None,
        report_wait: Callable[[str], None] = lambda _: None,
        patience: RetryPolicy | None = None,
        pages: int = _PAGES,
    ) -> None:
        redaction.register(token)
        # GitHub Enterprise Server has REST under /api/v3, and GraphQL beside it.
        self._base, self._rest, _ = api_url.rstrip("/").partition("/api/v3")
        self._graphql = "/api/graphql" if self._rest else "/graphql"
        self._root = f"/repos/{repository}"
        self._preview = preview
        self._most_pages = pages
        self._login = ""  # of this token, once it is known
        self._wire = Wire(self._base, connections=1, keepalive=1, seconds=_SECONDS)
        self._allowance = Allowance(patience or RetryPolicy(max_wait=IN_ALL), report_wait)
        self._headers = {
            "Authorization": f"Bearer {token}",
            "Accept": "application/vnd.github+json",
            "Accept-Encoding": "gzip",
            "User-Agent": f"tavusctl/{__version__}",
            "X-GitHub-Api-Version": "2022-11-28",
        }

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._wire.close()

    def _read(self, path: str, query: Mapping[str, str]) -> Json:
        return self._call("GET", self._rest + path, query, None, read_attempts)

    def _read_as(self, response_type: type[Response], path: str, query: Mapping[str, str]) -> Response:
        """A response as a type that follows the documentation of GitHub; ApiError if it has another form."""
        try:
            return convert(self._read(path, query), response_type)
        except ValidationError as error:
            message = f"GET {path} returned a response in a form that GitHub does not use: {error}"
            raise ApiError(message, "check GITHUB_API_URL") from None

    def _write(self, method: str, path: str, body: JsonObject) -> JsonObject:
        if self._preview:
            self._preview((method, path, body))
            return {}
        # Edits are written whole, and objects of git are named by their content: they may be written twice.
        is_repeatable = method != "POST" or path.removeprefix(self._root) in _CONTENT_NAMED
        tries = read_attempts if is_repeatable else write_attempts
        answer = self._call(method, self._rest + path, {}, body, tries)
        return answer if isinstance(answer, dict) else {}

    def _call(self, method: str, path: str, query: Mapping[str, str], body: JsonObject | None, tries: Tries) -> Json:
        content = None if body is None else json.dumps(body).encode()
        headers = {**self._headers, **({"Content-Type": "application/json"} if content else {})}

        def once() -> Json:
            answer = self._answer(method, Place(path, query), headers, content)
            try:
                return parse_response(answer)
            except Rejected as error:
                raise as_throttled(answer, error) from None

        try:
            return self._allowance.patience.repeat(once, self._allowance.tries(tries))
        except UnauthorisedError:
            message = f"GitHub refused the token for {method} {path}"
            raise UnauthorisedError(message, "check github-token and its permissions", id="E804") from None
        except (NeverSent, Ambiguous) as error:
            error.hint = error.hint.replace(_NAMES_OF_TAVUS, "GITHUB_API_URL")
            raise

    def _answer(
        self, method: str, place: Place, headers: dict[str, str], content: bytes | None, left: int = redirects.MOST
    ) -> Answer:
        """The response to a request, which is repeated where redirects lead."""
        answer = self._wire.call(method, place.path, headers=headers, query=dict(place.query), content=content)
        following = redirects.next_place(answer, place, self._base, left)
        return self._answer(method, following, headers, content, left - 1) if following else answer
