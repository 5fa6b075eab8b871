"""Plans of any size: a comment that fits and hides no danger, and no report that keeps people waiting."""

from __future__ import annotations

import random
import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tavusctl.model import ABSENT, Action, Cause, Complaint, Drift, Outcome, Plan, Refusal, Status
from tavusctl.reports import REPORTS, comment, markdown, review, view
from tests.golden.plans import EVERY, change, field

FINGERPRINT = "sha256:" + "ab" * 32
SECONDS = 30.0  # for each report of a huge plan on a busy machine; an idle one needs a tenth


def prompt(seed: int, size: int) -> str:
    made = random.Random(seed)
    words = ["".join(made.choices("aeiourstlnm", k=made.randint(2, 9))) for _ in range(size // 6)]
    return "\n".join(" ".join(words[start : start + 12]) for start in range(0, len(words), 12))


def plan_of(updates: list[int], deletes: int, refused: int) -> Plan:
    """Updates by the size of their prompts."""
    steps = [
        change(Action.UPDATE, f"persona/edited-{number}", field("/system_prompt", "Before.", prompt(number, size)))
        for number, size in enumerate(updates)
    ]
    gone = [change(Action.DELETE, f"persona/gone-{number}", cause=Cause.ORPHANED) for number in range(deletes)]
    not_done = [change(Action.UPDATE, f"persona/not-{number}", cause=Cause.BOTH) for number in range(refused)]
    refusals = tuple(Refusal(one, "E301", 3, "both changed it", "take one") for one in not_done)
    return Plan((*steps, *gone), refused=refusals, fingerprint=FINGERPRINT, environment="prod", account="acme")


def plain(text: str) -> str:
    return re.sub(r"&#(\d+);", lambda found: chr(int(found[1])), text)


def test_a_small_plan_is_whole() -> None:
    assert REPORTS["comment"].plan(EVERY) == REPORTS["markdown"].plan(EVERY)


@given(st.lists(st.integers(0, 3000), max_size=8), st.integers(0, 6), st.integers(0, 4), st.integers(1500, 12_000))
def test_a_comment_fits_and_hides_no_danger(updates: list[int], deletes: int, refused: int, limit: int) -> None:
    plan = plan_of(updates, deletes, refused)
    text = plain(comment.fitted(view.plan(plan), limit))
    dangerous = [str(entry.change.address) for entry in review.entries(plan) if entry.dangerous]
    assert len(comment.fitted(view.plan(plan), limit).encode()) <= limit
    assert FINGERPRINT in text
    assert text.startswith("<!-- tavusctl:acme/prod -->\n")
    if "Do not approve" not in text:
        assert [address for address in dangerous if address not in text] == []


@given(st.lists(st.integers(0, 3000), max_size=8), st.integers(0, 6), st.integers(3000, 12_000))
def test_whole_resources_are_left_out_the_largest_first(updates: list[int], deletes: int, limit: int) -> None:
    plan = plan_of(updates, deletes, 0)
    text = comment.fitted(view.plan(plan), limit)
    entries = review.entries(plan)
    sections = zip(entries, markdown.sections(entries), strict=True)
    sizes = [len(text) for entry, text in sections if not entry.dangerous]
    shown = [size for number, size in enumerate(sizes) if f"edited&#45;{number}</code>" in text]
    missing = [size for number, size in enumerate(sizes) if f"edited&#45;{number}</code>" not in text]
    told = re.search(r"\*\*(\d+) entr(y is|ies are) not shown", text)
    assert len(missing) == (int(told[1]) if told else 0)
    assert max(shown, default=0) <= min(missing, default=max(sizes, default=0))
    assert text.count("<details") == text.count("</details>")
    assert text.count("```") % 2 == 0


def test_with_more_danger_than_fits_it_says_so_before_anything_else() -> None:
    text = comment.fitted(view.plan(plan_of([5000] * 3, 800, 0)), 20_000)
    assert len(text.encode()) <= 20_000
    assert text.index("Do not approve this plan") < text.index("gone")
    listed = text.count("gone&#45;")
    assert f"**and {800 - listed} more dangerous or refused changes**" in text
    assert listed > 100


def huge() -> Plan:
    """A thousand changes with two megabytes of prompts."""
    steps = []
    for number in range(1000):
        old = prompt(number, 2000)
        lines = old.split("\n")
        new = "\n".join([*lines[5:], "A line of its own.", *lines[:5]]) if number % 2 else prompt(number + 5000, 2000)
        action = (Action.UPDATE, Action.UPDATE, Action.CREATE, Action.DELETE)[number % 4]
        before = ABSENT if action is Action.CREATE else old
        fields = () if action is Action.DELETE else (field("/system_prompt", before, new), field("/greeting", "a", "b"))
        steps.append(change(action, f"persona/p-{number}", *fields))
    return Plan(tuple(steps), fingerprint=FINGERPRINT)


@pytest.fixture(scope="module")
def large() -> Plan:
    return huge()


def test_long_lists_fit_as_well() -> None:
    """In whole items, and it says how many are left out."""
    plan = huge()
    drift = [Drift(step.address, "p1", Cause.DRIFTED, step.fields) for step in plan.steps]
    outcomes = [Outcome(step, Status.FAILED, "p1", "no " * 30) for step in plan.steps]
    found = [Complaint("TV1", "wrong " * 20) for _ in plan.steps]
    report = REPORTS["comment"]
    for text in (report.drift(plan, drift), report.outcomes(plan, outcomes), report.complaints(found)):
        told = re.search(r"\*\*(\d+) entries are not shown", text)
        assert told
        assert comment.LIMIT - 5000 < len(text.encode()) <= comment.LIMIT
        assert int(told[1]) + len(re.findall(r"^- \*\*|was changed in the account$", text, re.MULTILINE)) == 1000


@pytest.mark.parametrize("name", sorted(set(REPORTS) - {"github", "sarif"}))
def test_a_huge_plan_is_reported_in_time(name: str, large: Plan) -> None:
    begun = time.process_time()
    report = REPORTS[name].plan(large)
    taken = time.process_time() - begun
    print(f"{name}: 1,000 changes, 2 MB of prompts: {len(report.encode()):,} bytes in {taken:.2f} s")  # noqa: T201 - with -rP
    assert "p-999" in plain(report)
    assert taken < SECONDS
    assert name != "comment" or len(report.encode()) <= comment.LIMIT


def test_what_changes_is_unfolded_as_long_as_one_can_overlook_it() -> None:
    """Creates say that they are new; what is in them is for whoever unfolds them."""
    many = [change(Action.UPDATE, f"persona/n{n}", field("/greeting", f"{n}", "x\n" * 20)) for n in range(9)]
    entries = review.entries(Plan((*many, change(Action.CREATE, "persona/new", field("/greeting", ABSENT, "x")))))

    unfolded = [text.startswith("<details open>") for text in markdown.sections(entries)]

    assert unfolded == [True] * 3 + [False] * 7
