"""Plans for the terminal: dangerous first, one block a change, colour only where it helps.

Foreign text (prompts, names, server messages) goes through `visible`: control characters, which could rewrite the
terminal, are shown and not obeyed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from click import style

from tavusctl import patch
from tavusctl.document import is_empty as is_blank
from tavusctl.kind import ResourceKind
from tavusctl.model import (
    Action,
    Cause,
    Change,
    Complaint,
    Drift,
    FieldChange,
    Outcome,
    Plan,
    Severity,
    Status,
    Value,
)
from tavusctl.reports import prose, review
from tavusctl.reports.inert import disarmed
from tavusctl.reports.places import Place, compact, is_nothing, is_prose, item_name, one_line, within
from tavusctl.reports.review import Entry, objects
from tavusctl.secret import SHOWN
from tavusctl.unseen import flat, visible

_COLOURS = {
    Action.CREATE: "green",
    Action.UPDATE: "yellow",
    Action.REPLACE: "red",
    Action.DELETE: "red",
    Action.ADOPT: "cyan",
    Action.RECRAWL: "cyan",
    Action.FORGET: "yellow",
    Action.RETIRE: "red",
}
_STATUS = {
    Status.DONE: "green",
    Status.FAILED: "red",
    Status.UNKNOWN: "red",
    Status.SKIPPED: "yellow",
    Status.DEFERRED: "cyan",
}
_LINE = 80  # columns of a terminal
_NAMES = 28  # columns of the longest name that others are aligned to
_EXCERPT = 72
_EXCERPT_WIDTH = 200


def plan(plan: Plan) -> str:
    """A plan: refused and dangerous first, the rest, drift that it would overwrite, and one line of counts."""
    parts = [_entry(one) for one in review.entries(plan)]
    parts += _overwritten(plan)
    parts += _pending(plan)
    parts += _warnings(plan.warnings)
    parts.append(summary(plan))
    return disarmed("\n".join(parts) + "\n")


def summary(plan: Plan) -> str:
    """The one-line summary."""
    if review.is_empty(plan):
        return f"No changes. {objects(plan.no_op)} as the manifests say."
    return style(f"Plan: {', '.join(review.counts(plan))}", bold=True)


def drift(_: Plan, drift: Sequence[Drift]) -> str:
    """What moved in the account since the last apply."""
    if not drift:
        return "No drift.\n"
    blocks = [_drift(entry) for entry in drift]
    total = sum(len(entry.fields) for entry in drift)
    fields = f", {total} field{'' if total == 1 else 's'}" if total else ""
    return disarmed("\n".join([*blocks, style(f"Drift: {objects(len(drift))}{fields}", bold=True)]) + "\n")


def outcomes(plan: Plan, outcomes: Sequence[Outcome]) -> str:
    """What became of a plan: counts, and every step that is not simply done."""
    counts = Counter(outcome.status for outcome in outcomes)
    listed = [outcome(one) for one in outcomes if one.status is not Status.DONE or one.unkept or one.reason]
    words = ", ".join(f"{counts[status]} {status}" for status in Status if counts[status]) or "nothing to do"
    refused = f", {len(plan.refused)} refused" if plan.refused else ""
    return "\n".join([*listed, style(f"Apply: {words}{refused}", bold=True)]) + "\n"


def outcome(outcome: Outcome) -> str:
    """One step that has ended."""
    reason = f": {flat(outcome.reason)}" if outcome.reason else ""
    remote_id = f" ({flat(outcome.remote_id)})" if outcome.remote_id else ""
    status = style(f"{outcome.status.value:<8}", fg=_STATUS[outcome.status])
    return disarmed(f"{status} {outcome.step.action.value} {outcome.step.address}{remote_id}{reason}")


def complaints(complaints: Sequence[Complaint]) -> str:
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


def complaint(complaint: Complaint) -> str:
    """One complaint."""
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
    lines += [f"    {style(f'! {flat(risk.text)}', fg='red')}{_at(risk.path)}" for risk in entry.risks if risk.host]
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
            lines += [f"    {flat(field.path)}", *_three_ways(entry.kind, field)]
    return lines


def _three_ways(kind: ResourceKind | None, entry: FieldChange) -> Iterator[str]:
    """A conflict: short values side by side, long ones as what each side made of the last applied one."""
    sides = (("last applied", entry.base), ("live", entry.live), ("manifest", entry.desired))
    if entry.sensitive:
        yield f"      value: {SHOWN}"
    elif any(is_prose(value) or isinstance(value, list | dict) for _, value in sides):
        for name, value in sides[1:]:
            yield f"      {name}, since the last apply:"
            yield from (f"    {line}" for line in _difference(kind, patch.split(entry.path), entry.base, value))
    else:
        yield from (f"      {name}: {visible(one_line(value))}" for name, value in sides)


def _body(entry: Entry) -> list[str]:
    change = entry.change
    if change.action is Action.CREATE:
        told = [(flat(one.path), _brief(one)) for one in change.fields if not is_blank(one.desired)]
        return [f"    {line}" for line in _aligned(told)]
    lines = list(_fields(entry.kind, change.fields))
    if change.waits_for:
        lines.append(f"    waits for {', '.join(map(str, change.waits_for))}")
    return lines


def _aligned(told: Sequence[tuple[str, str]]) -> Iterator[str]:
    """Names and values, the values in one column."""
    width = min(max((len(name) for name, _ in told), default=0), _NAMES) + 1
    yield from (f"{name + ':':<{width}} {value}" for name, value in told)


def _brief(entry: FieldChange) -> str:
    if entry.sensitive:
        return SHOWN
    value = entry.desired
    if is_prose(value):
        lines = value.count("\n") + 1
        words = f"text of {len(value):,} characters, {lines} line{'' if lines == 1 else 's'}"
        return f"{words}, {review.budget(None, value)}"
    return _named(value) if isinstance(value, list) else visible(one_line(value))


def _named(items: Sequence[Value]) -> str:
    names = [name for name in map(item_name, items) if name]
    shown = flat(", ".join(names)) if len(names) == len(items) else visible(one_line(list(items)))
    return f"{len(items)}: {shown}" if len(shown) <= _LINE else f"{len(items)} items"


def _fields(kind: ResourceKind | None, fields: Iterable[FieldChange]) -> Iterator[str]:
    """Fields that differ; short ones that stand together are aligned."""
    waiting: list[tuple[str, str]] = []
    for entry in fields:
        cause = style(f" ({entry.cause.value})", fg="magenta") if entry.cause is not Cause.EDITED else ""
        short = SHOWN + " changed" if entry.sensitive else _short(entry)
        if short:
            waiting.append((flat(entry.path), short + cause))
            continue
        yield from (f"    {line}" for line in _aligned(waiting))
        waiting = []
        yield f"    {flat(entry.path)}:{_size(entry)}{cause}"
        yield from (f"    {line}" for line in _difference(kind, patch.split(entry.path), entry.live, entry.desired))
    yield from (f"    {line}" for line in _aligned(waiting))


def _size(entry: FieldChange) -> str:
    return f" {review.budget(entry.live, entry.desired)}" if review.tokens(entry) else ""


def _short(entry: FieldChange) -> str:
    """Both values on one line, where that holds them."""
    if any(isinstance(value, list | dict) or is_prose(value) for value in (entry.live, entry.desired)):
        return ""
    return f"{visible(one_line(entry.live))} -> {visible(one_line(entry.desired))}"


def _difference(kind: ResourceKind | None, path: tuple[str, ...], old: Value, new: Value) -> Iterator[str]:
    """What changed inside a field, place by place."""
    for place in within(kind, path, old, new):
        yield from (f"  {line}" for line in _place(place))


def _place(place: Place) -> Iterator[str]:
    old, new, name = place.old, place.new, flat(place.name)
    if place.note:
        yield f"{name}: {place.note}: {visible(one_line(old))} -> {visible(one_line(new))}"
    elif is_prose(old) or is_prose(new):
        indent = "  " if name else ""
        if name:
            yield f"{name}:"
        sides = ("" if is_nothing(old) else old, "" if is_nothing(new) else new)
        if all(isinstance(side, str) for side in sides):
            yield from (f"{indent}{_line(line)}" for line in prose.lines(*sides))
        else:
            yield from (f"{indent}{line}" for line in _both(old, new, ""))
    else:
        yield from _both(old, new, f"{name}: " if name else "")


def _both(old: Value, new: Value, name: str) -> Iterator[str]:
    if is_nothing(new):
        yield style(f"- {name}{visible(one_line(old))}", fg="red")
    elif is_nothing(old):
        yield style(f"+ {name}{visible(one_line(new))}", fg="green")
    elif len(name) + len(compact(old)) + len(compact(new)) <= _LINE:
        yield f"{name}{visible(one_line(old))} -> {visible(one_line(new))}"
    else:
        yield style(f"- {name}{visible(one_line(old))}", fg="red")
        yield style(f"+ {name}{visible(one_line(new))}", fg="green")


def _line(line: prose.Line) -> str:
    colour = {"-": "red", "+": "green", ">": "cyan", "…": "cyan"}.get(line.sign)
    opening, closing = {"-": ("[-", "-]"), "+": ("{+", "+}")}.get(line.sign, ("", ""))
    parts = prose.shortened(line).parts
    whole = len(parts) == 1
    words = (
        style(f"{'' if whole else opening}{visible(text)}{'' if whole else closing}", fg=colour, bold=not whole)
        if changed
        else visible(text)
        for text, changed in parts
    )
    return f"{style(line.sign, fg=colour)} {''.join(words)}".rstrip()


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
    return "\n".join([head, *_fields(entry.kind, review.as_drift(entry.fields)), ""])


def _warnings(warnings: Sequence[Complaint]) -> Iterator[str]:
    """Those about the plan itself; those about files are for `validate`, and only counted here."""
    yield from (complaint(one) for one in warnings if one.source is None)
    count = sum(one.source is not None for one in warnings)
    if count:
        word = style(f"{count} warning{'' if count == 1 else 's'}", fg="yellow")
        yield f"{word} about the manifests; tavusctl validate shows {'it' if count == 1 else 'them'}"
