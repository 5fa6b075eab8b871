"""What the secrets of a run are searched by: their *needles* and their *cores*.

A needle is a text to search for in texts without white space: a secret, or an encoding of it.  A core is the letters
and digits of a secret, long and unlike words, which are also found in another case, or separated by anything.
"""

from __future__ import annotations

import base64
import contextlib
import unicodedata
from collections.abc import Iterator
from functools import lru_cache
from urllib.parse import quote_plus

from tavusctl.lib.spelling import NESTED, PACKED, decode_all, without_ignored

SHORTEST = 6  # characters; a shorter secret may also be a part of a word
_CORE = 10  # letters and digits, separated by anything, that are not in a text by chance
_LONG = 16  # letters of words that are not in a text by chance
_LOWER = bytes(range(256)).lower()
_NO_CORE = bytes(byte for byte in range(256) if not chr(byte).isalnum() or byte > ord("z"))


def core_of(text: str) -> str:
    """The letters and digits of ASCII in a text, in lower case."""
    return text.encode("ascii", "ignore").translate(_LOWER, _NO_CORE).decode()


@lru_cache(maxsize=32)
def cores_of(secrets: tuple[str, ...]) -> tuple[str, ...]:
    """The cores of secrets, as they are and in hex and base 32, that are long and unlike words."""
    contents = [(secret, secret.encode("utf-8", "surrogateescape")) for secret in secrets]
    spelled = [text for secret, content in contents for text in (secret, content.hex(), _base32(content))]
    return tuple(sorted({core for core in map(core_of, spelled) if _is_unlike_words(core)}, key=len))


@lru_cache(maxsize=32)
def half_cores_of(secrets: tuple[str, ...]) -> tuple[str, ...]:
    """The cores of secrets, and every half of them; of words, if they are long, and the whole of a URL of words."""
    halves = {half for core in cores_of(secrets) for half in _halves(core) if _is_unlike_words(half)}
    for secret in secrets:
        core = core_of(secret)
        if core.isalpha() and len(core) >= _LONG:
            halves |= {core} if "://" in secret else set(_halves(core))
    return tuple(sorted(halves, key=len))


def _halves(core: str) -> Iterator[str]:
    length = max(_CORE, (len(core) + 1) // 2)
    return (core[start : start + length] for start in range(len(core) - length + 1))


def _is_unlike_words(core: str) -> bool:
    return len(core) >= _CORE and not core.isalpha() and not core.isdigit()


def _base32(content: bytes) -> str:
    return base64.b32encode(content).decode()


@lru_cache(maxsize=32)
def needles_of(secrets: tuple[str, ...]) -> tuple[str, ...]:
    """The needles of several secrets, sorted by length."""
    return tuple(sorted((needle for secret in secrets for needle in _needles(secret)), key=len))


@lru_cache(maxsize=256)
def _needles(secret: str) -> tuple[str, ...]:
    """The needles of a secret, for texts without white space: itself, its lines, reversed, encoded, and decoded."""
    contents = _contents(secret)
    misread = [content.decode(codec, "replace") for content in contents for codec in ("utf-8", "latin-1", "cp1252")]
    encoded = [
        spelled
        for content in contents
        for spelled in (content.hex(), content.hex().upper(), quote_plus(content), *_base64(content))
    ]
    plain = [secret, *secret.splitlines(), secret[::-1], *misread, *_decoded(secret)]
    needles = dict.fromkeys([*map(without_ignored, plain), *encoded])
    return tuple(needle for needle in needles if len(needle) >= SHORTEST)


def _decoded(secret: str) -> Iterator[str]:
    """What a server reads in a secret that is encoded itself; of a user and a password, also the password alone."""
    for _, spelling in (NESTED, PACKED):
        text = decode_all(spelling, secret)
        yield text
        password = text.partition(":")[2]
        if text != secret and _is_unlike_words(core_of(password)):
            yield password


def _contents(secret: str) -> list[bytes]:
    """The bytes of a secret in UTF-8; if it is not ASCII, also composed, decomposed, in UTF-16 and in Latin-1."""
    if secret.isascii():  # null characters are ignored, so its UTF-16 needs no needle
        return [secret.encode()]
    composed, decomposed = (unicodedata.normalize(form, secret) for form in ("NFC", "NFD"))
    contents = [form.encode("utf-8", "surrogateescape") for form in (secret, composed, decomposed)]
    contents += [secret.encode(codec, "surrogatepass") for codec in ("utf-16-le", "utf-16-be")]
    with contextlib.suppress(UnicodeEncodeError):
        contents.append(composed.encode("latin-1"))
    return list(dict.fromkeys(contents))


def _base64(content: bytes) -> Iterator[str]:
    """The base 64 (RFC 4648) of a content alone and inside a longer content, at each of the three alignments."""
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        whole = encode(content).decode()
        yield from (whole, whole.rstrip("="))
        for before, first_char in ((0, 0), (1, 2), (2, 3)):
            last_char = 8 * (before + len(content)) // 6
            yield encode(bytes(before) + content).decode()[first_char:last_char]
