"""Read the body of a response, decompress it while it arrives, and stop at the size limit."""

from __future__ import annotations

import zlib
from collections.abc import Callable

import httpx

from tavusctl.secrets.redaction import shortened


def decompressed_body(response: httpx.Response, limit: int, sink: Callable[[bytes], None] | None = None) -> bytes:
    """The decompressed body of a response, at most `limit` bytes; httpx.DecodingError if it is larger or damaged.

    With a `sink`, the sink gets the body chunk by chunk, and the return value is empty.
    """
    encoding = response.headers.get("Content-Encoding", "identity").strip().lower() or "identity"
    if encoding not in ("identity", "gzip"):
        raise httpx.DecodingError(f"a body in the encoding `{shortened(encoding, 20)}`, which was not requested")
    inflater = zlib.decompressobj(zlib.MAX_WBITS | 16) if encoding == "gzip" else None
    parts: list[bytes] = []
    store, size, has_data = sink or parts.append, 0, False
    for chunk in response.iter_raw():
        # One byte above the limit is enough to refuse the body, so nothing beyond that byte is ever decompressed.
        part = inflater.decompress(chunk, limit - size + 1) if inflater else chunk
        size += len(part)
        if size > limit:
            raise httpx.DecodingError(f"the response is larger than {limit // 1024 // 1024} MB")
        store(part)
        has_data = True
    if inflater and has_data and not inflater.eof:
        raise httpx.DecodingError("a truncated compressed body")
    return b"".join(parts)
