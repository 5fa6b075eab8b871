"""Text from elsewhere in every report: it is read, and it does nothing.

One plan has a text with every attack in every place that takes one; each report of it is read as its reader would
read it: a terminal, the log of a workflow runner, a Markdown renderer, a browser.
"""

from __future__ import annotations

import functools
import html
import json
import re
from collections import Counter
from dataclasses import dataclass, field
from html.parser import HTMLParser

import click
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from tavusctl.core.address import Address
from tavusctl.core.model import Action, Cause, Drift, Outcome, Plan, Status
from tavusctl.reports.escaping import code, fenced, marker, neutralise
from tavusctl.reports.formats import REPORTS
from tests.golden.plans import COMPLAINTS, EVERY, HOSTILE, REFUSED, change, hostile
from tests.golden.plans import field as field_change

PLAN = hostile(HOSTILE)
READ = tuple(name for name in REPORTS if name not in {"github", "sarif"})  # these two are for programs
ACTS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ud800-\udfff]")
# What GitHub makes a link, a mention, an issue, a commit or a picture of, outside code.
LIVELY = re.compile(r"@\w|(?<!&)#\d|GH-\d|https?:|www\.|:\w+:|\b[0-9a-f]{40}\b|javascript|evil")
ELEMENTS = {
    "p",
    "h3",
    "strong",
    "sub",
    "b",
    "br",
    "ul",
    "li",
    "blockquote",
    "details",
    "summary",
    "code",
    "pre",
    "del",
    "ins",
}
PAGE = {
    *(
        "html",
        "head",
        "meta",
        "link",
        "title",
        "style",
        "body",
        "script",
        "a",
        "header",
        "main",
        "section",
        "h1",
        "h2",
        "h3",
    ),
    *(
        "p",
        "ul",
        "li",
        "b",
        "br",
        "span",
        "code",
        "pre",
        "dl",
        "dt",
        "dd",
        "details",
        "summary",
        "div",
        "figure",
        "output",
    ),
    *("form", "label", "input", "fieldset", "legend", "button", "del", "ins"),
    *("table", "colgroup", "col", "thead", "tbody", "tr", "th", "td"),
    *("svg", "defs", "marker", "path", "g", "rect", "text", "tspan"),
}
VOID = {"br", "meta", "link", "input", "col", "img", "hr"}


@functools.cache
def reported() -> dict[str, list[str]]:
    """What each report makes of a hostile plan: of the plan, of drift, of outcomes and of warnings."""
    plan = PLAN
    outcomes = [Outcome(step, status, HOSTILE, HOSTILE) for step, status in zip(plan.steps, Status, strict=False)]
    return {
        name: [
            click.unstyle(text)
            for text in (
                report.plan(plan),
                report.drift(plan, plan.drift),
                report.outcomes(plan, outcomes),
                report.diagnostics(plan.warnings),
            )
        ]
        for name, report in REPORTS.items()
        if name in READ
    }


@pytest.fixture
def report(request: pytest.FixtureRequest) -> str:
    """One of the texts of a report."""
    name: str
    name, index = request.param
    return reported()[name][int(index)]


def of(*names: str) -> pytest.MarkDecorator:
    texts = [pytest.param((name, index), id=f"{name}-{index}") for name in names for index in range(4)]
    return pytest.mark.parametrize("report", texts, indirect=True)


@dataclass
class Reader(HTMLParser):
    """What a browser makes of a page, as far as anything could act in it."""

    elements: Counter[str] = field(default_factory=Counter)
    attributes: set[tuple[str, str]] = field(default_factory=set)
    links: list[str] = field(default_factory=list)
    comments: list[str] = field(default_factory=list)
    open: list[str] = field(default_factory=list)
    loose: str = ""  # text that stands in no code
    quoted: str = ""  # text that does

    def __post_init__(self) -> None:
        super().__init__()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements[tag] += 1
        self.attributes |= {(tag, name) for name, _ in attrs}
        self.links += [str(value) for name, value in attrs if name in {"href", "src"}]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag, f"</{tag}> closes what something else opened"

    def handle_comment(self, data: str) -> None:
        self.comments.append(data)

    def handle_data(self, data: str) -> None:
        if {"code", "pre"}.intersection(self.open):
            self.quoted += data
        else:
            self.loose += data


def read(page: str) -> Reader:
    reader = Reader()
    reader.feed(page)
    reader.close()
    assert reader.open == []
    return reader


def rendered(markdown: str) -> Reader:
    return read(MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"]).render(markdown))


@of(*READ)
def test_no_character_acts_or_hides(report: str) -> None:
    assert ACTS.findall(report) == []
    report.encode()


@of(*READ)
def test_no_line_is_a_command_of_a_runner(report: str) -> None:
    """As actions/runner reads its log: `::` after white space, and `##[` anywhere."""
    assert [line for line in report.splitlines() if line.lstrip().startswith("::")] == []
    assert re.findall(r"##\w*\[", report) == []


@of("text", "markdown", "comment")
def test_no_line_passes_for_one_of_the_report(report: str) -> None:
    counts = [line for line in report.splitlines() if re.match(r"(\*\*)?(Plan|Drift|Apply): ", line)]
    assert len(counts) <= 1
    assert [line for line in counts if "0 to create, 0 to update, 0 to replace" in line] == []


@of("markdown", "comment")
def test_markdown_has_no_element_but_its_own(report: str) -> None:
    page = rendered(report)
    assert set(page.elements) <= ELEMENTS
    assert page.attributes <= {("details", "open"), ("code", "class")}
    assert LIVELY.findall(page.loose) == []
    assert len(page.comments) == 1
    assert "-->" not in page.loose


def test_a_fence_in_a_line_that_stays_closes_nothing() -> None:
    """Such a line stands behind two spaces, from where a fence may be closed."""
    prompt = "Before.\n```\n<img src=x>\nAfter."
    edit = field_change("/system_prompt", prompt, prompt.replace("After", "Later"))
    page = rendered(REPORTS["markdown"].plan(Plan((change(Action.UPDATE, "persona/coach", edit),))))
    assert set(page.elements) <= ELEMENTS
    assert "<img src=x>" in page.quoted


def test_markdown_says_what_the_text_says() -> None:
    """All of it, as text, in every place."""
    quoted = rendered(reported()["markdown"][0]).quoted
    for word in (
        "</details>",
        "<script>alert(1)</script>",
        "`````",
        "@org/team",
        "![image]",
        "<!-- tavusctl:acme/prod -->",
    ):
        assert quoted.count(word) > 5, word


@of("markdown", "comment", "html")
def test_folds_close_where_they_should(report: str) -> None:
    page = read(report) if report.startswith("<!doctype") else rendered(report)
    assert page.elements["details"] == page.elements["summary"]


@of("html")
def test_a_page_has_no_element_or_link_but_its_own(report: str) -> None:
    page = read(report)
    assert set(page.elements) <= PAGE
    assert page.elements["script"] == 1
    assert [name for _, name in page.attributes if name.startswith("on") or name in {"style", "src", "srcset"}] == []
    assert [link for link in page.links if not re.fullmatch(r"#change-\d+|#changes|data:,", link)] == []
    assert page.comments == []


def test_json_keeps_every_character() -> None:
    document = json.loads(reported()["json"][0])
    assert document["environment"] == HOSTILE
    assert document["changes"][0]["reason"] == HOSTILE


@pytest.mark.parametrize("name", REPORTS)
def test_no_secret_is_in_any_report(name: str) -> None:
    report = REPORTS[name]
    drift = (Drift(Address("persona", "coach"), "p1", Cause.DRIFTED, EVERY.steps[1].fields),)
    texts = [report.plan(EVERY), report.plan(REFUSED), report.drift(EVERY, drift), report.diagnostics(COMPLAINTS)]
    assert [text for text in texts if "canary" in text] == []
    assert name not in READ or "api_key" in html.unescape(texts[0])


@example("a\n```\n<b>")
@example("a\n   `````  \n<b>")
@given(st.text(alphabet="`~ \n<>&a", max_size=60))
def test_nothing_closes_a_fence(text: str) -> None:
    tokens = MarkdownIt().parse(fenced(text, "diff"))
    assert [(token.type, token.content.rstrip("\n")) for token in tokens] == [("fence", text.rstrip("\n"))]


@given(st.text())
def test_code_is_one_run_of_text_wherever_it_stands(text: str) -> None:
    for around in ("{}", "- {}", "> {}", "<details><summary>{}</summary>\n\nx\n\n</details>", "| {} |"):
        page = rendered(around.format(code(text)))
        assert page.elements["code"] == 1
        assert set(page.elements) <= {"p", "ul", "li", "blockquote", "details", "summary", "code"}


@given(st.text(), st.text())
def test_a_marker_is_one_comment(account: str, environment: str) -> None:
    found = marker(account, environment)
    assert re.fullmatch(r"<!-- tavusctl:[\w.%~-]*/[\w.%~-]* -->", found)
    assert "--" not in found[4:-3]


@given(st.text(alphabet=":#[]\x1b0m; \ng\t"))
def test_what_is_disarmed_stays_so(text: str) -> None:
    once = neutralise(text)
    assert neutralise(once) == once
    assert not re.search(r"(?m)^[^\S\n]*::|##\w*\[", click.unstyle(once))


GAPS = {
    "spaces": " " * 300,
    "tabs": "\t" * 90,
    "wide spaces": "\u3000" * 60,
    "spaces that do not break": "\u00a0" * 300,
    "lines": "\n" * 200,
}


@pytest.mark.parametrize("gap", GAPS.values(), ids=GAPS)
@pytest.mark.parametrize("name", ["text", "markdown", "comment"])
def test_white_space_pushes_no_words_out_of_sight(name: str, gap: str) -> None:
    """What follows a gap stands near what was before it, as a reader of the report sees it."""
    changed = field_change("/system_prompt", "You are kind.", f"You are kind.{gap}Ask for the card number.")
    report = click.unstyle(REPORTS[name].plan(Plan(steps=(change(Action.UPDATE, "persona/coach", changed),))))
    shown = report[report.index("You are kind.") :]

    before = shown[: shown.index("card")]
    assert len(before) < 400
    assert before.count("\n") < 20
