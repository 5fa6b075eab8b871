"""How a text may be spelled so that a person or a parser reads another one in it: character by character, or packed."""

from __future__ import annotations

import base64
import json
import re
import sys
from collections.abc import Callable
from urllib.parse import unquote_to_bytes

from tavusctl.lib.patterns import pattern

# What may stand inside a secret without making it another text: white space, and what nobody sees.
IGNORED = pattern(r"[\s\x00-\x1f\x7f-\x9f\u00ad\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]+")
# Spellings of characters, each with the sign that it begins with, so that a search leaps from one to the next: HTML,
# percent (RFC 3986), escapes of JSON, Python, YAML, shells and `visible`, JSON Pointer (RFC 6901), quoted-printable
# (RFC 2045), Mermaid; colours and marks.
_CHARACTERS = {
    "&": r"&(?:#[0-9]{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});?",
    "%": r"%[0-9a-fA-F]{2}(?:%[0-9a-fA-F]{2})*",
    "\\": r"\\(?:u\{[0-9a-fA-F]{1,6}\}|u[0-9a-fA-F]{4}(?:\\u[0-9a-fA-F]{4})*|U[0-9a-fA-F]{8}"
    r"|x[0-9a-fA-F]{2}(?:\\x[0-9a-fA-F]{2})*|[0-7]{3}(?:\\[0-7]{3})*|[nrt\"'\\/])",
    "~": r"~[01]",
    "=": r"=(?:[0-9a-fA-F]{2}|\r?\n)(?:=[0-9a-fA-F]{2}|=\r?\n)*",
    "'": r"""'(?:\\''|"'"')""",
    "\x1b": r"\x1b\[[0-?]*[ -/]*[@-~]",
    "<": r"</?[A-Za-z][^<>]{0,200}>",
    "\0": r"\0\0*",
    "#": r"#[0-9]{1,7};",
}
# Base 64 or hex, perhaps in lines, which `meant` unpacks where it is text.
_PACKED = r"(?<![A-Za-z0-9+/_-])[A-Za-z0-9+/_-]{12,}(?:\r?\n[A-Za-z0-9+/_-]+)*={0,2}"
SPELLINGS = tuple((sign, pattern(one)) for sign, one in (*_CHARACTERS.items(), ("", _PACKED)))
ALL = ("".join(_CHARACTERS), pattern("|".join(_CHARACTERS.values())))


def squeezed(text: str) -> str:
    """A text without what is ignored in it."""
    words = "".join(text.split())
    return words if words.isprintable() else IGNORED.sub("", words)


def undone(text: str, signs: str, spelling: re.Pattern[str]) -> str:
    """A text with what is spelled in one way replaced by what that stands for, which has one of the signs, if any."""
    return spelling.sub(meant, text) if not signs or any(sign in text for sign in signs) else text


def meant(found: re.Match[str]) -> str:
    """What an encoded character, or a run of them, stands for."""
    spelled = found.group()
    mean = _MEANINGS.get(spelled[0])
    return mean(spelled) if mean else _unpacked(spelled)


def _escaped(spelled: str) -> str:
    """What stands behind a backslash."""
    if spelled.startswith("\\u") and spelled[2] != "{":
        return str(json.loads(f'"{spelled}"'))
    if spelled[1] == "x":
        return _of_bytes(bytes.fromhex(spelled.replace("\\x", "")))
    if spelled[1] in "01234567":
        return _of_bytes(bytes(int(one, 8) & 0xFF for one in spelled.split("\\")[1:]))
    if spelled[1] in "uU":
        number = int(spelled[2:].strip("{}"), 16)
        return chr(number) if number <= sys.maxunicode else spelled
    return {"n": "\n", "r": "\r", "t": "\t"}.get(spelled[1], spelled[1])


def _referred(spelled: str) -> str:
    """A character reference; one of a control character stands for that, whatever HTML makes of it."""
    import html  # noqa: PLC0415 - two thousand names, and few texts have any

    if spelled[1] != "#":
        return html.unescape(spelled)
    digits = spelled[2:].rstrip(";")
    number = int(digits[1:], 16) if digits[0] in "xX" else int(digits)
    return chr(number) if number < ord(" ") else html.unescape(spelled)


def _of_bytes(content: bytes) -> str:
    """Bytes as text: UTF-8, or one byte for each character."""
    try:
        return content.decode()
    except UnicodeDecodeError:
        return content.decode("latin-1")


def _printed(spelled: str) -> str:
    """Quoted-printable; the end of a line that is broken there stands for nothing."""
    return _of_bytes(bytes.fromhex(re.sub(r"=(?:\r?\n)?", "", spelled)))


def _unpacked(spelled: str) -> str:
    """A run of letters and digits as the text that is packed in it; as it is when there is none."""
    run = "".join(spelled.split()).rstrip("=")
    for unpack in (bytes.fromhex, _from_base64):
        try:
            text = unpack(run).decode()
        except ValueError:
            continue
        if squeezed(text).isprintable():
            return text
    return spelled


def _from_base64(run: str) -> bytes:
    return base64.b64decode(run.translate(_URL_SAFE) + "=" * (-len(run) % 4), validate=True)


_URL_SAFE = str.maketrans("-_", "+/")
_MEANINGS: dict[str, Callable[[str], str]] = {
    "&": _referred,
    "%": lambda spelled: unquote_to_bytes(spelled).decode("utf-8", "surrogateescape"),
    "~": lambda spelled: "~" if spelled == "~0" else "/",
    "\\": _escaped,
    "=": _printed,
    "'": lambda _: "'",
    "\x1b": lambda _: "",
    "<": lambda _: "",
    "\0": lambda _: "",
    "#": lambda spelled: _referred(f"&{spelled}"),
}
