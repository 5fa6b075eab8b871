"""A key of 32 bytes, stored wrapped under the text that may open it, and keys for single purposes made from it.

The standard library has no cipher, and none is needed: what is wrapped is always exactly 32 random bytes, and every
wrapping has a salt of its own.  So the key is combined by XOR with as many bytes of HKDF-SHA256 (RFC 5869), which are
used once, and an HMAC-SHA256 (RFC 2104) over salt and result tells when either was changed.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from typing import Final

SIZE: Final = 32
_SALT: Final = 16


def new_key() -> bytes:
    """A random key."""
    return secrets.token_bytes(SIZE)


def derived(key: bytes, purpose: str, *, salt: bytes = b"", size: int = SIZE) -> bytes:
    """A key for one purpose (HKDF-SHA256: extract, then expand)."""
    extracted = hmac.digest(salt or b"\0" * SIZE, key, "sha256")
    made, block = b"", b""
    while len(made) < size:
        block = hmac.digest(extracted, block + purpose.encode() + bytes([len(made) // SIZE + 1]), "sha256")
        made += block
    return made[:size]


def slot(holder: str, lineage: str) -> str:
    """The name under which the wrapping for a holder is stored; it does not tell who that is."""
    return hmac.new(lineage.encode(), holder.encode(), hashlib.sha256).hexdigest()[:16]


def wrap(key: bytes, holder: str, lineage: str) -> str:
    """A key as text that only the holder can open, and only in this lineage."""
    salt = secrets.token_bytes(_SALT)
    pad, seal = _pad_and_seal(holder, lineage, salt)
    hidden = _xor(key, pad)
    return (salt + hidden + hmac.digest(seal, salt + hidden, "sha256")).hex()


def unwrap(text: str, holder: str, lineage: str) -> bytes | None:
    """The key in what `wrap` made; None when it was made for another holder or lineage, or was changed."""
    try:
        content = bytes.fromhex(text)
    except ValueError:
        return None
    salt, hidden, tag = content[:_SALT], content[_SALT : _SALT + SIZE], content[_SALT + SIZE :]
    pad, seal = _pad_and_seal(holder, lineage, salt)
    return _xor(hidden, pad) if hmac.compare_digest(tag, hmac.digest(seal, salt + hidden, "sha256")) else None


def _pad_and_seal(holder: str, lineage: str, salt: bytes) -> tuple[bytes, bytes]:
    made = derived(holder.encode(), f"tavusctl wrap {lineage}", salt=salt, size=2 * SIZE)
    return made[:SIZE], made[SIZE:]


def _xor(one: bytes, other: bytes) -> bytes:
    return bytes(a ^ b for a, b in zip(one, other, strict=True))
