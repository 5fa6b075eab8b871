"""The list of equivalent mutants names lines and changes that exist: an entry that matches nothing excuses nothing."""

from __future__ import annotations

import tomllib
from functools import cache
from pathlib import Path

import pytest

from tests.mutants.groups import ROOT
from tests.mutants.operators import mutants
from tests.mutants.score import EQUIVALENT

ENTRIES = tomllib.loads(EQUIVALENT.read_text("utf-8"))["equivalent"]


@cache
def _changes(module: Path) -> frozenset[tuple[str, str]]:
    source = module.read_text("utf-8")
    lines = source.splitlines()
    return frozenset((lines[mutant.line - 1].strip(), mutant.what) for mutant in mutants(source))


@pytest.mark.parametrize("entry", ENTRIES, ids=[f"{one['module']}: {one['change']}" for one in ENTRIES])
def test_an_equivalent_mutant_can_be_made(entry: dict[str, str]) -> None:
    assert (entry["code"], entry["change"]) in _changes(ROOT / entry["module"])
