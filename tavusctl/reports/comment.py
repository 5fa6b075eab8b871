"""A plan as a comment that has a longest length: whole resources are left out, never a part of one, never danger.

GitHub takes 65,536 characters.  Details go first, from the largest resource down; then those of dangerous ones, whose
lines at the top stay; a plan with more danger than fits says so, and that it must not be approved from here.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from tavusctl.model import Plan
from tavusctl.reports import markdown, review
from tavusctl.reports.inert import code, disarmed
from tavusctl.reports.review import Entry
from tavusctl.reports.view import ComplaintView, DriftView, OutcomeView, PlanView

LIMIT: Final = 65_000  # of 65,536: whoever posts it may add a line
ELSEWHERE: Final = "all of it is in the job summary and in the artifacts of this run"


def plan(plan: PlanView) -> str:
    """The plan as a comment on GitHub."""
    return fitted(plan, LIMIT)


def drift(plan: PlanView, drift: Sequence[DriftView], limit: int = LIMIT) -> str:
    """Drift as a comment or an issue."""
    return _listed(markdown.drift_top(plan, drift), [markdown.moved(one) for one in drift], "\n\n", limit)


def outcomes(plan: PlanView, outcomes: Sequence[OutcomeView], limit: int = LIMIT) -> str:
    """What became of a plan, as a comment."""
    return _listed(
        [*markdown.outcomes_top(plan, outcomes), markdown.signed(plan)], markdown.ended(outcomes), "\n", limit
    )


def complaints(complaints: Sequence[ComplaintView], limit: int = LIMIT) -> str:
    """What validation found, as a comment."""
    return _listed(markdown.complaints_top(complaints), [markdown.complaint(one) for one in complaints], "\n", limit)


def fitted(plan: PlanView, limit: int = LIMIT, elsewhere: str = ELSEWHERE) -> str:
    """As much of a plan as `limit` bytes hold; the dangers, the counts and the fingerprint always."""
    entries = review.entries(plan)
    sections = markdown.sections(entries)
    whole = [*markdown.top(plan), *markdown.dangers(entries), *sections, *markdown.bottom(plan)]
    if _size(whole) <= limit:
        return markdown.joined(whole)
    dangers = markdown.dangers(entries)
    last = list(markdown.bottom(plan))
    fixed = [*markdown.top(plan), _left_out(len(entries), elsewhere), *dangers, *last]
    if _size(fixed) <= limit:
        kept = _kept(entries, sections, limit - _size(fixed))
        told = _left_out(len(entries) - len(kept), elsewhere)
        return markdown.joined([*markdown.top(plan), told, *dangers, *(sections[one] for one in kept), *last])
    return _crowded(plan, entries, limit, elsewhere)


def _listed(top: Sequence[str], items: Sequence[str], between: str, limit: int) -> str:
    """As many items, in their order, as fit below the counts."""
    room = limit - _size([*top, _left_out(len(items), ELSEWHERE)])
    kept: list[str] = []
    for item in items:
        size = _size([item])
        if size <= room:
            room -= size
            kept.append(item)
    return markdown.joined([*top, _left_out(len(items) - len(kept), ELSEWHERE), between.join(kept)])


def _kept(entries: Sequence[Entry], sections: Sequence[str], room: int) -> list[int]:
    """Which resources are shown in full: dangerous ones before others, small ones before large ones."""
    kept = []
    for one in sorted(range(len(entries)), key=lambda one: (not entries[one].dangerous, _size([sections[one]]), one)):
        size = _size([sections[one]])
        if size > room:
            continue
        room -= size
        kept.append(one)
    return sorted(kept)


def _crowded(plan: Plan, entries: Sequence[Entry], limit: int, elsewhere: str) -> str:
    """More danger than fits: who is in danger of what, by address alone, and a warning."""
    warning = f"> [!CAUTION]\n> **Not all that is dangerous fits here. Do not approve this plan from it:** {elsewhere}."
    signed = list(markdown.bottom(plan))[-1:]
    room = limit - _size([*markdown.top(plan), warning, *signed, _more(len(entries))])
    lines: list[str] = []
    dangerous = [entry for entry in entries if entry.dangerous]
    for entry in dangerous:
        word = "refused" if entry.refusal else ", ".join(risk.id for risk in entry.risks)
        line = f"- {code(str(entry.change.address))} {word}"
        room -= _size([line])
        if room < 0:
            break
        lines.append(line)
    if len(lines) == len(dangerous):
        return markdown.joined([*markdown.top(plan), _left_out(len(entries), elsewhere), "\n".join(lines), *signed])
    more = _more(len(dangerous) - len(lines))
    return markdown.joined([*markdown.top(plan), warning, "\n".join(lines), more, *signed])


def _more(count: int) -> str:
    return f"**and {count} more dangerous or refused changes**"


def _left_out(count: int, elsewhere: str) -> str:
    if not count:
        return ""
    return f"**{count} {'entry is' if count == 1 else 'entries are'} not shown here in detail: {elsewhere}.**"


def _size(parts: Iterable[str]) -> int:
    """Bytes of parts as they are written, and of the blank lines between."""
    return sum(len(disarmed(part).encode()) + 2 for part in parts if part)
