"""Objects come and go while the account is read."""

from __future__ import annotations

import builtins
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from tavusctl.core.errors import Gone
from tavusctl.engine.account import observe
from tavusctl.kinds import KINDS
from tavusctl.lib.json_types import JsonObject
from tavusctl.secrets.values import NO_KEY

RULES = KINDS["guardrails"]


@dataclass
class Account:
    """A listing that names objects without their rules, and what a read of each of them shows."""

    objects: dict[str, JsonObject]
    names: builtins.list[str]
    response_count: int = 0

    def list(self, *_: Any) -> builtins.list[JsonObject]:
        return [{"guardrails_id": name} for name in self.names]

    def get(self, path: str, *_: Any) -> JsonObject:
        remote_id = path.rpartition("/")[2]
        if remote_id not in self.objects:
            raise Gone(404, "not found", path)
        return self.objects[remote_id]

    def server_time(self) -> datetime:
        return datetime(2026, 1, 1, tzinfo=UTC)


def test_an_object_that_is_deleted_after_the_listing_is_left_out() -> None:
    account = Account({"g1": {"guardrails_id": "g1", "name": "Ours", "data": []}}, ["g1", "g2"])

    found = observe.listed(account, RULES, observe.Decoder({}, NO_KEY))

    assert [(live.remote_id, live.name) for live in found] == [("g1", "Ours")]
