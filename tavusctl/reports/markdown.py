"""Plans for a pull request: counts first, then what is dangerous, then each resource, folded.

Text from elsewhere stands in fenced blocks that it cannot close, or as code in character references: nothing in it is
markup, a mention, a link or an issue.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from tavusctl.graph import Graph
from tavusctl.model import Action, Cause, Complaint, Drift, FieldChange, Outcome, Plan, Severity, Status
from tavusctl.reports import prose, review
from tavusctl.reports.drawing import mermaid
from tavusctl.reports.inert import code, disarmed, entities, fenced, marker
from tavusctl.reports.places import is_nothing, is_prose, one_line
from tavusctl.reports.review import Entry, Shown, objects
from tavusctl.reports.view import ComplaintView, DriftView, OutcomeView, PlanView
from tavusctl.secret import SHOWN
from tavusctl.unseen import visible

_LONG = 100  # characters; GitHub shows no more of a line in a block, without scrolling
_UNFOLDED = 100  # lines of what is no danger
_DRAWN = 20_000  # characters of a drawing that a page takes


def plan(plan: PlanView) -> str:
    """The whole plan."""
    entries = review.entries(plan)
    return joined([*top(plan), *dangers(entries), *sections(entries), *bottom(plan)])


def drift(plan: PlanView, drift: Sequence[DriftView]) -> str:
    """What moved in the account since the last apply."""
    return joined([*drift_top(plan, drift), *map(moved, drift)])


def outcomes(plan: PlanView, outcomes: Sequence[OutcomeView]) -> str:
    """What became of a plan: counts, and every step, the worst first."""
    return joined([*outcomes_top(plan, outcomes), "\n".join(ended(outcomes)), signed(plan)])


def complaints(complaints: Sequence[ComplaintView]) -> str:
    """What validation found."""
    return joined([*complaints_top(complaints), "\n".join(map(complaint, complaints))])


def drift_top(plan: Plan, drift: Sequence[Drift]) -> list[str]:
    """How much drift there is."""
    count = f"**Drift: {objects(len(drift))}**" if drift else f"**{review.no_drift(plan)}**"
    unknown = "\n".join(map(complaint, review.unknown(plan)))
    return [marker(plan.account, plan.environment), _title("drift", plan), count, unknown]


def outcomes_top(plan: Plan, outcomes: Sequence[Outcome]) -> list[str]:
    """How many steps ended how."""
    counts = Counter(outcome.status for outcome in outcomes)
    words = ", ".join(f"{counts[status]} {status}" for status in Status if counts[status]) or "nothing to do"
    words += f", {len(plan.refused)} refused" if plan.refused else ""
    return [marker(plan.account, plan.environment), _title("apply", plan), f"**Apply: {words}**"]


def ended(outcomes: Sequence[Outcome]) -> list[str]:
    """One line for each step, the worst first."""
    return [_outcome(one) for one in sorted(outcomes, key=lambda one: one.status is Status.DONE)]


def complaints_top(complaints: Sequence[Complaint]) -> list[str]:
    """How many complaints there are."""
    counts = Counter(one.severity for one in complaints)
    found = [f"{counts[one]} {one.value}{'' if counts[one] == 1 else 's'}" for one in Severity if counts[one]]
    return [marker("validate"), "### tavusctl validate", f"**{', '.join(found)}**" if found else "**Valid.**"]


def top(plan: Plan) -> list[str]:
    """The marker by which a comment is found again, whose plan it is, and the counts."""
    if review.is_empty(plan):
        words = f"**No changes.** {objects(plan.no_op)} as the manifests say."
    else:
        words = f"**Plan: {', '.join(review.counts(plan))}**" + (f" · {plan.no_op} unchanged" if plan.no_op else "")
    limits = "\n".join(["> [!CAUTION]", *(f"> - {code(str(one))}" for one in plan.limits)]) if plan.limits else ""
    return [marker(plan.account, plan.environment), _title("plan", plan), words, limits]


def dangers(entries: Sequence[Entry]) -> list[str]:
    """One line for everything that nobody should miss."""
    lines = [f"> - {_danger(entry)}" for entry in entries if entry.dangerous]
    return ["\n".join(["> [!CAUTION]", *lines])] if lines else []


def bottom(plan: Plan) -> Iterator[str]:
    """Drift that would be overwritten, what was to be done before, warnings, and what the plan is known by."""
    overwritten = [
        f"- {code(str(one.address))}: {_paths(entry.path for entry in one.fields)}" for one in review.overwritten(plan)
    ]
    if overwritten:
        yield "\n".join(
            ["Changed in the account since the last apply, and **brought back** by this plan:", "", *overwritten]
        )
    if plan.moves:
        lines = [f"- {code(str(one.new))}, which was {code(str(one.old))}" for one in plan.moves]
        yield "\n".join(["Renamed, with nothing to be sent:", "", *lines])
    if plan.recorded:
        lines = [f"- {code(str(one.address))}" for one in plan.recorded]
        yield "\n".join(["As the manifests say by now, and to be recorded in the state by apply:", "", *lines])
    if plan.recovered:
        yield review.RECOVERED
    if plan.pending:
        lines = [
            f"- {code(str(one.address))}: {'all of it' if one.whole else _paths(one.paths)}" for one in plan.pending
        ]
        yield "\n".join([f"To be done already before this branch, as of {code(plan.base)}:", "", *lines])
    told = [complaint(one) for one in plan.warnings if review.is_loud(one)]
    count = sum(not review.is_loud(one) for one in plan.warnings)
    told += [f"- {count} warning{'' if count == 1 else 's'} about the manifests"] if count else []
    if told:
        yield "\n".join(told)
    yield signed(plan)


def sections(entries: Iterable[Entry]) -> list[str]:
    """Each resource: dangerous ones are unfolded, and others that are no creates as long as one can overlook it."""
    room = _UNFOLDED
    found = []
    for entry in entries:
        parts = _parts(entry)
        length = sum(part.count("\n") + 1 for part in parts)
        unfolded = entry.dangerous or (entry.change.action is not Action.CREATE and length <= room)
        room -= length if unfolded else 0
        found.append(_folded(headline(entry), parts, unfolded=unfolded))
    return found


def _parts(entry: Entry) -> list[str]:
    """All that there is to say of a resource."""
    change, refusal = entry.change, entry.refusal
    reason = refusal.reason if refusal else change.reason
    said = [code(reason)] if reason else []
    said += [f"help: {code(refusal.hint)}"] if refusal and refusal.hint else []
    said += [code(review.users(change))] if change.affects else []
    said += [f"waits for {', '.join(code(str(one)) for one in change.waits_for)}"] if change.waits_for else []
    said += [" · ".join(code(one) for one in (change.remote_id, str(change.source or "")) if one)]
    parts = ["  \n".join(filter(None, said))] if any(said) else []
    parts += _changes(review.shown(entry.kind, change.fields)) + _blamed(change.fields)
    return parts + _flow(review.flow(entry))


def headline(entry: Entry) -> str:
    """A resource in one line of HTML."""
    change = entry.change
    sign = "!" if entry.refusal else review.SIGNS[change.action]
    what = f"{change.action.value} refused [{entry.refusal.id}]" if entry.refusal else change.action.value
    told = [f"<b>{what}</b>" if entry.dangerous else what, change.cause.value]
    told += [f"affects {objects(len(change.affects))}"] if change.affects else []
    told += [review.budget(one.live, one.desired).replace("->", "→") for one in change.fields if review.tokens(one)][:1]
    told += [f"new host {code(risk.host)}" for risk in entry.risks if risk.host]
    return f"{code(sign)} <b>{code(str(change.address))}</b> {' · '.join(told)}"


def joined(parts: Iterable[str]) -> str:
    """Parts with a blank line between, none of which a runner obeys."""
    return disarmed("\n\n".join(part for part in parts if part) + "\n")


def _title(what: str, plan: Plan) -> str:
    account = f" on {code(plan.account)}" if plan.account else ""
    return f"### tavusctl {what}: {code(plan.environment)}{account}"


def signed(plan: Plan) -> str:
    """What a plan is known by."""
    return f"<sub>plan {code(plan.fingerprint)}</sub>" if plan.fingerprint else ""


def _danger(entry: Entry) -> str:
    change = entry.change
    address = f"<b>{code(str(change.address))}</b>"
    if entry.refusal:
        return f"{address} {change.action.value} refused [{entry.refusal.id}]: {code(entry.refusal.reason)}"
    told = "; ".join(
        f"{entities(risk.text.removesuffix(risk.host))}{code(risk.host) if risk.host else ''}" for risk in entry.risks
    )
    return f"{address} {told}" + (f"; affects {objects(len(change.affects))}" if change.affects else "")


def _folded(head: str, parts: Sequence[str], *, unfolded: bool = False) -> str:
    if not parts:
        return head
    return "\n\n".join([f"<details{' open' if unfolded else ''}><summary>{head}</summary>", *parts, "</details>"])


def _paths(paths: Iterable[str]) -> str:
    return ", ".join(map(code, paths))


def _changes(found: Iterable[Shown]) -> list[str]:
    lines = [visible(line).rstrip() for one in found for line in _lines(one)]
    return [fenced("\n".join(lines), "diff")] if lines else []


def _blamed(fields: Iterable[FieldChange]) -> list[str]:
    """Who wrote what fields should be, an item for each."""
    return ["\n".join(found)] if (found := [line for one in fields for line in _behind(one)]) else []


def _behind(entry: FieldChange) -> Iterator[str]:
    for one in entry.blame[:1]:
        more = f", and {len(entry.blame) - 1} more" if len(entry.blame) > 1 else ""
        place = code(f"{one.source.path}:{one.source.line}")
        yield f"- {code(entry.path)} {review.blame(one, code)} ({place}{more})"


def _lines(one: Shown) -> Iterator[str]:
    """Lines of a diff, the sign in the first column; each is one line, whatever is in it."""
    path = one.path.replace("\n", "\\n")
    cause = f" (in the {one.side})" if one.side else f" ({one.cause.value})" if one.cause is not Cause.EDITED else ""
    if one.secret:
        yield f"! {path}: {SHOWN} {one.note}{cause}"
    elif one.note:
        yield f"! {path}: {one.note}{cause}: {one_line(one.old)} -> {one_line(one.new)}"
    elif all(isinstance(side, str) or is_nothing(side) for side in (one.old, one.new)) and (
        is_prose(one.old) or is_prose(one.new)
    ):
        yield f"@@ {path}: {review.budget(one.old, one.new)}{cause} @@"
        sides = ("" if is_nothing(side) else side for side in (one.old, one.new))
        yield from (_line(prose.shortened(line)) for line in prose.lines(*sides))
    else:
        yield from _values(one, f"{path}:", cause)


def _values(one: Shown, path: str, cause: str) -> Iterator[str]:
    """What went and what came, below the path where that makes a long line."""
    sides = [(sign, one_line(value)) for sign, value in (("-", one.old), ("+", one.new)) if not is_nothing(value)]
    if all(len(f"{path} {text}{cause}") <= _LONG for _, text in sides):
        yield from (f"{sign} {path} {text}{cause}" for sign, text in sides)
    else:
        yield f"@@ {path.removesuffix(':')}{cause} @@"
        yield from (f"{sign} {text}" for sign, text in sides)


def _line(line: prose.Line) -> str:
    if line.sign == "…":
        return f"@@ … {line.parts[0][0]} @@" if line.parts[0][0] else "@@ … @@"
    opening, closing = {"-": ("[-", "-]"), "+": ("{+", "+}")}.get(line.sign, ("", ""))
    whole = len(line.parts) == 1
    words = (f"{opening}{text}{closing}" if changed and text and not whole else text for text, changed in line.parts)
    return f"{line.sign} {''.join(words)}"


def _flow(graph: Graph | None) -> list[str]:
    drawn = mermaid(graph).rstrip("\n") if graph else ""
    return [fenced(drawn, "mermaid")] if drawn and len(drawn) <= _DRAWN else []


def moved(entry: Drift) -> str:
    """One object that was changed in the account."""
    head = f"<b>{code(str(entry.address))}</b> {code(entry.remote_id)}"
    if entry.cause is Cause.MISSING:
        return f"{code('-')} {head} was deleted in the account"
    return _folded(
        f"{code('~')} {head} was changed in the account",
        [*_changes(review.drifted(entry)), *_blamed(entry.fields)],
        unfolded=True,
    )


def _outcome(one: Outcome) -> str:
    remote_id = f" {code(one.remote_id)}" if one.remote_id else ""
    reason = f": {code(one.reason)}" if one.reason else ""
    unkept = f"; not kept: {_paths(one.unkept)}" if one.unkept else ""
    return f"- **{one.status.value}** {one.step.action.value} {code(str(one.step.address))}{remote_id}{reason}{unkept}"


def complaint(one: Complaint) -> str:
    """One complaint, as an item of a list."""
    place = f" {code(str(one.source))}" if one.source else ""
    hint = f"  \n  help: {code(one.hint)}" if one.hint else ""
    return f"- **{one.severity.value}**{place} {code(one.message)} [{one.id}]{hint}"
