"""One YAML language server for all tests; it is an npm package."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.editor.language_server import Editor, language_server


@pytest.fixture(scope="session")
def editor() -> Iterator[Editor]:
    """An editor that finds our schemas through the first line of each manifest."""
    with language_server() as ready:
        yield ready
