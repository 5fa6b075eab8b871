"""The walk of an apply: nothing is under way any more when it has been left, however it is left."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pytest

from tavusctl import journal
from tavusctl.engine.apply import Run, Stop, Tools, run
from tavusctl.errors import UnauthorisedError
from tavusctl.kinds import KINDS
from tavusctl.ledger import Ledger
from tavusctl.model import Action, Address, Binding, Cause, Change, Desired, Document, Live, Plan, Source, Value
from tavusctl.ports import State
from tests.unit.test_ledger import Kept

PERSONA = KINDS["persona"]


@dataclass
class Slow:
    """An API whose creates take a while; that of `refused` is refused at once."""

    refused: str = ""
    ended: list[str] = field(default_factory=list)
    begun: threading.Event = field(default_factory=threading.Event)

    def post(self, path: str, body: Value = None, *, later: Any = None) -> Document:
        del path, later
        name = body["persona_name"]
        if name == self.refused:
            self.begun.wait(5)
            message = "no"
            raise UnauthorisedError(message)
        self.begun.set()
        time.sleep(0.4)
        self.ended.append(name)
        return {"persona_id": f"p{name}", "persona_name": name}

    @property
    def answers(self) -> int:
        return len(self.ended)

    def server_time(self) -> datetime:
        return datetime.now(UTC)

    def get(self, path: str, query: Any = None) -> Document:
        raise AssertionError(path, query)

    def list(self, path: str, **_: Any) -> list[Document]:
        raise AssertionError(path)

    def patch(self, path: str, body: Value) -> None:
        raise AssertionError(path, body)

    def delete(self, path: str) -> None:
        raise AssertionError(path)


class Clock:
    def monotonic(self) -> float:
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)


def create(name: str) -> Change:
    spec = {"persona_name": name, "system_prompt": "Hi."}
    desired = Desired(PERSONA, Address("persona", name), spec, Source("", 0, 0))
    whole = {"op": "add", "path": "", "value": spec}
    return Change(Action.CREATE, Cause.NEW, desired.address, patch=(whole,), desired=desired)


def tools(api: Slow, *, broken: str = "") -> Tools:
    """Tools that work, but for one object at which a defect shows, while the call for the other is under way."""

    def remember(desired: Desired, binding: Binding) -> Binding:
        if desired.address.name == broken:
            api.begun.wait(5)
            message = "a defect"
            raise RuntimeError(message)
        return binding

    def look(kind: Any, remote_id: str) -> Live:
        return Live(kind, remote_id, {})

    return Tools(
        look,
        lambda *_: (),
        remember,
        lambda *_: (),
        lambda _: "",
        lambda *_: "",
        KINDS.__getitem__,
        lambda *_: None,
        lambda _: "",
    )


def applying(api: Slow, lent: Tools, store: Kept) -> Run:
    ledger = Ledger(store, State("line"))
    return Run(api, ledger, lent, Clock(), {}, {}, 0.0, 120.0, 2, Stop(), lambda _: None, lambda *_: None)


def test_a_defect_in_one_step_waits_for_the_calls_of_the_others() -> None:
    """Else the state would be free for another run while a call of this one is still being carried out."""
    api, store = Slow(), Kept()

    with pytest.raises(RuntimeError, match="a defect"):
        run(applying(api, tools(api, broken="bad"), store), Plan((create("bad"), create("good"), create("next"))))

    assert api.ended == ["good"]
    bound = journal.replay(State("line"), store.records)
    assert [str(address) for address in bound.state.bindings] == ["persona/good"]


def test_a_key_that_is_refused_waits_for_the_calls_under_way() -> None:
    """They come to their end, and nothing new begins."""
    api, store = Slow(refused="bad"), Kept()

    outcomes = run(applying(api, tools(api), store), Plan((create("bad"), create("good"), create("next"))))

    assert api.ended == ["good"]
    assert [one.status.value for one in outcomes] == ["failed", "done", "skipped"]
