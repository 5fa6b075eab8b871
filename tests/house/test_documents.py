"""JSON that commands print comes from `json_text`, because the standard output changes other text for people."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from tests.house.tree import files, name, nodes

pytestmark = pytest.mark.xdist_group("source")

# Modules that write JSON otherwise, and what they write.
OTHER = {
    "tavusctl/app/explain.py": "a value inside a text for people",
    "tavusctl/app/github/pull_request.py": "a record of this run on disk",
    "tavusctl/app/init/schemas.py": "schema files",
    "tavusctl/app/json_schemas.py": "the schema that a model declares",
    "tavusctl/app/output.py": "records, which print_record prints unchanged",
    "tavusctl/app/planning/plan_file.py": "plan files",
    "tavusctl/app/session/cache.py": "files of the cache",
    "tavusctl/cli/commands/github.py": "a text for people",
    "tavusctl/cli/commands/state.py": "records, which print_record prints unchanged",
}
ENCODERS = {"json.dump", "json.dumps", "msgspec.json.encode", "msgspec.msgpack.encode"}


def encodes(path: Path) -> bool:
    return any(isinstance(node, ast.Call) and ast.unparse(node.func) in ENCODERS for node in nodes(path))


def test_commands_make_json_for_output_in_one_place() -> None:
    found = {name(path) for path in files("tavusctl/app", "tavusctl/cli", suffix=".py") if encodes(path)}
    assert not found - OTHER.keys(), f"use json_text of tavusctl/reports/json.py: {sorted(found - OTHER.keys())}"
    assert not OTHER.keys() - found, f"take what encodes nothing any more out of OTHER: {sorted(OTHER.keys() - found)}"
