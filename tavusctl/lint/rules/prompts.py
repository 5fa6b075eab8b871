"""Lint rules for prompts: too long, pasted twice, grown by accident, or with invisible characters."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from typing import Final

from tavusctl.config.yaml12 import conflict_in
from tavusctl.core.json_tree import value_at
from tavusctl.core.messages import shown
from tavusctl.lib import tokens
from tavusctl.lib.patterns import pattern
from tavusctl.lint.core import Finding, Subject
from tavusctl.patch.pointer import join, split
from tavusctl.secrets import escape

_SLOW_SIZE: Final = 25_000  # tokens: longer prompts make answers slower
_WINDOW: Final = 32_000  # tokens: the context window of the models of Tavus
_BLOCK: Final = 120  # characters of a paragraph that nobody writes twice on purpose
_SMALL: Final = 200  # characters: a text this short may double
_GROWTH: Final = 2
_HEADER = pattern(r"#{1,6}[ \t]+\S.*")
# Invisible characters with a purpose: joiners between emoji or letters that join, or behind such a letter; the tags of
# a flag, one variation selector of an ideograph, line ends.
_SCRIPTS: Final = (  # Arabic to Sinhala, Burmese, Khmer, Mongolian
    r"\u0600-\u0dff\u1000-\u109f\u1780-\u17b3\u17b6-\u17ff\u1800-\u180a\u1810-\u18af\ufb50-\ufdff\ufe70-\ufefc"
)
_VARIATIONS: Final = r"\ufe00-\ufe0f\U000e0100-\U000e01ef"
_WITH_PURPOSE = pattern(
    r"(?<=[^\x00-\x7f\u200b-\u200f])[\u200c\u200d](?=[^\x00-\x7f\u200b-\u200f])"
    rf"|(?<=[{_SCRIPTS}])[\u200c\u200d](?![\u200b-\u200f])|(?<=\w)\u200c(?=[{_SCRIPTS}])"
    r"|(?<=\U0001f3f4)[\U000e0030-\U000e007a]{2,8}\U000e007f"
    rf"|(?<=[\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff])[{_VARIATIONS}](?![{_VARIATIONS}])"
    r"|\r"
)
_TYPOGRAPHIC = pattern(r"\s*[\u201c-\u201f\u00ab\u00bb][^\u201c-\u201f\u00ab\u00bb]+[\u201c-\u201f\u00ab\u00bb]\s*")
_DIRECTION_MARKS = pattern(r"[\u061c\u200e\u200f]")
# Keys whose texts identify something: programs and people take such a text for what it looks like.
_IDENTIFYING_KEY = pattern(
    r"(^|_)(ids?|ur[li]s?|hosts?|endpoint|webhook|models?|keys?|tags?|variables?|languages?|timezone|file|type"
    r"|engine|level|enum|const|pattern|format|required|voice|hotwords|headers?|query|ref)$",
    re.IGNORECASE,
)


def _prompts(subject: Subject) -> Iterator[tuple[str, str]]:
    """The texts that are prompts, with their pointers."""
    return ((place.pointer, text) for place, text in subject.texts if place.declared.traits.long_text)


def _token_counts(subject: Subject) -> Iterator[tuple[str, int]]:
    """The prompts that may be too long, with their approximate number of tokens, at most one for each character."""
    return ((pointer, tokens.estimate_tokens(text)) for pointer, text in _prompts(subject) if len(text) > _SLOW_SIZE)


def prompt_long(subject: Subject) -> Iterator[Finding]:
    """Report prompts of a size that makes answers slow."""
    for pointer, count in _token_counts(subject):
        if _SLOW_SIZE < count <= _WINDOW:
            yield Finding(
                pointer,
                f"the prompt has about {count:,} tokens; answers become slower above {_SLOW_SIZE:,}",
                "move facts into documents",
            )


def prompt_too_long(subject: Subject) -> Iterator[Finding]:
    """Report prompts that do not fit the context window of the model."""
    for pointer, count in _token_counts(subject):
        if count > _WINDOW:
            message = (
                f"the prompt has about {count:,} tokens; the models of Tavus hold {_WINDOW:,}, conversation included"
            )
            yield Finding(pointer, message, "move facts into documents")


def duplicate_block(subject: Subject) -> Iterator[Finding]:
    """Report a block that occurs twice in one prompt."""
    for pointer, text in _prompts(subject):
        first_lines: dict[str, int] = {}
        for line, block in _blocks(text):
            normalized = " ".join(block.split())
            if first_lines.setdefault(normalized, line) != line:
                message = f"the block is a duplicate of line {first_lines[normalized] + 1}: {shown(normalized)}"
                yield Finding(pointer, message, "remove one of the two", line)


def _blocks(text: str) -> Iterator[tuple[int, str]]:
    """Headers, and paragraphs too long to be repeated on purpose, each with its line."""
    line = 0
    for paragraph in re.split(r"(\n[ \t]*\n)", text):
        first_line = line + len(paragraph) - len(paragraph.lstrip("\n"))
        for number, line_text in enumerate(paragraph.lstrip("\n").split("\n")):
            header = _HEADER.match(line_text.strip())
            if header:
                yield first_line + number, header.group()
        if len(paragraph) >= _BLOCK:
            yield first_line, paragraph
        line += paragraph.count("\n")


def prompt_doubled(subject: Subject) -> Iterator[Finding]:
    """Report a prompt that is more than twice as long as at the last apply."""
    applied = subject.project.applied.get(subject.manifest.address, {})
    for pointer, text in _prompts(subject):
        before = value_at(applied, split(pointer))
        if isinstance(before, str) and len(before) >= _SMALL and len(text) > _GROWTH * len(before):
            message = (
                f"the text is {len(text) / len(before):.1f} times as long as last applied ({len(before):,} characters)"
            )
            yield Finding(pointer, message, "check whether something was pasted twice")


def merge_conflict_marker(subject: Subject) -> Iterator[Finding]:
    """Report an unresolved merge conflict: the model would read both sides of it, and the markers of git."""
    for place, text in subject.texts:
        marker = conflict_in(text)
        if marker:
            message = f"unresolved merge conflict of git: the line {shown(marker.group())}"
            hint = "keep one side, and remove the lines `<<<<<<<`, `=======` and `>>>>>>>`"
            yield Finding(place.pointer, message, hint, text.count("\n", 0, marker.start()))


def invisible_characters(subject: Subject) -> Iterator[Finding]:
    """Report invisible characters, which the model may read all the same."""

    def positions(_: Sequence[str], text: str) -> list[int]:
        return [] if escape.is_plain(text) else _positions(escape.PATTERN, _masked(text))

    yield from _findings(subject, positions, "remove it")


def typographic_quotes(subject: Subject) -> Iterator[Finding]:
    """Report a text with typographic quotes around all of it: for YAML, they are a part of the text."""
    if subject.is_ascii:
        return
    for place, text in subject.texts:
        if _TYPOGRAPHIC.fullmatch(text):
            message = f"{'.'.join(place.path)}: the typographic quotes around the text are a part of it, and are sent"
            yield Finding(place.pointer, message, 'remove them, or write `"` in their place')


def bidi_characters(subject: Subject) -> Iterator[Finding]:
    """Report bidi characters, which show text in another order than the one in which the model reads it."""
    if subject.is_ascii:
        return

    def positions(keys: Sequence[str], text: str) -> list[int]:
        return list(escape.bidi_positions(text)) if _is_prose(keys, text) else _positions(escape.BIDI_CONTROLS, text)

    hint = "remove it: only right-to-left text may have such characters, each closed on its own line"
    yield from _findings(subject, positions, hint)


def _is_prose(keys: Sequence[str], text: str) -> bool:
    """Whether a text is prose for people: it has several words, and its field is no id, URL or the like.

    A name of several words is: people read it.
    """
    field = next((key for key in reversed(keys) if not key.isdecimal()), "")
    return bool(keys and re.search(r"\s", text)) and "://" not in text and not _IDENTIFYING_KEY.search(field)


def _findings(subject: Subject, find: Callable[[Sequence[str], str], list[int]], hint: str) -> Iterator[Finding]:
    for pointer, keys, text in _texts_and_keys(subject):
        positions = find(keys, text)
        if positions:
            more = f" and {len(positions) - 1} more" if len(positions) > 1 else ""
            line = text.count("\n", 0, positions[0])
            where, character = "the text" if keys else "a key", text[positions[0]]
            name = f"U+{ord(character):04X} {unicodedata.name(character, 'a control character')}"
            yield Finding(pointer, f"{name} in {where}{more}", hint, line if keys else 0)


def _texts_and_keys(subject: Subject) -> Iterator[tuple[str, Sequence[str], str]]:
    """The texts, with their pointers and keys; and each key with characters beyond ASCII once, with no keys."""
    reported_keys: set[str] = set()
    for place, value in subject.leaves:
        keys = place.path
        for depth, key in enumerate(keys if not place.pointer.isascii() else ()):
            key_pointer = join(keys[: depth + 1])
            if not key.isascii() and key_pointer not in reported_keys:
                reported_keys.add(key_pointer)
                yield key_pointer, (), key
        if isinstance(value, str):
            yield place.pointer, keys, value


def _positions(pattern: re.Pattern[str], text: str) -> list[int]:
    return [match.start() for match in pattern.finditer(text)] if pattern.search(text) else []


def _masked(text: str) -> str:
    """The text with an "x" in place of every invisible character that it needs, or that another rule checks.

    The length stays the same.
    """
    if not escape.PATTERN.search(text):
        return text
    masked = escape.BIDI_CONTROLS.sub("x", _WITH_PURPOSE.sub(lambda match: "x" * len(match.group()), text))
    return _DIRECTION_MARKS.sub("x", masked) if escape.RIGHT_TO_LEFT.search(text) else masked
