"""Reading YAML 1.2 as JSON values, with the position of every value and every key.

`read` never raises because of the content of a file: problems become diagnostics.  Scalars follow the core schema of
YAML 1.2; those that YAML 1.1 reads differently (`yes`, `0123`, `12:30`, dates) are text, with a warning.  Aliases are
copied within limits; merge keys and tags are refused.
"""

from __future__ import annotations

import codecs
import re
from typing import Final, cast

import yaml
from msgspec import Struct
from msgspec.structs import replace

from tavusctl.config.limits import MAX_YAML_BYTES
from tavusctl.config.yaml12 import syntax_hints
from tavusctl.config.yaml12.composer import MAX_DEPTH, MAX_NODES, Composer, Events, Node, StopError, stop
from tavusctl.config.yaml12.stand_ins import LINE_BREAK, reading
from tavusctl.core.address import Source
from tavusctl.core.diagnostics import Diagnostic
from tavusctl.lib.patterns import pattern

__all__ = ["LINE_BREAK", "MAX_DEPTH", "MAX_NODES", "Node", "Parsed", "conflict_in", "read"]

_MAX_BROKEN: Final = 20  # invalid documents of a file; those after them are not read
_MARKER: Final = pattern(r"^---(?=\s|$)", re.MULTILINE)
_MAX_DIRECTIVES: Final = 100  # the parser compares each with all before it, in quadratic time

# A conflict marker of git; a line of ======= alone may be a heading of Markdown.
_CONFLICT: Final = pattern(r"^(?:<{7}(?:[ \r].*)?|(?:>{7}|\|{7}) .*)$", re.MULTILINE)

_WITHOUT_COLON: Final = "write `KEY: VALUE`, or indent the line more than the line above if it continues a text"
_INNER_MARK = pattern("^\ufeff", re.MULTILINE)  # the parser skips it, but counts its column
_UNPRINTABLE = pattern("[^\t\n\r -~\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_ESCAPE = pattern(r"\\(?:u([dD][89a-fA-F][0-9a-fA-F]{2})|[uU][0-9a-fA-F]{1,8})")
_UTF16 = pattern(rb"\xff\xfe|\xfe\xff|\x00[^\x00]|[^\x00]\x00|\x00\x00\xfe\xff")


class Parsed(Struct, frozen=True):
    """The non-empty documents of a file."""

    documents: tuple[Node, ...] = ()
    diagnostics: tuple[Diagnostic, ...] = ()
    values: int = 0  # number of values read, also in invalid documents


def read(text: bytes, path: str) -> Parsed:
    """Read every document of a file; `path` is the path in its positions.

    Reading goes on after an invalid document.
    """
    composer = Composer(path)
    documents_left, start = _MAX_BROKEN, 0
    try:
        content = _decoded(text, path)
        _refuse_conflict(content, path)
        _refuse_inner_mark(content, path)
        while start >= 0:
            rest = content[start:]
            diagnostic = _build(composer, rest)
            composer.diagnostics += [diagnostic] if diagnostic else []
            documents_left -= 1
            after, passed = (
                _next_document(rest, diagnostic, composer.passed) if diagnostic and documents_left else (-1, 0)
            )
            start = start + after if after > 0 else -1
            composer.passed += passed
    except StopError as stopped:
        composer.diagnostics.append(stopped.diagnostic)
    return Parsed(tuple(composer.documents), tuple(composer.diagnostics), composer.values)


def _next_document(text: str, diagnostic: Diagnostic, passed: int) -> tuple[int, int]:
    """The offset of the document after an invalid one, and the number of lines before it; -1 if there is none."""
    line = diagnostic.source.line if diagnostic.source else 0
    end = lines = 0
    for marker in _MARKER.finditer(text, 1):
        lines += text.count("\n", end, marker.start())
        end = marker.start()
        if passed + lines + 1 >= line:
            return end, lines
    return -1, 0


def _build(composer: Composer, text: str) -> Diagnostic | None:
    """Read documents up to an invalid one, and return its diagnostic; the composer collects other diagnostics."""
    try:
        _follow(composer, text)
    except StopError as stopped:
        if stopped.diagnostic.id != "TV101":
            raise  # a limit of the whole file
        composer.drop()
        return stopped.diagnostic
    return None


def _follow(composer: Composer, text: str) -> None:
    start = Source(composer.path, composer.passed + 1, 1)
    if text.count("\n%") > _MAX_DIRECTIVES:
        raise stop(start, "TV115", "too many directives (lines that start with `%`)")
    try:
        composer.reading = reading(text)
        composer.follow(cast("Events", getattr(yaml, "CSafeLoader", yaml.SafeLoader)(composer.reading.parsed)))
    except yaml.reader.ReaderError:
        raise _unprintable(text, composer) from None
    except yaml.MarkedYAMLError as error:
        raise _syntax(error, text, composer) from None
    except (ValueError, OverflowError):  # PyYAML without C, on escapes beyond Unicode
        raise stop(composer.last(), "TV101", "invalid YAML: an escape sequence names no character") from None


def _decoded(text: bytes, path: str) -> str:
    start = Source(path, 1, 1)
    if len(text) > MAX_YAML_BYTES:
        raise stop(
            start,
            "TV115",
            f"the file is larger than {MAX_YAML_BYTES // 1024**2} MiB",
            "move long texts to files of their own, and refer to them with `${file:PATH}`",
        )
    if _UTF16.match(text):
        raise stop(start, "TV101", "the file is in UTF-16 or UTF-32", "save it as UTF-8")
    text = text.removeprefix(codecs.BOM_UTF8)
    try:
        return text.decode()
    except UnicodeDecodeError as error:
        source = _position(path, text[: error.start].decode())
        message = f"the file is not UTF-8: byte 0x{text[error.start]:02X}"
        raise stop(source, "TV101", message, "save it as UTF-8") from None


def _position(path: str, before: str, passed: int = 0) -> Source:
    """The position at the end of a text that begins after `passed` lines."""
    lines = LINE_BREAK.split(before)
    return Source(path, passed + len(lines), len(lines[-1]) + 1)


def conflict_in(text: str) -> re.Match[str] | None:
    """The first conflict marker of git in a text."""
    if "<<<<<<<" in text or ">>>>>>>" in text or "|||||||" in text:  # soon found out, and in nearly no text
        return _CONFLICT.search(text)
    return None


def _refuse_conflict(text: str, path: str) -> None:
    """Refuse a file with an unresolved merge conflict: nobody intends its content as it is."""
    marker = conflict_in(text)
    if marker:
        message = f"unresolved merge conflict of git: the line `{marker.group()[:60]}`"
        hint = "keep one side, and remove the lines `<<<<<<<`, `=======` and `>>>>>>>`"
        raise stop(_position(path, text[: marker.start()]), "TV101", message, hint)


def _refuse_inner_mark(text: str, path: str) -> None:
    """Refuse a byte order mark at the beginning of another line than the first, as files put together have it."""
    mark = _INNER_MARK.search(text) if "\ufeff" in text else None
    if mark:
        message = "a byte order mark (U+FEFF) is allowed only at the beginning of the file"
        raise stop(_position(path, text[: mark.start()]), "TV101", message, "remove it")


def _unprintable(text: str, composer: Composer) -> StopError:
    character = _UNPRINTABLE.search(text)
    if character is None:
        return stop(composer.last(), "TV101", "invalid YAML: a character cannot be decoded")
    message = f"a control character (U+{ord(character.group()):04X}) is not allowed"
    return stop(_position(composer.path, text[: character.start()], composer.passed), "TV101", message, "remove it")


def _syntax(error: yaml.MarkedYAMLError, text: str, composer: Composer) -> StopError:
    mark = error.problem_mark or error.context_mark
    source = composer.at(mark)
    problem = str(error.problem or error.context)
    unfinished = _unfinished(str(error.context), problem)
    if unfinished and error.context_mark:
        message, usual = unfinished
        _, first_line = _lines_at(text, error.context_mark.index)
        hint = syntax_hints.look_alike_hint(first_line) if usual == _WITHOUT_COLON else ""
        return stop(composer.at(error.context_mark), "TV101", message, hint or usual)
    above, line = _lines_at(text, mark.index) if mark else ("", "")
    escape = _ESCAPE.match(line[max(source.column - 3, 0) :]) if "escape code" in problem else None
    if escape:
        half = "is half of a surrogate pair" if escape[1] else "names no character"
        message = f"invalid YAML: the escape sequence `{escape.group()}` {half}"
        return stop(replace(source, column=source.column - 2), "TV101", message, "write the character itself")
    hint = syntax_hints.hint(problem, above, line, source.column)
    return stop(source, "TV101", f"invalid YAML: {problem}", hint)


def _unfinished(context: str, problem: str) -> tuple[str, str] | None:
    """Message and hint for a quote or a key without an end: what is wrong is where it begins."""
    if "quoted scalar" in context and "found unexpected" in problem:
        return "invalid YAML: the quote that begins here is not closed", "close the quote"
    if "simple key" in context:
        return "invalid YAML: no colon and space after this key", _WITHOUT_COLON
    return None


def _lines_at(text: str, index: int) -> tuple[str, str]:
    """The line of a character, after the last line above it that is not blank."""
    *above, start = LINE_BREAK.split(text[:index])
    rest = LINE_BREAK.split(text[index:], maxsplit=1)[0]
    return next((line for line in reversed(above) if line.strip()), ""), start + rest
