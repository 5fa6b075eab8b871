"""Plans for a pull request: counts first, then dangerous changes, then each resource, folded.

Text from outside is written as code, in character references: nothing in it is markup, a mention, a link or an issue,
and no line of it is too long for a phone.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from tavusctl.core.diagnostic_ids import label
from tavusctl.core.diagnostics import Diagnostic
from tavusctl.core.messages import account_name, counted
from tavusctl.core.model import Action, Cause, Change, Drift, FieldChange, Outcome, Plan, Status
from tavusctl.lib.graph import Graph
from tavusctl.reports import markdown_fields
from tavusctl.reports.contents import review
from tavusctl.reports.contents.review import Entry, Group
from tavusctl.reports.contents.view import DiagnosticView, DriftView, OutcomeView, PlanView
from tavusctl.reports.drawing import mermaid
from tavusctl.reports.escaping import code, entities, fenced, marker, neutralise

_UNFOLDED = 100  # lines of harmless changes that are not folded
_DRAWN = 20_000  # characters of the largest drawing that is shown
DIAGNOSTICS_TITLE: Final = "### tavusctl validate"


def plan(plan: PlanView) -> str:
    """A plan, in full."""
    entries = review.entries(plan)
    return join_parts([*top(plan), *dangers(entries), *sections(review.group_entries(entries)), *bottom(plan)])


def drift(plan: PlanView, drift: Sequence[DriftView]) -> str:
    """Drift: the objects that changed in the account since the last apply."""
    return join_parts([*drift_top(plan, drift), *map(drifted_object, drift)])


def outcomes(plan: PlanView, outcomes: Sequence[OutcomeView]) -> str:
    """The outcomes of a plan: counts, and every step, the worst first."""
    return join_parts([*outcomes_top(plan, outcomes), "\n".join(outcome_lines(outcomes)), fingerprint_line(plan)])


def diagnostics(diagnostics: Sequence[DiagnosticView]) -> str:
    """Diagnostics, after their counts; errors first."""
    return join_parts([*diagnostics_top(diagnostics), "\n".join(diagnostic_lines(diagnostics))])


def drift_top(plan: Plan, drift: Sequence[Drift]) -> list[str]:
    """The top of a report of drift: marker, title, count and warnings."""
    count = f"**Drift: {counted(len(drift), 'object')}**" if drift else f"**{review.no_drift_sentence(plan)}**"
    warnings = "\n".join(map(diagnostic, review.drift_warnings(plan)))
    return [marker(plan.account, plan.environment), _title("drift", plan), count, warnings]


def outcomes_top(plan: Plan, outcomes: Sequence[Outcome]) -> list[str]:
    """The top of a report of outcomes: marker, title, and the number of steps by status."""
    words = ", ".join(review.outcome_counts(plan, outcomes))
    return [marker(plan.account, plan.environment), _title("apply", plan), f"**Apply: {words}**"]


def outcome_lines(outcomes: Sequence[Outcome]) -> list[str]:
    """One line for each step, the worst first."""
    return [_outcome(outcome) for outcome in sorted(outcomes, key=lambda outcome: outcome.status is Status.DONE)]


def diagnostics_top(diagnostics: Sequence[Diagnostic]) -> list[str]:
    """The top of a report of diagnostics: marker, title, and their number by severity."""
    return [marker("validate"), DIAGNOSTICS_TITLE, f"**{', '.join(review.diagnostic_counts(diagnostics))}**"]


def diagnostic_lines(diagnostics: Iterable[Diagnostic]) -> list[str]:
    """One item for each diagnostic, errors first."""
    return list(map(diagnostic, review.errors_first(diagnostics)))


def top(plan: Plan) -> list[str]:
    """The top of a plan: the marker of its comment, counts, what it covers and reverts, raised limits."""
    if review.is_empty(plan):
        words = f"**No changes.** {counted(plan.no_op, 'object')} up to date."
    else:
        words = f"**Plan: {', '.join(review.counts(plan))}**" + (f" · {plan.no_op} unchanged" if plan.no_op else "")
    limits = "\n".join(["> [!CAUTION]", *(f"> - {code(str(one))}" for one in plan.limits)]) if plan.limits else ""
    return [
        marker(plan.account, plan.environment),
        _title("plan", plan),
        words,
        *review.top_sentences(plan, code),
        limits,
    ]


def dangers(entries: Sequence[Entry]) -> list[str]:
    """One list of all dangerous changes, a line for each; no list if there are none."""
    lines = [f"> - {_danger(entry)}" for entry in entries if entry.dangerous]
    return ["\n".join(["> [!CAUTION]", *lines])] if lines else []


def bottom(plan: Plan) -> Iterator[str]:
    """The bottom of a plan, ended by its fingerprint.

    Above that: drift that the plan reverts, changes of the state only, changes that were pending before, and warnings.
    """
    overwritten = [
        f"- {code(str(one.address))}: {_paths(entry.path for entry in one.fields)}"
        for one in review.overwritten_drift(plan)
    ]
    if overwritten:
        yield "\n".join(
            ["Changed in the account since the last apply, and **reverted** by this plan:", "", *overwritten]
        )
    if plan.moves:
        lines = [f"- {code(str(one.new))}, which was {code(str(one.old))}" for one in plan.moves]
        yield "\n".join(["Renamed, without a request to the API:", "", *lines])
    if plan.recorded:
        lines = [f"- {code(str(one.address))}" for one in plan.recorded]
        yield "\n".join(["Up to date already; only to be recorded in the state:", "", *lines])
    if settings := review.settings_sentence(plan, code):
        yield settings
    if recovered := review.recovery_sentence(plan, code):
        yield recovered
    if plan.pending:
        lines = [
            f"- {code(str(one.address))}: {'all of it' if one.whole else _paths(one.paths)}" for one in plan.pending
        ]
        yield "\n".join([f"Pending already before this branch, as of {code(plan.base)}:", "", *lines])
    warnings = [diagnostic(one) for one in plan.warnings if review.is_shown_in_full(one)]
    count = sum(not review.is_shown_in_full(one) for one in plan.warnings)
    warnings += [f"- {counted(count, 'warning')} about files of the project"] if count else []
    if warnings:
        yield "\n".join(warnings)
    yield fingerprint_line(plan)


def sections(groups: Iterable[Group]) -> list[str]:
    """A section for each resource, or for several that change alike.

    Dangerous changes are unfolded, others as long as there is room; creates stay folded.
    """
    room = _UNFOLDED
    texts = []
    for group in groups:
        entry = group[0]
        parts = _parts(entry) if len(group) == 1 else _alike(group)
        line_count = sum(part.count("\n") + 1 for part in parts)
        unfolded = entry.dangerous or (entry.change.action is not Action.CREATE and line_count <= room)
        room -= line_count if unfolded else 0
        texts.append(collapsible(headline(entry, len(group) - 1), parts, unfolded=unfolded))
    return texts


def _alike(group: Group) -> list[str]:
    """The parts of a section for several resources: a list of them, and the change that they share."""
    changes = [entry.change for entry in group]
    listed = "\n".join(f"- {code(str(change.address))} {_place(change)}".rstrip() for change in changes)
    return [listed, *markdown_fields.changes(review.changed_places(group[0].kind, changes[0].fields))]


def _place(change: Change) -> str:
    """The id of an object, and the file and line of its manifest."""
    return " · ".join(code(text) for text in (change.remote_id, str(change.source or "")) if text)


def _parts(entry: Entry) -> list[str]:
    """The parts of the section of one resource: notes about it, its changes, and its conversation graph."""
    change, refusal = entry.change, entry.refusal
    reason = refusal.reason if refusal else change.reason
    notes = [code(reason)] if reason else []
    notes += [f"help: {code(refusal.hint)}"] if refusal and refusal.hint else []
    notes += [f"used by {code(review.user_names(change))}"] if change.affects else []
    notes += [f"waits for {', '.join(code(str(address)) for address in change.waits_for)}"] if change.waits_for else []
    notes += [_place(change)]
    parts = ["  \n".join(filter(None, notes))] if any(notes) else []
    is_new = change.action is Action.CREATE
    parts += _with_blame(
        markdown_fields.changes(review.changed_places(entry.kind, change.fields), is_new=is_new), change.fields
    )
    return parts + _flow(review.flow(entry))


def headline(entry: Entry, others: int) -> str:
    """The head of a section: a resource on one line of HTML, and how many others change in the same way."""
    change = entry.change
    sign = "!" if entry.refusal else review.SIGNS[change.action]
    what = f"{change.action.value} refused [{entry.refusal.id}]" if entry.refusal else change.action.value
    details = [f"<b>{what}</b>" if entry.dangerous else what, change.cause.value]
    # Dangers have the count above.
    details += [review.affected_count(change)] if change.affects and not entry.dangerous else []
    details += list(filter(None, map(review.prompt_budget, change.fields)))[:1]
    details += [f"new host {code(risk.host)}" for risk in entry.risks if risk.host]
    more = f" and {others} more alike" if others else ""
    return f"{code(sign)} <b>{code(str(change.address))}</b>{more} {' · '.join(details)}"


def join_parts(parts: Iterable[str]) -> str:
    """The parts with a blank line between them, without text that a runner takes for a command."""
    return neutralise("\n\n".join(part for part in parts if part) + "\n")


def _title(what: str, plan: Plan) -> str:
    by_key = account_name("", plan.key_source, code)
    account = f" on {code(plan.account)}" if plan.account else f", {by_key}" if by_key else ""
    return f"### tavusctl {what}: {code(plan.environment)}{account}"


def fingerprint_line(plan: Plan) -> str:
    """The fingerprint of a plan; empty if it has none."""
    return f"<sub>plan {code(plan.fingerprint)}</sub>" if plan.fingerprint else ""


def _danger(entry: Entry) -> str:
    change = entry.change
    address = f"<b>{code(str(change.address))}</b>"
    if entry.refusal:
        return f"{address} {change.action.value} refused [{entry.refusal.id}]: {code(entry.refusal.reason)}"
    risks = "; ".join(
        f"{entities(risk.text.removesuffix(risk.host))}{code(risk.host) if risk.host else ''}" for risk in entry.risks
    )
    return f"{address} {risks}" + (f"; {review.affected_count(change)}" if change.affects else "")


def collapsible(head: str, parts: Sequence[str], *, unfolded: bool = False) -> str:
    """A head above parts that it folds; only the head if there are no parts."""
    if not parts:
        return head
    return "\n\n".join([f"<details{' open' if unfolded else ''}><summary>{head}</summary>", *parts, "</details>"])


def _paths(paths: Iterable[str]) -> str:
    return ", ".join(map(code, paths))


def _with_blame(changes: Sequence[str], fields: Iterable[FieldChange]) -> list[str]:
    """One list: the changes, then who last wrote the desired value of each field."""
    lines = [*changes, *(line for field in fields for line in _blame(field))]
    return ["\n".join(lines)] if lines else []


def _blame(entry: FieldChange) -> Iterator[str]:
    for one in entry.blame[:1]:
        more = f", and {len(entry.blame) - 1} more" if len(entry.blame) > 1 else ""
        place = code(f"{one.source.path}:{one.source.line}")
        yield f"- {code(entry.path)} {review.blame(one, code)} ({place}{more})"


def _flow(graph: Graph | None) -> list[str]:
    drawn = mermaid(graph).rstrip("\n") if graph else ""
    return [fenced(drawn, "mermaid")] if drawn and len(drawn) <= _DRAWN else []


def drifted_object(entry: Drift) -> str:
    """One object that was changed or deleted in the account."""
    head = f"<b>{code(str(entry.address))}</b> {code(entry.remote_id)}"
    if entry.cause is Cause.MISSING:
        return f"{code('-')} {head} was deleted in the account"
    return collapsible(
        f"{code('~')} {head} was changed in the account",
        _with_blame(markdown_fields.changes(review.drift_places(entry)), entry.fields),
        unfolded=True,
    )


def _outcome(one: Outcome) -> str:
    remote_id = f" {code(one.remote_id)}" if one.remote_id else ""
    reason = f": {code(one.reason)}" if one.reason else ""
    unkept = f"; not kept: {_paths(one.unkept)}" if one.unkept else ""
    return f"- **{one.status.value}** {one.step.action.value} {code(str(one.step.address))}{remote_id}{reason}{unkept}"


def diagnostic(one: Diagnostic) -> str:
    """One diagnostic, as an item of a list."""
    place = f" {code(str(one.source))}" if one.source else ""
    hint = f"  \n  help: {code(one.hint)}" if one.hint else ""
    return f"- **{one.severity.value}**{place} {code(one.message)} [{label(one.id)}]{hint}"
