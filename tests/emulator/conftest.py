from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.emulator.harness import FACE, KEY, Tavus, emulated


@pytest.fixture
def tavus() -> Iterator[Tavus]:
    with emulated() as running:
        yield running


@pytest.fixture
def today() -> Iterator[Tavus]:
    """An emulator with the current API, and one face."""
    with emulated(behaviors={"era": "today"}) as running:
        running.control("POST", "seed", {KEY: {"replicas": [{"id": FACE}]}})
        yield running
