"""Secrets to plant, and a scanner that finds them however they are spelled."""

from __future__ import annotations

import base64
import codecs
import json
import random
import string
from collections.abc import Iterable
from pathlib import Path
from urllib.parse import quote

COUNT = 44


def canaries() -> list[str]:
    """Made-up secrets: tokens, with signs that encodings treat differently, always the same."""
    chance = random.Random(20260301)
    letters = string.ascii_letters + string.digits
    made = []
    for number in range(COUNT):
        core = "".join(chance.choice(letters) for _ in range(22))
        tail = ("", "+/=", '"q\\', "&%20", "é✓")[number % 5] if number > 0 else ""
        made.append(f"{core}{tail}{number:02d}")
    return made


def spellings(secret: str) -> dict[str, list[bytes]]:
    """Twelve ways to write a secret, each as the bytes to look for."""
    content = secret.encode()
    escaped = "".join(f"\\u{ord(one):04x}" for one in secret)
    return {
        "plain": [content],
        "base64": [_stem(base64.b64encode(b"x" * shift + content), shift) for shift in range(3)],
        "base64url": [_stem(base64.urlsafe_b64encode(b"x" * shift + content), shift) for shift in range(3)],
        "hex": [content.hex().encode(), content.hex().upper().encode()],
        "URL": [quote(secret, safe="").encode()],
        "JSON": [json.dumps(secret)[1:-1].encode()],
        "escapes": [escaped.encode(), escaped.upper().replace("\\U", "\\u").encode()],
        "reversed": [secret[::-1].encode()],
        "lines": [secret[:11].encode() + b"\n" + secret[11:].encode()],
        "beginning": [secret[:8].encode()],
        "rot13": [codecs.encode(secret, "rot13").encode()],
        "UTF-16": [secret.encode("utf-16-le"), secret.encode("utf-16-be")],
    }


def _stem(encoded: bytes, shift: int) -> bytes:
    """The part of a base64 text that depends on the secret alone, wherever it begins."""
    return encoded.rstrip(b"=")[(0, 2, 3)[shift] : -1]


def found(content: bytes, secrets: Iterable[str]) -> list[str]:
    """Which secrets are in some bytes, and how they are spelled there."""
    return [
        f"{secret[:3]}... as {name}"
        for secret in secrets
        for name, forms in spellings(secret).items()
        if any(form in content for form in forms)
    ]


def found_under(folder: Path, secrets: Iterable[str], *, but: Iterable[Path] = ()) -> list[str]:
    """As `found`, for every file under a folder except some."""
    known, left = list(secrets), {path.resolve() for path in but}
    files = [path for path in sorted(folder.rglob("*")) if path.is_file() and path.resolve() not in left]
    return [f"{path}: {one}" for path in files for one in found(str(path).encode() + path.read_bytes(), known)]
