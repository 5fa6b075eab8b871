r"""Journal records as lines that vouch for one another: a torn end is recognised, any other damage too.

A line is `<length of record> <digest> <record>\n`, where the digest covers the record and the digest of the line
before.  A line that was cut off while it was written was never acknowledged and does not count; a line that is
changed, missing, doubled or out of place breaks the chain.
"""

from __future__ import annotations

import hashlib
from typing import Final, NoReturn

from msgspec import Struct

from tavusctl.core.errors import StateError

START: Final = b"0" * 32  # the digest before the first line
_HINT = "back up the file and compare the account with the state; then remove the file to continue without it"


class Chain(Struct, frozen=True):
    """What was read: the records, the digest of the last, and the length of the whole lines in bytes."""

    records: tuple[bytes, ...] = ()
    head: bytes = START
    size: int = 0
    complete: bool = True  # whether the last line has its newline


def link(head: bytes, record: bytes) -> tuple[bytes, bytes]:
    """The line of a record after the line with digest `head`, and the digest of the new one."""
    if b"\n" in record:
        message = "a journal record is one line"
        raise ValueError(message)
    digest = _digest(head, record)
    return b"%d %s %s\n" % (len(record), digest, record), digest


def follow(content: bytes, where: str) -> Chain:
    """The records in the bytes of a journal; StateError when more than the end of the last one is missing."""
    # A machine that lost its power may have made the file longer without writing into it.
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
    """Whether a line without newline is shorter than it says, or too short to say."""
    parts = last.split(b" ", 2)
    if len(parts) < 3:  # noqa: PLR2004 - length, digest, record
        return all(byte in b"0123456789abcdef " for byte in last)
    return parts[0].isdigit() and len(parts[2]) < int(parts[0])


def _digest(head: bytes, record: bytes) -> bytes:
    return hashlib.sha256(head + b" " + record).hexdigest()[: len(START)].encode()


def _refuse(where: str, number: int) -> NoReturn:
    message = f"{where} is corrupt: checksum mismatch at record {number}"
    raise StateError(message, _HINT, id="E908")
