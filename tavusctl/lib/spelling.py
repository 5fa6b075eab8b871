"""Decoding of texts that a person or a parser would decode: character escapes, and base 64 or hex, also compressed."""

from __future__ import annotations

import base64
import contextlib
import json
import re
import sys
import unicodedata
import zlib
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
# Other forms of letters, digits and signs of ASCII, one for each: raised, lowered, in circles, wide, of formulas.
_FORMS = "\xb2\xb3\xb9\u2070\u2074-\u2079\u2080-\u2089\u2460-\u2468\u24b6-\u24ea\uff01-\uff5e\U0001d400-\U0001d7ff"
_OTHER_FORMS = (_FORMS, f"[{_FORMS}]")
_UTF_7 = ("+", r"\+(?:[A-Za-z0-9+/]{3,}-?|-)")  # RFC 2152
_PUNYCODE = ("xn--", r"xn--[A-Za-z0-9-]{1,59}")  # a label of a host (RFC 5890)
# Escapes of CSS (section 4.3.7 of its syntax), which may also be read as octal ones.
_CSS = ("\\", r"\\[0-9a-fA-F]{1,6}[ \t\n]?")


def _grouped(regex: str) -> re.Pattern[str]:
    """A pattern for `decode_all`, which splits a text by it: it is one group, so that the encoded parts are kept."""
    return pattern(f"({regex})")


PACKED = ("", _grouped(_PACKED))
# What is between two pieces of one text: the quotes, and a comma, a plus or a dot, perhaps with an index.  Only looked
# for in short texts, such as messages of servers: long ones may have many quotes.
_BETWEEN = r"(?:Q|[ \n]{0,16}(?:[,+.][ \n]{0,16}|(?<=[ \n]))(?:Q[0-9]{1,4}Q:[ \n]{0,16})?Q)"
_PIECES = _grouped("|".join([_CHARACTERS["\\"], *(f"Q{_BETWEEN}".replace("Q", quote) for quote in "'\"")]))
_LONGEST_IN_PIECES = 8000  # characters
_SEPARATE = (*_CHARACTERS.items(), _NUMBERS, _GO_NUMBERS, _OTHER_FORMS, _UTF_7, _PUNYCODE)
CSS = (_CSS[0], _grouped(_CSS[1]))
_FORM = pattern(_OTHER_FORMS[1])
SPELLINGS = (*((signs, _grouped(regex)) for signs, regex in _SEPARATE), CSS, PACKED)
# All encodings of characters at once; and those in which programs nest texts, of which prose has nearly nothing.
ALL = (tuple(_CHARACTERS), _grouped("|".join(_CHARACTERS.values())))
NESTED = (tuple("&%\\"), _grouped("|".join(_CHARACTERS[sign] for sign in "&%\\")))
_SHORTEST_PACKED, _GROWTH = 12, 8  # characters of a run; characters in each of them, if it is compressed
_GZIP, _ZLIB = b"\x1f\x8b", b"x"  # how a content starts that is compressed with a header
_GZIP_OR_ZLIB = zlib.MAX_WBITS | 32
_REMEMBERED = 24  # characters of an encoded text whose decoding is remembered, at most
_BY_SIGNS = [
    (frozenset(signs if isinstance(signs, tuple) else [signs] if signs else []), spelling)
    for signs, spelling in (*SPELLINGS, NESTED, ALL)
]
_SIGNS = frozenset[str]().union(*(signs for signs, _ in _BY_SIGNS))


def without_ignored(text: str) -> str:
    """The text without white space and other characters of `IGNORED`."""
    return joined(text.split())


def joined(words: Sequence[str]) -> str:
    """The words of a text joined, without characters of `IGNORED`."""
    text = "".join(words)
    return text if text.isascii() and text.isprintable() else IGNORED.sub("", text)


def possible_spellings(text: str) -> Sequence[re.Pattern[str]]:
    """Encodings, without those whose signs the text lacks: most texts have few signs or none."""
    signs = {sign for sign in _SIGNS if sign in text}
    if not text.isascii() and _FORM.search(text):
        signs.add(_FORMS)
    in_pieces = [_PIECES] if len(text) <= _LONGEST_IN_PIECES and ('"' in text or "'" in text) else []
    if not signs:
        return (SPELLINGS[-1][1], *in_pieces)
    return [*(spelling for own, spelling in _BY_SIGNS if not own or not own.isdisjoint(signs)), *in_pieces]


def decode_all(spelling: re.Pattern[str], text: str) -> str:
    """The text with one encoding undone."""
    return "".join(decoded_parts(spelling, text)[1])


def decoded_parts(spelling: re.Pattern[str], text: str) -> tuple[list[str], list[str]]:
    """The parts of a text as they are, and with one encoding undone; every other part is encoded, not the first one.

    A text may have an encoding at many places, and the same encoded text at most of them.
    """
    parts = spelling.split(text)
    decode = _decode_css if spelling is CSS[1] else _decode
    decoded = {encoded: decode(encoded) for encoded in set(parts[1::2])}
    results = parts.copy()
    results[1::2] = map(decoded.__getitem__, parts[1::2])
    return parts, results


def longest(length: int) -> int:
    """The most characters that a text of a length may mean: only what is compressed means more than it has."""
    return length if length < _SHORTEST_PACKED else length * _GROWTH


def _decode(encoded: str) -> str:
    """The decoded text of an encoded character, or of several in a row."""
    return _decode_any(encoded) if len(encoded) > _REMEMBERED else _decode_short(encoded)


def _decode_any(encoded: str) -> str:
    if encoded[0] == "[" or (encoded[0].isdigit() and "," in encoded):
        return _decode_numbers(encoded)
    decoder = _DECODERS.get(encoded[0])
    if decoder:
        return decoder(encoded)
    if not encoded[0].isascii():
        return unicodedata.normalize("NFKC", encoded)
    return _decode_punycode(encoded) if encoded.startswith(_PUNYCODE[0]) else _decode_packed(encoded)


_decode_short = lru_cache(maxsize=8192)(_decode_any)  # most texts have few encoded characters, and these many times


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
    """The text in a run of hex or base 64, also compressed; the run unchanged if it does not decode to printable text.

    Of what is compressed, the beginning may be enough: a message may be cut.
    """
    run = "".join(encoded.split()).rstrip("=")
    for unpack in (bytes.fromhex, _from_base64, _from_base32):
        try:
            content = unpack(run)
        except ValueError:
            continue
        with contextlib.suppress(UnicodeDecodeError):
            if without_ignored(text := content.decode()).isprintable():
                return text
        if not run.islower() or content.startswith(
            (_GZIP, _ZLIB)
        ):  # names in code are small letters, and decode to nothing
            text = _inflated(content, _GROWTH * len(encoded))
            if text and without_ignored(text).isprintable():
                return text
    return encoded


def _inflated(content: bytes, most: int) -> str:
    """The text that is compressed in a content: as gzip, zlib, or DEFLATE without a header; at most `most` bytes."""
    window = _GZIP_OR_ZLIB if content.startswith((_GZIP, _ZLIB)) else -zlib.MAX_WBITS
    try:
        inflated = zlib.decompressobj(window).decompress(content, most)
    except zlib.error:
        return ""
    return inflated.decode("utf-8", "ignore")


def _decode_punycode(label: str) -> str:
    try:
        return label[4:].encode().decode("punycode")
    except ValueError:
        return label


def _decode_utf_7(encoded: str) -> str:
    try:
        return f"{encoded.rstrip('-')}-".encode().decode("utf-7")
    except ValueError:
        return encoded


def _decode_css(encoded: str) -> str:
    number = int(encoded[1:], 16)
    return chr(number) if number <= sys.maxunicode else encoded


def _from_base64(run: str) -> bytes:
    return base64.b64decode(run.translate(_URL_SAFE) + "=" * (-len(run) % 4), validate=True)


def _from_base32(run: str) -> bytes:
    return base64.b32decode(run + "=" * (-len(run) % 8))


_URL_SAFE = str.maketrans("-_", "+/")
_DECODERS: dict[str, Callable[[str], str]] = {
    "&": _decode_reference,
    "%": _decode_percent,
    "~": lambda encoded: "~" if encoded == "~0" else "/",
    "\\": _decode_escape,
    "=": _decode_quoted_printable,
    "+": _decode_utf_7,
    "'": _decode_quotes,
    '"': _decode_quotes,
    "\x1b": lambda _: "",
    "<": lambda _: "",
    "\0": lambda _: "",
    "#": lambda encoded: _decode_reference(f"&{encoded if encoded[1].isdigit() else encoded[1:]}"),
}
