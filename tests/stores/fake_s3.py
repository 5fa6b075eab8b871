"""A small fake of S3 with faults on request: it ignores conditions, loses responses, refuses, and fakes ages."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from hashlib import md5
from http.server import BaseHTTPRequestHandler
from urllib.parse import parse_qs, unquote, urlsplit
from xml.sax.saxutils import escape

from tests.web import serving


@dataclass
class Fault:
    """A fault of the next requests with a method and an object name that contains a text."""

    method: str
    name: str
    # "drop": change, no response; "refuse": 403; "conflict": 409; "fail": 503, no change; "fail-after": 503, change
    how: str
    times: int = 1


@dataclass
class FakeS3:
    """The objects by name, the faults, and the requests so far."""

    url: str = ""
    objects: dict[str, tuple[bytes, datetime]] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)
    ignored: set[str] = field(default_factory=set)  # condition headers that are ignored, such as If-Match
    requests: list[tuple[str, str]] = field(default_factory=list)
    guard: threading.Lock = field(default_factory=threading.Lock)

    def fault(self, method: str, name: str) -> str:
        for fault in self.faults:
            if fault.method == method and fault.name in name and fault.times:
                fault.times -= 1
                return fault.how
        return ""

    def change(self, name: str, content: bytes) -> None:
        """Change an object without a request."""
        self.objects[name] = (content, datetime.now(UTC))

    def age(self, name: str, seconds: float) -> None:
        """Make an object older; younger with a negative number."""
        content, modified = self.objects[name]
        self.objects[name] = (content, modified - timedelta(seconds=seconds))


def tag(content: bytes) -> str:
    return f'"{md5(content, usedforsecurity=False).hexdigest()}"'


class Handler(BaseHTTPRequestHandler):
    """The part of S3 that a state needs, in path style."""

    protocol_version = "HTTP/1.1"
    s3: FakeS3

    def log_message(self, *_: object) -> None:
        """Log nothing."""

    def do_GET(self) -> None:
        name = self.name()
        with self.s3.guard:
            how = self.begin("GET", name)
            entry = self.s3.objects.get(name)
        if how:
            self.misbehave(how)
        elif not name:
            self.answer(200, self.listing(), {"Content-Type": "application/xml"})
        elif entry is None:
            self.answer(404, b"<Error><Code>NoSuchKey</Code></Error>")
        else:
            stamp = format_datetime(entry[1], usegmt=True)
            self.answer(200, entry[0], {"ETag": tag(entry[0]), "Last-Modified": stamp})

    def do_PUT(self) -> None:
        name = self.name()
        content = self.rfile.read(int(self.headers["Content-Length"]))
        with self.s3.guard:
            how = self.begin("PUT", name)
            is_allowed = how not in ("refuse", "fail", "conflict") and self.allowed(name)
            if is_allowed:
                self.s3.objects[name] = (content, datetime.now(UTC))
        if how:
            self.misbehave(how)
        elif is_allowed:
            self.answer(200, b"", {"ETag": tag(content)})
        else:
            self.answer(412, b"<Error><Code>PreconditionFailed</Code></Error>")

    def do_DELETE(self) -> None:
        name = self.name()
        with self.s3.guard:
            how = self.begin("DELETE", name)
            if not how:
                self.s3.objects.pop(name, None)
        if how:
            self.misbehave(how)
        else:
            self.answer(204, b"")

    def do_POST(self) -> None:
        """The multi-object delete, which clients also use for a single object."""
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        names = [part.split("</Key>")[0] for part in body.split("<Key>")[1:]]
        with self.s3.guard:
            how = self.begin("DELETE", names[0])
            for name in names if not how else ():
                self.s3.objects.pop(name, None)
        if how:
            self.misbehave(how)
        else:
            gone = "".join(f"<Deleted><Key>{escape(name)}</Key></Deleted>" for name in names)
            self.answer(200, f"<DeleteResult>{gone}</DeleteResult>".encode())

    def name(self) -> str:
        return unquote(urlsplit(self.path).path.lstrip("/").partition("/")[2])

    def begin(self, method: str, name: str) -> str:
        self.s3.requests.append((method, name))
        return self.s3.fault(method, name)

    def allowed(self, name: str) -> bool:
        entry = self.s3.objects.get(name)
        if "If-None-Match" in self.headers and "If-None-Match" not in self.s3.ignored and entry:
            return False
        if "If-Match" in self.headers and "If-Match" not in self.s3.ignored:
            return entry is not None and self.headers["If-Match"] == tag(entry[0])
        return True

    def listing(self) -> bytes:
        prefix = parse_qs(urlsplit(self.path).query).get("prefix", [""])[0]
        entries = [
            f"<Contents><Key>{escape(name)}</Key><Size>{len(content)}</Size><ETag>{escape(tag(content))}</ETag>"
            f"<LastModified>{modified:%Y-%m-%dT%H:%M:%S.000Z}</LastModified></Contents>"
            for name, (content, modified) in sorted(self.s3.objects.items())
            if name.startswith(prefix)
        ]
        return f"<ListBucketResult><IsTruncated>false</IsTruncated>{''.join(entries)}</ListBucketResult>".encode()

    def misbehave(self, how: str) -> None:
        if how == "drop":
            self.close_connection = True
        elif how == "refuse":
            self.answer(403, b"<Error><Code>AccessDenied</Code></Error>")
        elif how == "conflict":
            self.answer(409, b"<Error><Code>ConditionalRequestConflict</Code></Error>")
        else:
            self.answer(503, b"<Error><Code>SlowDown</Code></Error>")

    def answer(self, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for key, value in (headers or {}).items():
            self.send_header(key, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


@contextlib.contextmanager
def fake_s3() -> Iterator[FakeS3]:
    """A running `FakeS3`."""
    s3 = FakeS3()
    with serving(type("BoundHandler", (Handler,), {"s3": s3})) as port:
        s3.url = f"http://127.0.0.1:{port}"
        yield s3
