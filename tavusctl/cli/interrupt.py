"""Signals during an apply: the first asks to stop, the second stops at once."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from collections.abc import Iterator
from types import FrameType

from tavusctl.engine.apply import Stop

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class InterruptedRun(KeyboardInterrupt):
    """A signal before anything was written: everything unwinds, and `code` is the exit code."""

    def __init__(self, code: int) -> None:
        super().__init__()
        self.code = code


class Interruption:
    """What signals have asked for."""

    def __init__(self) -> None:
        self.stop = Stop()
        self.code = 0
        self.writing = False  # something is being changed that is not to be torn apart

    def _take(self, number: int, _: FrameType | None) -> None:
        if not self.writing:
            raise InterruptedRun(128 + number)
        if self.code:
            # The journal is on disk before every call, and the kernel or the lease frees the lock: nothing to tidy.
            os._exit(self.code)
        self.code = 128 + number
        self.stop.ask("interrupted", hurry=True)


@contextlib.contextmanager
def interruptible() -> Iterator[Interruption]:
    """Turn signals into a request to stop, for as long as the block runs."""
    interruption = Interruption()
    if threading.current_thread() is not threading.main_thread():
        yield interruption  # only the main thread may set handlers; whoever embeds us has its own
        return
    before = {number: signal.signal(number, interruption._take) for number in _SIGNALS}  # noqa: SLF001 - same module
    try:
        yield interruption
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
