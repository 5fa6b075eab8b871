"""The summary of a plan adds up to what is listed, in every report, for any plan."""

from __future__ import annotations

import json
import re
from collections import Counter

import click
from hypothesis import given
from hypothesis import strategies as st
from jsonschema_rs import Draft202012Validator

from tavusctl.core.address import Address
from tavusctl.core.binding import Binding
from tavusctl.core.model import Action, Cause, Move, Plan
from tavusctl.core.project_settings import Limit
from tavusctl.reports import plan_schema
from tavusctl.reports.formats import REPORTS
from tests.golden.plans import change

STEPS = [action for action in Action if action is not Action.WAIT]
CHECKER = Draft202012Validator(plan_schema.for_plan())


@st.composite
def plans(draw: st.DrawFn) -> Plan:
    """Plans with any number of steps of each sort, of renames, of raised limits and of what only the state learns."""
    actions = draw(st.lists(st.sampled_from(STEPS), max_size=12))
    cause = draw(st.sampled_from([Cause.EDITED, Cause.ASKED, Cause.DUE]))
    steps = tuple(change(action, f"persona/step-{number}", cause=cause) for number, action in enumerate(actions))
    moves = tuple(
        Move(Address("persona", f"old-{number}"), Address("persona", f"new-{number}"), f"m{number}")
        for number in range(draw(st.integers(0, 3)))
    )
    learned = draw(st.lists(st.sampled_from(["a", "b", "new-0", "step-0"]), max_size=5))
    settled = tuple(Binding(Address("persona", name), name) for name in learned)
    limits = tuple(Limit(f"safety.{number}", 1, 2) for number in range(draw(st.integers(0, 2))))
    recovered, seal = draw(st.booleans()), "sha256:00"
    return Plan(steps, moves=moves, settled=settled, recovered=recovered, no_op=3, fingerprint=seal, limits=limits)


def expected(plan: Plan) -> Counter[str]:
    """What is listed, by what is done with it."""
    own = {*(step.address for step in plan.steps), *(move.new for move in plan.moves)}
    learned = {one.address for one in plan.settled} - own
    found = Counter(step.action.value for step in plan.steps)
    return found + Counter({"rename": len(plan.moves), "record": len(learned)})


def told_as(plan: Plan) -> Counter[str]:
    """The same as people are told it: whatever lowers protection is one sum."""
    found = expected(plan)
    return found + Counter({"lower": found.pop("unprotect", 0) + len(plan.limits)})


def counted(report: str) -> Counter[str]:
    """The counts in a summary, but for those that are none."""
    found = re.findall(r"(\d+) (?:protections? )?to ([a-z]+)", report)
    return Counter({what: int(count) for count, what in found if int(count)})


@given(plans())
def test_the_summary_adds_up_to_what_is_listed(plan: Plan) -> None:
    document = json.loads(REPORTS["json"].plan(plan))
    summary = document["summary"]

    assert [error.message for error in CHECKER.iter_errors(document)] == []
    assert Counter(one["action"] for one in document["changes"]) == +Counter(
        {action.value: summary[action.value] for action in STEPS}
    )
    assert len(document.get("moved", [])) == summary["rename"]
    assert len(document.get("recorded", [])) == summary["record"]
    assert len(document.get("limits", [])) == len(plan.limits)
    assert +Counter({name: count for name, count in summary.items() if name != "no_op"}) == expected(plan)


@given(plans())
def test_every_report_tells_the_same_counts(plan: Plan) -> None:
    text = click.unstyle(REPORTS["text"].plan(plan)).splitlines()[-1]
    page = " ".join(re.findall(r"<li[^>]*>(\d+ (?:protections? )?to [a-z]+)</li>", REPORTS["html"].plan(plan)))
    lines = [line for line in REPORTS["markdown"].plan(plan).splitlines() if line.startswith("**Plan:")]
    comment = [line for line in REPORTS["comment"].plan(plan).splitlines() if line.startswith("**Plan:")]

    told = [counted(one) for one in (text, page, " ".join(lines), " ".join(comment))]

    assert told == [told_as(plan)] * len(told)


@given(plans())
def test_no_changes_is_said_only_where_apply_would_write_nothing(plan: Plan) -> None:
    nothing = not (plan.steps or plan.moves or plan.settled or plan.recovered or plan.limits)

    for name in ("text", "markdown", "comment", "html"):
        assert ("No changes." in REPORTS[name].plan(plan)) == nothing, name
    assert plan.writes != nothing
