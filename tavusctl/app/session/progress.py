"""What a use case says while it works: the port that the command line fills in."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol

from tavusctl.core.address import Address
from tavusctl.core.ports import Reader


class Waits(Protocol):
    """What a run is waiting for, told as it changes."""

    def note(self, address: Address, status: str, over: bool) -> None:  # noqa: FBT001 - as the engine calls it
        """Something is waited for, and has a status; or that is over."""
        ...

    def say(self, text: str) -> None:
        """A line of other matters."""
        ...

    def close(self) -> None:
        """Nothing is waited for any more."""
        ...


class Progress(Protocol):
    """Progress and hints, beside the result."""

    @property
    def quiet(self) -> bool:
        """Whether only results and errors are to be told."""
        ...

    def say(self, text: str) -> None:
        """A line of progress, or a hint."""
        ...

    def slow(self, what: str, count: Callable[[], str]) -> AbstractContextManager[None]:
        """While the block runs and takes long, lines of what goes on and how far it is."""
        ...

    def waits(self) -> Waits:
        """Where a run tells what it is waiting for."""
        ...


@contextmanager
def reading(progress: Progress, api: Reader) -> Iterator[None]:
    """While the account is being read, a line that says so."""
    before = api.answers

    def count() -> str:
        answers = api.answers - before
        return f"{answers} answer{'' if answers == 1 else 's'}"

    with progress.slow("reading the account", count):
        yield
