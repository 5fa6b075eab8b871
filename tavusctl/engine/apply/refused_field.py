"""Where a manifest says what the API has refused: its words name a field, or the object as a whole is meant.  Pure."""

from __future__ import annotations

import re
from http import HTTPStatus
from typing import Final

from tavusctl.core.diagnostics import written_at
from tavusctl.core.errors import Gone, RefusalCause, Rejected, TavusctlError
from tavusctl.core.json_tree import pattern_of
from tavusctl.core.model import Change, Desired
from tavusctl.lib.json_types import KeyPath
from tavusctl.patch import split

_OF_CONTENT: Final = frozenset({HTTPStatus.BAD_REQUEST, HTTPStatus.UNPROCESSABLE_ENTITY})
_WORD: Final = re.compile(r"\w+")
_PART: Final = re.compile(r"`(/[^`]+)`")  # a call that writes one part of an object is told by the pointer of that


def told(step: Change, error: TavusctlError) -> str:
    """The place in the manifest of what an error is about, and what helps, as the end of a sentence; or nothing."""
    item = step.desired
    if item is None or not isinstance(error, Rejected) or isinstance(error, Gone):
        return ""
    if error.status not in _OF_CONTENT and error.cause is not RefusalCause.NAME_TAKEN:
        return ""
    part = _PART.match(error.message)
    pointer = _named(item, error.text) or (part[1] if part else "")
    where = written_at(item.sources, pointer, item.source) if pointer else step.source or item.source
    return f"; see {where}{_help(item, split(pointer))}" if where.path else ""


def _named(item: Desired, text: str) -> str:
    """The pointer of the field that a text names with all that is around it, the innermost; empty where it names none.

    Numbers of items may be missing in the text: then the first item is meant that has such a field.
    """
    words = frozenset(_WORD.findall(text))

    def named(path: KeyPath) -> tuple[int, int]:
        return len(path), sum(key in words for key in path)

    found = [one for one in item.sources if one and _is_named(split(one), words)]
    return max(found, key=lambda one: named(split(one)), default="")


def _is_named(path: KeyPath, words: frozenset[str]) -> bool:
    return not path[-1].isdecimal() and all(key in words for key in path if not key.isdecimal())


def _help(item: Desired, path: KeyPath) -> str:
    """What to do about a list that the API takes as one text under another name by now."""
    single = path and item.kind.field_at(pattern_of(path)).scalar_alias
    return f"; `tavusctl validate --fix` writes it as `{single}`, if it has one item" if single else ""
