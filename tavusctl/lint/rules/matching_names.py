"""Lint rules for names by which objects find one another, or are found from outside: meeting names and tags."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Final

from tavusctl.core.messages import shown
from tavusctl.lint.core import Finding, Subject, pointer_of

_TAGGED: Final = {"guardrail_tags": "guardrail", "document_tags": "document"}  # field of a persona -> kind with `tags`
_USERNAME: Final = ("layers", "conferencing", "username")
_SHORTEST: Final = 4  # letters of a word in which a typing error is looked for: `en` and `es` are two words


def duplicate_username(subject: Subject) -> Iterator[Finding]:
    """Report two personas with the same name in meetings: the API accepts a name only once, in all accounts."""
    if first := subject.first_owner(*_USERNAME):
        message = f"`{first}` has the name {shown(subject.value_at(*_USERNAME))} in meetings, too"
        yield Finding(pointer_of(*_USERNAME), message, "choose another name for one of them")


def misspelled_tag(subject: Subject) -> Iterator[Finding]:
    """Report a tag of a persona that no object of the project has, but that is one typing error away from another.

    The object may also be in the account alone, so two words, two numbers or two languages are never an error.
    """
    for field, kind in _TAGGED.items():
        tags = subject.value_at(field)
        for index, tag in enumerate(tags if isinstance(tags, list) else ()):
            known = subject.project.owners(kind, ("tags",))
            if not isinstance(tag, str) or tag in known:
                continue
            if similar := next((one for one in known if _is_typing_error(_words(tag), _words(one))), ""):
                message = f"no {kind} of the project has the tag {shown(tag)}"
                yield Finding(pointer_of(field, index), message, f"did you mean `{similar}`?")


@lru_cache(maxsize=16_384)
def _words(text: str) -> tuple[str, ...]:
    return tuple(re.findall(r"[^\W_]+", text.lower()))


def _is_typing_error(words: tuple[str, ...], others: tuple[str, ...]) -> bool:
    """Whether two texts differ only in signs, in case, or in one letter that is missing, wrong, or exchanged."""
    if len(words) != len(others):
        return "".join(words) == "".join(others)
    differing = [pair for pair in zip(words, others, strict=True) if pair[0] != pair[1]]
    return not differing or (len(differing) == 1 and _is_one_error(*differing[0]))


def _is_one_error(word: str, other: str) -> bool:
    """Whether two words of some length differ in one letter, or two neighbours of it are exchanged; no digits."""
    if min(len(word), len(other)) < _SHORTEST or abs(len(word) - len(other)) > 1:
        return False
    start = next((at for at, (one, two) in enumerate(zip(word, other, strict=False)) if one != two), -1)
    rest, other_rest = word[start:], other[start:]  # after what both begin with; the last letter, if one goes on
    if not (rest[0].isalpha() and other_rest[0].isalpha()):
        return False
    is_exchanged = rest[:2] == other_rest[1::-1] and rest[2:] == other_rest[2:]
    return is_exchanged or rest[1:] in (other_rest, other_rest[1:]) or rest == other_rest[1:]
