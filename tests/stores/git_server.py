"""Git's own HTTP server (`git http-backend`) on loopback, protected by a password."""

from __future__ import annotations

import base64
import contextlib
import functools
import os
import subprocess
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

from tests.web import serving


class GitServer:
    """Repositories below a folder, for clients with the password of `x-access-token`, or with a read-only one.

    As forges do, it also takes a token as the name of the user.
    """

    def __init__(self, folder: Path, password: str) -> None:
        self.folder, self.password = folder, password
        self.writers: set[str] = {password}
        self.readers: set[str] = set()
        self.pushes = 0
        self.seconds = 0.0  # the delay of every request
        self.before: Callable[[int], int] = lambda _: 0  # called before push N: a status to refuse it with, or 0
        self.after: Callable[[int], object] = lambda _: None  # called after push N, before the response is sent
        self.lines: list[str] = []
        self.most_credentials = 0  # in one request

    def refusal(self, authorization: str, path: str) -> int:
        """The status with which a request is refused; 0 if it is allowed."""
        rights = {form: True for token in self.writers for form in _credentials(token)}
        rights |= {form: False for token in self.readers for form in _credentials(token)}
        may_write = rights.get(authorization.lower())
        if may_write is None:
            return 401
        return 403 if "git-receive-pack" in path and not may_write else 0


@functools.cache
def _backend() -> str:
    """The path of the program git-http-backend; `git http-backend` would start one more process per request."""
    result = subprocess.run(["git", "--exec-path"], capture_output=True, text=True, check=True)
    return str(Path(result.stdout.strip()) / "git-http-backend")


def _credentials(password: str) -> list[str]:
    forms = (f"x-access-token:{password}", f"{password}:")
    return ["basic " + base64.b64encode(form.encode()).decode().lower() for form in forms]


@contextlib.contextmanager
def git_server(folder: Path, password: str) -> Iterator[tuple[str, GitServer]]:
    """A running server: its URL and the `GitServer`."""
    served = GitServer(folder, password)
    handler = type("Handler", (_Handler,), {"served": served})
    with serving(handler) as port:
        yield f"http://127.0.0.1:{port}", served


class _Handler(BaseHTTPRequestHandler):
    served: GitServer

    def log_message(self, *_: Any) -> None:
        """Log nothing."""

    def do_GET(self) -> None:
        self._serve(b"")

    def do_POST(self) -> None:
        if self.headers.get("Transfer-Encoding") == "chunked":
            body = b""
            while size := int(self.rfile.readline(), 16):
                body += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
        else:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self._serve(body)

    def _serve(self, body: bytes) -> None:
        self.served.lines.append(f"{self.command} {self.path}")
        time.sleep(self.served.seconds)
        credentials = len(self.headers.get_all("Authorization", []))
        self.served.most_credentials = max(self.served.most_credentials, credentials)
        if refusal := self.served.refusal(self.headers.get("Authorization", ""), self.path):
            self._refuse(refusal)
            return
        is_push = self.command == "POST" and self.path.endswith("/git-receive-pack")
        self.served.pushes += is_push
        number = self.served.pushes
        if is_push and (status := self.served.before(number)):
            self._refuse(status)
            return
        path, _, query = self.path.partition("?")
        environment = {
            **os.environ,
            "GIT_PROJECT_ROOT": str(self.served.folder),
            "GIT_HTTP_EXPORT_ALL": "1",
            "PATH_INFO": path,
            "QUERY_STRING": query,
            "REQUEST_METHOD": self.command,
            "REMOTE_USER": "somebody",
            "CONTENT_TYPE": self.headers.get("Content-Type", ""),
            "CONTENT_LENGTH": str(len(body)),
            "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding", ""),
            "GIT_PROTOCOL": self.headers.get("Git-Protocol", ""),
        }
        result = subprocess.run([_backend()], input=body, env=environment, capture_output=True, check=True)
        if is_push:
            self.served.after(number)
        head, _, content = result.stdout.partition(b"\r\n\r\n")
        fields = dict(line.split(": ", 1) for line in head.decode().split("\r\n"))
        self.send_response(int(fields.pop("Status", "200").split()[0]))
        for name, value in fields.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def _refuse(self, status: int) -> None:
        self.send_response(status)
        self.send_header("WWW-Authenticate", 'Basic realm="git"')
        self.send_header("Content-Length", "0")
        self.end_headers()
