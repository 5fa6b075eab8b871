"""The modules in which a wrong line can lose or repeat a write, and the tests that must notice it."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True, slots=True)
class Groups:
    """The content of `[tool.mutants]` in pyproject.toml."""

    modules: Mapping[str, Sequence[Path]]  # by group
    tests: Sequence[str]

    @property
    def all_modules(self) -> list[Path]:
        """The modules of every group."""
        return [path for paths in self.modules.values() for path in paths]


def groups() -> Groups:
    """Read the groups; FileNotFoundError if a pattern matches no file."""
    table: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["mutants"]
    modules = {name: [path for glob in globs for path in _matching(glob)] for name, globs in table["groups"].items()}
    return Groups(modules, [path.relative_to(ROOT).as_posix() for glob in table["tests"] for path in _matching(glob)])


def _matching(pattern: str) -> list[Path]:
    paths = sorted(path for path in ROOT.glob(pattern) if path.name != "__init__.py" or path.read_text("utf-8").strip())
    if not paths:
        message = f"pyproject.toml, [tool.mutants]: nothing is called {pattern}"
        raise FileNotFoundError(message)
    return paths
