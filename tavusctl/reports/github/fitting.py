"""Reports in Markdown for pages that take so much: whole resources and whole items are left out, and that is told.

Details go first, from the largest resource down; then those of dangerous ones, whose lines at the top stay; a plan with
more danger than fits says so, and that it must not be approved from here.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from itertools import pairwise
from typing import Final

from msgspec import Struct

from tavusctl.core.diagnostics import Diagnostic
from tavusctl.core.model import Drift, Outcome, Plan
from tavusctl.reports import markdown, review
from tavusctl.reports.escaping import code, neutralise
from tavusctl.reports.review import Entry, Group

IN_LOG: Final = "the log of this run has the full report"
_ITEM: Final = re.compile(r"(?m)^- ")
_SHARE: Final = 2  # of what is not fixed, one part in so many may be lists that are no resources


class Page(Struct, frozen=True):
    """A place that takes so much, in its own measure, and where the rest is when that is not all."""

    limit: int
    measure: Callable[[str], int]
    elsewhere: Callable[[int], str] = lambda _: IN_LOG  # by how many bytes the whole has

    def plan(self, plan: Plan) -> str:
        """As much of a plan as there is room for; the dangers, the counts and the fingerprint always."""
        entries = review.entries(plan)
        groups, dangers = review.grouped(entries), markdown.dangers(entries)
        sections = markdown.sections(groups)
        top, (*lists, signed) = markdown.top(plan), markdown.bottom(plan)
        whole = [*top, *dangers, *sections, *lists, signed]
        if self._size(whole) <= self.limit:
            return markdown.joined(whole)
        elsewhere = self.elsewhere(_bytes(whole))
        fixed = self._size([*top, _left_out(len(entries), elsewhere), *dangers, signed])
        room = self.limit - fixed - self._size(map(self._least, lists))
        if room < 0:
            return self._crowded(plan, entries, elsewhere)
        lists = self._fewer(lists, room // _SHARE)
        kept = self._kept(groups, sections, self.limit - fixed - self._size(lists))
        told = _left_out(len(entries) - sum(len(groups[one]) for one in kept), elsewhere)
        return markdown.joined([*top, told, *dangers, *(sections[one] for one in kept), *lists, signed])

    def drift(self, plan: Plan, drift: Sequence[Drift]) -> str:
        """As many of the objects that were changed as there is room for."""
        return self._listed(markdown.drift_top(plan, drift), [markdown.moved(one) for one in drift], "\n\n")

    def outcomes(self, plan: Plan, outcomes: Sequence[Outcome]) -> str:
        """As many of the steps, the worst first."""
        top, signed = markdown.outcomes_top(plan, outcomes), markdown.signed(plan)
        return self._listed(top, markdown.ended(outcomes), "\n", signed)

    def diagnostics(self, diagnostics: Sequence[Diagnostic]) -> str:
        """As many of the complaints."""
        return self._listed(
            markdown.complaints_top(diagnostics), [markdown.diagnostic(one) for one in diagnostics], "\n"
        )

    def _listed(self, top: Sequence[str], items: Sequence[str], between: str, last: str = "") -> str:
        whole = [*top, between.join(items), last]
        if self._size(whole) <= self.limit:
            return markdown.joined(whole)
        elsewhere = self.elsewhere(_bytes(whole))
        top = self._fewer(top, self.limit // _SHARE)
        room = self.limit - self._size([*top, _left_out(len(items), elsewhere), last])
        kept: list[str] = []
        for item in items:
            size = self._size([item])
            if size <= room:
                room -= size
                kept.append(item)
        return markdown.joined([*top, _left_out(len(items) - len(kept), elsewhere), between.join(kept), last])

    def _fewer(self, parts: Iterable[str], room: int) -> list[str]:
        """Parts, of lists that are too long as many items as there is room for beside the least of each."""
        found = []
        for part in parts:
            least = self._size([self._least(part)])
            fits = part if self._size([part]) <= least + room else self._shortened(part, room)
            room -= self._size([fits]) - least
            found.append(fits)
        return found

    def _least(self, part: str) -> str:
        """A list without its items; what is none, or shorter as it is, stays."""
        head, items = _items(part)
        least = head + _and_more(len(items))
        return least if items and self._size([least]) < self._size([part]) else part

    def _shortened(self, part: str, room: int) -> str:
        """A list with fewer items, and how many it lacks."""
        head, items = _items(part)
        kept = []
        for item in items:
            room -= self._size([item])
            if room < 0:
                break
            kept.append(item)
        return head + "\n".join([*kept, _and_more(len(items) - len(kept))])

    def _kept(self, groups: Sequence[Group], sections: Sequence[str], room: int) -> list[int]:
        """Which resources are shown in full: dangerous ones before others, small ones before large ones."""
        sizes = [self._size([section]) for section in sections]
        kept = []
        for one in sorted(range(len(groups)), key=lambda one: (not groups[one][0].dangerous, sizes[one], one)):
            if sizes[one] <= room:
                room -= sizes[one]
                kept.append(one)
        return sorted(kept)

    def _crowded(self, plan: Plan, entries: Sequence[Entry], elsewhere: str) -> str:
        """More danger than fits: who is in danger of what, by address alone, and a warning."""
        warning = (
            f"> [!CAUTION]\n> **This report is shortened and omits dangerous "
            f"changes. Do not approve the plan from it:** {elsewhere}."
        )
        top, signed = markdown.top(plan), markdown.signed(plan)
        room = self.limit - self._size([*top, warning, signed, _more(len(entries)), _left_out(len(entries), elsewhere)])
        lines: list[str] = []
        dangerous = [entry for entry in entries if entry.dangerous]
        for entry in dangerous:
            word = "refused" if entry.refusal else ", ".join(risk.id for risk in entry.risks)
            line = f"- {code(str(entry.change.address))} {word}"
            room -= self._size([line])
            if room < 0:
                break
            lines.append(line)
        if len(lines) == len(dangerous):
            return markdown.joined([*top, _left_out(len(entries), elsewhere), "\n".join(lines), signed])
        more = _more(len(dangerous) - len(lines))
        return markdown.joined([*top, warning, "\n".join(lines), more, signed])

    def _size(self, parts: Iterable[str]) -> int:
        """How much parts take as they are written, with the blank lines between."""
        return sum(self.measure(neutralise(part)) + 2 for part in parts if part)


def in_bytes(text: str) -> int:
    """The length of a text in UTF-8."""
    return len(text.encode("utf-8", "surrogatepass"))


def in_characters(text: str) -> int:
    """The length of a text in characters, those outside of the basic plane counted twice, as in UTF-16."""
    return len(text) + sum(character > "\uffff" for character in text)


def _bytes(parts: Iterable[str]) -> int:
    return sum(in_bytes(neutralise(part)) + 2 for part in parts if part)


def _items(part: str) -> tuple[str, list[str]]:
    """What stands above a list, and its items."""
    places = [*(found.start() for found in _ITEM.finditer(part)), len(part)]
    return part[: places[0]], [part[start:end].rstrip("\n") for start, end in pairwise(places)]


def _and_more(count: int) -> str:
    return f"- and {count} more"


def _more(count: int) -> str:
    return f"**and {count} more dangerous or refused changes**"


def _left_out(count: int, elsewhere: str) -> str:
    if not count:
        return ""
    return f"**{count} {'entry is' if count == 1 else 'entries are'} not shown here in detail: {elsewhere}.**"
