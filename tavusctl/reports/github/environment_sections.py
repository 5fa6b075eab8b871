"""Reports of several environments in one comment: a section each, in the order of a merge.  Pure.

The first is open; another is folded unless something in it is dangerous or has failed.  A section begins with a line
that no report can hold, so that a job finds it again and replaces its own.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Final
from urllib.parse import quote, unquote

from msgspec import Struct
from msgspec.structs import replace

from tavusctl.reports import markdown
from tavusctl.reports.escaping import code
from tavusctl.reports.github.comment import LIMIT
from tavusctl.reports.github.fitting import in_characters

_BEGIN: Final = re.compile(r"(?m)^<!-- tavusctl-section:([^: ]*):([0-9a-f]*) -->\n")
_FOLD: Final = re.compile(r"<details(?: open)?><summary>[^\n]*</summary>\n(.*)\n</details>", re.DOTALL)
_COUNTS: Final = re.compile(r"(?m)^\*\*(.+?)\*\*(.*)$")
_DANGER: Final = re.compile(r"(?m)^> - ")
_LOUD: Final = re.compile(r"(?m)^(?:> \[!CAUTION\]|- \*\*(?:error|failed|unknown)\*\*)")
_NO_ROOM: Final = "**This comment has no room for the report: its run has it.**"


class Section(Struct, frozen=True):
    """The report of one environment."""

    environment: str  # empty where nothing tells which
    commit: str  # the first digits of the one that the report is of
    text: str


def sections(body: str) -> list[Section]:
    """The sections of a comment."""
    found = list(_BEGIN.finditer(body))
    places = [*(one.start() for one in found), len(body)]
    texts = [_unfolded(body[found[at].end() : end]) for at, end in enumerate(places[1:])]
    return [Section(unquote(one[1]), one[2], text) for one, text in zip(found, texts, strict=True)]


def body(found: Sequence[Section], order: Sequence[str], own: Section) -> str:
    """A comment of these sections, as seen from one of them; `order` names the environments that there are to be."""
    kept = list(found)
    while in_characters(text := _body(kept, order, own.commit)) > LIMIT:
        others = [one for one in kept if one != own and _NO_ROOM not in one.text]
        if not others:
            break
        # Its own job writes it again, as long as it may be.
        longest = max(others, key=lambda one: len(one.text))
        *_, links = longest.text.rstrip().splitlines()
        kept[kept.index(longest)] = replace(longest, text=f"{_NO_ROOM}\n\n{links}\n")
    return text


def _body(found: Sequence[Section], order: Sequence[str], commit: str) -> str:
    known = {one.environment for one in found}
    if len({*order, *known}) <= 1:
        return "".join(f"{_begin(one)}{one.text}" for one in found)
    listed = sorted(found, key=lambda one: order.index(one.environment) if one.environment in order else -1)
    missing = ", ".join(code(one) for one in order if one not in known)
    parts = [f"Not planned here, or nothing to change: {missing}\n\n"] if missing else []
    for one in listed:
        is_open = one is listed[0] or bool(_LOUD.search(one.text))
        number = f"{order.index(one.environment) + 1}. " if one.environment in order else ""
        head = number + " · ".join(_head(one, commit))
        parts.append(f"{_begin(one)}{markdown.folded(head, [one.text.strip()], unfolded=is_open)}\n")
    return "".join(parts)


def _head(one: Section, commit: str) -> Iterator[str]:
    """What is seen of a section that is folded."""
    if one.environment:
        yield f"<b>{code(one.environment)}</b>"
    if counts := _COUNTS.search(one.text):
        yield f"<b>{counts[1]}</b>{counts[2]}"
    if dangers := len(_DANGER.findall(one.text)):
        yield f"<b>{dangers} to look at</b>"
    if one.commit != commit:
        yield f"of commit {one.commit or 'unknown'}"


def _begin(one: Section) -> str:
    environment = quote(one.environment, safe="").replace("--", "-%2D")
    return f"<!-- tavusctl-section:{environment}:{one.commit} -->\n"


def _unfolded(text: str) -> str:
    fold = _FOLD.fullmatch(text.strip())
    return f"{fold[1].strip()}\n" if fold else text
