"""The listening socket, and the life of a server in this thread or in another."""

from __future__ import annotations

import asyncio
import queue
import signal
import socket
import threading
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager, suppress

from tavusctl.emulator.account.world import World
from tavusctl.emulator.http.app import App
from tavusctl.emulator.http.border import Border
from tavusctl.emulator.http.wire import Connection

STOPPING = (signal.SIGINT, signal.SIGTERM)
BACKLOG = 1024
_TURNS = 5  # of the loop, from a connection's being taken to its being closed


class Listener:
    """Accepts connections on one port, and can be deaf for a while."""

    def __init__(self, world: World, latency: float) -> None:
        self._app = App(world, Border("", 0))
        self._latency = latency
        self._connections: set[Connection] = set()
        self._taking: set[asyncio.Task[object]] = set()
        self._socket: socket.socket | None = None
        self._address: tuple[str, int] = ("", 0)
        self._closed = False

    def open(self, host: str, port: int) -> str:
        """Listen; the base URL."""
        self._socket = _bound(host, port)
        self._address = (host, self._socket.getsockname()[1])
        self._app.border = Border(*self._address, self._app.world.allowed)
        # Not a server of asyncio's: one that is closed leaks what it has accepted in the same turn of the loop.
        asyncio.get_running_loop().add_reader(self._socket, self._accept)
        shown = f"[{host}]" if ":" in host else host
        return f"http://{shown}:{self._address[1]}"

    def _accept(self) -> None:
        loop = asyncio.get_running_loop()
        while self._socket is not None:
            try:
                accepted, _ = self._socket.accept()
            except OSError:  # nobody waits any more, or who waited has gone
                return
            accepted.settimeout(0)
            task = loop.create_task(loop.connect_accepted_socket(self._connection, accepted))
            self._taking.add(task)
            task.add_done_callback(self._taking.discard)

    def _connection(self) -> Connection:
        return Connection(self._app, self._latency, self)

    def welcome(self, connection: Connection) -> bool:
        """Count a connection among the open ones; one that was taken just before the port closed may not stay."""
        self._connections.add(connection)
        return self._socket is not None

    def farewell(self, connection: Connection) -> None:
        """Count it no more."""
        self._connections.discard(connection)

    def be_deaf(self, seconds: float) -> None:
        """Hang up on everybody, and take no connection for a while."""
        self._hang_up()
        asyncio.get_running_loop().call_later(seconds, self._reopen)

    def _reopen(self) -> None:
        if not self._closed and self._socket is None:
            self.open(*self._address)

    def _hang_up(self) -> None:
        if self._socket is not None:
            asyncio.get_running_loop().remove_reader(self._socket)
            self._socket.close()
            self._socket = None
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
        listening.settimeout(0)
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
    listener = Listener(world, latency)
    url = listener.open(host, port)
    try:
        ready(url)
        await stop.wait()
    finally:
        listener.close()
        # The loop must see the connections close before it goes, and be handed those that it took just now.
        for _ in range(_TURNS):
            await asyncio.sleep(0)


def _run(main: Coroutine[object, object, None]) -> None:
    # The kind of loop that can watch a listening socket, on every system.
    with asyncio.Runner(loop_factory=asyncio.SelectorEventLoop) as runner:
        runner.run(main)


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
            _run(main())
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
                _run(main(world))
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
