from __future__ import annotations

import json
from pathlib import Path

import pytest

from tavusctl.app.json_schemas import all_schemas
from tavusctl.core.schema.model_fields import Schema
from tests.house.tree import ROOT

REMEDY = "schemas/ is generated: run `make schemas` and commit what it writes"
WRITTEN = sorted((ROOT / "schemas").iterdir())


@pytest.fixture(scope="module")
def schemas() -> dict[str, Schema]:
    return all_schemas()


def test_there_is_a_schema_for_each_and_no_other(schemas: dict[str, Schema]) -> None:
    assert [path.name for path in WRITTEN] == sorted(schemas), REMEDY


@pytest.mark.parametrize("path", WRITTEN, ids=lambda path: path.name)
def test_schema_is_fresh(path: Path, schemas: dict[str, Schema]) -> None:
    assert json.loads(path.read_text("utf-8")) == schemas.get(path.name), REMEDY
