"""Plans as people read them: the order of danger, one line of counts, and nothing that hides or acts."""

from __future__ import annotations

import re
from typing import Any

import click
import pytest

from tavusctl.core.address import Address, Source
from tavusctl.core.diagnostics import Diagnostic
from tavusctl.core.model import ABSENT, Action, Cause, Change, Drift, FieldChange, Plan, Refusal
from tavusctl.reports.contents import review
from tavusctl.reports.formats import REPORTS
from tavusctl.reports.terminal import line_wrapping
from tavusctl.secrets.values import Secret

COACH = Address("persona", "coach")
PLACE = "Environment default\n"
PROMPT = "You are a coach for new colleagues who sell.\nYou are kind.\nYou are brief.\nYou never promise a discount."


def shown(plan: Plan) -> str:
    return click.unstyle(REPORTS["text"].plan(plan))


def edit(path: str, live: Any, desired: Any, **more: Any) -> FieldChange:
    return FieldChange(path, more.pop("cause", Cause.EDITED), more.pop("base", live), live, desired, **more)


def step(action: Action, name: str = "coach", *fields: FieldChange, **more: Any) -> Change:
    cause = more.pop("cause", Cause.EDITED)
    return Change(action, cause, Address("persona", name), more.pop("remote_id", "p1"), fields, **more)


def test_danger_comes_first_and_the_counts_last() -> None:
    steps = [step(action, action.value) for action in (Action.CREATE, Action.UPDATE, Action.DELETE, Action.REPLACE)]
    conflict = Refusal(step(Action.UPDATE, "mine", cause=Cause.BOTH), "E301", 3, "both changed it", "take one")

    lines = [line for line in shown(Plan(tuple(steps), refused=(conflict,))).splitlines() if line and line[0] != " "]

    assert lines == [
        "! persona/mine: update refused [E301]",
        "- persona/delete: delete p1 (edited)",
        "± persona/replace: replace p1 (edited)",
        "~ persona/update: update p1 (edited)",
        "+ persona/create: create p1 (edited)",
        "Environment default",
        "Plan: 1 to create, 1 to update, 1 to replace, 1 to delete, 1 refused",
    ]


def test_a_part_names_what_was_planned_and_counts_the_rest() -> None:
    four = tuple(Address("persona", name) for name in "abcd")
    named = "persona/a, persona/b, persona/c, 1 more and what they refer to"
    assert shown(Plan(targets=four)).startswith(f"{PLACE}Only {named} were planned.\nNo changes.")
    begun = "only replacements that an earlier apply has begun were planned."
    assert shown(Plan(targets=four[:1], finish=True)).startswith(
        f"{PLACE}Of persona/a and what it refers to, {begun}\n"
    )
    assert shown(Plan(finish=True)).startswith(f"{PLACE}O{begun[1:]}\n")


def test_nothing_to_do_is_one_line_below_the_place() -> None:
    assert shown(Plan(no_op=1)) == PLACE + "No changes. 1 object up to date.\n"
    assert REPORTS["text"].drift(Plan(), ()) == PLACE + "No drift.\n"
    assert click.unstyle(REPORTS["text"].outcomes(Plan(), ())) == "Apply: nothing to do\n"


def test_a_prompt_is_shown_by_line_with_its_words_marked() -> None:
    edited = PROMPT.replace("kind", "strict")
    change = step(Action.UPDATE, "coach", edit("/system_prompt", PROMPT, edited))

    assert shown(Plan((change,))) == (
        "~ persona/coach: update p1 (edited)\n"
        f"    /system_prompt: {review.budget(PROMPT, edited)}\n"
        "        You are a coach for new colleagues who sell.\n"
        "      - You are [-kind-].\n"
        "      + You are {+strict+}.\n"
        "        You are brief.\n"
        f"\n{PLACE}"
        "Plan: 0 to create, 1 to update, 0 to replace, 0 to delete\n"
    )


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (edit("/a", 1, 2), "/a: 1 -> 2"),
        (edit("/a", ABSENT, "x"), '/a: (not set) -> "x"'),
        (edit("/a", "x", None, cause=Cause.DRIFTED), '/a: "x" -> (not set) (drifted)'),
        (edit("/a", True, 1), "/a: true -> 1"),
        (edit("/a", Address("document", "x"), ABSENT), '/a: "${ref:document/x}" -> (not set)'),
        (edit("/a", ["x" * 300], 1), f'/a:\n      - ["{"x" * 198}… (304 characters)\n      + 1'),
        (edit("/a", "one", Secret("canary", b"k"), sensitive=True), "/a: (sensitive) changed"),
        (edit("/a", Secret("canary", b"k"), "x"), '/a: "(sensitive)" -> "x"'),
        (edit("/a", ["x"], ["x", "y"]), '/a:\n      + /1: "y"'),
        (edit("/a", {"x": [1, {"y": 2}]}, {"x": [1, {"y": 3}]}), "/a:\n      /x/1/y: 2 -> 3"),
        (edit("/a", {"x": 1}, {}), "/a:\n      - /x: 1"),
    ],
)
def test_a_field_is_shown_as_short_as_it_can_be_understood(change: FieldChange, expected: str) -> None:
    assert shown(Plan((step(Action.UPDATE, "coach", change),))).split("\n", 1)[1].startswith(f"    {expected}\n")


def test_a_conflict_shows_all_three_sides_and_the_way_out() -> None:
    both = edit("/name", "Theirs", "Ours", base="Was", cause=Cause.BOTH)
    refusal = Refusal(step(Action.UPDATE, "coach", both), "E301", 3, "changed on both sides", "apply --overwrite")
    refusal = Refusal(step(Action.UPDATE, "coach", both, cause=Cause.BOTH), refusal.id, 3, refusal.reason, refusal.hint)

    lines = shown(Plan(refused=(refusal,))).splitlines()

    assert [line.strip() for line in lines[1:7]] == [
        "changed on both sides",
        "/name:",
        'last applied: "Was"',
        'live:         "Theirs"',
        'manifest:     "Ours"',
        "help: apply --overwrite",
    ]


def test_drift_is_shown_from_what_was_applied_to_what_is_live() -> None:
    moved = Drift(COACH, "p1", Cause.DRIFTED, (edit("/name", "Theirs", "Ours", base="Was", cause=Cause.DRIFTED),))
    missing = Drift(Address("document", "prices"), "d1", Cause.MISSING)

    assert click.unstyle(REPORTS["text"].drift(Plan(), (missing, moved))) == (
        "- document/prices: d1 was deleted in the account\n\n"
        "~ persona/coach: p1 was changed in the account\n"
        '    /name: "Was" -> "Theirs"\n\n'
        f"{PLACE}Drift: 2 objects, 1 field\n"
    )


def test_drift_that_a_plan_overwrites_is_told_with_it() -> None:
    drifted = edit("/name", "Theirs", "Ours", cause=Cause.DRIFTED)
    plan = Plan((step(Action.UPDATE, "coach", drifted),), drift=(Drift(COACH, "p1", Cause.DRIFTED, (drifted,)),))

    assert "reverted by this plan:\n    persona/coach: /name\n" in shown(plan)


@pytest.mark.parametrize("format_", ["text", "markdown", "comment", "summary", "html"])
def test_the_counts_come_with_the_objects_whose_edits_a_plan_reverts(format_: str) -> None:
    """A plan may be long: who reads only its counts knows which edits of other people will be gone."""
    drifted = edit("/name", "Theirs", "Ours", cause=Cause.DRIFTED)
    names = ["a", "b", "c", "d", "e"]
    steps = tuple(step(Action.UPDATE, name, drifted) for name in names)
    drift = tuple(Drift(Address("persona", name), "p1", Cause.DRIFTED, (drifted,)) for name in names)
    report = click.unstyle(REPORTS[format_].plan(Plan(steps, drift=drift))).replace("&#47;", "/")
    report = report.replace("<code>", "").replace("</code>", "")
    lines = report.splitlines()

    [place] = [at for at, line in enumerate(lines) if "Reverts edits made in the account to 5 objects:" in line]
    assert "persona/a, persona/b, persona/c, 2 more." in lines[place]
    assert any("5 to update" in line for line in lines[max(place - 6, 0) : place + 2])
    assert "Reverts" not in REPORTS[format_].plan(Plan(steps[:1]))


def test_a_complaint_has_its_line_and_a_caret_under_the_place() -> None:
    source = Source("manifests/a.yaml", 3, 7)
    diagnostic = Diagnostic("TV104", "expected a list", source, "write [x]", COACH, excerpt="  key: x")

    assert click.unstyle(REPORTS["text"].diagnostics([diagnostic])) == (
        "manifests/a.yaml:3:7: error: expected a list [TV104 invalid-value]\n"
        "  |   key: x\n  |       ^\n  help: write [x]\n1 error\n"
    )


@pytest.mark.parametrize("before", ["", "ab", "你好", "\t", "\u202e\x1b", "é" * 90])
def test_the_caret_is_under_its_place_whatever_stands_before_it(before: str) -> None:
    """Wide characters take two columns, and invisible ones are shown by their numbers."""
    source = Source("manifests/a.yaml", 3, len(before) + 1)
    diagnostic = Diagnostic("TV104", "expected a list", source, excerpt=f"{before}HERE: x")

    _, line, caret, _ = click.unstyle(REPORTS["text"].diagnostics([diagnostic])).splitlines()

    assert line_wrapping.columns(line.partition("HERE")[0]) == caret.index("^")


def test_an_excerpt_shows_what_it_is_about_and_is_cut_and_not_continued_on_a_terminal() -> None:
    before, after = "key: value, " * 9, "HERE is what is wrong, and much more " * 3
    diagnostic = Diagnostic("TV104", "expected", Source("manifests/a.yaml", 3, len(before) + 1), excerpt=before + after)

    lines = line_wrapping.wrap(click.unstyle(REPORTS["text"].diagnostics([diagnostic]))).splitlines()

    assert [len(line) for line in lines[1:-1]] == [80, lines[2].index("^") + 1]
    assert lines[1].endswith("…")
    assert lines[1][lines[2].index("^") :].startswith("HERE is what is wrong")


@pytest.mark.parametrize("before", ["key: value, " * 6, "你好" * 16, "ab " * 50])
def test_the_caret_of_an_excerpt_is_on_the_terminal_however_narrow_that_is(before: str) -> None:
    diagnostic = Diagnostic("TV104", "", Source("manifests/a.yaml", 3, len(before) + 1), excerpt=f"{before}HERE: x")

    for width in range(40, 100):
        report = line_wrapping.wrap(REPORTS["text"].diagnostics([diagnostic]), width)

        *_, line, caret, _ = click.unstyle(report).splitlines()
        assert max(map(line_wrapping.columns, (line, caret))) <= width
        assert line_wrapping.columns(line.partition("HERE")[0]) == caret.index("^")


def test_the_id_and_the_slug_of_a_diagnostic_stay_together() -> None:
    report = line_wrapping.wrap(f"a.yaml:6:18: error: {'the text is long ' * 3}[TV208 literal-expression]")

    assert report.splitlines()[1] == "    [TV208 literal-expression]"


def test_a_command_in_backticks_is_never_broken() -> None:
    command = "`tavusctl state unlock 0f3a --holder-is-dead build-7:4711`"

    report = line_wrapping.wrap(f"  help: wait until the other run has ended, or run {command}, if it is dead")

    assert report.splitlines()[1] == f"      {command}, if it is dead"


def test_a_line_with_a_command_at_its_end_stays_whole() -> None:
    line = f"undo with: tavusctl -C {'folder/' * 9} undo 3f2a91c07be4 --allow-deletes 5"

    assert line_wrapping.wrap(line) == line


def test_a_row_of_a_table_goes_on_below_its_last_column_if_that_has_room() -> None:
    rows = f"name   text  {'meaning ' * 12}\n{'n' * 60}  text  {'meaning ' * 12}\nname   text  {'x' * 75}"

    shown = line_wrapping.wrap(rows, is_table=True).splitlines()

    assert [len(line) - len(line.lstrip()) for line in shown] == [0, 13, 0, 4, 4, 0, 4]


LONG = "/find_the_roadblock/next_conditional_objectives/give_advice"
REASON = "it is about process, territory, or product, and about nothing else in the world that anybody could name"


def test_what_is_longer_than_a_line_stands_below_its_name() -> None:
    sides = [{"data": [{"objective_name": "a", "next": {"give_advice": text}}]} for text in (REASON[:62], REASON[:60])]
    change = step(
        Action.UPDATE, "coach", edit("/layers/conversational_flow" * 2, "x" * 30, "y" * 30), edit("/a", *sides)
    )

    assert shown(Plan((change,))).splitlines()[1:7] == [
        "    /layers/conversational_flow/layers/conversational_flow:",
        f'      "{"x" * 30}" -> "{"y" * 30}"',
        "    /a:",
        "      /data/a/next/give_advice:",
        f'        - "{REASON[:62]}"',
        f'        + "{REASON[:60]}"',
    ]


def test_no_line_is_wider_than_a_terminal_and_nothing_of_it_is_lost() -> None:
    """But for words that are longer than a line: whoever copies an address wants it whole."""
    url = f"https://example.com/{'x' * 90}"
    change = step(Action.REPLACE, "coach", edit(LONG, REASON, ""), reason=f"{REASON} {url}", affects=(REASON, "b"))
    report = line_wrapping.wrap(shown(Plan((change,))))

    assert [line for line in report.splitlines() if len(line) > 80] == [f"    {url}"]
    flat = " ".join(report.split())
    assert f"{REASON} {url}" in flat
    assert f"affects 2 objects: {REASON}, b" in flat
    assert f"- {REASON}" in flat


def test_colours_take_no_room_and_end_where_they_did() -> None:
    change = step(Action.UPDATE, "coach", edit("/a", {"b": REASON[:62]}, {"b": REASON[:62] + " " + REASON[:30]}))
    report = line_wrapping.wrap(REPORTS["text"].plan(Plan((change,))), 60)

    assert [line for line in click.unstyle(report).splitlines() if len(line) > 60] == []
    assert report.count("\x1b[0m") == len(re.findall(r"\x1b\[(?!0m)[0-9;]*m(?!\x1b)", report))


def test_wide_letters_take_the_room_they_take() -> None:
    report = line_wrapping.wrap(shown(Plan((step(Action.UPDATE, "coach", reason="你好 " * 40),))))

    assert max(map(line_wrapping.columns, report.splitlines())) <= 80
    assert "".join(report.split()).count("你好") == 40


def test_a_line_that_is_set_in_passes_for_nothing_else() -> None:
    """Neither for a line of the report, nor for a command of a runner."""
    nasty = " ".join(
        ["word"] * 9 + ["Plan: 0 to create", "::error::forged", "##[error]forged", "~ persona/x: update"] * 3
    )
    report = line_wrapping.wrap(shown(Plan((step(Action.UPDATE, "coach", reason=nasty),))), 40)

    assert len(re.findall("^Plan: ", report, re.MULTILINE)) == 1
    assert [line for line in report.splitlines() if line.lstrip().startswith("::") or "##[" in line] == []
    assert all(line.startswith("    ") for line in report.splitlines()[1:-4])
