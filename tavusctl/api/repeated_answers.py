"""Parsed responses of one listing: a response that the next pass repeats byte by byte is not parsed again."""

from __future__ import annotations

from msgspec import Struct

from tavusctl.api.responses import parse_response
from tavusctl.api.transport import Answer
from tavusctl.lib.json_types import Json


class ParsedResponses(Struct):
    """The parsed responses of the current pass and of the previous one, by their digests."""

    _before: dict[str, Json] = {}
    _now: dict[str, Json] = {}

    def start(self) -> None:
        """Begin a pass: keep the responses of the previous pass, and drop older ones."""
        self._before, self._now = self._now, {}

    def parse(self, answer: Answer) -> Json:
        """The value of a response, or raise its error; an unchanged response is not parsed again."""
        digest = answer.digest
        value = self._before[digest] if digest in self._before else parse_response(answer)
        self._now[digest] = value
        return value
