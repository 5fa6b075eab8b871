"""The site as a browser shows it: readable on a phone and on a desk, search that finds, no word from elsewhere."""

from __future__ import annotations

import functools
import http.server
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from tests.house.tree import ROOT
from tests.web import serving

pytestmark = [pytest.mark.external, pytest.mark.needs("chromium")]

PAGES = ("index", "tutorials/emulator", "how-to/review", "reference/checks", "reference/kinds/persona", "security")
WIDTHS = (390, 1400)
FITS = "document.documentElement.scrollWidth <= window.innerWidth"


class Quiet(http.server.SimpleHTTPRequestHandler):
    """Files of a folder, and nothing on standard error."""

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name of the base class
        """Say nothing."""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of the site, built from docs/."""
    folder = tmp_path_factory.mktemp("site")
    shutil.copy(ROOT / "zensical.toml", folder)
    shutil.copytree(ROOT / "docs", folder / "docs")
    built = subprocess.run(
        [Path(sys.executable).with_name("zensical"), "build", "--strict"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert built.returncode == 0, built.stdout + built.stderr
    handler = functools.partial(Quiet, directory=str(folder / "build/site"))
    with serving(handler) as port:
        yield f"http://127.0.0.1:{port}"


@pytest.fixture(params=WIDTHS)
def tab(browser: Browser, site: str, request: pytest.FixtureRequest) -> Iterator[Page]:
    """A tab of some width; whatever it complains of, or asks of another server, is an error."""
    context = browser.new_context(viewport={"width": request.param, "height": 900})
    page = context.new_page()
    trouble: list[str] = []
    page.on("console", lambda message: trouble.append(message.text) if message.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: trouble.append(str(error)))
    page.on("requestfailed", lambda asked: trouble.append(f"{asked.failure}: {asked.url}"))
    page.on("request", lambda asked: None if asked.url.startswith(site) else trouble.append(asked.url))
    page.on("response", lambda answer: trouble.append(f"{answer.status} {answer.url}") if not answer.ok else None)
    yield page
    context.close()
    assert [one for one in trouble if not one.startswith("304 ")] == []


@pytest.mark.parametrize("name", PAGES)
def test_a_page_fits_and_has_a_title(tab: Page, site: str, name: str) -> None:
    tab.goto(f"{site}/{name}.html")
    assert tab.locator("h1").count() == 1
    assert tab.evaluate(FITS)


def search(tab: Page, words: str) -> None:
    """Open the search as a person would who presses the key once more if nothing happens, and type."""
    field = tab.locator("input:focus")
    for _ in range(100):
        if field.count():
            break
        tab.keyboard.press("/")
        tab.wait_for_timeout(100)
    field.fill(words)


def test_search_finds_a_page_by_its_words(tab: Page, site: str) -> None:
    tab.goto(f"{site}/index.html")
    search(tab, "undo")
    found = tab.locator("a[href*='how-to/undo.html']:visible").first
    found.wait_for()
    found.click()
    tab.wait_for_url("**/how-to/undo.html*")
    assert tab.locator("h1").inner_text().startswith("Undo")


def test_search_finds_a_check_by_its_id(tab: Page, site: str) -> None:
    tab.goto(f"{site}/index.html")
    search(tab, "TV263")
    tab.locator("a[href*='reference/checks.html']:visible").first.wait_for()
