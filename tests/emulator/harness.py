"""A running emulator, which tests use over HTTP only."""

from __future__ import annotations

import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx

from tavusctl.emulator import running
from tavusctl.emulator.http.access import Allowed

KEY = "key-of-acme"
FACE = "r00000000001"  # a face of the account with the current API
PROGRAM = {"content-type": "application/json"}  # sent even without a body: the control API refuses web pages by it
# Shared by all clients: reading the certificates of the system takes longer than most tests.
TRUSTED = httpx.create_ssl_context()
Json = Any


@dataclass
class Tavus:
    """A client of an emulator, with the API key of one account."""

    url: str
    http: httpx.Client
    callback_ports: set[int] = field(default_factory=set)
    killable: set[int] = field(default_factory=set)

    def call(self, method: str, path: str, body: Json = None, *, key: str = KEY, **headers: str) -> httpx.Response:
        sent = {"x-api-key": key, **{name.replace("_", "-"): value for name, value in headers.items()}}
        if body is None:
            return self.http.request(method, f"{self.url}{path}", headers=sent)
        return self.http.request(method, f"{self.url}{path}", json=body, headers=sent)

    def ok(self, method: str, path: str, body: Json = None, *, key: str = KEY) -> Json:
        """The JSON of a call that must succeed."""
        response = self.call(method, path, body, key=key)
        assert response.status_code in (200, 201, 202), response.text
        return response.json() if response.content else None

    def control(self, method: str, name: str, body: Json = None) -> Json:
        """The JSON of a control call that must succeed."""
        response = self.http.request(method, f"{self.url}/__emulator/{name}", json=body, headers=PROGRAM)
        assert response.status_code == 200, response.text
        return response.json()

    def switch(self, **values: Json) -> None:
        self.control("PUT", "behaviors", values)

    def advance(self, seconds: float) -> None:
        self.control("POST", "clock", {"advance": seconds})

    def mutations(self) -> list[tuple[str, str, str]]:
        """The action, kind and author of every committed change."""
        return [(m["action"], m["kind"], m["by"]) for m in self.control("GET", "mutations")["mutations"]]

    def persona(self, **fields: Json) -> str:
        """The id of a new persona."""
        created = self.ok("POST", "/v2/personas", {"persona_name": "Coach", "system_prompt": "You coach.", **fields})
        return str(created["persona_id"])

    def pal(self, **fields: Json) -> str:
        """The id of a new PAL."""
        body = {"pal_name": "Coach", "system_prompt": "You coach.", "default_face_id": FACE, **fields}
        return str(self.ok("POST", "/v2/pals", body)["pal_id"])

    def refused(self, method: str, path: str, body: Json = None, *, key: str = KEY) -> tuple[int, str]:
        """The status and the text of a call that must be refused."""
        response = self.call(method, path, body, key=key)
        assert response.status_code >= 400, response.text
        return response.status_code, response.text

    def crawled(self) -> str:
        """The id of a document that was crawled two hours ago."""
        body = {"document_url": "https://docs.example.com/", "crawl": {"depth": 2, "max_pages": 5}}
        document = self.ok("POST", "/v2/documents", body)["document_id"]
        self.advance(7200)
        return str(document)

    def raw(self, request: str, timeout: float = 5) -> bytes:
        """Send a raw request, in which HOST stands for host and port; return all bytes until the server closes."""
        host, port = self.url.removeprefix("http://").split(":")
        received = b""
        with socket.create_connection((host, int(port)), timeout=timeout) as connection:
            connection.sendall(request.replace("HOST", f"{host}:{port}").encode())
            while data := connection.recv(65536):
                received += data
        return received


@contextmanager
def emulated(*, allow_hosts: Sequence[str] = (), allow_origins: Sequence[str] = (), **options: Json) -> Iterator[Tavus]:
    ports, killable = set[int](), set[int]()
    allowed = Allowed(allow_hosts, allow_origins, ports, killable)
    options["behaviors"] = {"era": "seed"} | (options.get("behaviors") or {})  # not the default of the emulator
    with running(allowed=allowed, **options) as server, httpx.Client(timeout=10, verify=TRUSTED) as http:
        yield Tavus(server.url, http, ports, killable)
