"""A server that responds with raw bytes, as slow, long and malformed as a test needs."""

from __future__ import annotations

import contextlib
import re
import socket
import ssl
import threading
from collections.abc import Callable, Iterator

Behave = Callable[[socket.socket], None]


@contextlib.contextmanager
def serving(behave: Behave, context: ssl.SSLContext | None = None) -> Iterator[tuple[int, list[bytes]]]:
    """A running server: its port and the requests so far; `behave` gets each connection after its request."""
    requests: list[bytes] = []

    def attend(connection: socket.socket) -> None:
        with contextlib.suppress(OSError), connection:
            wrapped = context.wrap_socket(connection, server_side=True) if context else connection
            with wrapped:
                request = _request(wrapped)
                if request:
                    requests.append(request)
                    behave(wrapped)

    def accept(server: socket.socket) -> None:
        while True:
            try:
                connection, _ = server.accept()
            except OSError:
                return
            threading.Thread(target=attend, args=(connection,), daemon=True).start()

    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=accept, args=(server,), daemon=True)
        thread.start()
        try:
            yield server.getsockname()[1], requests
        finally:
            server.shutdown(socket.SHUT_RDWR)
            thread.join()


def _request(connection: socket.socket) -> bytes:
    """A request with its body; a body of 100,000 bytes or more is left unread, as tests of large uploads need."""
    request = connection.recv(65536)
    while request and (announced := re.search(rb"content-length: (\d{1,5})\r", request, re.IGNORECASE)):
        if len(request.partition(b"\r\n\r\n")[2]) >= int(announced[1]):
            break
        more = connection.recv(65536)
        if not more:
            break
        request += more
    return request


def answering(content: bytes) -> Behave:
    """Send one complete response and close."""
    return lambda connection: connection.sendall(content)


def dripping(head: bytes, drop: bytes, stop: threading.Event, seconds: float = 0.02) -> Behave:
    """Send a head, then a few bytes every `seconds` until `stop` is set."""

    def behave(connection: socket.socket) -> None:
        connection.sendall(head)
        while not stop.wait(seconds):
            connection.sendall(drop)

    return behave
