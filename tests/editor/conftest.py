"""One language server for all tests; it is a package of npm."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.editor.language_server import Editor, language_server


@pytest.fixture(scope="session")
def editor() -> Iterator[Editor]:
    """An editor that knows our schemas by the first line of each manifest."""
    with language_server() as ready:
        yield ready
