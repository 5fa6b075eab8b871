"""Prompts: too long, pasted twice, grown by accident, or with characters that nobody sees."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator
from typing import Final

from tavusctl import tokens, unseen
from tavusctl.rules.lint import Finding, Subject
from tavusctl.wording import shown
from tavusctl.yaml12 import CONFLICT

_SLOW: Final = 25_000  # tokens: answers get slower from here on
_WINDOW: Final = 32_000  # tokens: what the models of Tavus can hold
_BLOCK: Final = 120  # characters of a paragraph that nobody writes twice on purpose
_SMALL: Final = 200  # characters: a text this short may double
_GROWTH: Final = 2
_HEADER = re.compile(r"#{1,6}[ \t]+\S.*")
_BIDI = re.compile(r"[\u202a-\u202e\u2066-\u2069]")
# What does not show and has its work: joiners between emoji or letters that join, the tags of a flag, ends of lines.
_AT_WORK = re.compile(
    r"(?<=[^\x00-\x7f\u200b-\u200f])[\u200c\u200d](?=[^\x00-\x7f\u200b-\u200f])"
    r"|(?<=\U0001f3f4)[\U000e0030-\U000e007a]{2,8}\U000e007f|\r"
)
_RIGHT_TO_LEFT = re.compile(r"[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc]")
_MARKS = re.compile(r"[\u061c\u200e\u200f]")


def _prose(subject: Subject) -> Iterator[tuple[str, str]]:
    """Texts that are prompts, with their pointers."""
    return ((pointer, text) for pointer, declared, text in subject.texts if declared.prose)


def _sized(subject: Subject) -> Iterator[tuple[str, int]]:
    """Prompts that may be too long, with about how many tokens they have; none has more than characters."""
    return ((pointer, tokens.about(text)) for pointer, text in _prose(subject) if len(text) > _SLOW)


def slow(subject: Subject) -> Iterator[Finding]:
    """Prompts of a size that makes answers slow."""
    for pointer, count in _sized(subject):
        if _SLOW < count <= _WINDOW:
            yield Finding(
                pointer, f"about {count:,} tokens; answers get slower above {_SLOW:,}", "move facts to documents"
            )


def oversized(subject: Subject) -> Iterator[Finding]:
    """Prompts that do not fit the model's window."""
    for pointer, count in _sized(subject):
        if count > _WINDOW:
            message = f"about {count:,} tokens, and the models of Tavus hold {_WINDOW:,} with the conversation"
            yield Finding(pointer, message, "move facts to documents")


def repeated(subject: Subject) -> Iterator[Finding]:
    """A block that stands twice in one prompt: pasted above the old one, as a rule."""
    for pointer, text in _prose(subject):
        first: dict[str, int] = {}
        for line, block in _blocks(text):
            key = " ".join(block.split())
            if first.setdefault(key, line) != line:
                message = f"this stands at line {first[key] + 1} already: {shown(key)}"
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


def grown(subject: Subject) -> Iterator[Finding]:
    """A prompt that is more than twice as long as what the last apply set."""
    before = subject.project.applied.get(subject.manifest.address, {})
    for pointer, text in _prose(subject):
        key = pointer.removeprefix("/")
        was = before.get(key)
        if isinstance(was, str) and len(was) >= _SMALL and len(text) > _GROWTH * len(was):
            message = f"{len(text) / len(was):.1f} times as long as what was applied last ({len(was):,} characters)"
            yield Finding(pointer, message, "was something pasted twice?")


def conflicting(subject: Subject) -> Iterator[Finding]:
    """A merge that nobody has resolved: both sides of it, and the words of git, would be read by the model."""
    for pointer, _, text in subject.texts:
        found = CONFLICT.search(text) if "<<<" in text or ">>>" in text or "|||" in text else None
        if found:
            message = f"a merge of git that is not resolved: the line {shown(found.group())}"
            hint = "keep one of the two sides, and take out the lines <<<<<<<, ======= and >>>>>>>"
            yield Finding(pointer, message, hint, text.count("\n", 0, found.start()))


def hidden(subject: Subject) -> Iterator[Finding]:
    """Characters that do not show, and may be read all the same."""
    yield from _found(subject, unseen.PATTERN, _without_workers)


def turned(subject: Subject) -> Iterator[Finding]:
    """Characters that make text read in another order than the model reads it."""
    yield from _found(subject, _BIDI, str)


def _found(subject: Subject, pattern: re.Pattern[str], view: Callable[[str], str]) -> Iterator[Finding]:
    for pointer, _, text in subject.texts:
        places = [one.start() for one in pattern.finditer(view(text))] if pattern.search(text) else []
        if places:
            many = f" and {len(places) - 1} more" if len(places) > 1 else ""
            line = text.count("\n", 0, places[0])
            yield Finding(pointer, f"{_name(text[places[0]])} in the text{many}", "remove it", line)


def _without_workers(text: str) -> str:
    """A text of the same length in which all is visible that does its work, or that another rule is about."""
    view = _BIDI.sub("x", _AT_WORK.sub(lambda found: "x" * len(found.group()), text))
    return _MARKS.sub("x", view) if _RIGHT_TO_LEFT.search(text) else view


def _name(character: str) -> str:
    return f"U+{ord(character):04X} {unicodedata.name(character, 'a control character')}"
