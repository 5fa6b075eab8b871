"""Plans for the terminal: dangerous first, one block a change, colour only where it helps, laid out for 80 columns.

Foreign text (prompts, names, server messages) goes through `visible`: control characters, which could rewrite the
terminal, are shown and not obeyed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from click import style
from msgspec.structs import replace

from tavusctl.document import is_empty as is_blank
from tavusctl.model import (
    Action,
    Cause,
    Change,
    Complaint,
    Drift,
    Outcome,
    Plan,
    Severity,
    Status,
)
from tavusctl.reports import review, risks, terminal
from tavusctl.reports.inert import disarmed
from tavusctl.reports.places import Reading
from tavusctl.reports.review import Entry, objects
from tavusctl.reports.view import ComplaintView, DriftView, OutcomeView, PlanView
from tavusctl.unseen import flat

_COLOURS = {
    Action.CREATE: "green",
    Action.UPDATE: "yellow",
    Action.REPLACE: "red",
    Action.DELETE: "red",
    Action.ADOPT: "cyan",
    Action.RECRAWL: "cyan",
    Action.FORGET: "yellow",
    Action.RETIRE: "red",
    Action.UNPROTECT: "red",
}
_STATUS = {
    Status.DONE: "green",
    Status.FAILED: "red",
    Status.UNKNOWN: "red",
    Status.SKIPPED: "yellow",
    Status.DEFERRED: "cyan",
}
_ALARMING = (Action.REPLACE.value, Action.DELETE.value, Action.RETIRE.value, "refused")
_EXCERPT = 72
_EXCERPT_WIDTH = 200


def plan(plan: PlanView) -> str:
    """A plan: refused and dangerous first, the rest, drift that it would overwrite, and one line of counts."""
    parts = _limits(plan)
    parts += [_entry(one) for one in review.entries(plan)]
    parts += _overwritten(plan)
    parts += [f"> {one.new}: moved from {one.old} ({flat(one.remote_id)}), once apply has run" for one in plan.moves]
    parts += [f"= {one.address}: as the manifest says; apply records it in the state" for one in plan.recorded]
    parts += [review.RECOVERED] if plan.recovered else []
    parts += _pending(plan)
    parts += _warnings(plan.warnings)
    parts.append(summary(plan))
    return disarmed("\n".join(parts) + "\n")


def summary(plan: Plan) -> str:
    """The one-line summary."""
    if review.is_empty(plan):
        return f"No changes. {objects(plan.no_op)} as the manifests say."
    counted = (style(one, fg=_alarm(one), bold=True) for one in review.counts(plan))
    return style("Plan: ", bold=True) + style(", ", bold=True).join(counted)


def _alarm(count: str) -> str | None:
    """The colour of a count that nobody should miss."""
    alarming = not count.startswith("0 ") and count.endswith(_ALARMING)
    return "red" if alarming else None


def drift(plan: PlanView, drift: Sequence[DriftView]) -> str:
    """What moved in the account since the last apply."""
    unknown = [_complaint(one) for one in review.unknown(plan)]
    if not drift:
        return disarmed("\n".join([*unknown, review.no_drift(plan)]) + "\n")
    blocks = [_drift(entry) for entry in drift]
    total = sum(len(entry.fields) for entry in drift)
    fields = f", {total} field{'' if total == 1 else 's'}" if total else ""
    told = style(f"Drift: {objects(len(drift))}{fields}", bold=True)
    return disarmed("\n".join([*blocks, *unknown, told]) + "\n")


def outcomes(plan: PlanView, outcomes: Sequence[OutcomeView]) -> str:
    """What became of a plan: counts, and every step that is not simply done."""
    counts = Counter(outcome.status for outcome in outcomes)
    listed = [outcome(one) for one in outcomes if is_told(one)]
    words = ", ".join(f"{counts[status]} {status}" for status in Status if counts[status]) or "nothing to do"
    refused = f", {len(plan.refused)} refused" if plan.refused else ""
    return "\n".join([*listed, style(f"Apply: {words}{refused}", bold=True)]) + "\n"


def is_told(outcome: Outcome) -> bool:
    """Whether the report of a run tells of a step by itself; what is simply done is only counted."""
    return outcome.status is not Status.DONE or bool(outcome.unkept or outcome.reason)


def outcome(outcome: OutcomeView) -> str:
    """One step that has ended."""
    reason = f": {flat(outcome.reason)}" if outcome.reason else ""
    remote_id = f" ({flat(outcome.remote_id)})" if outcome.remote_id else ""
    status = style(f"{outcome.status.value:<8}", fg=_STATUS[outcome.status])
    return disarmed(f"{status} {outcome.step.action.value} {outcome.step.address}{remote_id}{reason}")


def complaints(complaints: Sequence[ComplaintView]) -> str:
    """Complaints with the line they are about and a caret under the place, then how many there are."""
    counts = Counter(one.severity for one in complaints)
    if not complaints:
        return "Valid.\n"
    words = [
        f"{counts[severity]} {severity.value}{'s' if counts[severity] != 1 else ''}"
        for severity in Severity
        if counts[severity]
    ]
    return "\n".join([*map(complaint, complaints), ", ".join(words)]) + "\n"


def complaint(complaint: ComplaintView) -> str:
    """One complaint: place, what is wrong, and what would put it right."""
    return _complaint(complaint)


def _complaint(complaint: Complaint) -> str:
    colour = "red" if complaint.severity is Severity.ERROR else "yellow"
    place = f"{flat(str(complaint.source))}: " if complaint.source else ""
    word = style(f"{complaint.severity.value}:", fg=colour, bold=True)
    lines = [f"{place}{word} {flat(complaint.message)} [{complaint.id}]", *_excerpt(complaint)]
    lines += [f"  {style('help:', fg='cyan')} {flat(complaint.hint)}"] if complaint.hint else []
    return disarmed("\n".join(lines))


def _excerpt(complaint: Complaint) -> Iterator[str]:
    if complaint.source and complaint.excerpt.strip():
        column = complaint.source.column - 1
        start = max(0, column - _EXCERPT)
        yield f"  | {flat(complaint.excerpt[start : start + _EXCERPT_WIDTH].expandtabs(1))}"
        yield f"  | {' ' * (column - start)}{style('^', fg='red', bold=True)}"


def _entry(entry: Entry) -> str:
    refused = entry.refusal
    lines = _refused(entry) if refused else [_head(entry.change)]
    lines += [
        f"    {style(f'! {flat(risk.text)}', fg='red')}{_at(risk.path)}" for risk in entry.risks if risks.brings(risk)
    ]
    if review.users(entry.change):
        lines.append(f"    {flat(review.users(entry.change))}")
    lines += [] if refused else _body(entry)
    if refused and refused.hint:
        lines.append(f"    {style('help:', fg='cyan')} {flat(refused.hint)}")
    return "\n".join([*lines, ""])


def _at(path: str) -> str:
    return f" ({flat(path)})" if path else ""


def _head(change: Change) -> str:
    mark = style(f"{review.SIGNS[change.action]} {change.address}", fg=_COLOURS[change.action], bold=True)
    dangerous = _COLOURS[change.action] == "red"
    what = style(change.action.value, fg="red", bold=True) if dangerous else change.action.value
    remote_id = f" {flat(change.remote_id)}" if change.remote_id else ""
    reason = f" {flat(change.reason)}" if change.reason else ""
    return f"{mark}: {what}{remote_id} ({change.cause.value}){reason}"


def _refused(entry: Entry) -> list[str]:
    change, refusal = entry.change, entry.refusal
    head = style(f"! {change.address}: {change.action.value} refused", fg="red", bold=True)
    lines = [f"{head} [{refusal.id if refusal else ''}]", f"    {flat(refusal.reason if refusal else '')}"]
    for field in change.fields if change.cause is Cause.BOTH else ():
        if field.cause is Cause.BOTH:
            lines += [f"    {flat(field.path)}:", *terminal.conflict(entry.kind, field)]
    return lines


def _body(entry: Entry) -> list[str]:
    change = entry.change
    if change.action is Action.CREATE:
        told = [(flat(one.path), terminal.brief(one)) for one in change.fields if not is_blank(one.desired)]
        return [f"    {line}" for line in terminal.aligned(told)]
    lines = list(terminal.fields(Reading(entry.kind), change.fields))
    if change.waits_for:
        lines.append(f"    waits for {', '.join(map(str, change.waits_for))}")
    return lines


def _limits(plan: Plan) -> list[str]:
    """Limits on deletes that are higher than at the last apply."""
    lines = [style(f"! {one}", fg="red", bold=True) for one in plan.limits]
    return ["\n".join([*lines, ""])] if lines else []


def _overwritten(plan: Plan) -> Iterator[str]:
    entries = list(review.overwritten(plan))
    if entries:
        yield style("Changed in the account since the last apply, and brought back by this plan:", fg="magenta")
        yield from (f"    {entry.address}: {', '.join(flat(one.path) for one in entry.fields)}" for entry in entries)
        yield ""


def _pending(plan: Plan) -> Iterator[str]:
    if plan.pending:
        yield style(f"To be done already before this branch, as of {flat(plan.base)}:", fg="cyan")
        for entry in plan.pending:
            yield f"    {entry.address}: {'all of it' if entry.whole else ', '.join(map(flat, entry.paths))}"
        yield ""


def _drift(entry: Drift) -> str:
    if entry.cause is Cause.MISSING:
        return style(f"- {entry.address}: {flat(entry.remote_id)} was deleted in the account", fg="red") + "\n"
    head = style(f"~ {entry.address}: {flat(entry.remote_id)} was changed in the account", fg="yellow", bold=True)
    moved = [replace(one, cause=Cause.EDITED, live=one.base, desired=one.live) for one in entry.fields]
    return "\n".join([head, *terminal.fields(Reading(entry.kind, old_is_told=True), moved), ""])


def _warnings(warnings: Sequence[Complaint]) -> Iterator[str]:
    """Those about the plan itself, and what cannot work; the rest is for `validate`, and only counted here."""
    yield from (_complaint(one) for one in warnings if review.is_loud(one))
    count = sum(not review.is_loud(one) for one in warnings)
    if count:
        word = style(f"{count} warning{'' if count == 1 else 's'}", fg="yellow")
        yield f"{word} about the manifests; tavusctl validate shows {'it' if count == 1 else 'them'}"
