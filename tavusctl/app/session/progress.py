"""The port for progress messages of a use case; the command line implements it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol

from tavusctl.core.address import Address
from tavusctl.core.messages import counted
from tavusctl.core.ports import Reader


class Waits(Protocol):
    """Display of the server-side work that a run waits for."""

    def note(self, address: Address, status: str, over: bool) -> None:  # noqa: FBT001 - as the engine calls it
        """Show the status of an object that the run waits for; `over` ends its display."""
        ...

    def say(self, text: str) -> None:
        """Print a line about something else."""
        ...

    def close(self) -> None:
        """End the display."""
        ...


class Progress(Protocol):
    """Output of progress and hints, apart from the result."""

    @property
    def quiet(self) -> bool:
        """Whether only results and errors are printed."""
        ...

    def say(self, text: str) -> None:
        """Print a line of progress, or a hint."""
        ...

    def slow(self, what: str, count: Callable[[], str]) -> AbstractContextManager[None]:
        """Print lines with `what` and `count()` while the block runs, if it takes long."""
        ...

    def waits(self) -> Waits:
        """A new display for server-side work; the caller closes it."""
        ...


@contextmanager
def reading(progress: Progress, api: Reader) -> Iterator[None]:
    """Print lines with the number of API responses, if the block takes long to read the account."""
    answers_before = api.response_count
    with progress.slow("reading the account", lambda: counted(api.response_count - answers_before, "answer")):
        yield
