"""The listening socket, and functions that run a server in this thread or in another."""

from __future__ import annotations

import asyncio
import queue
import signal
import socket
import threading
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager, suppress
from functools import partial

from tavusctl.emulator.account.world import World
from tavusctl.emulator.http.access import AccessPolicy
from tavusctl.emulator.http.app import App
from tavusctl.emulator.http.wire import Connection

STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM)
BACKLOG = 1024
_CLOSING_TURNS = 5  # turns of the event loop in which an accepted connection is set up and closed


class Listener:
    """Accepts connections on one port, which can be closed for a while."""

    def __init__(self, world: World, latency: float) -> None:
        self._app = App(world, AccessPolicy("", 0))
        self._latency = latency
        self._connections: set[Connection] = set()
        self._accepting: set[asyncio.Task[object]] = set()
        self._socket: socket.socket | None = None
        self._address: tuple[str, int] = ("", 0)
        self._closed = False

    def open(self, host: str, port: int) -> str:
        """Listen on a port (0: any free port); returns the base URL."""
        self._socket = _listening_socket(host, port)
        self._address = (host, self._socket.getsockname()[1])
        self._app.access_policy = AccessPolicy(*self._address, self._app.world.allowed)
        # Not a server of asyncio: when closed, that leaks connections accepted in the same turn of the event loop.
        asyncio.get_running_loop().add_reader(self._socket, self._accept)
        shown = f"[{host}]" if ":" in host else host
        return f"http://{shown}:{self._address[1]}"

    def _accept(self) -> None:
        loop = asyncio.get_running_loop()
        while self._socket is not None:
            try:
                accepted, _ = self._socket.accept()
            except OSError:  # no client is waiting, or the waiting one has gone
                return
            accepted.settimeout(0)
            connect = partial(Connection, self._app, self._latency, self)
            task = loop.create_task(loop.connect_accepted_socket(connect, accepted))
            self._accepting.add(task)
            task.add_done_callback(self._accepting.discard)

    def add(self, connection: Connection) -> bool:
        """Record an open connection; whether it may stay: not if it was accepted just before the port closed."""
        self._connections.add(connection)
        return self._socket is not None

    def discard(self, connection: Connection) -> None:
        """Remove a closed connection from the open ones."""
        self._connections.discard(connection)

    def close_for(self, seconds: float) -> None:
        """Close the port and all connections, and open the port again after `seconds`."""
        self._close_all()
        asyncio.get_running_loop().call_later(seconds, self._reopen)

    def _reopen(self) -> None:
        if not self._closed and self._socket is None:
            self.open(*self._address)

    def _close_all(self) -> None:
        if self._socket is not None:
            asyncio.get_running_loop().remove_reader(self._socket)
            self._socket.close()
            self._socket = None
        for connection in tuple(self._connections):
            connection.close()

    def close(self) -> None:
        """Close the port and all connections for good."""
        self._closed = True
        self._close_all()


def _listening_socket(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen(BACKLOG)
        listener.settimeout(0)
    except OSError:
        listener.close()
        raise
    return listener


async def _serve(
    world: World, host: str, port: int, latency: float, ready: Callable[[str], object], stop: asyncio.Event
) -> None:
    listener = Listener(world, latency)
    url = listener.open(host, port)
    try:
        ready(url)
        await stop.wait()
    finally:
        listener.close()
        # The loop must run until connections accepted just now are set up, and all are closed.
        for _ in range(_CLOSING_TURNS):
            await asyncio.sleep(0)


def _run(main: Coroutine[object, object, None]) -> None:
    # The event loop that can watch a listening socket (`add_reader`) on every system.
    with asyncio.Runner(loop_factory=asyncio.SelectorEventLoop) as runner:
        runner.run(main)


def serve(world: World, host: str, port: int, latency: float, ready: Callable[[str], object]) -> None:
    """Serve in this thread until SIGINT or SIGTERM."""

    async def main() -> None:
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        for signal_number in STOP_SIGNALS:
            loop.add_signal_handler(signal_number, stop.set)
        await _serve(world, host, port, latency, ready, stop)

    try:
        with suppress(KeyboardInterrupt):
            _run(main())
    finally:
        world.store.close()


@contextmanager
def serve_in_thread(build: Callable[[], World], host: str, port: int, latency: float) -> Iterator[str]:
    """Serve in another thread for the length of a `with` block; yields the base URL.

    `build` runs in that thread.  Its errors, and those of the start, are raised here.
    """
    start_results: queue.Queue[str | BaseException] = queue.Queue()
    stop_functions: list[Callable[[], object]] = []

    async def main(world: World) -> None:
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        stop_functions.append(lambda: loop.call_soon_threadsafe(stop.set))
        await _serve(world, host, port, latency, start_results.put, stop)

    def run() -> None:
        try:
            world = build()
            try:
                _run(main(world))
            finally:
                world.store.close()
        except BaseException as error:  # noqa: BLE001 - passed to the waiting thread, which raises it
            start_results.put(error)

    thread = threading.Thread(target=run, name="emulator", daemon=True)
    thread.start()
    url = start_results.get()
    if isinstance(url, BaseException):
        thread.join()
        raise url
    try:
        yield url
    finally:
        stop_functions[0]()
        thread.join()
