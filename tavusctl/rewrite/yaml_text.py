"""A JSON value as YAML that a careful person would write: block style, quotes only where plain text would be misread.

Every reader sees the same value, by the rules of YAML 1.1 and of 1.2.  Expressions (`${...}`) are text like any other.
What YAML cannot represent (NUL, half a surrogate pair, a number that is not finite) raises ValueError.
"""

from __future__ import annotations

import json
import math
import re
from typing import Final

import yaml
from msgspec import Struct

from tavusctl.config.yaml12.scalars import MAX_DIGITS, key_fault, plain
from tavusctl.lib.json_types import Json
from tavusctl.lib.patterns import pattern

WIDTH: Final = 120  # columns of a line of text
_FLOW_WIDTH: Final = 80  # columns that a list on one line may fill
_MIN_WIDTH: Final = 40  # columns of folded text, however deep it is indented
_MAX_INDICATOR: Final = 9
_MAX_SIMPLE_KEY: Final = 1000  # characters; YAML has 1024

# What a scalar has only as an escape: control characters, YAML's other line breaks, marks of the text's direction.
_ESCAPED: Final = pattern("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff\ufffe\uffff]")
_NOT_PLAIN: Final = pattern(r"[-?:,\[\]{}#&*!|>'\"%@`=\s]|.*(?:[\t\n]|: | #|[:\s]\Z)", re.DOTALL)
_NOT_PLAIN_IN_FLOW: Final = pattern(r"[,?:\[\]{}#]")
_SHORT_ESCAPES: Final = {"\n": "\\n", "\t": "\\t", "\r": "\\r", '"': '\\"', "\\": "\\\\"}
_ESCAPED_IN_QUOTES: Final = pattern(rf'[\n\t"\\]|{_ESCAPED.pattern}')
_FOLD: Final = pattern(r"(?<=[^ \t]) (?=[^ \t])")
_OLD_READINGS: Final = yaml.SafeLoader.yaml_implicit_resolvers


class Layout(Struct, frozen=True):
    """The indentation of a file."""

    step: int = 2  # spaces of one level
    dash: int = 2  # spaces before the dash of a list below its key


PLAIN: Final = Layout()
_AFTER_DASH: Final = 2  # columns from a dash to the value behind it


def block(value: Json, indent: int = 0, layout: Layout = PLAIN) -> list[str]:
    """The lines of a value that is not the value of a key, at an indent."""
    if isinstance(value, dict) and value:
        return [line for key, item in value.items() for line in entry(key, item, indent, layout)]
    if isinstance(value, list) and value:
        return [line for element in value for line in item(element, indent, layout)]
    head, *rest = scalar(value, indent, layout)
    return [" " * indent + head, *rest]


def entry(name: str, value: Json, indent: int = 0, layout: Layout = PLAIN) -> list[str]:
    """The lines of a key with its value in a mapping at an indent."""
    margin, written_key = " " * indent, key(name)
    if len(written_key) > _MAX_SIMPLE_KEY:
        return [f"{margin}? {written_key}", *_after(f"{margin}:", value, indent, layout)]
    return _after(f"{margin}{written_key}:", value, indent, layout)


def item(value: Json, indent: int = 0, layout: Layout = PLAIN) -> list[str]:
    """The lines of one element of a list at an indent."""
    margin = " " * indent
    if is_block(value, indent + _AFTER_DASH):
        first, *rest = block(value, indent + _AFTER_DASH, layout)
        return [f"{margin}- {first[indent + _AFTER_DASH :]}", *rest]
    head, *rest = inline(value, indent, layout)
    return [f"{margin}- {head}", *rest]


def is_block(value: Json, column: int) -> bool:
    """Whether a value is a collection that is written below its key, instead of after it at a column."""
    return isinstance(value, dict | list) and bool(value) and not _fits(value, column)


def inline(value: Json, indent: int = 0, layout: Layout = PLAIN) -> list[str]:
    """The text after the key and the lines below, for a value that is not written as a block collection."""
    return [flow(value)] if isinstance(value, dict | list) else scalar(value, indent, layout)


def flow(value: Json) -> str:
    """A value on one line, as it is written inside [ ] and { }."""
    if isinstance(value, dict):
        return f"{{{', '.join(f'{key(name, in_flow=True)}: {flow(item)}' for name, item in value.items())}}}"
    if isinstance(value, list):
        return f"[{', '.join(map(flow, value))}]"
    return line(value, in_flow=True)


def key(text: str, *, in_flow: bool = False) -> str:
    """A key, in quotes if it needs them."""
    return text if key_fault(text) is None and _is_plain(text, in_flow=in_flow) else quoted(text)


def scalar(value: Json, indent: int = 0, layout: Layout = PLAIN) -> list[str]:
    """The text after the key and the lines below, for a scalar or an empty collection; `indent` is the parent's."""
    if not isinstance(value, str):
        return [flow(value) if isinstance(value, dict | list) else line(value)]
    if "\n" in value and fits_block(value):
        return literal(value, indent, layout.step)
    one_line = line(value)
    is_long = len(one_line) + indent > WIDTH
    return (folded(value, indent, layout.step) if is_long and fits_folded(value) else []) or [one_line]


def line(value: Json, *, in_flow: bool = False) -> str:
    """A scalar on one line."""
    if isinstance(value, str):
        return value if _is_plain(value, in_flow=in_flow) else quoted(value)
    if isinstance(value, float):
        return _float(value)
    if isinstance(value, int) and abs(value) >= 10**MAX_DIGITS:
        raise ValueError(f"a number of more than {MAX_DIGITS} digits")
    return json.dumps(value)


def quoted(text: str) -> str:
    """Text in quotes: in single quotes if they avoid escapes, else in double quotes."""
    avoids_escapes = "'" not in text and ('"' in text or "\\" in text)
    return (single_quoted(text) if avoids_escapes else "") or double_quoted(text)


def single_quoted(text: str) -> str:
    """Text in single quotes; empty if it needs escapes."""
    needs_escapes = "\n" in text or "\t" in text or _ESCAPED.search(text) or not _encodable(text)
    return "" if needs_escapes else "'" + text.replace("'", "''") + "'"


def double_quoted(text: str) -> str:
    """Text in double quotes, which hold everything that YAML can represent; it is JSON, too."""
    if not _encodable(text):
        raise ValueError("a NUL character or half a surrogate pair")
    return f'"{_ESCAPED_IN_QUOTES.sub(_escape, text)}"'


def literal(text: str, indent: int, step: int = PLAIN.step) -> list[str]:
    """Text that `fits_block` accepts as a `|` block; `indent` is the parent's."""
    stripped = text.rstrip("\n")
    lines = [*stripped.split("\n"), *("" for _ in text[len(stripped) + 1 :])]
    step = step if step <= _MAX_INDICATOR or not _indicator(text, step) else PLAIN.step
    return [f"|{_indicator(text, step)}{_chomping(text)}", *indented(lines, indent + step)]


def folded(text: str, indent: int, step: int) -> list[str]:
    """Text as a `>` block, broken between words; empty if no line of it has to be broken."""
    width = max(WIDTH - indent - step, _MIN_WIDTH)
    paragraphs = [wrapped(paragraph, width) for paragraph in text.rstrip("\n").split("\n")]
    return fold(paragraphs, text, indent + step) if any(len(lines) > 1 for lines in paragraphs) else []


def fold(paragraphs: list[list[str]], text: str, column: int) -> list[str]:
    """A `>` block of paragraphs that are already broken into lines."""
    first, *others = paragraphs
    lines = [*first, *(line for paragraph in others for line in ("", *paragraph))]
    extra = ["" for _ in text[len(text.rstrip("\n")) + 1 :]]
    return [f">{_chomping(text)}", *indented([*lines, *extra], column)]


def wrapped(text: str, width: int) -> list[str]:
    """The lines of one paragraph, broken between words."""
    lines: list[str] = []
    for word in _FOLD.split(text) if text else ():
        if lines and len(lines[-1]) + 1 + len(word) <= width:
            lines[-1] += f" {word}"
        else:
            lines.append(word)
    return lines


def indented(lines: list[str], column: int) -> list[str]:
    """Lines of a block scalar at a column; empty ones stay empty."""
    return [" " * column + line if line else "" for line in lines]


def fits_block(text: str) -> bool:
    """Whether a `|` block can hold the text, and shows it: blank lines alone would be invisible."""
    return not _ESCAPED.search(text) and _encodable(text) and bool(text.strip(" \t\n"))


def fits_folded(text: str) -> bool:
    """Whether a `>` block can hold the text: no line begins or ends with a space."""
    return fits_block(text) and text[0] != "\n" and all(line == line.strip(" \t") for line in text.split("\n"))


def _after(opening: str, value: Json, indent: int, layout: Layout) -> list[str]:
    """The lines of a key (or of `:`) with its value after or below it."""
    if is_block(value, len(opening) + 1):
        return [opening, *block(value, indent + (layout.dash if isinstance(value, list) else layout.step), layout)]
    head, *rest = inline(value, indent, layout)
    return [f"{opening} {head}", *rest]


def _fits(value: dict[str, Json] | list[Json], column: int) -> bool:
    """Whether a collection is written on one line: a list of a few short scalars."""
    if isinstance(value, dict) or any(isinstance(item, dict | list) and item for item in value):
        return False
    return all(not isinstance(item, str) or len(item) < _FLOW_WIDTH for item in value) and (
        column + len(flow(value)) <= _FLOW_WIDTH
    )


def _is_plain(text: str, *, in_flow: bool) -> bool:
    """Whether text needs no quotes, because YAML 1.1 and YAML 1.2 read it as the same text."""
    if not text or _NOT_PLAIN.match(text) or _ESCAPED.search(text) or (in_flow and _NOT_PLAIN_IN_FLOW.search(text)):
        return False
    resolvers = (*_OLD_READINGS.get(text[0], ()), *_OLD_READINGS.get(None, ()))
    return plain(text) == (text, None) and not any(pattern.match(text) for _, pattern in resolvers) and _encodable(text)


def _indicator(text: str, step: int) -> str:
    """The indentation indicator of a block scalar; empty if the first line shows the indentation."""
    return str(step) if text.lstrip("\n")[:1] in (" ", "\t") else ""


def _chomping(text: str) -> str:
    """The chomping indicator of a block scalar: `-` without a line end at the end, `+` with several."""
    return {"": "-", "\n": ""}.get(text[len(text.rstrip("\n")) :], "+")


def _float(value: float) -> str:
    """A finite number with a dot, without which readers of YAML 1.1 see text in an exponent form."""
    if not math.isfinite(value):
        raise ValueError("a number that is not finite")
    digits, exponent, power = repr(value).partition("e")
    return digits + (".0" if exponent and "." not in digits else "") + exponent + power


def _escape(match: re.Match[str]) -> str:
    character = match.group()
    return _SHORT_ESCAPES.get(character) or f"\\u{ord(character):04X}"


def _encodable(text: str) -> bool:
    return "\0" not in text and not any("\ud800" <= character <= "\udfff" for character in text)
