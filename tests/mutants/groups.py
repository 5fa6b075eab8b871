"""The modules in which a wrong line is a lost or repeated write, and the tests that are to notice."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True, slots=True)
class Groups:
    """`[tool.mutants]`."""

    modules: Mapping[str, Sequence[Path]]  # by group
    tests: Sequence[str]

    @property
    def all_modules(self) -> list[Path]:
        """The modules of every group."""
        return [path for paths in self.modules.values() for path in paths]


def groups() -> Groups:
    """The list, every pattern of it with at least one file."""
    told: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["mutants"]
    modules = {name: [path for one in patterns for path in _matching(one)] for name, patterns in told["groups"].items()}
    return Groups(modules, [path.relative_to(ROOT).as_posix() for one in told["tests"] for path in _matching(one)])


def _matching(pattern: str) -> list[Path]:
    found = sorted(path for path in ROOT.glob(pattern) if path.name != "__init__.py" or path.read_text("utf-8").strip())
    if not found:
        message = f"pyproject.toml, [tool.mutants]: nothing is called {pattern}"
        raise FileNotFoundError(message)
    return found
