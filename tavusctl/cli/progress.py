"""Progress of what takes minutes to hours: one line that is rewritten on a terminal, now and then a line elsewhere."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

import click

from tavusctl.cli.local import LocalSession, say
from tavusctl.model import Address
from tavusctl.unseen import flat

_EVERY: Final = 60.0  # seconds between two lines where nothing can be rewritten


@dataclass(slots=True)
class Progress:
    """What a run is waiting for, on standard error; lines of other matters go through `say`."""

    session: LocalSession
    clock: Callable[[], float] = time.monotonic
    waiting: dict[Address, str] = field(default_factory=dict)  # statuses of what is waited for
    ended: int = 0
    _began: float = -1.0  # no time yet
    _told: float = float("-inf")
    _shown: int = 0  # characters of the line that is to be rewritten
    _guard: threading.Lock = field(default_factory=threading.Lock)

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
            if self._is_live():
                self._rewrite(now)
            elif self.waiting and (now - self._told >= _EVERY or len(self.waiting) < len(before)):
                self._told = now
                say(self.session, self.line(now))

    def say(self, text: str) -> None:
        """A line of its own, in place of the one that is rewritten."""
        with self._guard:
            self._clear()
            say(self.session, text)

    def close(self) -> None:
        """Take the rewritten line away."""
        with self._guard:
            self._clear()

    def line(self, now: float) -> str:
        """What is waited for: counts, and the time since the waiting began."""
        counts = Counter(self.waiting.values())
        words = ", ".join(f"{count} {flat(status or 'not begun')[:20]}" for status, count in sorted(counts.items()))
        done = f"{self.ended} of {self.ended + len(self.waiting)} ended; "
        return f"waiting: {done}{words}; {_elapsed(now - self._began)}"

    def _is_live(self) -> bool:
        return not self.session.quiet and sys.stderr.isatty() and os.environ.get("TERM") != "dumb"

    def _rewrite(self, now: float) -> None:
        self._clear()
        if self.waiting:
            line = self.line(now)
            click.echo(line, err=True, nl=False)
            self._shown = len(line)

    def _clear(self) -> None:
        if self._shown:
            click.echo(f"\r{' ' * self._shown}\r", err=True, nl=False)  # every terminal knows that
            self._shown = 0


def _elapsed(seconds: float) -> str:
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
