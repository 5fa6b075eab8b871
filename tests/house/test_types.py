"""Values have types: `Any`, which the type checker believes everything of, stands only where a library asks for it."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.house.tree import files, name, nodes

pytestmark = pytest.mark.xdist_group("source")

# Modules, and folders of them, that may say `Any`, and why.
EDGES = {
    "tavusctl/kinds/": "a field of any form is declared so, and pydantic makes its schema of it",
    "tavusctl/core/schema/model_fields.py": "annotations are as `typing` gives them, schemas as pydantic makes them",
    "tavusctl/core/schema/spec_model.py": "validators and errors of pydantic have no types that can be named",
    "tavusctl/config/project_file/sections.py": "defaults of fields are values for pydantic and types for the checker",
    "tavusctl/reports/plan_schema.py": "as above",
    "tavusctl/cli/offline_context.py": "click passes the parameters of a command by name",
    "tavusctl/cli/online_context.py": "as above",
    "tavusctl/cli/commands/apply.py": "as above",
    "tavusctl/cli/commands/plan.py": "as above",
    "tavusctl/api/transport.py": "httpcore passes on options of sockets, whose type it does not publish",
    "tavusctl/state/object_store/urls.py": "the stores of obstore are made in the same way and share no type",
}
_NAMED = (ast.Name, ast.Constant)  # `cast` takes it in quotes


def sources() -> Iterator[Path]:
    """Modules of the package, but for the emulator: it is a building of its own, with its own documents."""
    yield from (one for one in files("tavusctl", suffix=".py") if not name(one).startswith("tavusctl/emulator/"))


def says_any(path: Path) -> bool:
    named = {node.id if isinstance(node, ast.Name) else node.value for node in nodes(path) if isinstance(node, _NAMED)}
    return "Any" in named


def edge_of(path: str) -> str:
    return next((edge for edge in EDGES if path == edge or (edge.endswith("/") and path.startswith(edge))), "")


def test_only_the_edges_of_libraries_say_any() -> None:
    found = {name(path) for path in sources() if says_any(path)}
    inside = sorted(path for path in found if not edge_of(path))
    assert not inside, f"a JSON value is `Json`: ask with isinstance, or with as_text and the like: {inside}"
    idle = sorted(EDGES.keys() - {edge_of(path) for path in found})
    assert not idle, f"take what says no `Any` any more out of EDGES: {idle}"
