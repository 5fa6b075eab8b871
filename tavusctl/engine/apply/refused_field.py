"""The place in a manifest that a refusal of the API is about: a field that its text names, or the resource.  Pure."""

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

_CONTENT_ERRORS: Final = frozenset({HTTPStatus.BAD_REQUEST, HTTPStatus.UNPROCESSABLE_ENTITY})
_WORD: Final = re.compile(r"\w+")
_PART: Final = re.compile(r"`(/[^`]+)`")  # the message about a call for one part begins with the pointer of the part


def manifest_location(step: Change, error: TavusctlError) -> str:
    """The place in the manifest that an error is about, and a hint, to append to a message; empty if there is none."""
    desired = step.desired
    if desired is None or not isinstance(error, Rejected) or isinstance(error, Gone):
        return ""
    if error.status not in _CONTENT_ERRORS and error.cause is not RefusalCause.NAME_TAKEN:
        return ""
    part = _PART.match(error.message)
    pointer = _named_pointer(desired, error.text) or (part[1] if part else "")
    source = written_at(desired.sources, pointer, desired.source) if pointer else step.source or desired.source
    return f"; see {source}{_hint(desired, split(pointer))}" if source.path else ""


def _named_pointer(desired: Desired, text: str) -> str:
    """The pointer of the innermost field that a text names together with all fields around it; empty if it names none.

    The text may leave out the indices of items: then the first item with such a field is meant.
    """
    words = frozenset(_WORD.findall(text))

    def depth_and_matches(path: KeyPath) -> tuple[int, int]:
        return len(path), sum(key in words for key in path)

    pointers = [pointer for pointer in desired.sources if pointer and _is_named(split(pointer), words)]
    return max(pointers, key=lambda pointer: depth_and_matches(split(pointer)), default="")


def _is_named(path: KeyPath, words: frozenset[str]) -> bool:
    return not path[-1].isdecimal() and all(key in words for key in path if not key.isdecimal())


def _hint(desired: Desired, path: KeyPath) -> str:
    """The hint for a list that the API now takes as one text under another name; otherwise empty."""
    alias = path and desired.kind.field_at(pattern_of(path)).scalar_alias
    return f"; `tavusctl validate --fix` writes it as `{alias}`, if it has one item" if alias else ""
