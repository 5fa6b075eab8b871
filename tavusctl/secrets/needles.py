"""What the secrets of a run are searched by: their *needles* and their *cores*.

A needle is a text to search for in texts without white space: a secret, or an encoding of it.  A core is the letters
and digits of a secret, long and unlike words, which are also found in another case, or separated by anything.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import unicodedata
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import NamedTuple
from urllib.parse import quote_plus

from tavusctl.lib.spelling import NESTED, PACKED, decode_all, without_ignored

SHORTEST = 6  # characters; a shorter secret may also be a part of a word
_SHORTEST_RARE = 8  # characters of a needle in an encoding that few programs write
_CORE = 10  # letters and digits, separated by anything, that are not in a text by chance
_LONG_NUMBER = 20  # digits that are not in a text by chance, such as the hex of a number of ten
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
    return len(core) >= _CORE and not core.isalpha() and (not core.isdigit() or len(core) >= _LONG_NUMBER)


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
    for encoding in _BASE_64:
        whole = encoding.encode(content)
        yield from (whole, whole.rstrip("="), *_in_blocks(content, encoding))


class _BlockEncoding(NamedTuple):
    """An encoding of `size` bytes as `length` characters, each with `bits` of the content; 0 if it mixes them."""

    encode: Callable[[bytes], str]
    size: int
    length: int
    bits: int


def _in_blocks(content: bytes, encoding: _BlockEncoding) -> Iterator[str]:
    """What a content looks like inside a longer one that is encoded, at each alignment; without what others change."""
    for before in range(encoding.size):
        end = before + len(content)
        if encoding.bits:
            first, last = -(-8 * before // encoding.bits), 8 * end // encoding.bits
        else:  # only whole blocks
            first, last = encoding.length * bool(before), encoding.length * (end // encoding.size)
        yield encoding.encode(bytes(before) + content)[first:last]


def _encoder(encode: Callable[[bytes], bytes], alphabet: bytes = b"", other: bytes = b"") -> Callable[[bytes], str]:
    """An encoder whose result is text, with another alphabet if one is given."""
    table = bytes.maketrans(alphabet, other)
    return lambda content: encode(content).translate(table).decode()


def _uuencoded(content: bytes) -> str:
    """The characters of uuencode, without the first one of a line, which counts its bytes."""
    lines = (content[start : start + 45] for start in range(0, len(content), 45))
    return "".join(binascii.b2a_uu(line, backtick=True).decode()[1:].rstrip("\n") for line in lines)


_BASE_64 = tuple(_BlockEncoding(_encoder(encode), 3, 4, 6) for encode in (base64.b64encode, base64.urlsafe_b64encode))
_ALPHABET_85 = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz!#$%&()*+-;<=>?@^_`{|}~"
_ALPHABET_Z85 = b"0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-:+=^!/*?&<>()[]{}@%$#"
_RARE = (
    _BlockEncoding(_base32, 5, 8, 5),
    _BlockEncoding(_encoder(base64.b32hexencode), 5, 8, 5),
    _BlockEncoding(_uuencoded, 3, 4, 6),
    _BlockEncoding(_encoder(base64.b85encode), 4, 5, 0),
    _BlockEncoding(_encoder(base64.a85encode), 4, 5, 0),
    _BlockEncoding(_encoder(base64.b85encode, _ALPHABET_85, _ALPHABET_Z85), 4, 5, 0),
)


@lru_cache(maxsize=32)
def rare_needles_of(secrets: tuple[str, ...]) -> tuple[str, ...]:
    """Needles of several secrets, sorted by length, in encodings of long words that few programs write."""
    return tuple(sorted({needle for secret in secrets for needle in _rare_needles(secret)}, key=len))


@lru_cache(maxsize=256)
def _rare_needles(secret: str) -> tuple[str, ...]:
    """The needles of a secret in base 85, in other forms of base 32, in uuencode, and reversed in base 64 and hex."""
    needles = set[str]()
    for content in _contents(secret):
        needles.update(spelled[::-1] for spelled in (content.hex(), content.hex().upper(), *_base64(content)))
        for encoding in _RARE:
            needles |= {encoding.encode(content), *_in_blocks(content, encoding)}
    return tuple(needle for needle in needles if len(needle) >= _SHORTEST_RARE)
