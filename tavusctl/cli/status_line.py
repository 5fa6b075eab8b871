"""Progress of operations that take minutes to hours: a status line on a terminal, occasional lines elsewhere."""

from __future__ import annotations

import contextlib
import logging
import os
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

import click
from msgspec import Struct, field

from tavusctl.cli import wrapped_output
from tavusctl.core.address import Address
from tavusctl.secrets.escape import flat

_LOG_PAUSE: Final = 60.0  # seconds between two lines if lines cannot be rewritten
_LIVE_PAUSES: Final = (1.0, 0.5)  # seconds to the first line, and between lines, on a status line that can be rewritten
_LOG_PAUSES: Final = (10.0, _LOG_PAUSE)  # the same two numbers if lines cannot be rewritten
_WIDTH: Final = 79  # characters of the status line: of a longer line, a terminal would leave the first part behind
_log = logging.getLogger("tavusctl.progress")


class StatusLine(Struct):
    """A line on standard error that is rewritten in place, if standard error is a terminal."""

    quiet: bool
    _shown: int = 0  # characters that are on the terminal now

    @property
    def is_live(self) -> bool:
        """Whether the line can be rewritten: on a terminal that is not dumb, and not with `--quiet`."""
        return not self.quiet and sys.stderr.isatty() and os.environ.get("TERM") != "dumb"

    def show(self, line: str) -> None:
        """Replace the status line by this text."""
        self.clear()
        click.echo(line[:_WIDTH], err=True, nl=False)
        self._shown = min(len(line), _WIDTH)

    def clear(self) -> None:
        """Remove the status line."""
        if self._shown:
            click.echo(f"\r{' ' * self._shown}\r", err=True, nl=False)  # every terminal supports a carriage return
            self._shown = 0


class TerminalProgress(Struct, frozen=True):
    """Progress messages and hints, on standard error; `quiet` silences them."""

    quiet: bool = False

    def say(self, text: str) -> None:
        """Print a line."""
        if not self.quiet:
            wrapped_output.say(text)

    @contextmanager
    def slow(self, what: str, count: Callable[[], str]) -> Iterator[None]:
        """Show a status line while a slow operation runs; `count` returns its progress as text."""
        finished, start = threading.Event(), time.monotonic()

        def line() -> str:
            return f"{what}: {count()}; {_elapsed(time.monotonic() - start)}"

        thread = threading.Thread(target=_show_repeatedly, args=(self, line, finished), daemon=True)
        with contextlib.suppress(RuntimeError):  # no thread can be started
            thread.start()
        try:
            yield
        finally:
            finished.set()
            if thread.ident:
                thread.join()
        _log.info("done %s", line())

    def waits(self) -> WaitingLine:
        """A status line for the objects that a run waits for."""
        return WaitingLine(self)


def _show_repeatedly(progress: TerminalProgress, line: Callable[[], str], finished: threading.Event) -> None:
    status_line = StatusLine(progress.quiet)
    is_live = status_line.is_live and not _log.isEnabledFor(logging.INFO)  # log lines would break the status line
    first, pause = _LIVE_PAUSES if is_live else _LOG_PAUSES
    while not finished.wait(first):
        status_line.show(line()) if is_live else progress.say(line())
        first = pause
    status_line.clear()


class WaitingLine(Struct):
    """The status of the objects that a run waits for, on standard error; other lines go through `say`."""

    progress: TerminalProgress
    clock: Callable[[], float] = time.monotonic
    waiting: dict[Address, str] = {}  # status of each object that the run waits for
    ended: int = 0
    _waiting_since: float = -1.0  # -1: nothing was waited for yet
    _logged: float = float("-inf")
    _guard: threading.Lock = field(default_factory=threading.Lock)
    _rewritten: StatusLine = field(default_factory=lambda: StatusLine(quiet=True))

    def __post_init__(self) -> None:
        self._rewritten = StatusLine(self.progress.quiet)

    def note(self, address: Address, status: str, over: bool) -> None:
        """Record the status of an object that the run waits for; `over` means that the wait for it has ended."""
        with self._guard:
            now = self.clock()
            self._waiting_since = now if self._waiting_since < 0 else self._waiting_since
            previous = dict(self.waiting)
            if over:
                self.ended += self.waiting.pop(address, None) is not None
            else:
                self.waiting[address] = status
            if self._rewritten.is_live:
                self._rewrite(now)
            elif self.waiting and (now - self._logged >= _LOG_PAUSE or len(self.waiting) < len(previous)):
                self._logged = now
                self.progress.say(self.line(now))

    def say(self, text: str) -> None:
        """Print a line of its own, in place of the status line."""
        with self._guard:
            self._rewritten.clear()
            self.progress.say(text)

    def close(self) -> None:
        """Remove the status line."""
        with self._guard:
            self._rewritten.clear()

    def line(self, now: float) -> str:
        """The text of the status line: how many objects have each status, and the time since the first wait began."""
        counts = Counter(self.waiting.values())
        statuses = ", ".join(f"{count} {flat(status or 'not begun')[:20]}" for status, count in sorted(counts.items()))
        ended = f"{self.ended} of {self.ended + len(self.waiting)} ended; "
        return f"waiting: {ended}{statuses}; {_elapsed(now - self._waiting_since)}"

    def _rewrite(self, now: float) -> None:
        self._rewritten.clear()
        if self.waiting:
            self._rewritten.show(self.line(now))


def _elapsed(seconds: float) -> str:
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
