"""Signals during an apply: the first requests a stop, the second ends the process at once."""

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
    """A signal before anything was written: the run unwinds, and `code` is the exit code."""

    def __init__(self, code: int) -> None:
        super().__init__()
        self.code = code


class Interruption:
    """The stop that signals have requested, and the exit code."""

    def __init__(self) -> None:
        self.stop = Stop()
        self.code = 0
        self.writing = False  # whether a change is in progress that must not be interrupted halfway

    def _handle(self, number: int, _: FrameType | None) -> None:
        if not self.writing:
            raise InterruptedRun(128 + number)
        if self.code:
            # No cleanup needed: the journal is on disk before every call, and the kernel or the lease frees the lock.
            os._exit(self.code)
        self.code = 128 + number
        self.stop.request("interrupted", hurry=True)


@contextlib.contextmanager
def interruptible() -> Iterator[Interruption]:
    """Turn signals into a request to stop while the block runs."""
    interruption = Interruption()
    if threading.current_thread() is not threading.main_thread():
        yield interruption  # only the main thread may set handlers; a program that embeds this one has its own
        return
    # Under `nohup`, the run goes on when the terminal closes.  A job in the background is started so that it ignores
    # SIGINT, but whoever sends it one means it.
    has_nohup = signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    heeded = [number for number in _SIGNALS if not (has_nohup and number == signal.SIGHUP)]
    old = {number: signal.signal(number, interruption._handle) for number in heeded}  # noqa: SLF001 - same module
    try:
        yield interruption
    finally:
        for number, handler in old.items():
            signal.signal(number, handler)
