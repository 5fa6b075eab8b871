"""The limits of one listing: pages, objects, time, and the memory of all its parsed responses together."""

from __future__ import annotations

import threading
from typing import Final, NoReturn

from msgspec import Struct, field

from tavusctl.core.errors import ApiError
from tavusctl.core.ports import Clock

_MIB: Final = 1024 * 1024
_HINT: Final = "see docs/limits.md: an incomplete listing is not used"
_VALUE: Final = 100  # bytes of memory that a parsed value takes in addition to its text


class Limits(Struct, frozen=True):
    """The limits of one listing: `seconds` for all passes together, the others for each pass."""

    pages: int = 10_000
    objects: int = 100_000
    memory: int = 512 * _MIB
    seconds: float = 900.0
    prefetch_memory: int = 64 * _MIB  # of `memory`, for the pages that are requested at the same time


LIMITS: Final = Limits()


class Meter(Struct):
    """Counts what a listing has taken so far; its methods raise ApiError when a limit is exceeded."""

    path: str
    clock: Clock
    limits: Limits = LIMITS
    started: float = 0.0
    pages: int = 0
    memory: int = 0
    largest: int = 0  # bytes in memory of the largest response
    _guard: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        self.started = self.clock.monotonic()

    def start(self) -> None:
        """Begin a pass: reset the counts, because the responses of the previous pass are not needed any more."""
        self.pages = self.memory = 0

    def count_page(self) -> None:
        """Count a page before it is requested, and check the time."""
        self.pages += 1
        if self.pages > self.limits.pages:
            self._refuse(f"it has more than {self.limits.pages} pages")
        if self.clock.monotonic() - self.started > self.limits.seconds:
            self._refuse(f"it takes longer than {self.limits.seconds / 60:g} minutes")

    def count_memory(self, memory: int) -> None:
        """Count the bytes that a response takes in memory, before it is parsed."""
        with self._guard:
            self.largest = max(self.largest, memory)
            self.memory += memory
            over = self.memory > self.limits.memory
        if over:
            self._refuse(f"its pages take more than {self.limits.memory // _MIB} MiB in memory")

    def check_object_count(self, objects: int) -> None:
        """Check the number of objects."""
        if objects > self.limits.objects:
            self._refuse(f"it has more than {self.limits.objects} objects")

    def parallel_pages(self, most: int) -> int:
        """How many pages may be requested at the same time, at most `most`: fewer when they are large."""
        return max(1, min(most, self.limits.prefetch_memory // max(self.largest, 1)))

    def _refuse(self, reason: str) -> NoReturn:
        raise ApiError(f"the listing of {self.path} exceeds a limit: {reason}", _HINT, id="E1108")


def memory_of(payload: bytes) -> int:
    """An upper bound of the bytes that the value of a response takes in memory."""
    # One character outside ASCII can make Python use 4 bytes for each one.
    bytes_per_character = 1 if payload.isascii() else 4
    values = len(payload) - len(payload.translate(None, b",[{"))
    return bytes_per_character * len(payload) + _VALUE * values
