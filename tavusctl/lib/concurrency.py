"""Work done at the same time, in threads that nobody has to wait for when the program ends."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from types import TracebackType
from typing import Final, TypeVar

Result = TypeVar("Result")
_MOST: Final = 32  # threads; how many calls are under way is for the client to limit


class Turns:
    """A semaphore whose waiters go on in the order in which they came.

    With that of the standard library, who comes at the right moment overtakes who waits.
    """

    def __init__(self, count: int) -> None:
        self._free = count
        self._waiting: deque[threading.Event] = deque()
        self._guard = threading.Lock()

    def acquire(self) -> None:
        """Take a turn; wait until there is one."""
        with self._guard:
            if self._free:
                self._free -= 1
                return
            mine = threading.Event()
            self._waiting.append(mine)
        mine.wait()

    def release(self) -> None:
        """Hand the turn to who has waited longest."""
        with self._guard:
            if self._waiting:
                self._waiting.popleft().set()
            else:
                self._free += 1

    def __enter__(self) -> None:
        self.acquire()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()


def begun(work: Callable[[], Result]) -> Future[Result]:
    """A piece of work under way; what it gives or raises is in the future."""
    future: Future[Result] = Future()
    # Not a pool of the standard library: the interpreter waits for the threads of one, even after Ctrl-C.
    threading.Thread(target=_do, args=(work, future), daemon=True).start()
    return future


def run_all(works: Sequence[Callable[[], Result]]) -> list[Result]:
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
