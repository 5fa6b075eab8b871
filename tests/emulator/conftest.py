from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.emulator.harness import Tavus, emulated


@pytest.fixture
def tavus() -> Iterator[Tavus]:
    with emulated() as running:
        yield running
