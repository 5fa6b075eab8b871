"""Standard output and standard error of a run, without secrets.

A run that changes an account must finish even if nobody reads its output: text that cannot be written is dropped, and
`RedactingStreams.write_error` reports that afterwards.  Characters that the encoding of a stream lacks are escaped.
"""

from __future__ import annotations

import contextlib
import errno
import io
import os
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final, TextIO

from tavusctl.lib.patterns import pattern
from tavusctl.secrets import detection, redaction
from tavusctl.secrets.redaction import Record, View

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer as Buffer


# Environment variables with secrets that tavusctl, or its clients of git and of object stores, read without any
# configuration.  The clients of object stores read more of them than they document: all names of secrets count.
_SECRETS: Final = ("TAVUS_API_KEY", "TAVUS_API_KEY_OLD", "TAVUSCTL_FINGERPRINT_KEY", "GITHUB_TOKEN", "GH_TOKEN")
_OF_STORES: Final = ("AWS_", "AZURE_", "GOOGLE_")
_PATH: Final = "_CREDENTIALS"  # end of the name of a variable with the path of a file
_WORD: Final = pattern("[a-z_]{1,40}")


class Bytes(io.RawIOBase):
    """The binary side of a redacting stream, for writers of bytes such as shell completion."""

    def __init__(self, outlet: RedactingStream) -> None:
        super().__init__()
        self._stream = outlet

    def writable(self) -> bool:
        """Always true."""
        return True

    def write(self, data: Buffer) -> int:
        """Write UTF-8 as text, with secrets redacted; returns the number of bytes."""
        text = bytes(data)
        self._stream.write(text.decode("utf-8", "replace"))
        return len(text)


class RedactingStream(io.TextIOBase):
    """A text stream that redacts what it writes to another stream, which is None if it was closed at the start."""

    def __init__(self, stream: TextIO | None) -> None:
        super().__init__()
        self.stream = stream
        self.failure: OSError | None = None

    @property
    def encoding(self) -> str:  # type: ignore[override]  # an attribute there; writers of bytes read it
        """The encoding for writers of bytes: UTF-8, in which any character can be written."""
        return "utf-8"

    @property
    def errors(self) -> str:  # type: ignore[override]  # as above
        """The error handling of `encoding`: strict, because UTF-8 has all characters."""
        return "strict"

    @property
    def buffer(self) -> Bytes:
        """The binary side of this stream."""
        return Bytes(self)

    def writable(self) -> bool:
        """Always true."""
        return True

    def isatty(self) -> bool:
        """Whether the stream is a terminal."""
        return self.stream is not None and self.stream.isatty()

    def fileno(self) -> int:
        """The file descriptor of the stream; io.UnsupportedOperation if the stream was closed at the start."""
        if self.stream is None:
            raise io.UnsupportedOperation
        return self.stream.fileno()

    def write(self, text: str) -> int:
        """Write text for people, without secrets, and without lines that a workflow runner would obey."""
        from tavusctl.reports.escaping import neutralise

        self._write(View(neutralise(redaction.redacted(text))))
        return len(text)

    def write_commands(self, text: str) -> None:
        """Write commands for a workflow runner, without secrets."""
        self._write(redaction.redacted(text))

    def write_record(self, text: Record) -> None:
        """Write text for programs, unchanged."""
        self._write(text)

    def _write(self, text: View | Record) -> None:
        if self.stream is None and text:  # closed at the start, as by `>&-` of a shell
            self.failure = OSError(errno.EBADF, "it is closed")
        if self.stream is not None and self.failure is None:
            with self._recording_failure():
                try:
                    self.stream.write(text)
                except UnicodeEncodeError:
                    encoding = self.stream.encoding or "ascii"
                    self.stream.write(text.encode(encoding, "backslashreplace").decode(encoding))

    def flush(self) -> None:
        """Flush the stream, unless it is closed or has failed."""
        if self.stream is not None and self.failure is None:
            with self._recording_failure():
                self.stream.flush()

    @contextlib.contextmanager
    def _recording_failure(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            self.failure = error


class RedactingStreams:
    """The standard output and standard error of a run."""

    def __init__(self, out: TextIO | None, err: TextIO | None) -> None:
        self.out, self.err = RedactingStream(out), RedactingStream(err)

    @property
    def write_error(self) -> str:
        """Why the output is incomplete; empty if it is complete, or if its reader closed the pipe early."""
        failure = self.out.failure
        return "" if failure is None or failure.errno == errno.EPIPE else failure.strerror or "it cannot be written"


@contextlib.contextmanager
def redact_streams() -> Iterator[RedactingStreams]:
    """Replace both streams by redacting ones, for one run and the secrets that it reads."""
    original = sys.stdout, sys.stderr
    streams = RedactingStreams(*original)
    with redaction.isolated_run(_is_own_word):
        for name in filter(_holds_secret, os.environ):
            redaction.register(os.environ[name], name)
        sys.stdout, sys.stderr = streams.out, streams.err
        try:
            yield streams
        finally:
            streams.out.flush()
            streams.err.flush()
            sys.stdout, sys.stderr = original


def _holds_secret(name: str) -> bool:
    """Whether an environment variable has a secret, by its name."""
    is_of_store = name.startswith(_OF_STORES) and not name.endswith(_PATH)
    return name in _SECRETS or (is_of_store and bool(detection.weight(name)))


def _is_own_word(value: str) -> bool:
    """Whether a value is, or is in, a word of reports and documents anyway: a key, a field, an action such as `create`.

    Redacted, a part of a key of a JSON document would make it another document.
    """
    if not _WORD.fullmatch(value):  # no key has this form
        return False
    from tavusctl.app.json_schemas import all_words  # few runs need it, and it takes a second

    return any(value in word for word in all_words())


def close_broken() -> None:
    """Prevent the error message of the interpreter at exit about a stream that cannot be flushed."""
    for stream in (sys.stdout, sys.stderr):
        try:
            if stream is not None:
                stream.flush()
        except OSError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
