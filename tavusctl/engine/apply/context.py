"""The context that the steps of one apply share: dependencies, limits, locks, and what they have sent so far."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from typing import overload

from msgspec import Struct
from msgspec.structs import replace

from tavusctl.core.address import Address
from tavusctl.core.binding import Binding
from tavusctl.core.errors import ConflictError
from tavusctl.core.json_tree import map_leaves
from tavusctl.core.model import Desired, FieldChange, Live, LocalFile, Outcome
from tavusctl.core.ports import Api, Clock
from tavusctl.core.resource_kind import ResourceKind
from tavusctl.engine.compare.match_create import Sent, Sight
from tavusctl.lib.concurrency import Turns
from tavusctl.lib.json_types import Json, JsonObject
from tavusctl.state.recorder import Fence, Recorder

_STOP_POLL = 0.5  # seconds until a waiting step notices a stop, at most
Keep = Callable[[Address, str, JsonObject], None]  # saves the body of an object that is about to be deleted
Link = Callable[[LocalFile], str]  # uploads a file for the API to fetch; returns its URL, a secret


class Dependencies(Struct, frozen=True):
    """Functions of other stages that an apply calls, put together in `engine/dependencies.py`."""

    look: Callable[[ResourceKind, str], Live]  # reads one object by id
    users: Callable[[ResourceKind, str, Address | None], Sequence[str]]  # who refers to an object, read again
    remember: Callable[[Desired, Binding], Binding]  # the binding of an object once it matches its manifest
    unkept: Callable[[Desired, Live], Sequence[FieldChange]]  # fields that do not read as they were written
    find: Callable[[Sent, Sequence[str]], Sight]  # what a create has made, but for ids known before
    twins: Callable[[Sent, Sequence[str]], Sequence[Live]]  # new unmanaged objects like the created one
    kinds: Callable[[str], ResourceKind]
    keep: Keep
    link: Link


class DraftConsent(Struct, frozen=True):
    """The addresses whose drafts the command line allows to discard or to publish."""

    discarded: AbstractSet[Address] = frozenset()  # a write may discard edits in PAL Maker that block it
    published: AbstractSet[Address] = frozenset()  # a draft is published if a write went into it


class Obedience(StrEnum):
    """Whether the API obeys `test` operations for a kind, as its answers show."""

    OBEYED = "obeyed"
    IGNORED = "ignored"
    UNKNOWN = "unknown"


class Moved(ConflictError):
    """Raised instead of a call that would overwrite what somebody has edited since the plan."""

    def __init__(self, address: Address, places: Sequence[str]) -> None:
        super().__init__(f"{', '.join(places)} of `{address}` was edited in the account meanwhile")


class Stop:
    """The signal that tells a running apply to start nothing new."""

    def __init__(self) -> None:
        self._event = threading.Event()
        self.reason = ""
        self.hurry = False  # running calls get only a few seconds to end

    def ask(self, reason: str, *, hurry: bool = False) -> None:
        """Request a stop, with its reason; the first reason is kept."""
        self.hurry = self.hurry or hurry
        if not self._event.is_set():
            self.reason = reason
            self._event.set()

    def asked(self) -> bool:
        """Whether a stop was requested."""
        return self._event.is_set()


@dataclass(slots=True)
class ApplyContext:
    """The context of one running apply."""

    api: Api
    recorder: Recorder
    dependencies: Dependencies
    clock: Clock
    externals: Mapping[str, str]  # by address, as text: ids of external objects
    known: Mapping[str, Sequence[str]]  # by kind: ids of the account's objects at the time of the plan
    patience: float  # seconds that the run may wait for work of the server in the background
    settle: float  # seconds after which a create whose response was lost shows in listings, if it was carried out
    parallel: int
    stop: Stop
    report: Callable[[Outcome], None]
    waits: Callable[[Address, str, bool], None]  # reports a wait: address, status, whether it is over
    drafts: DraftConsent = field(default_factory=DraftConsent)
    probing: threading.Lock = field(default_factory=threading.Lock)  # held while `obedience` is determined
    obedience: dict[str, Obedience] = field(default_factory=dict)  # by kind
    unguarded: set[str] = field(default_factory=set)  # kinds with a warning that no `test` guards their writes
    crawling: threading.Lock = field(default_factory=threading.Lock)  # held while a crawl slot is searched and used
    deferred: set[str] = field(default_factory=set)  # addresses, as text, that are left to the next run
    answered: dict[str, str] = field(default_factory=dict)  # by operation: the id in the response to a create
    names: dict[Address, tuple[str, str]] = field(default_factory=dict)  # by address: what its create has sent
    naming: dict[tuple[str, str], threading.Lock] = field(default_factory=dict)  # by kind and name: of creates
    looked: set[str] = field(default_factory=set)  # kinds whose first create was checked for duplicates
    guard: threading.Lock = field(default_factory=threading.Lock)  # of `names`, `naming` and `looked`
    written: dict[Address, list[str]] = field(default_factory=dict)  # by address: pointers that its step has written
    planned: Mapping[Address, str] = field(init=False)  # ids of bound and external objects at the time of the plan
    turns: Turns = field(init=False)  # limits the steps that send calls; a step that only waits holds none
    until: float = field(init=False)  # monotonic time at which the patience of the whole run ends

    def __post_init__(self) -> None:
        self.turns = Turns(self.parallel)
        self.until = self.clock.monotonic() + self.patience
        bound = {address: binding.remote_id for address, binding in self.recorder.state.bindings.items()}
        self.planned = {**bound, **{Address.parse(name): remote_id for name, remote_id in self.externals.items()}}

    def expected_live(self, live: Live) -> Live:
        """An object as the plan saw it, with ids in place of addresses.

        These are the ids at the time of the plan: a replacement changes the id that an address stands for.
        """

        def planned_id(leaf: Json) -> Json:
            return self.planned.get(leaf, leaf) if isinstance(leaf, Address) else leaf

        return replace(live, body=self.with_ids(map_leaves(live.body, planned_id)))

    def look(self, kind: ResourceKind, remote_id: str) -> Live:
        """Read an object now, with ids in place of addresses."""
        live = self.dependencies.look(kind, remote_id)
        return replace(live, body=self.with_ids(live.body))

    @overload
    def with_ids(self, value: JsonObject) -> JsonObject: ...
    @overload
    def with_ids(self, value: list[JsonObject]) -> list[JsonObject]: ...
    @overload
    def with_ids(self, value: Address) -> str: ...
    def with_ids(self, value: Json) -> Json:
        """A document with the current ids in place of addresses."""

        def current_id(leaf: Json) -> Json:
            if not isinstance(leaf, Address):
                return leaf
            external_id, binding = self.externals.get(str(leaf)), self.recorder.get(leaf)
            return binding.remote_id if binding and not external_id else self.externals[str(leaf)]

        return map_leaves(value, current_id)

    def sending(
        self, op: str, check: Callable[[], None] = lambda: None, *, changes: bool = True
    ) -> AbstractContextManager[Fence]:
        """The fence for one call of an operation; `check` runs again before the call if its record is not fresh."""
        return self.recorder.sending(op, self.now, check, changes=changes)

    def rest(self, seconds: float) -> None:
        """Wait for some seconds; a stop ends the wait early."""
        ends = self.clock.monotonic() + seconds
        while (remaining := ends - self.clock.monotonic()) > 0 and not self.stop.asked():
            self.clock.sleep(min(remaining, _STOP_POLL))

    @contextmanager
    def in_turn(self, kind: str, name: str) -> Iterator[None]:
        """Let one create at a time run of those with the same kind and name.

        Otherwise a listing could not show which create has made which object.
        """
        with self.guard:
            turn = self.naming.setdefault((kind, name), threading.Lock())
        with turn:
            yield

    def others(self, address: Address, kind: str, name: str) -> frozenset[str]:
        """Record the kind and name of a create; return the names that other creates of that kind have sent so far."""
        with self.guard:
            self.names[address] = kind, name
            return frozenset(
                sent_name
                for creator, (sent_kind, sent_name) in self.names.items()
                if sent_kind == kind and creator != address
            )

    def is_first(self, kind: str) -> bool:
        """Whether this is the first call for a kind in this run."""
        with self.guard:
            is_new = kind not in self.looked
            self.looked.add(kind)
        return is_new

    @contextmanager
    def wait_for_crawl_slot(self) -> Iterator[bool]:
        """Let one step at a time look for a free crawl slot and use it; yields False if a stop came first."""
        while not self.crawling.acquire(timeout=_STOP_POLL):
            if self.stop.asked():
                yield False
                return
        try:
            yield not self.stop.asked()
        finally:
            self.crawling.release()

    def release_slot(self, seconds: float) -> None:
        """Wait for some seconds without a turn, so that other steps can send calls."""
        self.turns.release()
        try:
            self.rest(seconds)
        finally:
            self.turns.acquire()

    def now(self) -> str:
        """The server's time."""
        return self.api.server_time().isoformat()
