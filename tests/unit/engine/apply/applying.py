"""A fake account in a dictionary, with faults on request, and an apply that uses it."""

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
from tavusctl.engine.compare.match_create import SearchResult, SentCreate
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
    """The account, its clock, and the dependencies of a run.

    `faults_before` and `faults_after` hold, by call, the errors to raise or functions to run before and after the next
    calls.
    """

    objects: dict[str, JsonObject] = field(default_factory=dict)
    bindings: dict[Address, Binding] = field(default_factory=dict)
    guarded: bool | None = True  # whether the run assumes that guards are obeyed; None: not known yet
    obeys: bool = True  # whether the account does obey guards
    seconds: float = 0.0
    calls: builtins.list[tuple[str, str, Any]] = field(default_factory=list)
    faults_before: dict[str, builtins.list[Exception | Fault | None]] = field(default_factory=lambda: defaultdict(list))
    faults_after: dict[str, builtins.list[Exception | Fault | None]] = field(default_factory=lambda: defaultdict(list))
    response_count: int = 0  # the number of calls so far
    replies: builtins.list[JsonObject] = field(default_factory=list)  # the next responses, in place of the true ones
    makes_nothing: bool = False  # creates are confirmed and not carried out
    finds: Sequence[str | Exception] = field(default_factory=list)
    newest: str = ""  # the creation time of the newest object in a listing
    forced: builtins.list[str] = field(default_factory=list)  # paths of patches that were sent with a query
    refusals: int = 0  # the number of times that a create is refused before it succeeds
    others: Sequence[Live] | Exception = ()  # objects of others that are equal to what a create makes
    looked_for: builtins.list[float] = field(default_factory=list)
    using: builtins.list[str] = field(default_factory=list)
    lost: builtins.list[FieldChange] = field(default_factory=list)
    draft: bool = False  # reads show an unpublished draft
    kept_calls: builtins.list[tuple[Address, str, JsonObject]] = field(default_factory=list)
    reports: builtins.list[tuple[str, str]] = field(default_factory=list)
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
        before_retry: Callable[[], None] = lambda: None,
        query: Any = None,
    ) -> JsonObject:
        self._pass(fence)
        self._begin("post", path, body)
        assert not query  # no kind in these tests has parts
        for _ in range(self.refusals):
            before_retry()
            self._pass(fence)
        if path.endswith("/recrawl"):
            self.objects[path.split("/")[-2]]["status"] = "recrawling"
            self._strike(self.faults_after["post"])
            return {}
        id_ = f"n{len(self.objects)}"
        name = path.rpartition("/")[2].removesuffix("s")
        crawl = {"crawl_config": body["crawl"], "status": "crawling"} if "crawl" in body else {}
        self.objects[id_] = {**body, **crawl, f"{name}_id": id_}
        self._strike(self.faults_after["post"])
        reply = self.replies.pop(0) if self.replies else {f"{name}_id": id_, f"{name}_name": body.get(f"{name}_name")}
        shown = str(reply.get(f"{name}_name") or "")
        if not self.makes_nothing and shown.strip().casefold() == str(body.get(f"{name}_name")).casefold():
            self.objects[str(reply[f"{name}_id"])] = self.objects[id_]
        if self.makes_nothing:
            del self.objects[id_]
        return reply

    def version(self, path: str, query: Any = None) -> str:
        return "" if query else path

    def patch(self, path: str, body: Any, *, fence: Fence, query: Any = None, version: str = "") -> JsonObject:
        self._pass(fence)
        self._begin("patch", path, body)
        assert not version  # no kind in these tests has versions
        self.forced += [path] if query else []
        remote_id = path.removesuffix("/name").rpartition("/")[2]
        if isinstance(body, list):
            operations = body if self.obeys else [operation for operation in body if operation["op"] != "test"]
            try:
                self.objects[remote_id] = jsonpatch.apply_patch(self.objects[remote_id], operations)
            except jsonpatch.JsonPatchException:
                raise refused(400) from None
        else:
            self.objects[remote_id].update(body)
        self._strike(self.faults_after["patch"])
        return self.replies.pop(0) if self.replies else {}

    def put(self, path: str, body: Any, *, fence: Fence, query: Any = None) -> None:
        raise AssertionError(path, body, fence, query)

    def delete(self, path: str, *, fence: Fence, query: Any = None) -> None:
        assert not query
        self._pass(fence)
        self._begin("delete", path, None)
        if self.objects.pop(path.rpartition("/")[2], None) is None:
            raise gone(path)
        self._strike(self.faults_after["delete"])

    def get(self, path: str, query: Any = None) -> JsonObject:
        self._begin("get", path, query)
        if path.rpartition("/")[2] not in self.objects:
            raise gone(path)
        return self.objects[path.rpartition("/")[2]]

    def list(self, path: str, *_: Any) -> builtins.list[JsonObject]:
        self._begin("list", path, None)
        return [*self.objects.values()]

    def _pass(self, fence: Fence) -> None:
        """Use the fence as the client does: renew at each attempt, then check when the first byte is sent."""
        fence.renew()
        self._strike(self.faults_before["connecting"])
        if not fence.passes():
            message = "so much time has passed"
            raise NeverSent(message)
        if self.faults_before["throttled"]:
            self._strike(self.faults_before["throttled"])
            self._pass(fence)

    def _begin(self, verb: str, path: str, body: Any) -> None:
        self.response_count += 1
        self.calls.append((verb, path, json.loads(json.dumps(body, default=str))))
        self._strike(self.faults_before[verb])

    def _strike(self, faults: builtins.list[Exception | Fault | None]) -> None:
        fault = faults.pop(0) if faults else None
        if isinstance(fault, Exception):
            raise fault
        if fault:
            fault()

    # the dependencies
    def look(self, kind: ResourceKind, remote_id: str) -> Live:
        self._strike(self.faults_before["look"])
        if remote_id not in self.objects:
            raise gone(remote_id)
        body = {key: value for key, value in self.objects[remote_id].items() if not key.endswith("_id")}
        status, error = str(body.pop("status", "")), str(body.pop("error_message", ""))
        addresses = {binding.remote_id: address for address, binding in self.ledger.state.bindings.items()}
        body = map_leaves(body, lambda leaf: addresses.get(leaf, leaf) if isinstance(leaf, str) else leaf)
        return Live(kind, remote_id, body, status=status, error=error, draft=self.draft)

    def is_listed(self, kind: ResourceKind, remote_id: str) -> bool:
        del kind
        return remote_id in self.objects

    def users(self, kind: ResourceKind, remote_id: str, address: Address | None) -> Sequence[str]:
        del kind
        self.asked_users.append((remote_id, address))
        return self.using

    def keep(self, *kept: Any) -> None:
        self.kept_calls.append(kept)
        self._strike(self.faults_after["keep"])

    def remember(self, desired: Desired, binding: Binding) -> Binding:
        return replace(binding, address=desired.address, applied=desired.spec)

    def find(self, sent: SentCreate, known: Sequence[str]) -> SearchResult:
        self.looked_for.append(self.seconds)
        self.reports.append(("find", f"{sent.name} {','.join(known)}"))
        result, self.finds = (self.finds[0], self.finds[1:]) if self.finds else ("", ())
        if isinstance(result, Exception):
            raise result
        if result:
            self.objects.setdefault(result, dict(sent.spec))
        return SearchResult(result, self.newest)

    def twins(self, sent: SentCreate, known: Sequence[str]) -> Sequence[Live]:
        del sent, known
        if isinstance(self.others, Exception):
            raise self.others
        return self.others

    def unkept(self, desired: Desired, live: Live) -> Sequence[FieldChange]:
        del desired, live
        return self.lost

    def report(self, outcome: Outcome) -> None:
        self.reports.append((str(outcome.step.address), outcome.status.value))

    def apply(self, *steps: Change, parallel: int = 1, settle: float = 120.0, **plan: Any) -> builtins.list[Outcome]:
        """Carry out a plan with these steps."""
        self.store.state = State("line", 3, bindings=self.bindings)
        dependencies = Dependencies(
            self.look,
            self.is_listed,
            self.users,
            self.remember,
            self.unkept,
            self.find,
            self.twins,
            self.keep,
            lambda file: f"https://bucket/{file.name}",
        )
        recorder = Recorder(self.store, self.store.state, uptime=self.monotonic)
        self.last = ApplyContext(
            self,
            recorder,
            dependencies,
            self,
            {"persona/outside": "p-outside"},
            self.known,
            patience=self.patience,
            listing_delay=settle,
            parallel=parallel,
            stop=self.stop,
            report=self.report,
            report_wait=lambda address, status, over: self.waited.append((str(address), status, over)),
        )
        if self.guarded is not None:
            obedience = Obedience.OBEYED if self.guarded else Obedience.IGNORED
            self.last.obedience = dict.fromkeys(KINDS, obedience)
        return [*run(self.last, Plan(steps, **plan))]

    @property
    def ledger(self) -> Recorder:
        """The recorder of the last apply."""
        assert self.last
        return self.last.recorder

    @property
    def records(self) -> builtins.list[dict[str, Any]]:
        """The records of the journal as JSON documents."""
        return [json.loads(record) for record in self.store.records]

    @property
    def kinds_of_records(self) -> builtins.list[str]:
        """The kinds of the records, each with its status unless that is `done`."""
        return [record["is"] + (f" {record['status']}" if "status" in record else "") for record in self.records]

    @property
    def replayed(self) -> journal.ReplayResult:
        """The result of replaying the journal, as the next run would."""
        return journal.replay(self.store.state, self.store.records)

    @property
    def verbs(self) -> builtins.list[str]:
        """The methods called, in order."""
        return [verb for verb, _, _ in self.calls]


def gone(what: str) -> Gone:
    """The error for an object that does not exist."""
    return Gone(404, "no such object", f"GET {what}")


def desired(kind: ResourceKind, address: Address, spec: JsonObject, **more: Any) -> Desired:
    """The desired value of a manifest."""
    return Desired(address, spec, Source("", 0, 0), kind=kind, **more)


def creating(address: Address = COACH, spec: JsonObject | None = None, **more: Any) -> Change:
    """The step that creates an object."""
    body = spec or {f"{address.kind}_name": address.name.title(), "system_prompt": "Hi."}
    manifest = desired(KINDS[address.kind], address, body, **more)
    return Change(
        Action.CREATE, Cause.NEW, address, patch=({"op": "add", "path": "", "value": body},), desired=manifest
    )


def updating(spec: JsonObject, *patch: JsonObject, address: Address = COACH, **more: Any) -> Change:
    """The step that updates the object bound to an address."""
    manifest = desired(KINDS[address.kind], address, spec)
    return Change(Action.UPDATE, Cause.EDITED, address, "p1", patch=patch, desired=manifest, **more)


def refused(status: int) -> Rejected:
    """The error for a patch that the API rejects."""
    return Rejected(status, "no, thank you", "PATCH /v2/personas/p1")


def only(outcomes: Sequence[Outcome]) -> Outcome:
    """The only outcome of a run with one step."""
    (outcome,) = outcomes
    return outcome


def facts(outcome: Outcome) -> tuple[str, str, str, int]:
    """The parts of an outcome that a report shows, and its exit code."""
    return outcome.status.value, outcome.remote_id, outcome.reason, outcome.exit_code


def bound(**more: Any) -> World:
    """An account with a bound persona."""
    world = World(objects={"p1": {**BEFORE, "persona_id": "p1"}}, **more)
    world.bindings = {COACH: Binding(COACH, "p1", BEFORE)}
    return world


def deleting(**more: Any) -> Change:
    """The step that deletes this persona."""
    return Change(Action.DELETE, Cause.ORPHANED, COACH, "p1", **more)
