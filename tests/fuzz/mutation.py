"""Mutates valid inputs: bytes are deleted, copied, flipped or inserted, and values in JSON are replaced."""

from __future__ import annotations

import json
from random import Random
from typing import Any


def nested(levels: int) -> Any:
    """An empty list inside so many nested lists."""
    result: Any = []
    for _ in range(levels):
        result = [result]
    return result


STRANGE: list[Any] = [
    *(None, True, False, 0, -1, 1.5, 1e308, 2**53 + 1, 10**40, "", " ", "\x00", "\ud83d", "\u202e", "x" * 5000),
    *([], {}, [[]], {"": ""}, {"a": {"b": []}}, [None], ["x"], {"tavusctl:ref": "persona/x"}, {"tavusctl:ref": 1}),
    *({"tavusctl:secret": "0"}, "tavusctl:ref", "${ref:persona/x}", "${secret:KEY}", "persona/x", "-", "*"),
    *(nested(90), nested(150), nested(400), "2026-01-01T00:00:00Z", "9999-99-99", "https://[x", "\N{GRINNING FACE}"),
]
PIECES = [
    *("{", "}", "[", "]", "- ", ": ", "? ", "&a ", "*a", "<<: *a", "|\n", ">-\n", "#", "---\n", "...\n", "!!x "),
    *("%YAML 1.1\n", "'", '"', "\\", "\t", "\r\n", "\n\n", "  ", "=", "@", "`", ",", "&a [*a, *a]", "kind", "spec:"),
    *("${ref:persona/x}", "${file:x}", "${secret:KEY}", "$${", "${", "\u202e", "\u200b", "\x00", "\x1b[31m", "~"),
    *("null", "yes", "0x1F", "1e999", ".nan", "NaN", "12:30:45", "9" * 400, "x" * 3000, "[" * 200, "[" * 5000),
    *('{"a":' * 2000, "{a: " * 100, "- " * 100, "\ud7ff", "\N{GRINNING FACE}", "\\ud83d", "\\u0000", ',"a":1,"a":2'),
    *("</script>", "<!--", "-->", "<img src=x>", "```\n", "]]>", "&amp;", "&#0;", "::error::", "##[", "](http://x)"),
    *("{0}", "%0A", "~1", "\ufeff", "\x85", "\u2028", "1,", "\u0131", "\u1e9e"),
]


def mutated(content: bytes, chance: Random) -> bytes:
    """A mutation of an input, with one to eight changes."""
    if chance.random() < 0.5:
        changed = _with_other_values(content, chance)
        if changed is not None:
            return changed
    text = bytearray(content)
    for _ in range(chance.choice((1, 1, 2, 8))):
        _change_bytes(text, chance)
    return bytes(text)


def _with_other_values(content: bytes, chance: Random) -> bytes | None:
    """An input with changed values in its JSON (the whole, all but the first line, or one line); None without JSON."""
    head, newline, rest = content.partition(b"\n")
    before, after, document = b"", b"", _document(content)
    if document is None:
        before, document = head + newline, _document(rest)
    if document is None:
        lines = content.split(b"\n")
        place = chance.randrange(len(lines))
        before, document = b"".join(line + b"\n" for line in lines[:place]), _document(lines[place])
        after = b"".join(b"\n" + line for line in lines[place + 1 :])
    if document is None:
        return None
    for _ in range(chance.choice((1, 1, 2, 5))):
        document = _changed(document, chance)
    return before + json.dumps(document, ensure_ascii=chance.random() < 0.3).encode("utf-8", "surrogatepass") + after


def _document(content: bytes) -> Any:
    try:
        return json.loads(content)
    except (ValueError, RecursionError):
        return None


def _changed(value: Any, chance: Random) -> Any:
    """A JSON value with one change at a random place."""
    descend = isinstance(value, dict | list) and value and chance.random() < 0.85
    if not descend:
        return chance.choice(STRANGE) if chance.random() < 0.8 else [value, value]
    key = chance.choice(list(value) if isinstance(value, dict) else range(len(value)))
    copied = dict(value) if isinstance(value, dict) else list(value)
    match chance.randrange(12):
        case 0:
            del copied[key]
        case 1 if isinstance(copied, dict):
            copied[chance.choice(("", "extra", "id", "tavusctl:ref", "\ud83d", "a/b~c", str(key).upper()))] = copied[
                key
            ]
        case 1 if isinstance(copied, list):
            copied.insert(0, copied[key])
        case 2 if isinstance(copied, dict):
            copied[key] = copied[chance.choice(list(copied))]
        case _:
            copied[key] = _changed(copied[key], chance)
    return copied


def _change_bytes(text: bytearray, chance: Random) -> None:
    at = chance.randrange(len(text) + 1)
    match chance.randrange(7):
        case 0:
            text[at : at + chance.randint(1, 40)] = b""
        case 1 | 2:
            text[at:at] = chance.choice(PIECES).encode("utf-8", "surrogatepass")
        case 3 if at < len(text):
            text[at] = chance.randrange(256)
        case 4:
            start = chance.randrange(len(text) + 1)
            text[at:at] = text[start : start + chance.randint(1, 300)]
        case 5 if at < len(text):
            text[at] ^= 1 << chance.randrange(8)
        case _:
            del text[at : len(text) if chance.random() < 0.3 else at + 1]
