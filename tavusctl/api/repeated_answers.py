"""Parsed responses of one listing: one that the next pass repeats byte by byte is neither parsed nor hashed again."""

from __future__ import annotations

from collections.abc import Callable

from msgspec import Struct

from tavusctl.api.listing_limits import Meter, memory_of
from tavusctl.api.responses import parse_response
from tavusctl.api.transport import Answer
from tavusctl.lib.json_types import Json

# Status, length and hash.  The hash has 64 bits and a key of its own in every process.  A server that could choose a
# response with the hash of another would win nothing: it could as well repeat that one.
_Mark = tuple[int, int, int]


class _Parsed(Struct, frozen=True):
    """The value of a response, and the bytes of memory that it counts for."""

    value: Json
    memory: int


class ParsedResponses(Struct):
    """The parsed responses of the current pass and of the previous one; a meter counts their memory."""

    meter: Meter
    note: Callable[[Json], None] = lambda _: None  # called once with each value
    _before: dict[_Mark, _Parsed] = {}
    _now: dict[_Mark, _Parsed] = {}
    _digests: dict[tuple[str, _Mark], str] = {}  # by content type and mark

    def start(self) -> None:
        """Begin a pass: keep the responses of the previous pass, and drop older ones."""
        self.meter.start()
        self._before, self._now = self._now, {}

    def parse(self, answer: Answer) -> Json:
        """The value of a response, or raise its error; an unchanged response is not parsed again."""
        mark = _mark_of(answer)
        known = self._before.get(mark)
        memory = known.memory if known else memory_of(answer.payload)
        self.meter.count_memory(memory)
        if known is None:
            known = _Parsed(parse_response(answer), memory)
            self.note(known.value)
        self._now[mark] = known
        return known.value

    def digest_of(self, answer: Answer) -> str:
        """The digest of a response; that of a repeated response is not computed again."""
        key = answer.content_type, _mark_of(answer)
        digest = self._digests.get(key)
        if digest is None:
            digest = self._digests[key] = answer.digest
        return digest


def _mark_of(answer: Answer) -> _Mark:
    return answer.status, len(answer.payload), hash(answer.payload)
