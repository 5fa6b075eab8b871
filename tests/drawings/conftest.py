"""Mermaid and Graphviz in one process that parses drawings; both are npm packages."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests import npm

READERS = Path(__file__).parent / "readers"

Read = Callable[[str, str], dict[str, Any]]


@pytest.fixture(scope="session")
def read() -> Iterator[Read]:
    """A function that returns the content of a drawing, as parsed by Mermaid and Graphviz."""
    npm.installed(READERS)
    command = ["node", str(READERS / "read.js")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, encoding="utf-8") as node:

        def ask(mermaid: str, dot: str) -> dict[str, Any]:
            assert node.stdin
            assert node.stdout
            node.stdin.write(json.dumps({"mermaid": mermaid, "dot": dot}) + "\n")
            node.stdin.flush()
            parsed: dict[str, Any] = json.loads(node.stdout.readline())
            return parsed

        yield ask
        assert node.stdin
        node.stdin.close()
