r"""Journal records as lines in a hash chain, which reveals a torn end and any other damage.

A line is `<length of record> <digest> <record>\n`, where the digest covers the record and the digest of the line
before.  A line that was cut off during the write was never acknowledged, and is ignored; a line that is changed,
missing, repeated or out of order breaks the chain.
"""

from __future__ import annotations

import hashlib
from typing import Final, NoReturn

from msgspec import Struct

from tavusctl.core.errors import StateError

START: Final = b"0" * 32  # the digest before the first line
_HINT = "back up the file and compare the account with the state; then remove the file to continue without it"


class Chain(Struct, frozen=True):
    """The content of a journal: its records, the digest of the last one, and the bytes of the complete lines."""

    records: tuple[bytes, ...] = ()
    head: bytes = START
    size: int = 0
    complete: bool = True  # whether the last line has its newline


def link(head: bytes, record: bytes) -> tuple[bytes, bytes]:
    """The line for a record that follows the line with digest `head`, and the digest of the new line."""
    if b"\n" in record:
        raise ValueError("a journal record is one line")
    digest = _digest(head, record)
    return b"%d %s %s\n" % (len(record), digest, record), digest


def follow(content: bytes, where: str) -> Chain:
    """The records in the bytes of a journal; StateError for any damage but a torn last line."""
    # After a power failure, a file may have grown by zero bytes without the content.
    *lines, last = content.rstrip(b"\0").split(b"\n")
    complete = not last or _is_torn(last)
    records: list[bytes] = []
    head, size = START, 0
    for number, line in enumerate(lines if complete else [*lines, last], 1):
        record = line.split(b" ", 2)[-1]
        expected, head = link(head, record)
        if expected[:-1] != line:
            _refuse(where, number)
        records.append(record)
        size += len(expected)
    return Chain(tuple(records), head, size if complete else size - 1, complete)


def _is_torn(last: bytes) -> bool:
    """Whether a line without newline is shorter than the length that it declares, or too short to declare one."""
    parts = last.split(b" ", 2)
    if len(parts) < 3:  # noqa: PLR2004 - length, digest, record
        return all(byte in b"0123456789abcdef " for byte in last)
    return parts[0].isdigit() and len(parts[2]) < int(parts[0])


def _digest(head: bytes, record: bytes) -> bytes:
    return hashlib.sha256(head + b" " + record).hexdigest()[: len(START)].encode()


def _refuse(where: str, number: int) -> NoReturn:
    raise StateError(f"{where} is corrupt: checksum mismatch at record {number}", _HINT, id="E908")
