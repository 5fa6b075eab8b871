"""Plans as an HTML page: one file that loads nothing, runs no script but its own, and can be printed.

Text from outside is escaped twice: invisible characters are made visible, then the template escapes HTML.  The page's
own content security policy forbids everything that the page does not need.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Sequence
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING

from msgspec.structs import replace

from tavusctl.core.diagnostic_ids import label
from tavusctl.core.errors import UsageError
from tavusctl.core.messages import account_name, counted
from tavusctl.core.model import Cause, Drift, FieldChange, Plan, Status
from tavusctl.lib.diffing import text_diff
from tavusctl.lib.json_types import Json, JsonObject, as_list
from tavusctl.reports.contents import review, risks
from tavusctl.reports.contents.review import Entry, Shown
from tavusctl.reports.contents.value_paths import as_texts, compact, is_prose
from tavusctl.reports.contents.view import DiagnosticView, DriftView, OutcomeView, PlanView
from tavusctl.reports.drawing import svg
from tavusctl.reports.drawing.stylesheet import STYLE as DRAWN
from tavusctl.reports.escaping import neutralise
from tavusctl.secrets.escape import escape_invisible
from tavusctl.secrets.values import SHOWN

if TYPE_CHECKING:
    from jinja2 import Template

_MAX_OPEN_ROWS = 400  # rows that differ: a change with more of them is folded when the page opens
_ONLY_OF_CHANGES = ("refusal", "risks", "affects", "affected", "reason", "source", "waits_for", "budget", "flow")
Context = JsonObject


def ready() -> None:
    """Raise UsageError if the package that makes the page is not installed."""
    try:
        import jinja2  # noqa: F401, PLC0415 - the extra `report` is optional
    except ModuleNotFoundError:
        message = "the HTML report needs the package `jinja2`, which is not installed"
        raise UsageError(message, "run `pip install 'tavusctl[report]'`") from None


def plan(plan: PlanView) -> str:
    """A plan as a page."""
    nothing = f"No changes. {counted(plan.no_op, 'object')} up to date."
    words = [nothing] if review.is_empty(plan) else review.counts(plan)
    return _page(
        plan,
        "plan",
        counts=words + ([f"{plan.no_op} unchanged"] if plan.no_op and not review.is_empty(plan) else []),
        cards=[_card(entry, number) for number, entry in enumerate(review.entries(plan))],
        sentences=review.top_sentences(plan),
        limits=[str(one) for one in plan.limits],
        overwritten=[
            (str(one.address), [entry.path for entry in one.fields]) for one in review.overwritten_drift(plan)
        ],
        moves=[(str(one.new), str(one.old)) for one in plan.moves],
        recorded=[str(one.address) for one in plan.recorded],
        settings=review.settings_sentence(plan),
        recovered=review.recovery_sentence(plan),
        pending=[(str(one.address), ["all of it"] if one.whole else one.paths) for one in plan.pending],
        diagnostics=review.errors_first(plan.warnings),
    )


def drift(plan: PlanView, drift: Sequence[DriftView]) -> str:
    """Drift as a page."""
    words = [f"{counted(len(drift), 'object')} changed in the account"] if drift else [review.no_drift_sentence(plan)]
    cards = [_drift_card(entry, number) for number, entry in enumerate(drift)]
    return _page(plan, "drift", counts=words, cards=cards, diagnostics=review.errors_first(review.drift_warnings(plan)))


def outcomes(plan: PlanView, outcomes: Sequence[OutcomeView]) -> str:
    """The outcomes of a plan as an HTML page, the worst first."""
    worst = sorted(outcomes, key=lambda one: one.status is Status.DONE)
    return _page(plan, "apply", counts=review.outcome_counts(plan, outcomes), outcomes=worst)


def diagnostics(diagnostics: Sequence[DiagnosticView]) -> str:
    """Diagnostics as a page."""
    counts = review.diagnostic_counts(diagnostics)
    return _page(None, "validate", counts=counts, diagnostics=review.errors_first(diagnostics))


def _page(plan: Plan | None, what: str, **content: Json) -> str:
    ready()
    lists = "cards sentences limits overwritten moves recorded settings recovered pending diagnostics outcomes"
    empty: Context = {name: [] for name in lists.split()}
    style, script = _asset("page.css"), _asset("page.js")
    policy = f"default-src 'none'; img-src data:; style-src {_hash(style)} {_hash(DRAWN)}; script-src {_hash(script)}; "
    policy += "base-uri 'none'; form-action 'none'"
    account = account_name(plan.account, plan.key_source) if plan else ""
    common: Context = {"what": what, "account": account, "style": style, "script": script, "policy": policy}
    return neutralise(_template().render({**empty, **content, **common}, plan=plan))


@cache
def _template() -> Template:
    from jinja2 import Environment, PackageLoader, StrictUndefined  # noqa: PLC0415 - as in `ready`
    from markupsafe import Markup, escape  # noqa: PLC0415 - comes with jinja2

    loader = PackageLoader("tavusctl.reports", "page")
    environment = Environment(
        loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.globals["label"] = label
    environment.filters["ours"] = Markup  # for markup that is made here: style, script and drawings
    environment.finalize = lambda value: escape(escape_invisible(value)) if type(value) is str else value
    return environment.get_template("page.html.jinja")


@cache
def _asset(name: str) -> str:
    return resources.files("tavusctl.reports").joinpath("page", name).read_text("utf-8")


def _hash(content: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()}'"


def _card(entry: Entry, number: int) -> Context:
    change, refusal = entry.change, entry.refusal
    flow = review.flow(entry)
    blocks = [block for field in change.fields for block in _blocks(field, review.changed_places(entry.kind, [field]))]
    return {
        "number": number,
        "sign": "!" if refusal else review.SIGNS[change.action],
        "address": str(change.address),
        "action": change.action.value,
        "group": "refused" if refusal else change.action.value,
        "dangerous": entry.dangerous,
        "cause": change.cause.value,
        "why": review.CAUSES[change.cause],
        "refusal": refusal,
        # A refused change deletes nothing.
        "risks": tuple(risk for risk in entry.risks if risks.is_addition(risk) or not refusal),
        "affects": change.affects,
        "affected": review.affected_count(change),
        "reason": "" if refusal else change.reason,
        "remote_id": change.remote_id,
        "source": change.source,
        "waits_for": change.waits_for,
        "budget": next(filter(None, map(review.prompt_budget, change.fields)), ""),
        "blocks": blocks,
        "flow": svg(flow) if flow else "",
        "open": entry.dangerous or sum(len(as_list(block["rows"])) for block in blocks) <= _MAX_OPEN_ROWS,
    }


def _drift_card(entry: Drift, number: int) -> Context:
    is_missing = entry.cause is Cause.MISSING
    return {
        "number": number,
        "sign": "-" if is_missing else "~",
        "address": str(entry.address),
        "action": "deleted in the account" if is_missing else "changed in the account",
        "group": entry.cause.value,
        "dangerous": is_missing,
        "cause": entry.cause.value,
        "why": review.CAUSES[entry.cause],
        "remote_id": entry.remote_id,
        "blocks": [
            block
            for field in entry.fields
            for block in _blocks(field, review.drift_places(replace(entry, fields=(field,))))
        ],
        "open": True,
        **dict.fromkeys(_ONLY_OF_CHANGES, ""),
    }


def _blocks(entry: FieldChange, places: Iterable[Shown]) -> list[Context]:
    """A block for each place of a field; the last one has the blame of the field."""
    blocks = [_block(one) for one in places]
    blame_lines = [(review.blame(one, escape_invisible), f"{one.source.path}:{one.source.line}") for one in entry.blame]
    return [*blocks[:-1], {**blocks[-1], "blame": blame_lines}] if blocks else []


def _block(place: Shown) -> Context:
    """The block of one place that differs: rows of a text diff, or both values, or for a secret the mask."""
    sides = as_texts(place.old, place.new)
    cause = f"in the {place.side}" if place.side else "" if place.cause is Cause.EDITED else place.cause.value
    common: Context = {"path": place.path, "cause": cause, "note": place.note, "side": place.side, "blame": ()}
    if place.secret:
        return {**common, "rows": [], "values": [("", SHOWN)]}
    if sides and not place.note and (is_prose(place.old) or is_prose(place.new)):
        rows = list(text_diff.rows(*sides))
        return {**common, "note": review.budget(place.old, place.new), "rows": rows, "values": []}
    values = [("old", compact(place.old)), ("new", compact(place.new))]
    return {**common, "rows": [], "values": [(side, text) for side, text in values if text != compact(None)]}
