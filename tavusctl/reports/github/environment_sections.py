"""Reports of several environments in one comment: a section for each, in the order of a merge.  Pure.

The first section is open; the others are folded unless something in them is dangerous or has failed.  A section begins
with a line that no report can have, so that a job finds its own section again and replaces it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Final
from urllib.parse import quote, unquote

from msgspec import Struct
from msgspec.structs import replace

from tavusctl.lib.patterns import pattern
from tavusctl.reports import markdown
from tavusctl.reports.escaping import code
from tavusctl.reports.github.comment import LIMIT
from tavusctl.reports.github.fitting import in_characters

_BEGIN: Final = pattern(r"(?m)^<!-- tavusctl-section:([^: ]*):([0-9a-f]*) -->\n")
_FOLD: Final = pattern(r"<details(?: open)?><summary>[^\n]*</summary>\n(.*)\n</details>", re.DOTALL)
_COUNTS: Final = pattern(r"(?m)^\*\*(.+?)\*\*(.*)$")
_DANGER: Final = pattern(r"(?m)^> - ")
_ALARM: Final = pattern(r"(?m)^(?:> \[!CAUTION\]|- \*\*(?:error|failed|unknown)\*\*)")
_NO_ROOM: Final = "**This comment has no room for the report: its run has it.**"


class Section(Struct, frozen=True):
    """The report of one environment."""

    environment: str  # empty if it is unknown
    commit: str  # the first digits of the commit that the report is about
    text: str

    @property
    def is_alarming(self) -> bool:
        """Whether something in the report is dangerous or has failed."""
        return bool(_ALARM.search(self.text))


def sections(body: str) -> list[Section]:
    """The sections of a comment."""
    matches = list(_BEGIN.finditer(body))
    bounds = [*(match.start() for match in matches), len(body)]
    texts = [_unfolded(body[matches[index].end() : end]) for index, end in enumerate(bounds[1:])]
    return [Section(unquote(match[1]), match[2], text) for match, text in zip(matches, texts, strict=True)]


def body(existing: Sequence[Section], order: Sequence[str], own: Section) -> str:
    """A comment with these sections and `own`, the section of this job; `order` names the expected environments.

    While the comment is too long, the longest of the other sections loses its report and keeps its links.
    """
    current = list(existing)
    while in_characters(text := _body(current, order, own.commit)) > LIMIT:
        others = [section for section in current if section != own and _NO_ROOM not in section.text]
        if not others:
            break
        # The job of that environment writes its own report again, as long as it may be.
        longest = max(others, key=lambda section: len(section.text))
        *_, links = longest.text.rstrip().splitlines()
        current[current.index(longest)] = replace(longest, text=f"{_NO_ROOM}\n\n{links}\n")
    return text


def _body(all_sections: Sequence[Section], order: Sequence[str], commit: str) -> str:
    present = {section.environment for section in all_sections}
    if len({*order, *present}) <= 1:
        return "".join(f"{_first_line(section)}{section.text}" for section in all_sections)
    ordered = sorted(
        all_sections, key=lambda section: order.index(section.environment) if section.environment in order else -1
    )
    missing = ", ".join(code(environment) for environment in order if environment not in present)
    parts = [f"Not planned here, or nothing to change: {missing}\n\n"] if missing else []
    for section in ordered:
        is_open = section is ordered[0] or section.is_alarming
        number = f"{order.index(section.environment) + 1}. " if section.environment in order else ""
        head = number + " · ".join(_head(section, commit))
        parts.append(f"{_first_line(section)}{markdown.collapsible(head, [section.text.strip()], unfolded=is_open)}\n")
    return "".join(parts)


def _head(section: Section, commit: str) -> Iterator[str]:
    """The parts of the line that is visible while a section is folded."""
    if section.environment:
        yield f"<b>{code(section.environment)}</b>"
    if counts := _COUNTS.search(section.text):
        yield f"<b>{counts[1]}</b>{counts[2]}"
    if dangers := len(_DANGER.findall(section.text)):
        yield f"<b>{dangers} to look at</b>"
    if section.commit != commit:
        yield f"of commit {section.commit or 'unknown'}"


def _first_line(section: Section) -> str:
    environment = quote(section.environment, safe="").replace("--", "-%2D")
    return f"<!-- tavusctl-section:{environment}:{section.commit} -->\n"


def _unfolded(text: str) -> str:
    fold = _FOLD.fullmatch(text.strip())
    return f"{fold[1].strip()}\n" if fold else text
