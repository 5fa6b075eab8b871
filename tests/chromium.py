"""Chromium, which is not installed on every machine: tests that need it are marked `needs("chromium")`."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from playwright.sync_api import Browser

PATH = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


@contextmanager
def started(*options: str) -> Iterator[Browser]:
    """A running browser, without its sandbox, since containers lack the rights for it; all pages are our own."""
    assert PATH, "Chromium is not here: apt-get install chromium"
    from playwright.sync_api import sync_playwright  # noqa: PLC0415 - slow, and not needed to look for Chromium

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=PATH, args=["--no-sandbox", *options])
        yield browser
        browser.close()
