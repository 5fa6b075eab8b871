"""Decoding of texts that a person or a parser would decode: character escapes, and base 64 or hex."""

from __future__ import annotations

import base64
import json
import re
import sys
from collections.abc import Callable, Sequence
from functools import lru_cache
from urllib.parse import unquote_to_bytes

from tavusctl.lib.patterns import pattern

# Characters that may be inserted in a secret without hiding it from a reader: white space, and invisible ones.
IGNORED = pattern(
    r"[\s\x00-\x1f\x7f-\x9f\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u2028-\u202e"
    r"\u2060-\u206f\u2800\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff9-\ufffb\U0001d173-\U0001d17a\U000e0000-\U000e0fff]+"
)
# Encodings of characters by the character that they start with, for a fast search: HTML, percent (RFC 3986), escapes of
# JSON, Python, YAML, shells, Markdown and `escape_invisible`, JSON Pointer (RFC 6901), quoted-printable (RFC 2045),
# quotes in single quotes of YAML and of shells, terminal colours and links, tags, null characters, Mermaid.
_CHARACTERS = {
    "&": r"&(?:#0{0,9}[0-9]{1,7}|#[xX]0{0,9}[0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});?",
    "%": r"%(?:[0-9a-fA-F]{2}(?:%[0-9a-fA-F]{2})*|u[0-9a-fA-F]{4}(?:%u[0-9a-fA-F]{4})*)",
    "\\": r"\\(?:[ux]\{[0-9a-fA-F]{1,6}\}|u[0-9a-fA-F]{4}(?:\\u[0-9a-fA-F]{4})*|U[0-9a-fA-F]{8}"
    r"|x[0-9a-fA-F]{2}(?:\\x[0-9a-fA-F]{2})*|[0-7]{1,3}(?:\\[0-7]{1,3})*|[nrt -/:-@\[-`{-~]|\r?\n[ \t]*)",
    "~": r"~[01]",
    "=": r"=(?:[0-9a-fA-F]{2}|\r?\n)(?:=[0-9a-fA-F]{2}|=\r?\n)*",
    "'": r"""'(?:'|\\''|"'"')""",
    "\x1b": r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]{0,500}(?:\x07|\x1b\\))",
    "<": r"<(?:/?[A-Za-z]|!--)[^<>]{0,200}>",
    "\0": r"\0\0*",
    "#": r"#(?:[0-9]{1,7}|[A-Za-z][A-Za-z0-9]{1,31});",
}
# Base 64 or hex, also in several lines, which `decode` decodes if the result is text.
_PACKED = r"(?<![A-Za-z0-9+/_-])[A-Za-z0-9+/_-]{12,}(?:\r?\n[A-Za-z0-9+/_-]+)*={0,2}"
# A list of bytes, in decimal or hex.  The pattern begins with a digit, not with what may not be before it: that is
# faster.  Go separates the bytes by spaces.
_HEX_NUMBERS = r"0[xX][0-9a-fA-F]{1,2}(?:,[ \n]{0,16}0[xX][0-9a-fA-F]{1,2}){5,}"
_NUMBERS = (",", rf"{_HEX_NUMBERS}|[0-9](?<![0-9,.][0-9])[0-9]{{0,2}}(?:,[ \n]{{0,16}}[0-9]{{1,3}}){{5,}}(?![0-9.])")
_GO_NUMBERS = ("[", r"\[[0-9]{1,3}(?: [0-9]{1,3}){5,}\]")
# Letters, digits and signs of ASCII in full width (U+FF01 to U+FF5E).
_WIDE = ("".join(map(chr, range(0xFF01, 0xFF5F))), r"[\uff01-\uff5e]+")


def _grouped(regex: str) -> re.Pattern[str]:
    """A pattern for `decode_all`, which splits a text by it: it is one group, so that the encoded parts are kept."""
    return pattern(f"({regex})")


PACKED = ("", _grouped(_PACKED))
# What is between two pieces of one text: the quotes, and a comma, a plus or a dot, perhaps with an index.  Only looked
# for in short texts, such as messages of servers: long ones may have many quotes.
_BETWEEN = r"(?:Q|[ \n]{0,16}(?:[,+.][ \n]{0,16}|(?<=[ \n]))(?:Q[0-9]{1,4}Q:[ \n]{0,16})?Q)"
_PIECES = _grouped("|".join([_CHARACTERS["\\"], *(f"Q{_BETWEEN}".replace("Q", quote) for quote in "'\"")]))
_LONGEST_IN_PIECES = 8000  # characters
SPELLINGS = (*((sign, _grouped(regex)) for sign, regex in (*_CHARACTERS.items(), _NUMBERS, _GO_NUMBERS, _WIDE)), PACKED)
# All encodings of characters at once; and those in which programs nest texts, of which prose has nearly nothing.
ALL = ("".join(_CHARACTERS), _grouped("|".join(_CHARACTERS.values())))
NESTED = ("&%\\", _grouped("|".join(_CHARACTERS[sign] for sign in "&%\\")))
_REMEMBERED = 24  # characters of an encoded text whose decoding is remembered, at most
_SIGNS = frozenset("".join(signs for signs, _ in SPELLINGS))
_ASCII_SIGNS = frozenset(filter(str.isascii, _SIGNS))
_BY_SIGNS = [(frozenset(signs), spelling) for signs, spelling in (*SPELLINGS, NESTED, ALL)]


def without_ignored(text: str) -> str:
    """The text without white space and other characters of `IGNORED`."""
    words = "".join(text.split())
    return words if words.isascii() and words.isprintable() else IGNORED.sub("", words)


def possible_spellings(text: str) -> Sequence[re.Pattern[str]]:
    """Encodings, without those whose signs the text lacks: most texts have few signs or none."""
    signs = {sign for sign in (_ASCII_SIGNS if text.isascii() else _SIGNS) if sign in text}
    in_pieces = [_PIECES] if len(text) <= _LONGEST_IN_PIECES and ('"' in text or "'" in text) else []
    if not signs:
        return (SPELLINGS[-1][1], *in_pieces)
    return [*(spelling for own, spelling in _BY_SIGNS if not own or not own.isdisjoint(signs)), *in_pieces]


def decode_all(spelling: re.Pattern[str], text: str) -> str:
    """The text with one encoding undone; it may have it at many places, and the same at most of them."""
    parts = spelling.split(text)  # every other one is encoded: the pattern is one group
    decoded = {encoded: decode(encoded) for encoded in set(parts[1::2])}
    parts[1::2] = map(decoded.__getitem__, parts[1::2])
    return "".join(parts)


def decode(encoded: str) -> str:
    """The decoded text of an encoded character, or of several in a row."""
    return _decode(encoded) if len(encoded) > _REMEMBERED else _decode_short(encoded)


def _decode(encoded: str) -> str:
    if encoded[0] >= "\uff01":
        return encoded.translate(_NARROW)
    if encoded[0] == "[" or (encoded[0].isdigit() and "," in encoded):
        return _decode_numbers(encoded)
    decoder = _DECODERS.get(encoded[0])
    return decoder(encoded) if decoder else _decode_packed(encoded)


_decode_short = lru_cache(maxsize=8192)(_decode)  # most texts have few encoded characters, and these many times


def _decode_escape(encoded: str) -> str:
    """The decoded text of a backslash escape."""
    if encoded.startswith("\\u") and encoded[2] != "{":
        return str(json.loads(f'"{encoded}"'))
    if encoded[1] == "x" and encoded[2] != "{":
        return _bytes_to_text(bytes.fromhex(encoded.replace("\\x", "")))
    if encoded[1] in "01234567":
        return _bytes_to_text(bytes(int(octal, 8) & 0xFF for octal in encoded.split("\\")[1:]))
    if encoded[1] in "uUx":
        number = int(encoded[2:].strip("{}"), 16)
        return chr(number) if number <= sys.maxunicode else encoded
    if encoded[1] in "\r\n":  # a text goes on in the next line
        return ""
    return {"n": "\n", "r": "\r", "t": "\t"}.get(encoded[1], encoded[1])


def _decode_percent(encoded: str) -> str:
    """The decoded text of a run of percent escapes, or of those of `escape` in JavaScript."""
    if encoded[1] == "u":
        return str(json.loads('"' + encoded.replace("%", "\\") + '"'))
    return unquote_to_bytes(encoded).decode("utf-8", "surrogateescape")


def _decode_reference(encoded: str) -> str:
    """The decoded text of a character reference; one of a control character gives that, unlike in HTML."""
    import html  # noqa: PLC0415 - it has two thousand names, and few texts need it

    if encoded[1] != "#":
        return html.unescape(encoded)
    digits = encoded[2:].rstrip(";")
    number = int(digits[1:], 16) if digits[0] in "xX" else int(digits)
    return chr(number) if number < ord(" ") else html.unescape(encoded)


def _decode_quotes(encoded: str) -> str:
    """The quote that two quotes mean, or nothing, if they are the end of a piece and the beginning of the next one."""
    return encoded[0] if set(encoded) <= {"'", '"', "\\"} else ""


def _bytes_to_text(content: bytes) -> str:
    """Bytes as text: UTF-8, or one byte for each character."""
    try:
        return content.decode()
    except UnicodeDecodeError:
        return content.decode("latin-1")


def _decode_numbers(encoded: str) -> str:
    """The text of a list of bytes; unchanged if it is none, or if the bytes are no text."""
    base = 16 if encoded[1] in "xX" else 10
    numbers = [int(number, base) for number in encoded.strip("[]").replace(",", " ").split()]
    text = _bytes_to_text(bytes(numbers)) if max(numbers) < 256 else ""  # noqa: PLR2004 - bytes
    return text if text and without_ignored(text).isprintable() else encoded


def _decode_quoted_printable(encoded: str) -> str:
    """The decoded text of quoted-printable; soft line breaks are removed."""
    return _bytes_to_text(bytes.fromhex(re.sub(r"=(?:\r?\n)?", "", encoded)))


def _decode_packed(encoded: str) -> str:
    """The text in a run of hex or base 64; the run unchanged if it does not decode to printable text."""
    run = "".join(encoded.split()).rstrip("=")
    for unpack in (bytes.fromhex, _from_base64, _from_base32):
        try:
            text = unpack(run).decode()
        except ValueError:
            continue
        if without_ignored(text).isprintable():
            return text
    return encoded


def _from_base64(run: str) -> bytes:
    return base64.b64decode(run.translate(_URL_SAFE) + "=" * (-len(run) % 4), validate=True)


def _from_base32(run: str) -> bytes:
    return base64.b32decode(run + "=" * (-len(run) % 8))


_NARROW = {number: number - 0xFEE0 for number in range(0xFF01, 0xFF5F)}
_URL_SAFE = str.maketrans("-_", "+/")
_DECODERS: dict[str, Callable[[str], str]] = {
    "&": _decode_reference,
    "%": _decode_percent,
    "~": lambda encoded: "~" if encoded == "~0" else "/",
    "\\": _decode_escape,
    "=": _decode_quoted_printable,
    "'": _decode_quotes,
    '"': _decode_quotes,
    "\x1b": lambda _: "",
    "<": lambda _: "",
    "\0": lambda _: "",
    "#": lambda encoded: _decode_reference(f"&{encoded if encoded[1].isdigit() else encoded[1:]}"),
}
