"""Markdown reports for pages with a size limit: whole resources and whole list items are left out, and a note says so.

Details are left out first, from the largest resource down; then those of dangerous resources, whose lines at the top
stay.  A plan with more dangers than fit says so, and that it must not be approved from this report.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import pairwise
from typing import Final

from msgspec import Struct

from tavusctl.core.diagnostics import Diagnostic
from tavusctl.core.model import Drift, Outcome, Plan
from tavusctl.lib.patterns import pattern
from tavusctl.reports import markdown
from tavusctl.reports.contents import review
from tavusctl.reports.contents.review import Entry, Group
from tavusctl.reports.escaping import code, neutralise

IN_LOG: Final = "the log of this run has the full report"
_ITEM: Final = pattern(r"(?m)^- ")
_SHARE: Final = 2  # lists other than the resources get at most 1/_SHARE of the free space


class Page(Struct, frozen=True):
    """A place with a size limit, in units of its own, and a sentence that says where the full report is."""

    limit: int
    measure: Callable[[str], int]
    elsewhere: Callable[[int], str] = lambda _: IN_LOG  # by the size of the full report in bytes

    def plan(self, plan: Plan) -> str:
        """As much of a plan as fits; the dangers, the counts and the fingerprint first.

        If the dangers alone do not fit, each becomes a short line, and a warning replaces those that still do not fit.
        """
        entries = review.entries(plan)
        groups, dangers = review.group_entries(entries), markdown.dangers(entries)
        sections = markdown.sections(groups)
        top, (*lists, signed) = markdown.top(plan), markdown.bottom(plan)
        whole = [*top, *dangers, *sections, *lists, signed]
        if self._size(whole) <= self.limit:
            return markdown.join_parts(whole)
        elsewhere = self.elsewhere(_byte_size(whole))
        fixed = self._size([*top, _left_out(len(entries), elsewhere), *dangers, signed])
        room = self.limit - fixed - self._size(map(self._least, lists))
        if room < 0:
            return self._crowded(plan, entries, elsewhere)
        lists = self._fewer(lists, room // _SHARE)
        shown = self._fitting_sections(groups, sections, self.limit - fixed - self._size(lists))
        note = _left_out(len(entries) - sum(len(groups[index]) for index in shown), elsewhere)
        return markdown.join_parts([*top, note, *dangers, *(sections[index] for index in shown), *lists, signed])

    def drift(self, plan: Plan, drift: Sequence[Drift]) -> str:
        """As many of the objects that changed in the account as fit."""
        return self._fitted_list(
            markdown.drift_top(plan, drift), [markdown.drifted_object(one) for one in drift], "\n\n"
        )

    def outcomes(self, plan: Plan, outcomes: Sequence[Outcome]) -> str:
        """As many of the steps as fit, the worst first."""
        top, signed = markdown.outcomes_top(plan, outcomes), markdown.fingerprint_line(plan)
        return self._fitted_list(top, markdown.outcome_lines(outcomes), "\n", signed)

    def diagnostics(self, diagnostics: Sequence[Diagnostic]) -> str:
        """As many of the diagnostics as fit, errors first."""
        return self._fitted_list(markdown.diagnostics_top(diagnostics), markdown.diagnostic_lines(diagnostics), "\n")

    def _fitted_list(self, top: Sequence[str], items: Sequence[str], separator: str, ending: str = "") -> str:
        whole = [*top, separator.join(items), ending]
        if self._size(whole) <= self.limit:
            return markdown.join_parts(whole)
        elsewhere = self.elsewhere(_byte_size(whole))
        top = self._fewer(top, self.limit // _SHARE)
        room = self.limit - self._size([*top, _left_out(len(items), elsewhere), ending])
        shown: list[str] = []
        for item in items:
            size = self._size([item])
            if size <= room:
                room -= size
                shown.append(item)
        return markdown.join_parts([*top, _left_out(len(items) - len(shown), elsewhere), separator.join(shown), ending])

    def _fewer(self, parts: Iterable[str], room: int) -> list[str]:
        """The parts, shortened to fit: a list has as many items as the room allows.

        `room` is what the parts may take together beyond their shortest forms.
        """
        fitted = []
        for part in parts:
            least = self._size([self._least(part)])
            shortened = part if self._size([part]) <= least + room else self._shortened(part, room)
            room -= self._size([shortened]) - least
            fitted.append(shortened)
        return fitted

    def _least(self, part: str) -> str:
        """The shortest form of a part: a list without its items if that is shorter, any other part as it is."""
        head, items = _items(part)
        least = head + _and_more(len(items))
        return least if items and self._size([least]) < self._size([part]) else part

    def _shortened(self, part: str, room: int) -> str:
        """A list with as many of its first items as fit, and the number of the others."""
        head, items = _items(part)
        shown = []
        for item in items:
            room -= self._size([item])
            if room < 0:
                break
            shown.append(item)
        return head + "\n".join([*shown, _and_more(len(items) - len(shown))])

    def _fitting_sections(self, groups: Sequence[Group], sections: Sequence[str], room: int) -> list[int]:
        """The indexes of the resources to show in full: dangerous ones come before others, small before large ones."""
        sizes = [self._size([section]) for section in sections]
        fitting = []
        for index in sorted(
            range(len(groups)), key=lambda index: (not groups[index][0].dangerous, sizes[index], index)
        ):
            if sizes[index] <= room:
                room -= sizes[index]
                fitting.append(index)
        return sorted(fitting)

    def _crowded(self, plan: Plan, entries: Sequence[Entry], elsewhere: str) -> str:
        """A plan with more dangers than fit: a line for each dangerous change, with its address and ids of risks.

        If even these lines do not all fit, a warning and the number of missing lines are added.
        """
        warning = (
            f"> [!CAUTION]\n> **This report is shortened and omits dangerous "
            f"changes. Do not approve the plan from it:** {elsewhere}."
        )
        top, signed = markdown.top(plan), markdown.fingerprint_line(plan)
        room = self.limit - self._size([*top, warning, signed, _more(len(entries)), _left_out(len(entries), elsewhere)])
        lines: list[str] = []
        dangerous = [entry for entry in entries if entry.dangerous]
        for entry in dangerous:
            ids = "refused" if entry.refusal else ", ".join(risk.id for risk in entry.risks)
            line = f"- {code(str(entry.change.address))} {ids}"
            room -= self._size([line])
            if room < 0:
                break
            lines.append(line)
        if len(lines) == len(dangerous):
            return markdown.join_parts([*top, _left_out(len(entries), elsewhere), "\n".join(lines), signed])
        more = _more(len(dangerous) - len(lines))
        return markdown.join_parts([*top, warning, "\n".join(lines), more, signed])

    def _size(self, parts: Iterable[str]) -> int:
        """The size of parts as they are written, with the blank lines between them."""
        return sum(self.measure(neutralise(part)) + 2 for part in parts if part)


def in_bytes(text: str) -> int:
    """The length of a text in UTF-8."""
    return len(text.encode("utf-8", "surrogatepass"))


def in_characters(text: str) -> int:
    """The length of a text in characters; those outside of the basic plane count twice, as in UTF-16."""
    return len(text) + sum(character > "\uffff" for character in text)


def _byte_size(parts: Iterable[str]) -> int:
    return sum(in_bytes(neutralise(part)) + 2 for part in parts if part)


def _items(part: str) -> tuple[str, list[str]]:
    """The text above a list, and the items of the list."""
    bounds = [*(match.start() for match in _ITEM.finditer(part)), len(part)]
    return part[: bounds[0]], [part[start:end].rstrip("\n") for start, end in pairwise(bounds)]


def _and_more(count: int) -> str:
    return f"- and {count} more"


def _more(count: int) -> str:
    return f"**and {count} more dangerous or refused changes**"


def _left_out(count: int, elsewhere: str) -> str:
    if not count:
        return ""
    return f"**{count} {'entry is' if count == 1 else 'entries are'} not shown here in detail: {elsewhere}.**"
