"""The fence of a changing call: asked when the connection stands and nothing has left, and never overruled."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import pytest

from tavusctl.api import Client
from tavusctl.core.errors import Ambiguous, LockError, NeverSent
from tavusctl.core.ports import Fence

Call = Callable[[Client, Fence], object]
CALLS: dict[str, Call] = {
    "create": lambda api, fence: api.post("/v2/personas", {"a": 1}, fence=fence),
    "recrawl": lambda api, fence: api.post("/v2/documents/d1/recrawl", fence=fence),
    "patch": lambda api, fence: api.patch("/v2/personas/p1", [{"op": "remove", "path": "/a"}], fence=fence),
    "members": lambda api, fence: api.patch("/v2/documents/d1", {"document_name": "x"}, fence=fence),
    "rename": lambda api, fence: api.patch("/v2/replicas/r1/name", {"replica_name": "x"}, fence=fence),
    "delete": lambda api, fence: api.delete("/v2/personas/p1", fence=fence),
}
every_call = pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
LOST = LockError("another run holds the state")
SECONDS = 3.0  # until a server that is not reached is given up


@dataclass
class Server:
    """Notes when it has a connection, what comes over it, and what the fence was asked meanwhile."""

    answer: bytes = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"
    slow: float = 0.0  # before it takes part in a connection
    told: list[str] = field(default_factory=list)
    came: list[bytes] = field(default_factory=list)
    context: ssl.SSLContext | None = None

    @contextlib.contextmanager
    def running(self) -> Iterator[int]:
        with socket.create_server(("127.0.0.1", 0)) as server:
            ended = threading.Event()
            thread = threading.Thread(target=self._accept, args=(server, ended), daemon=True)
            thread.start()
            yield server.getsockname()[1]
            ended.set()
            thread.join()

    def _accept(self, server: socket.socket, ended: threading.Event) -> None:
        """Attend to whoever comes, to the last who is waiting when the test has ended."""
        server.settimeout(0.1)
        attending: list[threading.Thread] = []
        while True:
            try:
                connection, _ = server.accept()
            except TimeoutError:
                if ended.is_set():
                    break
                continue
            attending.append(threading.Thread(target=self._attend, args=(connection,), daemon=True))
            attending[-1].start()
        for thread in attending:
            thread.join()

    def _attend(self, connection: socket.socket) -> None:
        time.sleep(self.slow)
        with contextlib.suppress(OSError), connection:
            if self.context:
                with self.context.wrap_socket(connection, server_side=True) as stream:
                    self._serve(stream)
            else:
                self._serve(connection)

    def _serve(self, stream: socket.socket) -> None:
        self.told.append("connected")
        content = b""
        while part := stream.recv(65536):
            self.told += [] if content else ["first byte"]
            content += part
            self.came.append(part)
            if b"\r\n\r\n" in content and not self._waits_for_more(content):
                stream.sendall(self.answer)

    def _waits_for_more(self, content: bytes) -> bool:
        head, _, body = content.partition(b"\r\n\r\n")
        sizes = [int(line.split(b":")[1]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length")]
        return bool(sizes) and len(body) < sizes[0]


@dataclass
class Gate:
    """A fence that answers as it is told to, True when it is told nothing."""

    server: Server
    answers: list[bool | Exception] = field(default_factory=list)
    patience: float = 0.0  # seconds from the connection to the answer, in which an early byte would arrive

    def renew(self) -> None:
        self.server.told.append("renew")

    def passes(self) -> bool:
        if self.patience:
            late = time.monotonic() + SECONDS
            while "connected" not in self.server.told and time.monotonic() < late:
                time.sleep(0.001)
            time.sleep(self.patience)
        self.server.told.append("passes")
        answer = self.answers.pop(0) if self.answers else True
        if isinstance(answer, Exception):
            raise answer
        return answer


def reaching(port: int, scheme: str = "http") -> Client:
    return Client(f"{scheme}://127.0.0.1:{port}", "canary-key-0123456789", max_wait=0.0, seconds=SECONDS)


@every_call
def test_a_call_passes_its_fence_when_it_is_connected_and_before_its_first_byte(call: Call) -> None:
    server = Server()
    with server.running() as port, reaching(port) as api:
        call(api, Gate(server, patience=0.05))
    first = [*dict.fromkeys(server.told)]
    assert first == ["renew", "connected", "passes", "first byte"]
    assert server.told.count("first byte") == 1


@every_call
def test_a_call_that_may_not_pass_is_not_sent_and_tried_again_from_the_start(call: Call) -> None:
    server = Server()
    with server.running() as port, reaching(port) as api:
        call(api, Gate(server, [False, False]))
    asked = [one for one in server.told if one in ("renew", "passes", "first byte")]
    assert asked[:6] == ["renew", "passes", "renew", "passes", "renew", "passes"]
    assert asked.count("first byte") == 1


@every_call
def test_a_call_that_never_may_pass_was_never_sent(call: Call) -> None:
    server = Server()
    with (
        server.running() as port,
        reaching(port) as api,
        pytest.raises(NeverSent, match="the connection took too long"),
    ):
        call(api, Gate(server, [False] * 9))
    assert (server.came, server.told.count("renew")) == ([], 3)


@every_call
def test_a_call_whose_lock_is_lost_is_not_sent_and_not_tried_again(call: Call) -> None:
    server = Server()
    with server.running() as port, reaching(port) as api, pytest.raises(LockError, match="another run"):
        call(api, Gate(server, [LOST]))
    assert (server.came, server.told.count("renew"), server.told.count("passes")) == ([], 1, 1)


@every_call
def test_a_pause_is_followed_by_a_look_at_the_fence(call: Call) -> None:
    """Refused for now, then told at leisure that the lock is another's."""
    server = Server(b"HTTP/1.1 429 Too Many\r\nretry-after: 0\r\ncontent-length: 2\r\n\r\n{}")

    class Lost(Gate):
        def renew(self) -> None:
            super().renew()
            if self.server.told.count("renew") > 1:
                raise LOST

    with server.running() as port, reaching(port) as api, pytest.raises(LockError, match="another run"):
        call(api, Lost(server))
    assert server.told.count("first byte") == 1


@pytest.mark.parametrize("answer", [False, LOST], ids=["late", "lost"])
def test_a_body_that_may_not_follow_its_head_leaves_the_outcome_unknown(answer: bool | Exception) -> None:
    """The head has left: nobody can say that nothing was done, and nothing more is sent."""
    server = Server()
    with server.running() as port, reaching(port) as api, pytest.raises(Ambiguous):
        CALLS["create"](api, Gate(server, [True, answer]))
    assert server.told.count("first byte") == 1
    assert b"".join(server.came).endswith(b"\r\n\r\n")


def test_reads_pass_no_fence() -> None:
    server = Server(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}")
    with server.running() as port, reaching(port) as api:
        assert api.get("/v2/personas/p1") == {}
