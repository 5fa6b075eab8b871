"""The body of an answer, unpacked as it comes, and never more of it than there is room for."""

from __future__ import annotations

import zlib
from collections.abc import Callable

import httpx

from tavusctl.secrets.redaction import shortened


def unpacked(response: httpx.Response, limit: int, sink: Callable[[bytes], None] | None = None) -> bytes:
    """The body; with a sink, that gets it piece by piece, and nothing is left."""
    packed = response.headers.get("Content-Encoding", "identity").strip().lower() or "identity"
    if packed not in ("identity", "gzip"):
        message = f"a body in the encoding `{shortened(packed, 20)}`, which was not requested"
        raise httpx.DecodingError(message)
    inflater = zlib.decompressobj(zlib.MAX_WBITS | 16) if packed == "gzip" else None
    parts: list[bytes] = []
    keep, size, began = sink or parts.append, 0, False
    for chunk in response.iter_raw():
        # One byte more than there is room for tells that it is too much; nobody asks for what is left over then.
        part = inflater.decompress(chunk, limit - size + 1) if inflater else chunk
        size += len(part)
        if size > limit:
            message = f"the response is larger than {limit // 1024 // 1024} MB"
            raise httpx.DecodingError(message)
        keep(part)
        began = True
    if inflater and began and not inflater.eof:
        message = "a truncated compressed body"
        raise httpx.DecodingError(message)
    return b"".join(parts)
