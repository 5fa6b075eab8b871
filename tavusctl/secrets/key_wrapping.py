"""Wrapping of a 32-byte key under a text such as an API key, and derivation of keys for single purposes.

The standard library has no cipher, but none is needed: a wrapped key is always exactly 32 random bytes, and every
wrapping has its own salt.  So the key is combined by XOR with as many bytes of HKDF-SHA256 (RFC 5869), which are used
once, and an HMAC-SHA256 (RFC 2104) over salt and result shows whether either was changed.

In this module, the holder is the text under which a key is wrapped.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from typing import Final

SIZE: Final = 32
_SALT_SIZE: Final = 16


def new_key() -> bytes:
    """A random key."""
    return secrets.token_bytes(SIZE)


def derive_key(key: bytes, purpose: str, *, salt: bytes = b"", size: int = SIZE) -> bytes:
    """A key for one purpose (HKDF-SHA256: extract, then expand)."""
    extracted = hmac.digest(salt or b"\0" * SIZE, key, "sha256")
    output, block = b"", b""
    while len(output) < size:
        block = hmac.digest(extracted, block + purpose.encode() + bytes([len(output) // SIZE + 1]), "sha256")
        output += block
    return output[:size]


def slot(holder: str, lineage: str) -> str:
    """The name under which the wrapping for a holder is stored; it does not reveal the holder."""
    return hmac.new(lineage.encode(), holder.encode(), hashlib.sha256).hexdigest()[:16]


def wrap(key: bytes, holder: str, lineage: str) -> str:
    """The key wrapped as text, which can only be unwrapped with the same holder and lineage."""
    salt = secrets.token_bytes(_SALT_SIZE)
    pad, mac_key = _pad_and_mac_key(holder, lineage, salt)
    masked = _xor(key, pad)
    return (salt + masked + hmac.digest(mac_key, salt + masked, "sha256")).hex()


def unwrap(text: str, holder: str, lineage: str) -> bytes | None:
    """The key in a result of `wrap`; None if it was wrapped for another holder or lineage, or was changed."""
    try:
        content = bytes.fromhex(text)
    except ValueError:
        return None
    salt, masked, tag = content[:_SALT_SIZE], content[_SALT_SIZE : _SALT_SIZE + SIZE], content[_SALT_SIZE + SIZE :]
    pad, mac_key = _pad_and_mac_key(holder, lineage, salt)
    return _xor(masked, pad) if hmac.compare_digest(tag, hmac.digest(mac_key, salt + masked, "sha256")) else None


def _pad_and_mac_key(holder: str, lineage: str, salt: bytes) -> tuple[bytes, bytes]:
    output = derive_key(holder.encode(), f"tavusctl wrap {lineage}", salt=salt, size=2 * SIZE)
    return output[:SIZE], output[SIZE:]


def _xor(left: bytes, right: bytes) -> bytes:
    return bytes(a ^ b for a, b in zip(left, right, strict=True))
