"""Concurrent work in daemon threads, for which the interpreter does not wait at its exit.

Where the system starts no more threads, such as in a container with few processes, work is done one after the other.
"""

from __future__ import annotations

import contextlib
import functools
import threading
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from types import TracebackType
from typing import Final, ParamSpec, TypeVar

Result = TypeVar("Result")
_Parameters = ParamSpec("_Parameters")
_ARENA_MAX: Final = -8  # M_ARENA_MAX of <malloc.h>
_MMAP_THRESHOLD: Final = -3  # M_MMAP_THRESHOLD
_LARGE: Final = 128 * 1024  # bytes; from a smaller one, each chunk of a response costs the kernel its own pages
_MAX_THREADS: Final = 32  # threads; the API client limits the number of concurrent calls itself


class Turns:
    """A fair semaphore: threads acquire it in the order in which they asked.

    With that of the standard library, a new thread can overtake those that wait.
    """

    def __init__(self, count: int) -> None:
        self._free = count
        self._waiting: deque[threading.Event] = deque()
        self._guard = threading.Lock()

    def acquire(self) -> None:
        """Acquire a turn, waiting until one is free."""
        with self._guard:
            if self._free:
                self._free -= 1
                return
            turn = threading.Event()
            self._waiting.append(turn)
        turn.wait()

    def release(self) -> None:
        """Release a turn to the thread that has waited longest."""
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


@functools.cache
def share_heap() -> None:
    """Let all threads allocate from one heap, if the C library has one for each thread, as glibc does.

    Otherwise each of them keeps the memory that its largest response needed.  Parts of responses are kept apart from
    this heap, where each would leave a gap.
    """
    with contextlib.suppress(ImportError, OSError, AttributeError):
        import ctypes  # noqa: PLC0415 - only listings of several pages need it

        library = ctypes.CDLL(None)
        library.mallopt(_ARENA_MAX, 1)
        library.mallopt(_MMAP_THRESHOLD, _LARGE)


def start(work: Callable[[], Result]) -> Future[Result]:
    """Start work in a thread; the future has its result or error.  Without a thread, the work is done here and now."""
    future: Future[Result] = Future()
    # Not a pool of the standard library: the interpreter waits for its threads at exit, even after Ctrl-C.
    try:
        threading.Thread(target=_run_into, args=(work, future), daemon=True).start()
    except RuntimeError:  # no thread can be started
        _run_into(work, future)
    return future


def pool(size: int) -> Executor:
    """A pool of so many threads; if they cannot all be started, one that does work when it is submitted."""
    threads, are_started = ThreadPoolExecutor(size), threading.Event()
    try:
        for _ in range(size):  # each needs a thread of its own, because the others wait
            threads.submit(are_started.wait)
    except RuntimeError:
        are_started.set()
        threads.shutdown()
        return _Sequence()
    are_started.set()
    return threads


class _Sequence(Executor):
    """Does work when it is submitted."""

    def submit(
        self, fn: Callable[_Parameters, Result], /, *args: _Parameters.args, **kwargs: _Parameters.kwargs
    ) -> Future[Result]:
        """The future of work that is done."""
        future: Future[Result] = Future()
        _run_into(functools.partial(fn, *args, **kwargs), future)
        return future


def run_all(works: Sequence[Callable[[], Result]], at_once: int = _MAX_THREADS) -> list[Result]:
    """Run functions concurrently; their results in order, or the error of the first in order that failed.

    All end before an error is raised, so that no part of a run continues after it.  A signal does not wait for them.
    """
    if len(works) == 1:
        return [works[0]()]
    futures: list[Future[Result]] = [Future() for _ in works]
    remaining = iter(zip(works, futures, strict=True))
    guard = threading.Lock()

    def run_remaining() -> None:
        while True:
            with guard:
                work, future = next(remaining, (None, None))
            if work is None or future is None:
                return
            _run_into(work, future)

    for worker in [start(run_remaining) for _ in works[:at_once]]:
        worker.result()
    return [future.result() for future in futures]


def _run_into(work: Callable[[], Result], future: Future[Result]) -> None:
    try:
        future.set_result(work())
    except BaseException as error:  # noqa: BLE001 - `Future.result` raises it again
        future.set_exception(error)
