"""Work done at the same time, in threads that nobody has to wait for when the program ends."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import Final, TypeVar

Result = TypeVar("Result")
_MOST: Final = 32  # threads; how many calls are under way is for the client to limit


def begun(work: Callable[[], Result]) -> Future[Result]:
    """A piece of work under way; what it gives or raises is in the future."""
    future: Future[Result] = Future()
    # Not a pool of the standard library: the interpreter waits for the threads of one, even after Ctrl-C.
    threading.Thread(target=_do, args=(work, future), daemon=True).start()
    return future


def together(works: Sequence[Callable[[], Result]]) -> list[Result]:
    """What several pieces of work give, in their order; the first error in that order, once all have ended.

    They end before an error is raised, so that nothing of a run goes on after it.
    """
    if len(works) == 1:
        return [works[0]()]
    ended: list[Future[Result]] = [Future() for _ in works]
    waiting = iter(zip(works, ended, strict=True))
    guard = threading.Lock()

    def some() -> None:
        while True:
            with guard:
                work, future = next(waiting, (None, None))
            if work is None or future is None:
                return
            _do(work, future)

    for one in [begun(some) for _ in works[:_MOST]]:
        one.result()
    return [one.result() for one in ended]


def _do(work: Callable[[], Result], future: Future[Result]) -> None:
    try:
        future.set_result(work())
    except BaseException as error:  # noqa: BLE001 - raised again where the result is asked for
        future.set_exception(error)
