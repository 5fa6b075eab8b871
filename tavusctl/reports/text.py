"""Plans for the terminal: dangerous first, one block a change, colour only where it helps.

Foreign text (prompts, names, server messages) goes through `visible`: control characters, which could rewrite the
terminal, are shown and not obeyed.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from click import style

from tavusctl.document import is_empty, plain
from tavusctl.model import (
    ABSENT,
    Action,
    Cause,
    Change,
    Complaint,
    Drift,
    FieldChange,
    Outcome,
    Plan,
    Refusal,
    Severity,
    Status,
    Value,
)
from tavusctl.reports import prose
from tavusctl.secret import SHOWN

_SIGNS = {
    Action.CREATE: ("+", "green"),
    Action.UPDATE: ("~", "yellow"),
    Action.REPLACE: ("±", "red"),
    Action.DELETE: ("-", "red"),
    Action.ADOPT: ("^", "cyan"),
    Action.RECRAWL: ("@", "cyan"),
    Action.FORGET: ("x", "yellow"),
    Action.RETIRE: ("-", "red"),
}
_DANGEROUS = (Action.DELETE, Action.REPLACE, Action.RETIRE)
_ORDER = (
    Action.DELETE,
    Action.REPLACE,
    Action.RETIRE,
    Action.UPDATE,
    Action.FORGET,
    Action.CREATE,
    Action.ADOPT,
    Action.RECRAWL,
)
_STATUS = {
    Status.DONE: "green",
    Status.FAILED: "red",
    Status.UNKNOWN: "red",
    Status.SKIPPED: "yellow",
    Status.DEFERRED: "cyan",
}
# C0 but tab and newline, DEL, C1, line separators, and what turns the direction of text or hides in it.
_UNSEEN = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]")
_LONG = 72
_WIDTH = 200


def visible(text: str) -> str:
    """Text in which nothing can hide or act."""
    return _UNSEEN.sub(lambda found: f"\\u{{{ord(found.group()):x}}}", text)


def flat(text: str) -> str:
    """Visible text on one line: a name of a stranger must not look like a line of the plan."""
    return visible(text).replace("\n", "\\n")


def plan(plan: Plan) -> str:
    """A plan: refused and dangerous first, the rest, drift that it would overwrite, and one line of counts."""
    parts = [*map(_refusal, plan.refused)]
    parts += [_change(step) for action in _ORDER for step in plan.steps if step.action is action]
    parts += _overwritten(plan)
    parts += _pending(plan)
    parts += _warnings(plan.warnings)
    parts.append(summary(plan))
    return "\n".join(parts) + "\n"


def summary(plan: Plan) -> str:
    """The one-line summary."""
    counts = Counter(step.action for step in plan.steps)
    if not plan.steps and not plan.refused:
        return f"No changes. {_objects(plan.no_op)} as the manifests say."
    words = [f"{counts[Action.CREATE]} to create", f"{counts[Action.UPDATE]} to update"]
    words += [f"{counts[Action.REPLACE]} to replace", f"{counts[Action.DELETE]} to delete"]
    words += [f"{counts[Action.ADOPT]} to adopt"] if counts[Action.ADOPT] else []
    words += [f"{len(plan.refused)} refused"] if plan.refused else []
    return style(f"Plan: {', '.join(words)}", bold=True)


def drift(_: Plan, drift: Sequence[Drift]) -> str:
    """What moved in the account since the last apply."""
    if not drift:
        return "No drift.\n"
    blocks = [_drift(entry) for entry in drift]
    total = sum(len(entry.fields) for entry in drift)
    fields = f", {total} field{'' if total == 1 else 's'}" if total else ""
    return "\n".join([*blocks, style(f"Drift: {_objects(len(drift))}{fields}", bold=True)]) + "\n"


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
    return f"{status} {outcome.step.action.value} {outcome.step.address}{remote_id}{reason}"


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
    return "\n".join(lines)


def _excerpt(complaint: Complaint) -> Iterator[str]:
    if complaint.source and complaint.excerpt.strip():
        column = complaint.source.column - 1
        start = max(0, column - _LONG)
        yield f"  | {flat(complaint.excerpt[start : start + _WIDTH].expandtabs(1))}"
        yield f"  | {' ' * (column - start)}{style('^', fg='red', bold=True)}"


def _objects(count: int) -> str:
    return f"{count} object{'' if count == 1 else 's'}"


def _refusal(refusal: Refusal) -> str:
    change = refusal.change
    head = style(f"! {change.address}: {change.action.value} refused", fg="red", bold=True)
    lines = [f"{head} [{refusal.id}]", f"    {flat(refusal.reason)}"]
    if change.cause is Cause.BOTH:
        for entry in change.fields:
            if entry.cause is Cause.BOTH:
                lines += [f"    {flat(entry.path)}"]
                lines += [f"      {side}: {_value(value)}" for side, value in _sides(entry)]
    lines += [f"    {style('help:', fg='cyan')} {flat(refusal.hint)}"] if refusal.hint else []
    return "\n".join([*lines, ""])


def _sides(entry: FieldChange) -> Iterator[tuple[str, Value]]:
    if entry.sensitive:
        yield "value", SHOWN
    else:
        yield from (("last applied", entry.base), ("live", entry.live), ("manifest", entry.desired))


def _change(change: Change) -> str:
    sign, colour = _SIGNS[change.action]
    mark = style(f"{sign} {change.address}", fg=colour, bold=True)
    what = style(change.action.value, fg="red", bold=True) if change.action in _DANGEROUS else change.action.value
    remote_id = f" {flat(change.remote_id)}" if change.remote_id else ""
    head = f"{mark}: {what}{remote_id} ({change.cause.value})"
    lines = [head + (f" {flat(change.reason)}" if change.reason else "")]
    if change.action is Action.CREATE:
        lines += [f"    {flat(entry.path)}: {_brief(entry)}" for entry in change.fields if not is_empty(entry.desired)]
    else:
        lines += [line for entry in change.fields for line in _field(entry)]
    if change.waits_for and change.action is not Action.CREATE:
        lines.append(f"    waits for {', '.join(map(str, change.waits_for))}")
    return "\n".join([*lines, ""])


def _brief(entry: FieldChange) -> str:
    if entry.sensitive:
        return SHOWN
    text = entry.desired
    if isinstance(text, str) and (len(text) > _LONG or "\n" in text):
        lines = text.count("\n") + 1
        return f"text of {len(text):,} characters, {lines} line{'' if lines == 1 else 's'}"
    if isinstance(text, list):
        return _named(text)
    return _value(text)


def _named(items: Sequence[Value]) -> str:
    names = [name for name in map(_name, items) if name]
    shown = flat(", ".join(names)) if len(names) == len(items) else _value(list(items))
    return f"{len(items)}: {shown}" if len(shown) <= _WIDTH else f"{len(items)} items"


def _name(item: Value) -> str:
    if not isinstance(item, dict):
        return ""
    inner = item.get("function")
    named = inner if isinstance(inner, dict) else item
    return next((str(value) for key, value in named.items() if key == "name" or key.endswith("_name")), "")


def _field(entry: FieldChange) -> Iterator[str]:
    cause = style(f" ({entry.cause.value})", fg="magenta") if entry.cause is not Cause.EDITED else ""
    path = flat(entry.path)
    if entry.sensitive:
        yield f"    {path}: {SHOWN} changed{cause}"
    elif _is_prose(entry.live) and _is_prose(entry.desired):
        yield f"    {path}:{cause}"
        yield from (f"      {_line(line)}" for line in prose.lines(entry.live, entry.desired))
    elif isinstance(entry.live, list | dict) and isinstance(entry.desired, list | dict):
        yield f"    {path}:{cause}"
        yield from (f"      {line}" for line in _structure(plain(entry.live), plain(entry.desired)))
    else:
        yield f"    {path}: {_value(entry.live)} -> {_value(entry.desired)}{cause}"


def _is_prose(value: Value) -> bool:
    return isinstance(value, str) and (len(value) > _LONG or "\n" in value)


def _line(line: prose.Line) -> str:
    colour = {"-": "red", "+": "green"}.get(line.sign)
    opening, closing = {"-": ("[-", "-]"), "+": ("{+", "+}")}.get(line.sign, ("", ""))
    whole = len(line.parts) == 1
    words = (
        style(f"{'' if whole else opening}{visible(text)}{'' if whole else closing}", fg=colour, bold=not whole)
        if changed
        else visible(text)
        for text, changed in line.parts
    )
    return f"{style(line.sign, fg=colour)} {''.join(words)}".rstrip()


def _structure(old: Value, new: Value) -> Iterator[str]:
    """What changed inside lists and objects, place by place."""
    from deepdiff import DeepDiff  # noqa: PLC0415 - only where it is shown: the import costs more than a small plan

    tree = DeepDiff(old, new, view="tree", verbose_level=2, threshold_to_diff_deeper=0)
    levels = [level for found in tree.values() for level in found]
    for level in sorted(levels, key=lambda one: [str(part) for part in one.path(output_format="list")]):
        path = "/" + "/".join(str(part) for part in level.path(output_format="list"))
        before, after = _present(level.t1), _present(level.t2)
        if _is_prose(before) and _is_prose(after):
            yield f"{flat(path)}:"
            yield from (f"  {_line(line)}" for line in prose.lines(before, after))
        elif after is ABSENT:
            yield style(f"- {flat(path)}: {_value(before)}", fg="red")
        elif before is ABSENT:
            yield style(f"+ {flat(path)}: {_value(after)}", fg="green")
        else:
            yield f"{flat(path)}: {_value(before)} -> {_value(after)}"


def _present(value: object) -> Value:
    return ABSENT if type(value).__name__ == "NotPresent" else value


def _value(value: Value) -> str:
    """A value on one line."""
    if value is ABSENT or value is None:
        return "(not set)"
    text = visible(json.dumps(plain(value), ensure_ascii=False))
    return text if len(text) <= _WIDTH else f"{text[:_WIDTH]}… ({len(text):,} characters)"


def _overwritten(plan: Plan) -> Iterator[str]:
    touched = {step.address for step in plan.steps}
    entries = [entry for entry in plan.drift if entry.address in touched and entry.fields]
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
    moved = [FieldChange(one.path, Cause.EDITED, one.base, one.base, one.live, one.sensitive) for one in entry.fields]
    return "\n".join([head, *_lines(moved), ""])


def _lines(fields: Iterable[FieldChange]) -> Iterator[str]:
    for entry in fields:
        yield from _field(entry)


def _warnings(warnings: Sequence[Complaint]) -> Iterator[str]:
    """Those about the plan itself; those about files are for `validate`, and only counted here."""
    yield from (complaint(one) for one in warnings if one.source is None)
    count = sum(one.source is not None for one in warnings)
    if count:
        word = style(f"{count} warning{'' if count == 1 else 's'}", fg="yellow")
        yield f"{word} about the manifests; tavusctl validate shows {'it' if count == 1 else 'them'}"
