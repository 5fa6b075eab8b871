"""The listening socket, and the life of a server in this thread or in another."""

from __future__ import annotations

import asyncio
import queue
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from tavusctl.emulator.app import App
from tavusctl.emulator.wire import Connection
from tavusctl.emulator.world import World

STOPPING = (signal.SIGINT, signal.SIGTERM)
BACKLOG = 1024


class Listener:
    """Accepts connections on one port, and can be deaf for a while."""

    def __init__(self, app: App, latency: float) -> None:
        self._app = app
        self._latency = latency
        self._connections: set[Connection] = set()
        self._server: asyncio.Server | None = None
        self._address: tuple[str, int] = ("", 0)
        self._closed = False

    async def open(self, host: str, port: int) -> str:
        """Listen; the base URL."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(self._connection, sock=_bound(host, port))
        self._address = (host, self._server.sockets[0].getsockname()[1])
        shown = f"[{host}]" if ":" in host else host
        return f"http://{shown}:{self._address[1]}"

    def _connection(self) -> Connection:
        return Connection(self._app, self._latency, self._connections, self._be_deaf)

    def _be_deaf(self, seconds: float) -> None:
        self._hang_up()
        asyncio.get_running_loop().call_later(seconds, self._reopen)

    def _reopen(self) -> None:
        if not self._closed and self._server is None:
            self._opening = asyncio.get_running_loop().create_task(self.open(*self._address))

    def _hang_up(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None
        for connection in tuple(self._connections):
            connection.close()

    def close(self) -> None:
        """Stop for good."""
        self._closed = True
        self._hang_up()


def _bound(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, port))
        listening.listen(BACKLOG)
    except OSError:
        listening.close()
        raise
    return listening


async def _serve(
    world: World,
    host: str,
    port: int,
    latency: float,
    ready: Callable[[str], object],
    stop: asyncio.Event,
) -> None:
    listener = Listener(App(world), latency)
    url = await listener.open(host, port)
    try:
        ready(url)
        await stop.wait()
    finally:
        listener.close()
        # The loop must see the connections close before it goes.
        await asyncio.sleep(0)


def serve(world: World, host: str, port: int, latency: float, ready: Callable[[str], object]) -> None:
    """Serve in this thread until SIGINT or SIGTERM."""

    async def main() -> None:
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in STOPPING:
            try:
                loop.add_signal_handler(number, stop.set)
            except NotImplementedError:  # Windows
                signal.signal(number, lambda *_: loop.call_soon_threadsafe(stop.set))
        await _serve(world, host, port, latency, ready, stop)

    try:
        with suppress(KeyboardInterrupt):
            asyncio.run(main())
    finally:
        world.store.close()


@contextmanager
def lend(build: Callable[[], World], host: str, port: int, latency: float) -> Iterator[str]:
    """Serve in another thread for the length of a `with` block; yields the base URL."""
    answers: queue.Queue[str | BaseException] = queue.Queue()
    stopping: list[Callable[[], object]] = []

    async def main(world: World) -> None:
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        stopping.append(lambda: loop.call_soon_threadsafe(stop.set))
        await _serve(world, host, port, latency, answers.put, stop)

    def run() -> None:
        try:
            world = build()
            try:
                asyncio.run(main(world))
            finally:
                world.store.close()
        except BaseException as error:  # noqa: BLE001 - told to the thread that waits
            answers.put(error)

    thread = threading.Thread(target=run, name="emulator", daemon=True)
    thread.start()
    url = answers.get()
    if isinstance(url, BaseException):
        thread.join()
        raise url
    try:
        yield url
    finally:
        stopping[0]()
        thread.join()
