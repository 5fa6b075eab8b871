"""The files of the project, as the gates of the house read them."""

from __future__ import annotations

import ast
import functools
import os
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

FOLDERS = ("tavusctl", "tests", "manifests", "schemas", "bench", ".github")
MADE = {"__pycache__", "node_modules", ".hypothesis", ".tavusctl", ".cache"}


def files(*folders: str, suffix: str = "") -> Iterator[Path]:
    """Every file below the folders that a person or `make schemas` wrote, in order."""
    for folder in folders:
        yield from sorted(one for one in _below(ROOT / folder) if one.name.endswith(suffix))


def _below(folder: Path) -> Iterator[Path]:
    for here, inner, names in os.walk(folder):
        inner[:] = [name for name in inner if name not in MADE]
        yield from (path for name in names if (path := Path(here, name)).is_file())


@functools.cache
def nodes(path: Path) -> tuple[ast.AST, ...]:
    """The nodes of a module; who reads those of all modules says `pytest.mark.xdist_group("source")`."""
    return tuple(ast.walk(ast.parse(path.read_text("utf-8"))))


def everything() -> Iterator[Path]:
    """Every file that is committed, but for the script of the CI machine and the licence."""
    yield from (
        path
        for path in sorted(ROOT.iterdir())
        if path.is_file() and path.name not in ("LICENSE", ".git") and not path.name.startswith(".coverage")
    )
    yield from files(*FOLDERS)


def name(path: Path) -> str:
    """A path as people write it, from the root of the project."""
    return path.relative_to(ROOT).as_posix()
