"""Signals during an apply: the first requests a stop, the second ends the process at once.

A stop that takes too long ends the process as well, such as when the repository of the state does not respond.
"""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from collections.abc import Iterator
from types import FrameType
from typing import Final

from tavusctl.engine.apply import Stop

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_LONGEST_STOP: Final = 6.5  # seconds; calls that are in flight get 5 of them
_CUT_SHORT: Final = b"interrupted, but the state did not respond in time: its lock may remain for a while\n"


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
        if self.code:
            # No cleanup needed: the journal is on disk before every call, and the kernel or the lease frees the lock.
            os._exit(self.code)
        self.code = 128 + number
        signal.setitimer(signal.ITIMER_REAL, _LONGEST_STOP)
        if not self.writing:
            raise InterruptedRun(self.code)
        self.stop.request("interrupted", hurry=True)

    def _end(self, _: int, __: FrameType | None) -> None:
        os.write(2, _CUT_SHORT)  # the signal may have come while a stream was written, so use none
        os._exit(self.code)


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
    handled = [number for number in _SIGNALS if not (has_nohup and number == signal.SIGHUP)]
    old = {number: signal.signal(number, interruption._handle) for number in handled}  # noqa: SLF001 - same module
    # An alarm, not a thread: a signal handler must not wait for the lock that starting a thread takes.
    old[signal.SIGALRM] = signal.signal(signal.SIGALRM, interruption._end)  # noqa: SLF001 - same module
    try:
        yield interruption
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        for number, handler in old.items():
            signal.signal(number, handler)
