"""Plans of any size: a comment that fits and hides no danger, and no report that keeps people waiting."""

from __future__ import annotations

import random
import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from tavusctl.core.diagnostics import Diagnostic, Severity
from tavusctl.core.model import ABSENT, Action, Cause, Drift, Move, Outcome, Pending, Plan, Refusal, Status
from tavusctl.reports import markdown
from tavusctl.reports.contents import review, view
from tavusctl.reports.escaping import code
from tavusctl.reports.formats import REPORTS
from tavusctl.reports.github import comment, summary
from tavusctl.reports.github.fitting import IN_LOG, Page, in_bytes, in_characters
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


def fitted(plan: Plan, limit: int) -> str:
    return Page(limit, in_bytes).plan(view.plan(plan))


def plain(text: str) -> str:
    return re.sub(r"&#(\d+);", lambda found: chr(int(found[1])), text)


def test_a_small_plan_is_whole() -> None:
    assert REPORTS["comment"].plan(EVERY) == REPORTS["markdown"].plan(EVERY)


@given(st.lists(st.integers(0, 3000), max_size=8), st.integers(0, 6), st.integers(0, 4), st.integers(1500, 12_000))
def test_a_comment_fits_and_hides_no_danger(updates: list[int], deletes: int, refused: int, limit: int) -> None:
    plan = plan_of(updates, deletes, refused)
    text = plain(fitted(plan, limit))
    dangerous = [str(entry.change.address) for entry in review.entries(plan) if entry.dangerous]
    assert len(fitted(plan, limit).encode()) <= limit
    assert FINGERPRINT in text
    assert text.startswith("<!-- tavusctl:acme/prod -->\n")
    if "Do not approve" not in text:
        assert [address for address in dangerous if address not in text] == []


@given(st.lists(st.integers(0, 3000), max_size=8), st.integers(0, 6), st.integers(3000, 12_000))
def test_whole_resources_are_left_out_the_largest_first(updates: list[int], deletes: int, limit: int) -> None:
    plan = plan_of(updates, deletes, 0)
    text = fitted(plan, limit)
    groups = review.group_entries(review.entries(plan))
    sections = zip(groups, markdown.sections(groups), strict=True)
    calm = [
        (code(str(group[0].change.address)), group, section) for group, section in sections if not group[0].dangerous
    ]
    shown = [len(section) for address, _, section in calm if address in text]
    missing = [(len(section), len(group)) for address, group, section in calm if address not in text]
    told = re.search(r"\*\*(\d+) entr(y is|ies are) not shown", text)
    assert sum(count for _, count in missing) == (int(told[1]) if told else 0)
    assert all(size >= max(shown, default=0) for size, _ in missing)
    assert text.count("<details") == text.count("</details>")
    assert text.count("```") % 2 == 0


def test_with_more_danger_than_fits_it_says_so_before_anything_else() -> None:
    text = fitted(plan_of([5000] * 3, 800, 0), 20_000)
    assert len(text.encode()) <= 20_000
    assert text.index("Do not approve the plan") < text.index("gone")
    listed = text.count("gone&#45;")
    assert f"**and {800 - listed} more dangerous or refused changes**" in text
    assert listed > 100


@pytest.fixture(scope="module")
def large() -> Plan:
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


def test_long_lists_fit_as_well(large: Plan) -> None:
    """In whole items, and it says how many are left out."""
    plan = large
    drift = [Drift(step.address, "p1", Cause.DRIFTED, step.fields) for step in plan.steps]
    outcomes = [Outcome(step, Status.FAILED, "p1", "no " * 30) for step in plan.steps]
    found = [Diagnostic("TV1", "wrong " * 20) for _ in plan.steps]
    report = REPORTS["comment"]
    for text in (report.drift(plan, drift), report.outcomes(plan, outcomes), report.diagnostics(found)):
        told = re.search(r"\*\*(\d+) entries are not shown", text)
        assert told
        assert comment.LIMIT - 5000 < len(text.encode()) <= comment.LIMIT
        assert int(told[1]) + len(re.findall(r"^- \*\*|was changed in the account$", text, re.MULTILINE)) == 1000


@pytest.mark.parametrize("name", ["comment", "markdown", "summary"])
def test_what_stops_a_command_is_above_all_that_does_not(name: str) -> None:
    """However many warnings there are, and wherever the file of the error is."""
    warnings = [Diagnostic("TV1", "unwise " * 20, severity=Severity.WARNING) for _ in range(1000)]
    errors = [Diagnostic("TV2", "wrong"), Diagnostic("TV3", "wrong")]
    text = REPORTS[name].diagnostics([*warnings[:500], errors[0], *warnings[500:], errors[1]])
    severities = re.findall(r"(?m)^- \*\*(error|warning)\*\*", text)
    assert severities[:3] == ["error", "error", "warning"]


@pytest.mark.sampled(1)
@pytest.mark.parametrize("name", sorted(set(REPORTS) - {"github", "sarif"}))
def test_a_huge_plan_is_reported_in_time(name: str, large: Plan) -> None:
    begun = time.process_time()
    report = REPORTS[name].plan(large)
    taken = time.process_time() - begun
    print(f"{name}: 1,000 changes, 2 MB of prompts: {len(report.encode()):,} bytes in {taken:.2f} s")  # noqa: T201 - with -rP
    assert "p-999" in plain(report)
    assert taken < SECONDS
    assert name != "comment" or in_characters(report) <= comment.LIMIT


def test_what_changes_is_unfolded_as_long_as_one_can_overlook_it() -> None:
    """Creates say that they are new; what is in them is for whoever unfolds them."""
    many = [change(Action.UPDATE, f"persona/n{n}", field("/greeting", f"{n}", "x\n" * 20)) for n in range(9)]
    entries = review.entries(Plan((*many, change(Action.CREATE, "persona/new", field("/greeting", ABSENT, "x")))))

    unfolded = [text.startswith("<details open>") for text in markdown.sections([(one,) for one in entries])]

    assert unfolded == [True] * 4 + [False] * 6


WORDS = {"English": "coach ", "German": "höflich ", "Hebrew": "שלום ", "Chinese": "教练", "emoji": "🙂"}


def of_language(language: str, entries: int, size: int) -> Plan:
    word = WORDS[language]
    lines = [f"{word * 5}{line}" for line in range(size // 60 + 1)]
    fields = [
        field("/system_prompt", "\n".join(lines), "\n".join(f"{n} {line}" for line in lines)) for n in range(entries)
    ]
    return Plan(
        tuple(change(Action.UPDATE, f"persona/p-{number}", one) for number, one in enumerate(fields)),
        fingerprint=FINGERPRINT,
    )


def is_whole(text: str) -> bool:
    """Whether everything that is opened is closed, as Markdown reads it: fences, and elements outside of them."""
    open_fence, elements = "", 0
    for line in text.splitlines():
        fence = re.match(r"`{3,}", line)
        if fence and not open_fence:
            open_fence = fence.group()
        elif fence and line.strip("`") == "" and len(line) >= len(open_fence):
            open_fence = ""
        elif not open_fence:
            elements += line.count("<details") - line.count("</details>")
            if line.count("<code>") != line.count("</code>") or line.count("<b>") != line.count("</b>"):
                return False
    return not open_fence and elements == 0


MEASURES = {"characters": in_characters, "bytes": in_bytes}


@pytest.mark.parametrize("language", WORDS)
@pytest.mark.parametrize("measure", MEASURES)
def test_a_limit_is_in_its_own_measure(measure: str, language: str) -> None:
    """What has twice as many bytes as characters is not cut in half for it; nothing is longer than it may be."""
    plan, page = of_language(language, 40, 1500), Page(30_000, MEASURES[measure])
    text = page.plan(view.plan(plan))
    assert MEASURES[measure](text) <= 30_000
    assert is_whole(text)
    one = max(MEASURES[measure](part) for part in markdown.sections(review.group_entries(review.entries(plan))))
    assert MEASURES[measure](text) > 30_000 - one - 300


@given(st.data(), st.integers(1200, 30_000), st.sampled_from(sorted(MEASURES)))
def test_every_report_fits_is_whole_and_says_what_it_lacks(data: st.DataObject, limit: int, measure: str) -> None:
    """Entries, steps, drift and complaints; lists of what was renamed, is recorded, is pending, or is warned of."""
    number = st.integers(0, 60)
    language = data.draw(st.sampled_from(sorted(WORDS)))
    plan = of_language(language, data.draw(number), data.draw(st.integers(1, 400)))
    addresses = [step.address for step in of_language("English", 60, 1).steps]
    warned = tuple(Diagnostic("TV310", WORDS[language] * 9, hint="x" * 30) for _ in range(data.draw(number)))
    moves = tuple(Move(one, one, "p1") for one in addresses[: data.draw(number)])
    pending = tuple(Pending(one, ("/system_prompt",)) for one in addresses[: data.draw(number)])
    plan = replace(plan, warnings=warned, moves=moves, pending=pending, base="main")
    page, shown = Page(limit, MEASURES[measure]), view.plan(plan)
    drift = [Drift(step.address, "p1", Cause.DRIFTED, step.fields) for step in plan.steps]
    outcomes = [Outcome(step, Status.FAILED, "p1", WORDS[language] * 9) for step in plan.steps]
    for text, whole, items in (
        (page.plan(shown), markdown.plan(shown), len(plan.steps)),
        (page.drift(shown, drift), markdown.drift(shown, view.drift(drift)), len(drift)),
        (page.outcomes(shown, outcomes), markdown.outcomes(shown, view.outcomes(outcomes)), len(outcomes)),
        (page.diagnostics(warned), markdown.diagnostics(view.diagnostics(warned)), len(warned)),
    ):
        assert page.measure(text) <= limit
        assert is_whole(text)
        if text != whole:
            told = re.search(r"\*\*(\d+) entr(?:y is|ies are) not shown", text)
            missing = sum(int(found) for found in re.findall(r"(?m)^- and (\d+) more$", text))
            assert (int(told[1]) if told else 0) + missing > 0
            assert (int(told[1]) if told else 0) <= items
            assert not told or IN_LOG in text


@pytest.mark.sampled(1)
@pytest.mark.parametrize(("entries", "place"), [(60, comment.IN_SUMMARY), (800, IN_LOG)])
def test_a_comment_names_the_place_that_has_all_of_it(entries: int, place: str) -> None:
    plan = of_language("English", entries, 1500)
    report, whole = REPORTS["comment"].plan(plan), REPORTS["summary"].plan(plan)
    assert place in report
    assert ("not shown" in whole) == (place == IN_LOG)
    assert len(whole.encode()) <= summary.LIMIT
    assert whole.count("<details") > min(entries, 500) / 2
