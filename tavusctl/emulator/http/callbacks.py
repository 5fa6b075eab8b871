"""Delivery of the events of conversations to callback URLs, at allowed ports of this machine.

Nothing is sent anywhere else: whoever can begin a conversation must not reach other services of this machine through
the emulator.  A URL that is not loopback, or has another port, is recorded with an error and not called.  A separate
thread makes the deliveries one after another, so that a slow or silent receiver delays no request.  Conversations keep
their events, delivered or not.
"""

from __future__ import annotations

import http.client
import json
import queue
import threading
from collections.abc import Container
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import urlsplit

from tavusctl.emulator.http.access import is_loopback
from tavusctl.emulator.http.messages import Json, Object

_SECONDS: Final = 5.0


@dataclass(slots=True)
class Callbacks:
    """The deliveries in order, each with its event, and the status of the answer or an error."""

    ports: Container[int]
    deliveries: list[Object] = field(default_factory=list)
    _waiting: queue.SimpleQueue[Object] = field(default_factory=queue.SimpleQueue)
    _thread: threading.Thread | None = None

    def send(self, url: str, event: Object) -> None:
        """Record an event and queue it for delivery; does not wait."""
        delivery: Object = {"url": url, "event": event, "status": None, "error": None}
        self.deliveries.append(delivery)
        if self._thread is None:
            self._thread = threading.Thread(target=self._deliver, name="callbacks", daemon=True)
            self._thread.start()
        self._waiting.put(delivery)

    def _deliver(self) -> None:
        while True:
            delivery = self._waiting.get()
            try:
                delivery["status"] = _post(delivery["url"], delivery["event"], self.ports)
            except (OSError, ValueError, http.client.HTTPException) as error:
                delivery["error"] = f"{type(error).__name__}: {error}"


def _post(url: str, event: Json, ports: Container[int]) -> int:
    """Post an event; returns the status of the answer.  ValueError if the URL is not allowed."""
    parts = urlsplit(url)
    if parts.scheme != "http" or not is_loopback(parts.hostname or ""):
        raise ValueError("not an http address of this machine: written down, not sent")
    port = parts.port or 80
    if port not in ports:
        raise ValueError(f"port {port} was not allowed with --callback-port {port}: written down, not sent")
    connection = http.client.HTTPConnection(str(parts.hostname), port, timeout=_SECONDS)
    try:
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        connection.request("POST", path, json.dumps(event), {"Content-Type": "application/json"})
        return connection.getresponse().status
    finally:
        connection.close()
