"""The files of the project, for the tests of house rules."""

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
    """Every file below some folders, sorted in each folder, without caches and other generated folders (`MADE`)."""
    for folder in folders:
        yield from sorted(path for path in _below(ROOT / folder) if path.name.endswith(suffix))


def _below(folder: Path) -> Iterator[Path]:
    for here, inner, names in os.walk(folder):
        inner[:] = [name for name in inner if name not in MADE]
        yield from (path for name in names if (path := Path(here, name)).is_file())


@functools.cache
def nodes(path: Path) -> tuple[ast.AST, ...]:
    """The syntax nodes of a module; mark tests that read all modules `xdist_group("source")`, to share this cache."""
    return tuple(ast.walk(ast.parse(path.read_text("utf-8"))))


def everything() -> Iterator[Path]:
    """Every file in the root and in `FOLDERS`, without the licence, `.git` and coverage data."""
    yield from (
        path
        for path in sorted(ROOT.iterdir())
        if path.is_file() and path.name not in ("LICENSE", ".git") and not path.name.startswith(".coverage")
    )
    yield from files(*FOLDERS)


def name(path: Path) -> str:
    """A path relative to the root of the project, with slashes."""
    return path.relative_to(ROOT).as_posix()
