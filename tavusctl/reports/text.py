"""Plans for the terminal: dangerous first, one block a change, colour only where it helps, laid out for 80 columns.

Text from outside (prompts, names, messages of servers) goes through `flat` or `escape_invisible`: control characters,
which could rewrite the terminal, are shown and have no effect.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from msgspec.structs import replace

from tavusctl.core.diagnostic_ids import label
from tavusctl.core.diagnostics import Diagnostic, Severity
from tavusctl.core.json_tree import is_empty
from tavusctl.core.messages import account_name, counted
from tavusctl.core.model import Action, Cause, Change, Drift, FieldChange, Outcome, Plan, Status
from tavusctl.fields.equivalence import is_unset
from tavusctl.lib.command_line import with_folder
from tavusctl.patch import split
from tavusctl.reports.contents import review, risks
from tavusctl.reports.contents.review import Entry
from tavusctl.reports.contents.value_paths import ValueComparison
from tavusctl.reports.contents.view import DiagnosticView, DriftView, OutcomeView, PlanView
from tavusctl.reports.escaping import neutralise
from tavusctl.reports.terminal import field_lines
from tavusctl.reports.terminal.line_wrapping import EXCERPT, WIDTH, columns
from tavusctl.reports.terminal.styling import style
from tavusctl.secrets.escape import flat

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
_EXCERPT_BEFORE = 32  # characters of a long line that are shown before the column of a diagnostic
_EXCERPT_WIDTH = 200  # characters of a line that are shown at most


def plan(plan: PlanView) -> str:
    """A plan: refused and dangerous first, the rest, drift that it would overwrite, and one line of counts."""
    parts = _limits(plan)
    parts += [_entry(one) for one in review.entries(plan)]
    parts += _overwritten(plan)
    parts += [f"> {one.new}: renamed from {one.old} ({flat(one.remote_id)}) by apply" for one in plan.moves]
    parts += [f"= {one.address}: up to date already; only to be recorded in the state" for one in plan.recorded]
    parts += [sentence] if (sentence := review.settings_sentence(plan, flat)) else []
    parts += [sentence] if (sentence := review.recovery_sentence(plan, flat)) else []
    parts += _pending(plan)
    parts += _warnings(plan.warnings)
    parts += [_place(plan), *review.top_sentences(plan), summary(plan)]
    return neutralise("\n".join(parts) + "\n")


def summary(plan: Plan) -> str:
    """The one-line summary."""
    if review.is_empty(plan):
        return f"No changes. {counted(plan.no_op, 'object')} up to date."
    words = (style(one, fg=_alarm(one), bold=True) for one in review.counts(plan))
    return style("Plan: ", bold=True) + style(", ", bold=True).join(words)


def _place(plan: Plan) -> str:
    """The line with the environment and the account of a plan."""
    account = account_name(plan.account, plan.key_source, flat)
    return ", ".join(filter(None, [f"Environment {flat(plan.environment)}", account]))


def _alarm(count: str) -> str | None:
    """The colour of a count of dangerous changes; None for any other count."""
    is_alarming = not count.startswith("0 ") and count.endswith(_ALARMING)
    return "red" if is_alarming else None


def drift(plan: PlanView, drift: Sequence[DriftView]) -> str:
    """Drift: the objects that changed in the account since the last apply."""
    warnings = [_diagnostic_text(one) for one in review.drift_warnings(plan)]
    if not drift:
        return neutralise("\n".join([*warnings, _place(plan), review.no_drift_sentence(plan)]) + "\n")
    blocks = [_drift(entry) for entry in drift]
    total = sum(len(entry.fields) for entry in drift)
    fields = f", {counted(total, 'field')}" if total else ""
    summary_line = style(f"Drift: {counted(len(drift), 'object')}{fields}", bold=True)
    return neutralise("\n".join([*blocks, *warnings, _place(plan), summary_line]) + "\n")


def outcomes(plan: PlanView, outcomes: Sequence[OutcomeView]) -> str:
    """The outcomes of a plan: every step that needs a line of its own (`needs_line`), and the counts."""
    listed = [outcome(one) for one in outcomes if needs_line(one)]
    words = ", ".join(review.outcome_counts(plan, outcomes))
    return "\n".join([*listed, style(f"Apply: {words}", bold=True)]) + "\n"


def needs_line(outcome: Outcome) -> bool:
    """Whether a report of outcomes has a line for a step; a step that is done, without a remark, is only counted."""
    return outcome.status is not Status.DONE or bool(outcome.unkept or outcome.reason)


def outcome(outcome: OutcomeView) -> str:
    """The line of one step that has ended."""
    reason = f": {flat(outcome.reason)}" if outcome.reason else ""
    remote_id = f" ({flat(outcome.remote_id)})" if outcome.remote_id else ""
    status = style(f"{outcome.status.value:<8}", fg=_STATUS[outcome.status])
    return neutralise(f"{status} {outcome.step.action.value} {outcome.step.address}{remote_id}{reason}")


def diagnostics(diagnostics: Sequence[DiagnosticView]) -> str:
    """Diagnostics, each with the line that it is about and a caret under the column, then the counts."""
    return "\n".join([*map(diagnostic, diagnostics), ", ".join(review.diagnostic_counts(diagnostics))]) + "\n"


def diagnostic(diagnostic: DiagnosticView) -> str:
    """One diagnostic: its place, the message, the line that it is about, and the hint."""
    return _diagnostic_text(diagnostic)


def _diagnostic_text(diagnostic: Diagnostic) -> str:
    colour = "red" if diagnostic.severity is Severity.ERROR else "yellow"
    place = f"{flat(str(diagnostic.source))}: " if diagnostic.source else ""
    word = style(f"{diagnostic.severity.value}:", fg=colour, bold=True)
    lines = [f"{place}{word} {flat(diagnostic.message)} [{label(diagnostic.id)}]", *_excerpt(diagnostic)]
    lines += [f"  {style('help:', fg='cyan')} {flat(diagnostic.hint)}"] if diagnostic.hint else []
    return neutralise("\n".join(lines))


def _excerpt(diagnostic: Diagnostic) -> Iterator[str]:
    if diagnostic.source and diagnostic.excerpt.strip():
        column = diagnostic.source.column - 1
        is_short = len(diagnostic.excerpt) <= WIDTH - len(EXCERPT)
        start = 0 if is_short else max(0, column - _EXCERPT_BEFORE)
        line = diagnostic.excerpt[start : start + _EXCERPT_WIDTH].expandtabs(1)
        before = columns(flat(line[: column - start]))
        yield f"{EXCERPT}{flat(line)}"
        yield f"{EXCERPT}{' ' * before}{style('^', fg='red', bold=True)}"


def _entry(entry: Entry) -> str:
    refused = entry.refusal
    lines = _refused(entry) if refused else [_head(entry.change)]
    lines += [
        f"    {style(f'! {flat(risk.text)}', fg='red')}{_at(risk.path)}"
        for risk in entry.risks
        if risks.is_addition(risk)
    ]
    if review.users_text(entry.change):
        lines.append(f"    {flat(review.users_text(entry.change))}")
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
            lines += [f"    {flat(field.path)}:", *field_lines.conflict(entry.kind, field)]
    return lines


def _is_unset(entry: Entry, field: FieldChange) -> bool:
    return is_unset(entry.kind, split(field.path), field.desired) if entry.kind else is_empty(field.desired)


def _body(entry: Entry) -> list[str]:
    change = entry.change
    if change.action is Action.CREATE:
        rows = [(flat(field.path), field_lines.brief(field)) for field in change.fields if not _is_unset(entry, field)]
        return [f"    {line}" for line in field_lines.align(rows)]
    lines = list(field_lines.fields(ValueComparison(entry.kind), change.fields))
    if change.waits_for:
        lines.append(f"    waits for {', '.join(map(str, change.waits_for))}")
    return lines


def _limits(plan: Plan) -> list[str]:
    """Limits on deletes that are higher than at the last apply."""
    lines = [style(f"! {one}", fg="red", bold=True) for one in plan.limits]
    return ["\n".join([*lines, ""])] if lines else []


def _overwritten(plan: Plan) -> Iterator[str]:
    entries = list(review.overwritten_drift(plan))
    if entries:
        yield style("Changed in the account since the last apply, and reverted by this plan:", fg="magenta")
        yield from (f"    {entry.address}: {', '.join(flat(one.path) for one in entry.fields)}" for entry in entries)
        yield ""


def _pending(plan: Plan) -> Iterator[str]:
    if plan.pending:
        yield style(f"Pending already before this branch, as of {flat(plan.base)}:", fg="cyan")
        for entry in plan.pending:
            yield f"    {entry.address}: {'all of it' if entry.whole else ', '.join(map(flat, entry.paths))}"
        yield ""


def _drift(entry: Drift) -> str:
    if entry.cause is Cause.MISSING:
        return style(f"- {entry.address}: {flat(entry.remote_id)} was deleted in the account", fg="red") + "\n"
    head = style(f"~ {entry.address}: {flat(entry.remote_id)} was changed in the account", fg="yellow", bold=True)
    moved = [replace(one, cause=Cause.EDITED, live=one.base, desired=one.live) for one in entry.fields]
    return "\n".join([head, *field_lines.fields(ValueComparison(entry.kind, old_is_declared=True), moved), ""])


def _warnings(warnings: Sequence[Diagnostic]) -> Iterator[str]:
    """Warnings about the plan itself, and about what cannot work; others, which `validate` shows, are only counted."""
    yield from (_diagnostic_text(warning) for warning in warnings if review.is_shown_in_full(warning))
    count = sum(not review.is_shown_in_full(warning) for warning in warnings)
    if count:
        word = style(counted(count, "warning"), fg="yellow")
        yield with_folder(f"{word} about files of the project; run `tavusctl validate` to see all warnings")
