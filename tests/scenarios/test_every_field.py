"""Every plain field of a kind is written, changed and taken away; one that is new is among them by itself."""

from __future__ import annotations

from typing import Any

import pytest

from tavusctl.core.resource_kind import ResourceKind
from tavusctl.kinds import KINDS
from tests.scenarios.project import Body, Project

pytestmark = pytest.mark.newer_api

# What an object is not made without, and fields of few values.
NEEDED: dict[str, Body] = {
    "persona": {"system_prompt": "You coach."},
    "guardrail": {
        "guardrail_prompt": "Stay calm.",
        "modality": "verbal",
        "callback_url": "https://hooks.example.com/a",
    },
}
TEXTS = (["one", "two"], ["two", "three"])
VALUES: dict[str, tuple[Any, Any]] = {"string": ("one", "two"), "boolean": (True, False)}


def plain(kind: ResourceKind) -> dict[str, tuple[Any, Any]]:
    """Texts, switches and lists of texts by name, each with two values; not what means other objects or is secret."""
    found: dict[str, tuple[Any, Any]] = {}
    parts = {one.pointer for one in kind.parts}
    for name, declared in kind.model.model_json_schema()["properties"].items():
        shapes = [one for one in declared.get("anyOf", [declared]) if one.get("type") != "null"]
        others = any(kind.field_at(path).refers_to for path in ((name,), (name, "*")))
        if others or f"/{name}" in parts or len(shapes) != 1:
            continue
        if shapes[0].get("type") in VALUES:
            found[name] = VALUES[shapes[0]["type"]]
        elif shapes[0].get("items", {}).get("type") == "string":
            found[name] = TEXTS
    return found


@pytest.mark.parametrize("name", NEEDED)
def test_every_plain_field_is_written_and_changed_and_taken_away(project: Project, name: str) -> None:
    """What fails here is not in the emulator, or the kind says something else of it than the API's page."""
    project.account.switch(era="today")
    fields = plain(KINDS[name])
    first, then = ({one: both[place] for one, both in fields.items()} for place in (0, 1))
    project.manifest("persona", "other", {"persona_name": "Other", "system_prompt": "You host."})

    assert len(fields) > len(NEEDED[name])
    for values in (first, then, {}):
        project.manifest(name, "it", {**values, **NEEDED[name]})
        done = project.run("apply", "--yes")
        assert done.code == 0, done.out + done.err
        left = [(one["address"], one["fields"]) for one in project.plan()["changes"]]
        assert left == [], f"still to be done after an apply of {values}"
