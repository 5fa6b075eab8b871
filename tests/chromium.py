"""Chromium, which not everybody has; where everything is tested it must be there."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Browser, sync_playwright

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
IS_HERE = bool(CHROMIUM or os.environ.get("CI"))


@contextmanager
def started() -> Iterator[Browser]:
    """A browser.  Its sandbox needs rights that containers do not have; the pages are our own."""
    assert CHROMIUM, "pages are tested in Chromium, which is not here: apt-get install chromium"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()
