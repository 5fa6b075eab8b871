"""Plain scalars by the core schema of YAML 1.2, with warnings where YAML 1.1 reads another value."""

from __future__ import annotations

import math
from typing import Final

from tavusctl.core.diagnostics import Severity
from tavusctl.core.messages import Fault
from tavusctl.lib.json_types import Json
from tavusctl.lib.patterns import pattern

MAX_DIGITS: Final = 19
MERGE_KEY: Final = "<<"
_BEGINS: Final = "this `#`, which begins a comment because a space is before it"
_SPACE: Final = "else write a space after `#`"
COMMENT_IN_TEXT: Final = Fault(
    "TV136",
    f"the text ends before {_BEGINS}",
    f"put the whole text in quotes if it goes on there, {_SPACE}",
    Severity.WARNING,
)
COMMENT_FOR_TEXT: Final = Fault(
    "TV136",
    f"no text is before {_BEGINS}",
    f"put the text in quotes if it begins there, {_SPACE}",
    Severity.WARNING,
)
_MAX_NUMBER: Final = 64  # characters
_QUOTE: Final = "put it in quotes if it is text"

_CONSTANTS: Final[dict[str, Json]] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_INTEGER = pattern(r"[-+]?(?:0|[1-9][0-9]*)")
_OTHER_BASE = pattern(r"0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT = pattern(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_NOT_FINITE = pattern(r"[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)")
_MAYBE_NUMBER = frozenset("+-.0123456789")
_WORDS = ("y", "n", "yes", "no", "on", "off")
_OLD_WORDS = frozenset(form for word in _WORDS for form in (word, word.title(), word.upper()))
# What YAML 1.1 reads as octal, binary, grouped, base 60 or a date.
_OLD_NUMBER = pattern(
    r"[-+]?0[0-9_]+"
    r"|[-+]?0b[01_]+"
    r"|[-+]?0x[0-9a-fA-F]*_[0-9a-fA-F_]*"
    r"|[-+]?[0-9][0-9_]*_[0-9_]*(?:\.[0-9_]*)?"
    r"|[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+(?:\.[0-9_]*)?"
    r"|[0-9]{4}-[0-9]{2}-[0-9]{2}"
    r"|[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}(?:[Tt]|[ \t]+)[0-9]{1,2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]*)?"
    r"(?:[ \t]*(?:Z|[-+][0-9]{1,2}(?::?[0-9]{2})?))?"
)


def plain(text: str) -> tuple[Json, Fault | None]:
    """The value of a scalar without quotes, and a fault or None."""
    if text in _CONSTANTS:
        return _CONSTANTS[text], None
    if text[0] not in _MAYBE_NUMBER:
        return text, _look_alike(text, "a boolean") if text in _OLD_WORDS else None
    if len(text) > _MAX_NUMBER:
        is_number = _FLOAT.fullmatch(text)
        return text, Fault("TV115", f"the number is too long ({len(text)} characters)", _QUOTE) if is_number else None
    if _OLD_NUMBER.fullmatch(text):
        return text, _look_alike(text, "a number or a date")
    value = _number(text)
    return (text, None) if value is None else (value, _out_of_bounds(text, value))


def key_fault(text: str) -> Fault | None:
    """The fault of a key without quotes, or None: a key must be text, and merge keys (`<<`) are refused."""
    if text == MERGE_KEY:
        return Fault("TV101", "YAML merge keys (`<<`) are not supported", "write the merged keys here")
    if text not in _CONSTANTS and (text[0] not in _MAYBE_NUMBER or _number(text) is None):
        return None
    return Fault(
        "TV104", f"a key must be text, found {f'`{text[:60]}`' if text else 'an empty key'}", "put it in quotes"
    )


def quoted(text: str) -> tuple[str, Fault | None]:
    """The text of a scalar in quotes, and a fault or None: escapes may write characters that are not allowed.

    These are replaced in the text: NUL, and halves of surrogate pairs.
    """
    if "\0" in text:
        return text.replace("\0", "\ufffd"), Fault("TV101", "the text contains a NUL character", "remove `\\0`")
    if text.isascii() or _encodable(text):
        return text, None
    replaced = text.encode("utf-8", "replace").decode()
    return replaced, Fault("TV101", "the text contains half of a surrogate pair", "write the character itself")


def _look_alike(text: str, what: str) -> Fault:
    message = f"`{text}` is text here, but YAML 1.1 reads it as {what}"
    return Fault("TV105", message, f'write `"{text}"`', Severity.WARNING)


def _number(text: str) -> int | float | None:
    """A number of the core schema; None if the text is not a number, infinity if it is too long."""
    if len(text) > _MAX_NUMBER:
        return math.inf if _FLOAT.fullmatch(text) else None
    if _INTEGER.fullmatch(text):
        return int(text)
    if _OTHER_BASE.fullmatch(text):
        return int(text, 0)
    if _FLOAT.fullmatch(text):
        return float(text)
    return math.nan if _NOT_FINITE.fullmatch(text) else None


def _out_of_bounds(text: str, value: float) -> Fault | None:
    if isinstance(value, int):
        is_long = abs(value) >= 10**MAX_DIGITS
        return Fault("TV115", f"`{text}` has more than {MAX_DIGITS} digits", _QUOTE) if is_long else None
    return None if math.isfinite(value) else Fault("TV104", f"`{text}` is not a finite number", _QUOTE)


def _encodable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
