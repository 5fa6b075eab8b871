"""Prompts: too long, pasted twice, grown by accident, or with characters that nobody sees."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from typing import Final

from tavusctl.config.yaml12 import CONFLICT
from tavusctl.core.messages import shown
from tavusctl.lib import tokens
from tavusctl.lib.patterns import pattern
from tavusctl.lint.core import Finding, Subject
from tavusctl.patch.pointer import join, split
from tavusctl.secrets import escape

_SLOW: Final = 25_000  # tokens: answers get slower from here on
_WINDOW: Final = 32_000  # tokens: what the models of Tavus can hold
_BLOCK: Final = 120  # characters of a paragraph that nobody writes twice on purpose
_SMALL: Final = 200  # characters: a text this short may double
_GROWTH: Final = 2
_HEADER = pattern(r"#{1,6}[ \t]+\S.*")
# What does not show and has its work: joiners between emoji or letters that join, or behind such a letter; the tags of
# a flag, one variation of an ideograph, ends of lines.
_SCRIPTS: Final = (  # Arabic to Sinhala, Burmese, Khmer, Mongolian
    r"\u0600-\u0dff\u1000-\u109f\u1780-\u17b3\u17b6-\u17ff\u1800-\u180a\u1810-\u18af\ufb50-\ufdff\ufe70-\ufefc"
)
_VARIATIONS: Final = r"\ufe00-\ufe0f\U000e0100-\U000e01ef"
_AT_WORK = pattern(
    r"(?<=[^\x00-\x7f\u200b-\u200f])[\u200c\u200d](?=[^\x00-\x7f\u200b-\u200f])"
    rf"|(?<=[{_SCRIPTS}])[\u200c\u200d](?![\u200b-\u200f])|(?<=\w)\u200c(?=[{_SCRIPTS}])"
    r"|(?<=\U0001f3f4)[\U000e0030-\U000e007a]{2,8}\U000e007f"
    rf"|(?<=[\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff])[{_VARIATIONS}](?![{_VARIATIONS}])"
    r"|\r"
)
_MARKS = pattern(r"[\u061c\u200e\u200f]")
# Where text is no writing: programs and people know things by it, and take it for what it looks like.
_KNOWN_BY = pattern(
    r"(^|_)(names?|ids?|ur[li]s?|hosts?|endpoint|webhook|models?|keys?|tags?|variables?|languages?|timezone|file|type"
    r"|engine|level|enum|const|pattern|format|required|voice|hotwords|headers?|query|ref)$",
    re.IGNORECASE,
)


def _prose(subject: Subject) -> Iterator[tuple[str, str]]:
    """Texts that are prompts, with their pointers."""
    return ((pointer, text) for pointer, declared, text in subject.texts if declared.long_text)


def _sized(subject: Subject) -> Iterator[tuple[str, int]]:
    """Prompts that may be too long, with about how many tokens they have; none has more than characters."""
    return ((pointer, tokens.about(text)) for pointer, text in _prose(subject) if len(text) > _SLOW)


def prompt_long(subject: Subject) -> Iterator[Finding]:
    """Prompts of a size that makes answers slow."""
    for pointer, count in _sized(subject):
        if _SLOW < count <= _WINDOW:
            yield Finding(
                pointer,
                f"the prompt has about {count:,} tokens; answers become slower above {_SLOW:,}",
                "move facts into documents",
            )


def prompt_too_long(subject: Subject) -> Iterator[Finding]:
    """Prompts that do not fit the model's window."""
    for pointer, count in _sized(subject):
        if count > _WINDOW:
            message = (
                f"the prompt has about {count:,} tokens; the models of Tavus hold {_WINDOW:,}, conversation included"
            )
            yield Finding(pointer, message, "move facts into documents")


def duplicate_block(subject: Subject) -> Iterator[Finding]:
    """Report a block that occurs twice in one prompt."""
    for pointer, text in _prose(subject):
        first: dict[str, int] = {}
        for line, block in _blocks(text):
            key = " ".join(block.split())
            if first.setdefault(key, line) != line:
                message = f"the block is a duplicate of line {first[key] + 1}: {shown(key)}"
                yield Finding(pointer, message, "remove one of the two", line)


def _blocks(text: str) -> Iterator[tuple[int, str]]:
    """Headers, and paragraphs long enough to be no refrain, each with its line."""
    line = 0
    for paragraph in re.split(r"(\n[ \t]*\n)", text):
        begins = line + len(paragraph) - len(paragraph.lstrip("\n"))
        for number, one in enumerate(paragraph.lstrip("\n").split("\n")):
            header = _HEADER.match(one.strip())
            if header:
                yield begins + number, header.group()
        if len(paragraph) >= _BLOCK:
            yield begins, paragraph
        line += paragraph.count("\n")


def prompt_doubled(subject: Subject) -> Iterator[Finding]:
    """A prompt that is more than twice as long as what the last apply set."""
    before = subject.project.applied.get(subject.manifest.address, {})
    for pointer, text in _prose(subject):
        key = pointer.removeprefix("/")
        was = before.get(key)
        if isinstance(was, str) and len(was) >= _SMALL and len(text) > _GROWTH * len(was):
            message = f"the text is {len(text) / len(was):.1f} times as long as last applied ({len(was):,} characters)"
            yield Finding(pointer, message, "check whether something was pasted twice")


def conflicting_instructions(subject: Subject) -> Iterator[Finding]:
    """A merge that nobody has resolved: both sides of it, and the words of git, would be read by the model."""
    for pointer, _, text in subject.texts:
        found = CONFLICT.search(text) if "<<<" in text or ">>>" in text or "|||" in text else None
        if found:
            message = f"unresolved merge conflict of git: the line {shown(found.group())}"
            hint = "keep one side, and remove the lines `<<<<<<<`, `=======` and `>>>>>>>`"
            yield Finding(pointer, message, hint, text.count("\n", 0, found.start()))


def invisible_characters(subject: Subject) -> Iterator[Finding]:
    """Characters that do not show, and may be read all the same."""

    def places(_: Sequence[str], text: str) -> list[int]:
        return [] if escape.is_plain(text) else _places(escape.PATTERN, _without_workers(text))

    yield from _found(subject, places, "remove it")


def bidi_characters(subject: Subject) -> Iterator[Finding]:
    """Characters that make text read in another order than the model reads it."""

    def places(keys: Sequence[str], text: str) -> list[int]:
        if text.isascii():  # as nearly all are: no such character is
            return []
        return list(escape.bidi_positions(text)) if _is_writing(keys, text) else _places(escape.TURNING, text)

    hint = "remove it: only right-to-left text may have such characters, each closed on its own line"
    yield from _found(subject, places, hint)


def _is_writing(keys: Sequence[str], text: str) -> bool:
    """Whether a text is made of words, and nothing is known by it."""
    named = next((key for key in reversed(keys) if not key.isdecimal()), "")
    return bool(keys and re.search(r"\s", text)) and "://" not in text and not _KNOWN_BY.search(named)


def _found(subject: Subject, look: Callable[[Sequence[str], str], list[int]], hint: str) -> Iterator[Finding]:
    for pointer, keys, text in _texts(subject):
        places = look(keys, text)
        if places:
            many = f" and {len(places) - 1} more" if len(places) > 1 else ""
            line = text.count("\n", 0, places[0])
            where = "the text" if keys else "a key"
            yield Finding(pointer, f"{_name(text[places[0]])} in {where}{many}", hint, line if keys else 0)


def _texts(subject: Subject) -> Iterator[tuple[str, Sequence[str], str]]:
    """Texts with their pointers and the keys on the way; keys, which have nothing on the way, once each."""
    seen: set[str] = set()
    for pointer, _, value in subject.leaves:
        keys = split(pointer)
        for depth, key in enumerate(keys if not pointer.isascii() else ()):
            above = join(keys[: depth + 1])
            if not key.isascii() and above not in seen:
                seen.add(above)
                yield above, (), key
        if isinstance(value, str):
            yield pointer, keys, value


def _places(pattern: re.Pattern[str], text: str) -> list[int]:
    return [one.start() for one in pattern.finditer(text)] if pattern.search(text) else []


def _without_workers(text: str) -> str:
    """A text of the same length in which all is visible that does its work, or that another rule is about."""
    if not escape.PATTERN.search(text):
        return text
    view = escape.TURNING.sub("x", _AT_WORK.sub(lambda found: "x" * len(found.group()), text))
    return _MARKS.sub("x", view) if escape.RIGHT_TO_LEFT.search(text) else view


def _name(character: str) -> str:
    return f"U+{ord(character):04X} {unicodedata.name(character, 'a control character')}"
