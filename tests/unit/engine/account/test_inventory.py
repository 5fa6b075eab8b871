"""The names of objects in a list, under whichever name the API returns the field."""

from __future__ import annotations

import builtins
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest

from tavusctl.engine.account import inventory
from tavusctl.kinds import KINDS
from tavusctl.lib.json_types import JsonObject

NAMES = [
    (kind.name, name)
    for kind in KINDS.values()
    for name in (kind.name_field, *kind.field_at((kind.name_field,)).aliases)
]


@dataclass
class Account:
    """A listing, and nothing else."""

    items: builtins.list[JsonObject]
    response_count: int = 0

    def list(self, *_: Any) -> builtins.list[JsonObject]:
        return self.items

    def get(self, *_: Any) -> JsonObject:
        return {}

    def server_time(self) -> datetime:
        return datetime(2026, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(("kind", "name"), NAMES)
def test_an_object_has_its_name(kind: str, name: str) -> None:
    item: JsonObject = {KINDS[kind].id_fields[0]: "x1", name: "Ours"}

    assert [one.name for one in inventory.entries(Account([item]), KINDS[kind], stock=False)] == ["Ours"]
