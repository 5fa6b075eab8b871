"""One browser for all pages."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from tests import chromium

collect_ignore_glob = [] if chromium.IS_HERE else ["test_*.py"]


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """A browser in which nothing of another test is left."""
    with chromium.started() as started:
        yield started
