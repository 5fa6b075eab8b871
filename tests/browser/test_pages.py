"""Pages as a browser shows them: nothing runs but their own script, nothing is asked for, everything can be reached."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from tavusctl.core.model import Plan
from tavusctl.reports.formats import REPORTS
from tests.golden.plans import COMPLAINTS, EVERY, HOSTILE, OUTCOMES, REFUSED, hostile
from tests.pictures.take import GITHUB, body

pytestmark = [pytest.mark.external, pytest.mark.needs("chromium")]

HTML, COMMENT = REPORTS["html"], REPORTS["comment"]
# Made by the tests that show them: every worker imports this module.
PAGES: dict[str, Callable[[], str]] = {
    "every": lambda: HTML.plan(EVERY),
    "refused": lambda: HTML.plan(REFUSED),
    "empty": lambda: HTML.plan(Plan(no_op=3)),
    "hostile": lambda: HTML.plan(hostile(HOSTILE)),
    "drift": lambda: HTML.drift(EVERY, EVERY.drift),
    "outcomes": lambda: HTML.outcomes(EVERY, OUTCOMES),
    "complaints": lambda: HTML.diagnostics(COMPLAINTS),
}
FITS = "document.documentElement.scrollWidth <= document.documentElement.clientWidth"
FORGED = "<script>document.title = 'run'</script><style>body{display:none}</style><img src='https://x.example/x.png'>"


@contextmanager
def shown(browser: Browser, page: str, folder: Path, **how: Any) -> Iterator[tuple[Page, list[str]]]:
    """A page, and everything that it asked for or complained of."""
    file = folder / "page.html"
    file.write_text(page, "utf-8")
    context = browser.new_context(**how)
    tab = context.new_page()
    trouble: list[str] = []
    tab.on("console", lambda message: trouble.append(message.text))
    tab.on("pageerror", lambda error: trouble.append(str(error)))
    tab.on("dialog", lambda dialog: trouble.append(dialog.message))
    tab.on("request", lambda request: trouble.append(request.url) if request.url != file.as_uri() else None)
    tab.on("requestfailed", lambda request: trouble.append(f"{request.failure}: {request.url}"))
    tab.goto(file.as_uri())
    yield tab, trouble
    context.close()


COMMENTS: dict[str, Callable[[], str]] = {
    "every": lambda: COMMENT.plan(EVERY),
    "refused": lambda: COMMENT.plan(REFUSED),
    "drift": lambda: COMMENT.drift(EVERY, EVERY.drift),
    "outcomes": lambda: COMMENT.outcomes(EVERY, OUTCOMES),
    "complaints": lambda: COMMENT.diagnostics(COMPLAINTS),
    "hostile": lambda: COMMENT.plan(hostile(HOSTILE)),
}
# What a drawing is made of is not shown: GitHub draws it.
WIDER = """[...document.querySelectorAll("article *:not(.mermaid)")].filter(
  one => getComputedStyle(one).display != "inline" && one.scrollWidth > one.clientWidth + 1
).map(one => one.outerHTML)"""


@pytest.mark.parametrize("width", [390, 1000])
@pytest.mark.parametrize("name", COMMENTS)
def test_nothing_of_a_comment_is_wider_than_a_phone(browser: Browser, name: str, width: int) -> None:
    context = browser.new_context(viewport={"width": width, "height": 800})
    tab = context.new_page()
    tab.set_content(
        GITHUB.read_text("utf-8").partition('<script type="module">')[0].replace("BODY", body(COMMENTS[name]()))
    )
    tab.add_style_tag(content="pre.mermaid { display: none } details > * { display: block }")

    assert tab.evaluate(WIDER) == []
    assert tab.evaluate(FITS)
    assert tab.locator("pre:not(.mermaid)").count() == 0
    context.close()


def visible(tab: Page) -> list[str]:
    """The addresses of the changes that are shown."""
    return tab.locator("details.card:not([hidden]) .address").all_inner_texts()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 360])
@pytest.mark.parametrize("name", PAGES)
def test_a_page_asks_for_nothing_complains_of_nothing_and_fits(
    browser: Browser, tmp_path: Path, name: str, width: int, scheme: Any
) -> None:
    size: Any = {"width": width, "height": 800}
    with shown(browser, PAGES[name](), tmp_path, color_scheme=scheme, viewport=size) as (tab, trouble):
        dark = tab.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(13, 17, 23)"
        assert dark == (scheme == "dark")
        assert tab.evaluate(FITS)
        assert trouble == []


def test_the_policy_of_a_page_stops_what_got_past_us(browser: Browser, tmp_path: Path) -> None:
    """Even with markup put into it by force."""
    page = PAGES["every"]().replace("<main", f"{FORGED}<main", 1)
    with shown(browser, page, tmp_path) as (tab, trouble):
        assert tab.title() == "tavusctl plan: staging"
        assert tab.locator("main").is_visible()
        assert len([one for one in trouble if "Content Security Policy" in one]) == 3
        assert "csp: https://x.example/x.png" in trouble


def test_the_keyboard_reaches_everything(browser: Browser, tmp_path: Path) -> None:
    with shown(browser, PAGES["every"](), tmp_path) as (tab, _):
        tab.keyboard.press("Tab")
        assert tab.evaluate("document.activeElement.textContent") == "Skip to the changes"
        tab.keyboard.press("Enter")
        tab.keyboard.press("Tab")
        assert tab.evaluate("document.activeElement.tagName") == "SUMMARY"
        was = tab.locator("details.card").first.get_attribute("open") is not None
        tab.keyboard.press("Enter")
        assert (tab.locator("details.card").first.get_attribute("open") is not None) != was
        tab.keyboard.press("/")
        assert tab.evaluate("document.activeElement.id") == "query"
        tab.keyboard.type("hang_up")
        assert visible(tab) == ["persona/coach"]
        assert tab.locator("#found").inner_text() == "1 of 14 shown"
        tab.keyboard.press("Escape")
        assert len(visible(tab)) == 14


def test_changes_are_filtered_by_what_they_do(browser: Browser, tmp_path: Path) -> None:
    with shown(browser, PAGES["every"](), tmp_path) as (tab, _):
        tab.locator("#only-dangers").check()
        assert visible(tab) == [
            "guardrails/gone",
            "objectives/gone",
            "document/prices",
            "document/prices",
            "persona/kept",
            "persona/coach",
        ]
        tab.locator("#only-dangers").uncheck()
        tab.locator(".group[value=update]").uncheck()
        assert "persona/coach" not in visible(tab)
        tab.locator("#fold").click()
        assert tab.locator("details.card[open]:not([hidden])").count() == 0


def test_a_link_to_a_danger_unfolds_it(browser: Browser, tmp_path: Path) -> None:
    with shown(browser, PAGES["every"](), tmp_path) as (tab, _):
        tab.locator("#fold").click()
        tab.locator(".dangers a").last.click()
        assert tab.locator("details.card[open] .address").all_inner_texts() == ["persona/coach"]


def test_a_printed_page_is_unfolded(browser: Browser, tmp_path: Path) -> None:
    with shown(browser, PAGES["every"](), tmp_path) as (tab, _):
        tab.locator("#fold").click()
        tab.emulate_media(media="print")
        assert not tab.locator("#filter").is_visible()
        tab.evaluate("window.dispatchEvent(new Event('beforeprint'))")
        assert tab.locator("details.card:not([open])").count() == 0
        tab.evaluate("window.dispatchEvent(new Event('afterprint'))")
        assert tab.locator("details.card[open]").count() == 0
        assert len(tab.pdf()) > 10_000


def test_without_a_script_everything_is_there(browser: Browser, tmp_path: Path) -> None:
    with shown(browser, PAGES["every"](), tmp_path, java_script_enabled=False) as (tab, trouble):
        assert not tab.locator("#filter").is_visible()
        assert tab.locator("details.card").count() == 14
        assert [one for one in trouble if not one.startswith("Blocked script execution")] == []


ENDS = """() => [...document.querySelectorAll(".value, .left, .right")].flatMap(cell => {
  const text = [...cell.childNodes].find(one => one.nodeType == 3 && one.data.includes("لا تتحدث عن السياسة."));
  if (!text || /[A-Za-z]/.test(cell.textContent)) return [];
  const place = offset => { const r = document.createRange(); r.setStart(text, offset); r.setEnd(text, offset + 1);
    return r.getBoundingClientRect().left; };
  const start = text.data.indexOf("لا");
  return [place(start + 19) < place(start)];
})"""


def test_a_text_from_right_to_left_ends_on_the_left(browser: Browser, tmp_path: Path) -> None:
    with shown(browser, HTML.plan(hostile("لا تتحدث عن السياسة.")), tmp_path) as (tab, _):
        tab.evaluate("document.querySelectorAll('details').forEach(one => one.open = true)")
        ends = tab.evaluate(ENDS)
    assert ends
    assert all(ends)
