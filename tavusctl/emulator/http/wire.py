"""HTTP/1.1 on a socket, and the faults that strike its responses."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import struct
from http import HTTPStatus
from typing import Protocol

import h11

from tavusctl.emulator.control.faults import Fault
from tavusctl.emulator.http.app import App, Exchange
from tavusctl.emulator.http.messages import Request, Response

MAX_BODY = 32 * 1024 * 1024
# For seeds, which may be very large.
MAX_CONTROL_BODY = 1024 * MAX_BODY
NO_BODY = {204, 304}
REASONS = {status.value: status.phrase for status in HTTPStatus}
CONNECTION_FAULTS = {"drop", "reset", "refuse", "kill"}
PID_HEADER = "x-tavusctl-pid"


def _request(head: h11.Request, body: bytes = b"") -> Request:
    headers = {name.decode("ascii"): value.decode("latin-1") for name, value in head.headers}
    return Request(head.method.decode("ascii"), head.target.decode("latin-1"), headers, body)


class ConnectionOwner(Protocol):
    """The listener that accepted a connection."""

    def add(self, connection: Connection) -> bool:
        """Record an open connection; whether it may stay."""

    def discard(self, connection: Connection) -> None:
        """Remove a closed connection from the open ones."""

    def close_for(self, seconds: float) -> None:
        """Close the port and all connections, and open the port again after `seconds`."""


class Connection(asyncio.Protocol):
    """One connection; requests are answered in order."""

    def __init__(self, app: App, latency: float, owner: ConnectionOwner) -> None:
        self._app = app
        self._latency = latency
        self._owner = owner
        self._h11 = h11.Connection(h11.SERVER, max_incomplete_event_size=256 * 1024)
        self._head: h11.Request | None = None
        self._body: list[bytes] = []
        self._size = 0
        self._max_size = MAX_BODY
        self._task: asyncio.Task[None] | None = None
        self._transport: asyncio.Transport | None = None

    # Methods that asyncio calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A client has connected; abort the connection if it may not stay."""
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 - for the type checker
        self._transport = transport
        if not self._owner.add(self):
            transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's signature
        """The connection is closed; a request under way is carried out all the same."""
        self._transport = None
        self._owner.discard(self)

    def data_received(self, data: bytes) -> None:
        """Parse bytes from the client."""
        self._h11.receive_data(data)
        self._advance()

    def eof_received(self) -> bool:
        """The client sends nothing more, but may still read: keep the connection open while a request is under way."""
        self._h11.receive_data(b"")
        self._advance()
        return self._task is not None

    def close(self) -> None:
        """Close the connection."""
        if self._transport is not None:
            self._transport.close()

    # Requests.

    def _advance(self) -> None:
        while self._task is None and self._transport is not None:
            try:
                event = self._h11.next_event()
            except h11.RemoteProtocolError as error:
                self._send_protocol_error(error.error_status_hint, str(error))
                return
            if isinstance(event, h11.Request):
                self._head, self._body, self._size = event, [], 0
                self._max_size = MAX_CONTROL_BODY if self._app.allows_large_body(_request(event)) else MAX_BODY
                self._send_continue()
            elif isinstance(event, h11.Data):
                self._size += len(event.data)
                self._body.append(bytes(event.data))
                if self._size > self._max_size:
                    self._send_protocol_error(413, "the body is too large")
                    return
            elif isinstance(event, h11.EndOfMessage):
                self._start_answer()
            else:
                if isinstance(event, h11.ConnectionClosed):
                    self.close()
                return

    def _send_continue(self) -> None:
        if self._h11.they_are_waiting_for_100_continue:
            self._write(self._h11.send(h11.InformationalResponse(status_code=100, headers=[])))

    def _start_answer(self) -> None:
        head = self._head
        assert head is not None  # noqa: S101 - for the type checker: the end of a message follows its head
        exchange = self._app.open(_request(head, b"".join(self._body)))
        if exchange.fault is None and not (self._latency and exchange.entry):
            self._send(self._app.answer(exchange))
            return
        self._task = asyncio.get_running_loop().create_task(self._answer_with_fault(exchange, exchange.fault))
        self._task.add_done_callback(self._finish_answer)

    def _finish_answer(self, task: asyncio.Task[None]) -> None:
        self._task = None
        if not task.cancelled():
            task.result()
        self._advance()

    # Responses.

    def _write(self, data: bytes | None) -> None:
        if data and self._transport is not None:
            self._transport.write(data)

    def _send_protocol_error(self, status: int, why: str) -> None:
        if self._h11.our_state in (h11.IDLE, h11.SEND_RESPONSE):
            self._send(Response(status, why.encode(), [("content-type", "text/plain"), ("connection", "close")]))
        self.close()

    def _all_headers(self, response: Response) -> list[tuple[str, str]]:
        date = [] if response.undated else [("date", self._app.world.clock.http_date())]
        headers = [*date, ("server", "emulator"), *response.headers]
        names = {name.lower() for name, _ in headers}
        if response.status not in NO_BODY and not names & {"content-length", "transfer-encoding"}:
            headers.append(("content-length", str(len(response.body))))
        return headers

    def _send(self, response: Response) -> None:
        if self._transport is None:
            return
        body = b"" if self._head is not None and self._head.method == b"HEAD" else response.body
        try:
            self._write(self._encoded(response, body))
        except h11.LocalProtocolError:
            # The response of a fault or of a behaviour may be invalid HTTP, which h11 does not send.
            self._write(self._unchecked_head(response) + response.body)
            self.close()
            return
        if self._h11.our_state is h11.MUST_CLOSE:
            self.close()
        else:
            self._h11.start_next_cycle()

    def _encoded(self, response: Response, body: bytes) -> bytes:
        """The response as h11 encodes it; LocalProtocolError if it is invalid HTTP."""
        head = h11.Response(
            status_code=response.status, headers=self._all_headers(response), reason=REASONS.get(response.status, "")
        )
        if response.unframed:
            raise h11.LocalProtocolError("a body where none is allowed")
        chunks = [self._h11.send(head)]
        if body and response.status not in NO_BODY:
            chunks.append(self._h11.send(h11.Data(data=body)))
        chunks.append(self._h11.send(h11.EndOfMessage()))
        return b"".join(chunk for chunk in chunks if chunk)

    def _unchecked_head(self, response: Response) -> bytes:
        """Status line and headers as bytes, without the checks of h11."""
        lines = [f"HTTP/1.1 {response.status} {REASONS.get(response.status, '')}"]
        lines += [f"{name}: {value}" for name, value in self._all_headers(response)]
        if response.unframed:
            lines.append(f"content-length: {len(response.body)}")
        return ("\r\n".join([*lines, "connection: close", "", ""])).encode("latin-1")

    # Faults.

    async def _answer_with_fault(self, exchange: Exchange, fault: Fault | None) -> None:
        if self._latency:
            await asyncio.sleep(self._latency)
        if fault is None:
            self._send(self._app.answer(exchange))
        elif fault.kind == "delay":
            response = None if fault.before else self._app.answer(exchange)
            await asyncio.sleep(fault.seconds(1.0))
            self._send(response or self._app.answer(exchange))
        elif fault.kind == "late":
            self._app.answer_late(exchange, fault.seconds(1.0))
            self.close()
        elif fault.before:
            await self._apply_fault(exchange, fault, None)
        else:
            await self._apply_fault(exchange, fault, self._app.answer(exchange))

    async def _apply_fault(self, exchange: Exchange, fault: Fault, response: Response | None) -> None:
        if fault.kind == "refuse" and response is not None:
            response.headers.append(("connection", "close"))
            self._send(response)
            self._owner.close_for(fault.seconds(1.0))
            return
        substitute = fault.substitute()
        if substitute is not None:
            self._set_status(exchange, substitute.status)
            self._send(substitute)
        elif fault.kind in CONNECTION_FAULTS:
            self._set_status(exchange, None)
            self._drop(exchange, fault)
        elif fault.kind == "raw":
            self._set_status(exchange, None)
            self._write(fault.raw())
            self.close()
        elif fault.kind == "undated" and response is not None:
            response.undated = True
            self._send(response)
        elif response is not None:
            await self._send_in_pieces(fault, response)

    @staticmethod
    def _set_status(exchange: Exchange, status: int | None) -> None:
        if exchange.entry is not None:
            exchange.entry.status = status

    def _drop(self, exchange: Exchange, fault: Fault) -> None:
        if fault.kind == "kill":
            if exchange.entry is not None:
                self._app.world.history.record("killed", exchange.entry)
            pid = exchange.request.headers.get(PID_HEADER, "")
            if pid.isdigit() and int(pid) in self._app.world.allowed.killable:
                os.kill(int(pid), signal.SIGKILL)
        if fault.kind == "refuse":
            self._owner.close_for(fault.seconds(1.0))
        if fault.kind in ("reset", "refuse"):
            self._reset()
        else:
            self.close()

    def _reset(self) -> None:
        if self._transport is None:
            return
        connection_socket: socket.socket = self._transport.get_extra_info("socket")
        # A linger time of 0 makes the kernel send RST instead of FIN.
        connection_socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._transport.abort()

    async def _send_in_pieces(self, fault: Fault, response: Response) -> None:
        if fault.kind == "truncate":
            at = int(fault.rule.get("at", len(response.body) // 2))
            self._write(self._unchecked_head(response) + response.body[:at])
        else:
            for byte in self._unchecked_head(response) + response.body:
                if self._transport is None:
                    return
                self._write(bytes([byte]))
                await asyncio.sleep(fault.seconds(0.05))
        self.close()
