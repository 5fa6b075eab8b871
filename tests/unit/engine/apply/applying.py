"""An account in a dictionary, whose calls go wrong on demand, and an apply on it."""

from __future__ import annotations

import builtins
import json
import threading
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import jsonpatch
from msgspec.structs import replace

from tavusctl.core.address import Address, Source
from tavusctl.core.binding import Binding
from tavusctl.core.errors import Ambiguous, Gone, NeverSent, Rejected
from tavusctl.core.json_tree import map_leaves
from tavusctl.core.model import Action, Cause, Change, Desired, FieldChange, Live, Outcome, Plan
from tavusctl.core.ports import Fence, State
from tavusctl.core.resource_kind import ResourceKind
from tavusctl.engine.apply import ApplyContext, Dependencies, Stop, run
from tavusctl.engine.apply.context import Obedience
from tavusctl.engine.compare.match_create import Sent, Sight
from tavusctl.kinds import KINDS
from tavusctl.lib.json_types import JsonObject
from tavusctl.state import journal
from tavusctl.state.recorder import Recorder
from tests.unit.state.test_recorder import Kept

PERSONA, DOCUMENT, REPLICA = KINDS["persona"], KINDS["document"], KINDS["replica"]
COACH = Address("persona", "coach")
SITE = Address("document", "site")
ANNA = Address("replica", "anna")
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
Fault = Callable[[], object]
BEFORE: JsonObject = {"persona_name": "Coach", "system_prompt": "Hi."}
LOST = Ambiguous("the answer was lost")


@dataclass
class World:
    """The account, its clock, and the run that changes it; `wrong` has what happens at calls, before and after."""

    objects: dict[str, JsonObject] = field(default_factory=dict)
    bindings: dict[Address, Binding] = field(default_factory=dict)
    guarded: bool | None = True  # what the run knows of `test` operations already
    obeys: bool = True  # what is true of them
    seconds: float = 0.0
    calls: builtins.list[tuple[str, str, Any]] = field(default_factory=list)
    wrong: dict[str, builtins.list[Exception | Fault | None]] = field(default_factory=lambda: defaultdict(list))
    after: dict[str, builtins.list[Exception | Fault | None]] = field(default_factory=lambda: defaultdict(list))
    answers: int = 0  # so far
    replies: builtins.list[JsonObject] = field(default_factory=list)  # in place of the true ones
    finds: Sequence[str | Exception] = field(default_factory=list)
    newest: str = ""  # when the youngest object that a listing shows was made
    forced: builtins.list[str] = field(default_factory=list)  # paths of patches that were sent with a query
    refusals: int = 0  # how often a create is refused before it is carried out
    others: Sequence[Live] | Exception = ()  # the like of what a create makes, made by somebody else
    looked_for: builtins.list[float] = field(default_factory=list)
    using: builtins.list[str] = field(default_factory=list)
    lost: builtins.list[FieldChange] = field(default_factory=list)
    draft: bool = False  # what reads show is not in use
    kept: builtins.list[tuple[Address, str, JsonObject]] = field(default_factory=list)
    told: builtins.list[tuple[str, str]] = field(default_factory=list)
    waited: builtins.list[tuple[str, str, bool]] = field(default_factory=list)
    known: dict[str, Sequence[str]] = field(default_factory=dict)
    patience: float = 0.0
    stop: Stop = field(default_factory=Stop)
    store: Kept = field(default_factory=Kept)
    asked_users: builtins.list[tuple[str, Address | None]] = field(default_factory=list)
    last: ApplyContext | None = None
    guard: threading.RLock = field(default_factory=threading.RLock)

    # the clock
    def monotonic(self) -> float:
        return self.seconds

    def sleep(self, seconds: float) -> None:
        self.seconds += seconds

    # the API
    def server_time(self) -> datetime:
        return NOON + timedelta(seconds=self.seconds)

    def post(
        self,
        path: str,
        body: Any = None,
        *,
        fence: Fence,
        refused: Callable[[], None] = lambda: None,
        query: Any = None,
    ) -> JsonObject:
        self._pass(fence)
        self._begin("post", path, body)
        assert not query  # of what the tests have, nothing has parts
        for _ in range(self.refusals):
            refused()
            self._pass(fence)
        if path.endswith("/recrawl"):
            self.objects[path.split("/")[-2]]["status"] = "recrawling"
            self._strike(self.after["post"])
            return {}
        made = f"n{len(self.objects)}"
        name = path.rpartition("/")[2].removesuffix("s")
        crawl = {"crawl_config": body["crawl"], "status": "crawling"} if "crawl" in body else {}
        self.objects[made] = {**body, **crawl, f"{name}_id": made}
        self._strike(self.after["post"])
        return self.replies.pop(0) if self.replies else {f"{name}_id": made, f"{name}_name": body.get(f"{name}_name")}

    def version(self, path: str, query: Any = None) -> str:
        return "" if query else path

    def patch(self, path: str, body: Any, *, fence: Fence, query: Any = None, version: str = "") -> JsonObject:
        self._pass(fence)
        self._begin("patch", path, body)
        assert not version  # of what the tests have, nothing has versions
        self.forced += [path] if query else []
        remote_id = path.removesuffix("/name").rpartition("/")[2]
        if isinstance(body, list):
            done = body if self.obeys else [one for one in body if one["op"] != "test"]
            try:
                self.objects[remote_id] = jsonpatch.apply_patch(self.objects[remote_id], done)
            except jsonpatch.JsonPatchException:
                raise refused(400) from None
        else:
            self.objects[remote_id].update(body)
        self._strike(self.after["patch"])
        return self.replies.pop(0) if self.replies else {}

    def put(self, path: str, body: Any, *, fence: Fence, query: Any = None) -> None:
        raise AssertionError(path, body, fence, query)

    def delete(self, path: str, *, fence: Fence, query: Any = None) -> None:
        assert not query
        self._pass(fence)
        self._begin("delete", path, None)
        if self.objects.pop(path.rpartition("/")[2], None) is None:
            raise gone(path)
        self._strike(self.after["delete"])

    def get(self, path: str, query: Any = None) -> JsonObject:
        self._begin("get", path, query)
        if path.rpartition("/")[2] not in self.objects:
            raise gone(path)
        return self.objects[path.rpartition("/")[2]]

    def list(self, path: str, *_: Any) -> builtins.list[JsonObject]:
        self._begin("list", path, None)
        return [*self.objects.values()]

    def _pass(self, fence: Fence) -> None:
        """As the client does: at each attempt at leisure, then when the first byte leaves."""
        fence.renew()
        self._strike(self.wrong["connecting"])
        if not fence.passes():
            message = "so much time has passed"
            raise NeverSent(message)
        if self.wrong["throttled"]:
            self._strike(self.wrong["throttled"])
            self._pass(fence)

    def _begin(self, verb: str, path: str, body: Any) -> None:
        self.answers += 1
        self.calls.append((verb, path, json.loads(json.dumps(body, default=str))))
        self._strike(self.wrong[verb])

    def _strike(self, faults: builtins.list[Exception | Fault | None]) -> None:
        fault = faults.pop(0) if faults else None
        if isinstance(fault, Exception):
            raise fault
        if fault:
            fault()

    # the tools
    def look(self, kind: ResourceKind, remote_id: str) -> Live:
        self._strike(self.wrong["look"])
        if remote_id not in self.objects:
            raise gone(remote_id)
        body = {key: value for key, value in self.objects[remote_id].items() if not key.endswith("_id")}
        status, error = str(body.pop("status", "")), str(body.pop("error_message", ""))
        ours = {one.remote_id: address for address, one in self.ledger.state.bindings.items()}
        body = map_leaves(body, lambda leaf: ours.get(leaf, leaf) if isinstance(leaf, str) else leaf)
        return Live(kind, remote_id, body, status=status, error=error, draft=self.draft)

    def users(self, kind: ResourceKind, remote_id: str, address: Address | None) -> Sequence[str]:
        del kind
        self.asked_users.append((remote_id, address))
        return self.using

    def keep(self, *kept: Any) -> None:
        self.kept.append(kept)
        self._strike(self.after["keep"])

    def remember(self, desired: Desired, binding: Binding) -> Binding:
        return replace(binding, address=desired.address, applied=desired.spec)

    def find(self, sent: Sent, known: Sequence[str]) -> Sight:
        self.looked_for.append(self.seconds)
        self.told.append(("find", f"{sent.name} {','.join(known)}"))
        found, self.finds = (self.finds[0], self.finds[1:]) if self.finds else ("", ())
        if isinstance(found, Exception):
            raise found
        return Sight(found, self.newest)

    def twins(self, sent: Sent, known: Sequence[str]) -> Sequence[Live]:
        del sent, known
        if isinstance(self.others, Exception):
            raise self.others
        return self.others

    def unkept(self, desired: Desired, live: Live) -> Sequence[FieldChange]:
        del desired, live
        return self.lost

    def report(self, outcome: Outcome) -> None:
        self.told.append((str(outcome.step.address), outcome.status.value))

    def apply(self, *steps: Change, parallel: int = 1, settle: float = 120.0, **plan: Any) -> builtins.list[Outcome]:
        """Carry out a plan of these steps."""
        self.store.state = State("line", 3, bindings=self.bindings)
        tools = Dependencies(
            self.look,
            self.users,
            self.remember,
            self.unkept,
            self.find,
            self.twins,
            KINDS.__getitem__,
            self.keep,
            lambda file: f"https://bucket/{file.name}",
        )
        ledger = Recorder(self.store, self.store.state, uptime=self.monotonic)
        self.last = ApplyContext(
            self,
            ledger,
            tools,
            self,
            {"persona/outside": "p-outside"},
            self.known,
            patience=self.patience,
            settle=settle,
            parallel=parallel,
            stop=self.stop,
            report=self.report,
            waits=lambda address, status, over: self.waited.append((str(address), status, over)),
        )
        if self.guarded is not None:
            known = Obedience.OBEYED if self.guarded else Obedience.IGNORED
            self.last.obedience = dict.fromkeys(KINDS, known)
        return [*run(self.last, Plan(steps, **plan))]

    @property
    def ledger(self) -> Recorder:
        """Of the last apply."""
        assert self.last
        return self.last.recorder

    @property
    def records(self) -> builtins.list[dict[str, Any]]:
        """What the journal has, as documents."""
        return [json.loads(record) for record in self.store.records]

    @property
    def kinds_of_records(self) -> builtins.list[str]:
        """Their kinds, with the outcome where that is not `done`."""
        return [one["is"] + (f" {one['status']}" if "status" in one else "") for one in self.records]

    @property
    def replayed(self) -> journal.ReplayResult:
        """What the next run would make of the journal."""
        return journal.replay(self.store.state, self.store.records)

    @property
    def verbs(self) -> builtins.list[str]:
        """What was called, in order."""
        return [verb for verb, _, _ in self.calls]


def gone(what: str) -> Gone:
    """The answer for what is not there."""
    return Gone(404, "no such object", f"GET {what}")


def desired(kind: ResourceKind, address: Address, spec: JsonObject, **more: Any) -> Desired:
    """A manifest, found and sealed."""
    return Desired(kind, address, spec, Source("", 0, 0), **more)


def creating(address: Address = COACH, spec: JsonObject | None = None, **more: Any) -> Change:
    """A create."""
    body = spec or {f"{address.kind}_name": address.name.title(), "system_prompt": "Hi."}
    wanted = desired(KINDS[address.kind], address, body, **more)
    return Change(Action.CREATE, Cause.NEW, address, patch=({"op": "add", "path": "", "value": body},), desired=wanted)


def updating(spec: JsonObject, *patch: JsonObject, address: Address = COACH, **more: Any) -> Change:
    """An update of what is bound to an address."""
    wanted = desired(KINDS[address.kind], address, spec)
    return Change(Action.UPDATE, Cause.EDITED, address, "p1", patch=patch, desired=wanted, **more)


def refused(status: int) -> Rejected:
    """A refusal of a patch."""
    return Rejected(status, "no, thank you", "PATCH /v2/personas/p1")


def only(outcomes: Sequence[Outcome]) -> Outcome:
    """The outcome of one step."""
    (outcome,) = outcomes
    return outcome


def said(outcome: Outcome) -> tuple[str, str, str, int]:
    """What people and scripts are told of it."""
    return outcome.status.value, outcome.remote_id, outcome.reason, outcome.exit_code


def bound(**more: Any) -> World:
    """A world with a persona that is bound."""
    world = World(objects={"p1": {**BEFORE, "persona_id": "p1"}}, **more)
    world.bindings = {COACH: Binding(COACH, "p1", BEFORE)}
    return world


def deleting(**more: Any) -> Change:
    """A delete of it."""
    return Change(Action.DELETE, Cause.ORPHANED, COACH, "p1", **more)
