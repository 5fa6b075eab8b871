from __future__ import annotations

import json

import pytest

from tavusctl.app.json_schemas import all_schemas
from tavusctl.kinds import KINDS
from tests.house.tree import ROOT

REMEDY = "schemas/ is generated: run `make schemas` and commit what it writes"


def test_there_is_a_schema_for_each_and_no_other() -> None:
    assert sorted(path.name for path in (ROOT / "schemas").iterdir()) == sorted(all_schemas(KINDS)), REMEDY


@pytest.mark.parametrize("file", sorted(all_schemas(KINDS)))
def test_schema_is_fresh(file: str) -> None:
    written = (ROOT / "schemas" / file).read_text("utf-8")
    assert json.loads(written) == all_schemas(KINDS)[file], REMEDY
