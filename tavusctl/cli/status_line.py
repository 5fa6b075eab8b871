"""Progress of what takes minutes to hours: one line that is rewritten on a terminal, now and then a line elsewhere."""

from __future__ import annotations

import logging
import os
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Final

import click
from msgspec import Struct, field

from tavusctl.core.address import Address
from tavusctl.secrets.escape import flat

_EVERY: Final = 60.0  # seconds between two lines where nothing can be rewritten
_LIVE: Final = (1.0, 0.5)  # seconds to the first line about what goes on, and to the next, where one can be rewritten
_PLAIN: Final = (10.0, _EVERY)  # and where not
_WIDTH: Final = 79  # characters of a line that is rewritten: a longer one would leave its beginning behind
_log = logging.getLogger("tavusctl.progress")


class StatusLine(Struct):
    """The one line on standard error that is rewritten, where that is a terminal."""

    quiet: bool
    _shown: int = 0  # characters

    @property
    def is_live(self) -> bool:
        """Whether there is such a line."""
        return not self.quiet and sys.stderr.isatty() and os.environ.get("TERM") != "dumb"

    def show(self, line: str) -> None:
        """Put this in its place."""
        self.clear()
        click.echo(line[:_WIDTH], err=True, nl=False)
        self._shown = min(len(line), _WIDTH)

    def clear(self) -> None:
        """Take it away."""
        if self._shown:
            click.echo(f"\r{' ' * self._shown}\r", err=True, nl=False)  # every terminal knows that
            self._shown = 0


class TerminalProgress(Struct, frozen=True):
    """Progress and hints, which go to standard error and can be silenced."""

    quiet: bool = False

    def say(self, text: str) -> None:
        """A line."""
        if not self.quiet:
            click.echo(text, err=True)

    def slow(self, what: str, count: Callable[[], str]) -> AbstractContextManager[None]:
        """Show a status line while a slow operation runs."""
        return _announced(self, what, count)

    def waits(self) -> WaitingLine:
        """What a run is waiting for, in one line."""
        return WaitingLine(self)


@contextmanager
def _announced(progress: TerminalProgress, what: str, count: Callable[[], str]) -> Iterator[None]:
    over, began = threading.Event(), time.monotonic()

    def line() -> str:
        return f"{what}: {count()}; {_elapsed(time.monotonic() - began)}"

    beat = threading.Thread(target=_beat, args=(progress, line, over), daemon=True)
    beat.start()
    try:
        yield
    finally:
        over.set()
        beat.join()
    _log.info("done %s", line())


def _beat(progress: TerminalProgress, line: Callable[[], str], over: threading.Event) -> None:
    rewritten = StatusLine(progress.quiet)
    live = rewritten.is_live and not _log.isEnabledFor(logging.INFO)  # lines of a log would come in between
    first, every = _LIVE if live else _PLAIN
    while not over.wait(first):
        rewritten.show(line()) if live else progress.say(line())
        first = every
    rewritten.clear()


class WaitingLine(Struct):
    """What a run is waiting for, on standard error; lines of other matters go through `say`."""

    progress: TerminalProgress
    clock: Callable[[], float] = time.monotonic
    waiting: dict[Address, str] = field(default_factory=dict)  # statuses of what is waited for
    ended: int = 0
    _began: float = -1.0  # no time yet
    _told: float = float("-inf")
    _guard: threading.Lock = field(default_factory=threading.Lock)
    _rewritten: StatusLine = field(default_factory=lambda: StatusLine(quiet=True))

    def __post_init__(self) -> None:
        self._rewritten = StatusLine(self.progress.quiet)

    def note(self, address: Address, status: str, over: bool) -> None:
        """Something is waited for, and has a status; or that is over."""
        with self._guard:
            now = self.clock()
            self._began = now if self._began < 0 else self._began
            before = dict(self.waiting)
            if over:
                self.ended += self.waiting.pop(address, None) is not None
            else:
                self.waiting[address] = status
            if self._rewritten.is_live:
                self._rewrite(now)
            elif self.waiting and (now - self._told >= _EVERY or len(self.waiting) < len(before)):
                self._told = now
                self.progress.say(self.line(now))

    def say(self, text: str) -> None:
        """A line of its own, in place of the one that is rewritten."""
        with self._guard:
            self._rewritten.clear()
            self.progress.say(text)

    def close(self) -> None:
        """Take the rewritten line away."""
        with self._guard:
            self._rewritten.clear()

    def line(self, now: float) -> str:
        """What is waited for: counts, and the time since the waiting began."""
        counts = Counter(self.waiting.values())
        words = ", ".join(f"{count} {flat(status or 'not begun')[:20]}" for status, count in sorted(counts.items()))
        done = f"{self.ended} of {self.ended + len(self.waiting)} ended; "
        return f"waiting: {done}{words}; {_elapsed(now - self._began)}"

    def _rewrite(self, now: float) -> None:
        self._rewritten.clear()
        if self.waiting:
            self._rewritten.show(self.line(now))


def _elapsed(seconds: float) -> str:
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
