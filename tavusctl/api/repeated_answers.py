"""Answers of one listing: what comes in the next pass once more, byte by byte, is not parsed once more."""

from __future__ import annotations

from msgspec import Struct, field

from tavusctl.api.responses import parse_response
from tavusctl.api.transport import Answer
from tavusctl.lib.json_types import Json


class Repeats(Struct):
    """What the answers of a pass have said, and of the one before it, by their digests."""

    _before: dict[str, Json] = field(default_factory=dict)
    _now: dict[str, Json] = field(default_factory=dict)

    def start(self) -> None:
        """A pass begins: of those before, only the last counts."""
        self._before, self._now = self._now, {}

    def parsed(self, answer: Answer) -> Json:
        """The value of an answer; its error is raised."""
        said = answer.digest
        value = self._before[said] if said in self._before else parse_response(answer)
        self._now[said] = value
        return value
