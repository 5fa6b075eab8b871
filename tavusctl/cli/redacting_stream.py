"""Standard output and standard error of a run: no secret passes, and a reader who is gone stops nothing.

A run that changes an account must come to its end whether or not somebody listens: what cannot be written is dropped,
and `Outlets.trouble` says so afterwards.  What the encoding of a stream lacks is escaped.
"""

from __future__ import annotations

import contextlib
import errno
import io
import os
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final, TextIO

from tavusctl.secrets import redaction
from tavusctl.secrets.redaction import Record, View

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer as Buffer


# Variables with secrets that tavusctl itself, or what it reaches buckets with, reads without being told to.
_SECRETS: Final = (
    *("TAVUS_API_KEY", "TAVUS_API_KEY_OLD", "TAVUSCTL_FINGERPRINT_KEY", "GITHUB_TOKEN"),
    *("AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "GOOGLE_SERVICE_ACCOUNT_KEY"),
    *("AZURE_STORAGE_ACCOUNT_KEY", "AZURE_STORAGE_CLIENT_SECRET", "AZURE_STORAGE_SAS_KEY", "AZURE_STORAGE_TOKEN"),
)


class Bytes(io.RawIOBase):
    """What bytes for an outlet are written to: shell completion is."""

    def __init__(self, outlet: RedactingStream) -> None:
        super().__init__()
        self._outlet = outlet

    def writable(self) -> bool:
        """Always."""
        return True

    def write(self, data: Buffer) -> int:
        """Write UTF-8 as text, without its secrets."""
        text = bytes(data)
        self._outlet.write(text.decode("utf-8", "replace"))
        return len(text)


class RedactingStream(io.TextIOBase):
    """A text stream that redacts what it writes to another stream, None if that was closed at start."""

    def __init__(self, stream: TextIO | None) -> None:
        super().__init__()
        self.stream = stream
        self.failure: OSError | None = None

    @property
    def encoding(self) -> str:  # type: ignore[override]  # a constant there, for whoever writes bytes past us
        """Any character may be written."""
        return "utf-8"

    @property
    def errors(self) -> str:  # type: ignore[override]  # as above
        """None: all characters are taken."""
        return "strict"

    @property
    def buffer(self) -> Bytes:
        """The outlet for whoever has bytes."""
        return Bytes(self)

    def writable(self) -> bool:
        """Always."""
        return True

    def isatty(self) -> bool:
        """Whether a person is looking."""
        return self.stream is not None and self.stream.isatty()

    def fileno(self) -> int:
        """The file behind the stream."""
        if self.stream is None:
            raise io.UnsupportedOperation
        return self.stream.fileno()

    def write(self, text: str) -> int:
        """Write a text for people: without its secrets, and with no line that a workflow runner would obey."""
        from tavusctl.reports.escaping import neutralise

        self._write(View(neutralise(redaction.redacted(text))))
        return len(text)

    def write_commands(self, text: str) -> None:
        """Write commands for a workflow runner, without secrets."""
        self._write(redaction.redacted(text))

    def write_record(self, text: Record) -> None:
        """Write a text for programs, as it is."""
        self._write(text)

    def _write(self, text: View | Record) -> None:
        if self.stream is not None and self.failure is None:
            with self._noting_failure():
                try:
                    self.stream.write(text)
                except UnicodeEncodeError:
                    encoding = self.stream.encoding or "ascii"
                    self.stream.write(text.encode(encoding, "backslashreplace").decode(encoding))

    def flush(self) -> None:
        """Flush what can be flushed."""
        if self.stream is not None and self.failure is None:
            with self._noting_failure():
                self.stream.flush()

    @contextlib.contextmanager
    def _noting_failure(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            self.failure = error


class RedactingStreams:
    """Both streams of a run."""

    def __init__(self, out: TextIO | None, err: TextIO | None) -> None:
        self.out, self.err = RedactingStream(out), RedactingStream(err)

    @property
    def trouble(self) -> str:
        """Why the output is not whole; empty when it is, or when its reader has just seen enough."""
        failure = self.out.failure
        return "" if failure is None or failure.errno == errno.EPIPE else failure.strerror or "it cannot be written"


@contextlib.contextmanager
def of_one_run() -> Iterator[RedactingStreams]:
    """Put outlets in place of both streams, for one run and the secrets that it meets."""
    before = sys.stdout, sys.stderr
    outlets = RedactingStreams(*before)
    with redaction.of_one_run():
        for name in _SECRETS:
            redaction.remember(os.environ.get(name, ""), name)
        sys.stdout, sys.stderr = outlets.out, outlets.err
        try:
            yield outlets
        finally:
            outlets.out.flush()
            outlets.err.flush()
            sys.stdout, sys.stderr = before


def close_broken() -> None:
    """Keep the interpreter from complaining at its end about a stream that it cannot flush."""
    for stream in (sys.stdout, sys.stderr):
        try:
            if stream is not None:
                stream.flush()
        except OSError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
