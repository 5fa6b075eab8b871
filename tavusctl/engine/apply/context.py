"""The context that the steps of one apply share: dependencies, limits, locks, and what they have sent so far."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from typing import overload

from msgspec import Struct
from msgspec.structs import replace

from tavusctl.core.address import Address
from tavusctl.core.binding import Binding
from tavusctl.core.errors import ConflictError, TavusctlError
from tavusctl.core.json_tree import map_leaves, replace_addresses
from tavusctl.core.model import Desired, FieldChange, Live, LocalFile, Outcome
from tavusctl.core.ports import Api, Clock
from tavusctl.core.resource_kind import ResourceKind
from tavusctl.engine.compare.match_create import SearchResult, SentCreate
from tavusctl.lib.concurrency import Turns
from tavusctl.lib.json_types import Json, JsonObject
from tavusctl.state.recorder import Fence, Recorder

_LOOKS = (2.0, 10.0)  # seconds after the first read at which what was written is read again
_STOP_POLL = 0.5  # seconds until a waiting step notices a stop, at most
SaveBody = Callable[[Address, str, JsonObject], None]  # saves the body of an object that is about to be deleted
UploadFile = Callable[[LocalFile], str]  # uploads a file for the API to fetch; returns its URL, a secret


class Dependencies(Struct, frozen=True):
    """Functions of other stages that an apply calls, put together in `engine/execution.py`."""

    read: Callable[[ResourceKind, str], Live]  # reads one object by id
    is_listed: Callable[[ResourceKind, str], bool]  # whether a listing, read again, has an object
    users: Callable[[ResourceKind, str, Address | None], Sequence[str]]  # who refers to an object, read again
    remember: Callable[[Desired, Binding], Binding]  # the binding of an object once it matches its manifest
    unkept_fields: Callable[[Desired, Live], Sequence[FieldChange]]  # fields that do not read as they were written
    # what a create has made, without objects whose ids were known before
    find_created: Callable[[SentCreate, Sequence[str]], SearchResult]
    # new unmanaged objects like the created one
    possible_duplicates: Callable[[SentCreate, Sequence[str]], Sequence[Live]]
    save_body: SaveBody
    upload_file: UploadFile


class DraftConsent(Struct, frozen=True):
    """The addresses whose drafts the command line allows to discard or to publish."""

    discarded: AbstractSet[Address] = frozenset()  # a write may discard edits in PAL Maker that block it
    published: AbstractSet[Address] = frozenset()  # a draft is published if a write went into it


class Obedience(StrEnum):
    """Whether the API obeys `test` operations for a kind, as its answers show."""

    OBEYED = "obeyed"
    IGNORED = "ignored"
    UNKNOWN = "unknown"


class EditedMeanwhile(ConflictError):
    """Raised instead of a call that would overwrite what somebody has edited since the plan."""

    def __init__(self, address: Address, places: Sequence[str]) -> None:
        super().__init__(f"{', '.join(places)} of `{address}` was edited in the account during this run")


class Stopped(TavusctlError):
    """Raised instead of the first call of a step if a stop was requested before its first byte was sent."""


class Stop:
    """The signal that tells a running apply to start nothing new."""

    def __init__(self) -> None:
        self._event = threading.Event()
        self.reason = ""
        self.hurry = False  # running calls get only a few seconds to end

    def request(self, reason: str, *, hurry: bool = False) -> None:
        """Request a stop, with its reason; the first reason is kept."""
        self.hurry = self.hurry or hurry
        if not self._event.is_set():
            self.reason = reason
            self._event.set()

    def is_requested(self) -> bool:
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
    existing_ids: Mapping[str, Sequence[str]]  # by kind: ids of the account's objects at the time of the plan
    patience: float  # seconds that the run may wait for work of the server in the background
    listing_delay: float  # seconds until the object of a create is listed, if the response to the create was lost
    parallel: int
    stop: Stop
    report: Callable[[Outcome], None]
    report_wait: Callable[[Address, str, bool], None]  # reports a wait: address, status, whether it is over
    drafts: DraftConsent = field(default_factory=DraftConsent)
    probe_lock: threading.Lock = field(default_factory=threading.Lock)  # held while `obedience` is determined
    obedience: dict[str, Obedience] = field(default_factory=dict)  # by kind
    unguarded_kinds: set[str] = field(default_factory=set)  # kinds with a warning that no `test` guards their writes
    crawl_lock: threading.Lock = field(default_factory=threading.Lock)  # held while a crawl slot is searched and used
    crawl_owner: int = 0  # the id of the thread that holds it
    deferred: set[str] = field(default_factory=set)  # addresses, as text, that are left to the next run
    response_ids: dict[str, str] = field(default_factory=dict)  # by operation: the id in the response to a create
    sent_names: dict[Address, tuple[str, str]] = field(default_factory=dict)  # by address: what its create has sent
    name_locks: dict[tuple[str, str], threading.Lock] = field(default_factory=dict)  # by kind and name: of creates
    checked_kinds: set[str] = field(default_factory=set)  # kinds whose first create was checked for duplicates
    names_lock: threading.Lock = field(default_factory=threading.Lock)  # of `sent_names`, `name_locks`, `checked_kinds`
    started: set[Address] = field(default_factory=set)  # addresses for which a call was carried out, or may have been
    written_pointers: dict[Address, list[str]] = field(default_factory=dict)  # by address, of its step
    planned_ids: Mapping[Address, str] = field(init=False)  # ids of bound and external objects at the time of the plan
    turns: Turns = field(init=False)  # limits the steps that send calls; a step that only waits holds none
    patience_deadline: float = field(init=False)  # monotonic time at which the patience of the whole run ends

    def __post_init__(self) -> None:
        self.turns = Turns(self.parallel)
        self.patience_deadline = self.clock.monotonic() + self.patience
        bound = {address: binding.remote_id for address, binding in self.recorder.state.bindings.items()}
        self.planned_ids = {**bound, **{Address.parse(name): remote_id for name, remote_id in self.externals.items()}}

    def expected_live(self, live: Live) -> Live:
        """An object as the plan saw it, with ids in place of addresses.

        These are the ids at the time of the plan: a replacement changes the id that an address stands for.
        """
        return replace(live, body=self.with_ids(replace_addresses(live.body, self.planned_ids)))

    def look(self, kind: ResourceKind, remote_id: str) -> Live:
        """Read an object now, with ids in place of addresses."""
        live = self.dependencies.read(kind, remote_id)
        return replace(live, body=self.with_ids(live.body))

    @overload
    def with_ids(self, value: JsonObject) -> JsonObject: ...
    @overload
    def with_ids(self, value: list[JsonObject]) -> list[JsonObject]: ...
    @overload
    def with_ids(self, value: Address) -> str: ...
    def with_ids(self, value: Json) -> Json:
        """A document with the current ids in place of addresses; where another step has dropped one, its last id."""

        def current_id(leaf: Json) -> Json:
            if not isinstance(leaf, Address):
                return leaf
            external_id, binding = self.externals.get(str(leaf)), self.recorder.get(leaf)
            return external_id or (binding.remote_id if binding else self.planned_ids[leaf])

        return map_leaves(value, current_id)

    @contextmanager
    def sending(self, op: str, check: Callable[[], None] = lambda: None, *, changes: bool = True) -> Iterator[Fence]:
        """The fence for one call of an operation; `check` runs again before the call if its record is not fresh.

        A step that has changed something goes on after a stop, so that no object is left half written.
        """
        address = self.recorder.pending[op].address
        is_first = address not in self.started

        def permit() -> None:
            if is_first and self.stop.is_requested():
                raise Stopped(self.stop.reason)

        try:
            with self.recorder.sending(op, self.now, check, permit, changes=changes) as fence:
                yield fence
        finally:
            if self.recorder.is_sent(op):
                self.started.add(address)

    def wait(self, seconds: float) -> None:
        """Wait for some seconds; a stop ends the wait early."""
        ends = self.clock.monotonic() + seconds
        while (remaining := ends - self.clock.monotonic()) > 0 and not self.stop.is_requested():
            self.clock.sleep(min(remaining, _STOP_POLL))

    @contextmanager
    def in_turn(self, kind: str, name: str) -> Iterator[None]:
        """Let one create at a time run of those with the same kind and name.

        Otherwise a listing could not show which create has made which object.
        """
        with self.names_lock:
            turn = self.name_locks.setdefault((kind, name), threading.Lock())
        with turn:
            yield

    def record_sent_name(self, address: Address, kind: str, name: str) -> frozenset[str]:
        """Record the kind and name of a create; return the names that other creates of that kind have sent so far."""
        with self.names_lock:
            self.sent_names[address] = kind, name
            return frozenset(
                sent_name
                for creator, (sent_kind, sent_name) in self.sent_names.items()
                if sent_kind == kind and creator != address
            )

    def is_first(self, kind: str) -> bool:
        """Whether this is the first call for a kind in this run."""
        with self.names_lock:
            is_new = kind not in self.checked_kinds
            self.checked_kinds.add(kind)
        return is_new

    @contextmanager
    def wait_for_crawl_slot(self) -> Iterator[bool]:
        """Let one step at a time look for a free crawl slot and use it; yields False if a stop came first."""
        while not self.crawl_lock.acquire(timeout=_STOP_POLL):
            if self.stop.is_requested():
                yield False
                return
        self.crawl_owner = threading.get_ident()
        try:
            yield not self.stop.is_requested()
        finally:
            self.crawl_owner = 0
            self.crawl_lock.release()

    def release_slot(self, seconds: float) -> None:
        """Wait for some seconds without a turn, so that other steps can send calls.

        A step that looks for a crawl slot keeps its turn: those that wait for that lock have turns, too.
        """
        if self.crawl_owner == threading.get_ident():
            self.wait(seconds)
            return
        self.turns.release()
        try:
            self.wait(seconds)
        finally:
            self.turns.acquire()

    def looks(self) -> Iterator[bool]:
        """Yield when to read what was written: at once, and after some seconds; a stop ends it after the first.

        The value is whether it is a later look than the first.  Other steps can call while it waits.
        """
        yield False
        waited = 0.0
        for at in (*(at for at in _LOOKS[:-1] if at < self.listing_delay), min(_LOOKS[-1], self.listing_delay)):
            self.release_slot(at - waited)
            waited = at
            if self.stop.is_requested():
                return
            yield True

    def now(self) -> str:
        """The server's time."""
        return self.api.server_time().isoformat()
