"""What the steps of one apply share."""

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

_BREATH = 0.5  # seconds in which a stop is not noticed
Keep = Callable[[Address, str, JsonObject], None]  # puts what is about to be deleted aside
Link = Callable[[LocalFile], str]  # puts a file where the API can fetch it; the address, which is a secret


class Dependencies(Struct, frozen=True):
    """What the other stages lend to this one, joined by `reconcile`."""

    look: Callable[[ResourceKind, str], Live]  # one object by id
    users: Callable[[ResourceKind, str, Address | None], Sequence[str]]  # who refers to an object, read afresh
    remember: Callable[[Desired, Binding], Binding]  # the binding of an object brought to its manifest
    unkept: Callable[[Desired, Live], Sequence[FieldChange]]  # what does not read as it was written
    find: Callable[[Sent, Sequence[str]], Sight]  # what a create has made, by look, less what was known before
    twins: Callable[[Sent, Sequence[str]], Sequence[Live]]  # the like of what a create has made, nobody's and new
    kinds: Callable[[str], ResourceKind]
    keep: Keep
    link: Link


class DraftConsent(Struct, frozen=True):
    """What may become of the drafts of single objects, as the command line says it by address."""

    discarded: AbstractSet[Address] = frozenset()  # edits in PAL Maker that are lost to a write that they block
    published: AbstractSet[Address] = frozenset()  # drafts that are published when a write went there


class Obedience(StrEnum):
    """What a kind's answers say of `test` operations."""

    OBEYED = "obeyed"
    IGNORED = "ignored"
    UNKNOWN = "unknown"


class Moved(ConflictError):
    """The end of a call that would write over what somebody has edited since the plan."""

    def __init__(self, address: Address, places: Sequence[str]) -> None:
        super().__init__(f"{', '.join(places)} of `{address}` was edited in the account meanwhile")


class Stop:
    """Tells a running apply to start nothing new."""

    def __init__(self) -> None:
        self._event = threading.Event()
        self.reason = ""
        self.hurry = False  # calls under way get a few seconds only

    def ask(self, reason: str, *, hurry: bool = False) -> None:
        """Stop, and why; the first reason counts."""
        self.hurry = self.hurry or hurry
        if not self._event.is_set():
            self.reason = reason
            self._event.set()

    def asked(self) -> bool:
        """Whether to stop."""
        return self._event.is_set()


@dataclass(slots=True)
class ApplyContext:
    """One apply under way."""

    api: Api
    recorder: Recorder
    dependencies: Dependencies
    clock: Clock
    externals: Mapping[str, str]  # ids of external objects, by address
    known: Mapping[str, Sequence[str]]  # ids of the account's objects at the time of the plan, by kind
    patience: float  # seconds to wait for what the server works on in the background
    settle: float  # seconds after which a lost create, if it happened, has surely happened
    parallel: int
    stop: Stop
    report: Callable[[Outcome], None]
    waits: Callable[[Address, str, bool], None]  # what is waited for, its status, whether that is over
    drafts: DraftConsent = field(default_factory=DraftConsent)
    probing: threading.Lock = field(default_factory=threading.Lock)
    obedience: dict[str, Obedience] = field(default_factory=dict)  # by kind: whether `test` is obeyed
    unguarded: set[str] = field(default_factory=set)  # kinds of which somebody was told that they are written without
    crawling: threading.Lock = field(default_factory=threading.Lock)  # of who looks for room for a crawl, and takes it
    deferred: set[str] = field(default_factory=set)  # addresses that are left to the next run
    answered: dict[str, str] = field(default_factory=dict)  # ids that creates were answered with, by operation
    names: dict[Address, tuple[str, str]] = field(default_factory=dict)  # kind and name that creates have sent
    naming: dict[tuple[str, str], threading.Lock] = field(default_factory=dict)  # of creates, by kind and name
    looked: set[str] = field(default_factory=set)  # kinds of which the first create was looked at again
    guard: threading.Lock = field(default_factory=threading.Lock)  # of these
    written: dict[Address, list[str]] = field(default_factory=dict)  # pointers that calls of a step have written
    planned: Mapping[Address, str] = field(init=False)  # ids of bound objects at the time of the plan
    turns: Turns = field(init=False)  # of steps that call; who only waits has none
    until: float = field(init=False)  # when patience ends, for the whole run

    def __post_init__(self) -> None:
        self.turns = Turns(self.parallel)
        self.until = self.clock.monotonic() + self.patience
        bound = {address: binding.remote_id for address, binding in self.recorder.state.bindings.items()}
        self.planned = {**bound, **{Address.parse(name): one for name, one in self.externals.items()}}

    def expected_live(self, live: Live) -> Live:
        """An object that the plan saw, with the ids that its addresses stood for then: a replacement moves them."""

        def settled(leaf: Json) -> Json:
            return self.planned.get(leaf, leaf) if isinstance(leaf, Address) else leaf

        return replace(live, body=self.with_ids(map_leaves(live.body, settled)))

    def look(self, kind: ResourceKind, remote_id: str) -> Live:
        """The object as it is now, with ids where it has addresses."""
        live = self.dependencies.look(kind, remote_id)
        return replace(live, body=self.with_ids(live.body))

    @overload
    def with_ids(self, value: JsonObject) -> JsonObject: ...
    @overload
    def with_ids(self, value: list[JsonObject]) -> list[JsonObject]: ...
    @overload
    def with_ids(self, value: Address) -> str: ...
    def with_ids(self, value: Json) -> Json:
        """A document with ids where it has addresses."""

        def settled(leaf: Json) -> Json:
            if not isinstance(leaf, Address):
                return leaf
            named, binding = self.externals.get(str(leaf)), self.recorder.get(leaf)
            return binding.remote_id if binding and not named else self.externals[str(leaf)]

        return map_leaves(value, settled)

    def sending(
        self, op: str, check: Callable[[], None] = lambda: None, *, changes: bool = True
    ) -> AbstractContextManager[Fence]:
        """The fence for one call of an operation; `check` looks again when time has passed."""
        return self.recorder.sending(op, self.now, check, changes=changes)

    def rest(self, seconds: float) -> None:
        """Wait, though not for long once a stop is asked for."""
        ends = self.clock.monotonic() + seconds
        while (left := ends - self.clock.monotonic()) > 0 and not self.stop.asked():
            self.clock.sleep(min(left, _BREATH))

    @contextmanager
    def in_turn(self, kind: str, name: str) -> Iterator[None]:
        """The turn of one create among those of its kind and name: only so a look can tell what each has made."""
        with self.guard:
            mine = self.naming.setdefault((kind, name), threading.Lock())
        with mine:
            yield

    def others(self, address: Address, kind: str, name: str) -> frozenset[str]:
        """Names that other creates of a kind have sent so far; puts down the one of this create."""
        with self.guard:
            self.names[address] = kind, name
            return frozenset(sent for one, (other, sent) in self.names.items() if other == kind and one != address)

    def is_first(self, kind: str) -> bool:
        """Whether no create of a kind was looked at again in this run; True once."""
        with self.guard:
            new = kind not in self.looked
            self.looked.add(kind)
        return new

    @contextmanager
    def wait_for_crawl_slot(self) -> Iterator[bool]:
        """The turn of one step to look for room for a crawl and to take it; False when a stop came first."""
        while not self.crawling.acquire(timeout=_BREATH):
            if self.stop.asked():
                yield False
                return
        try:
            yield not self.stop.asked()
        finally:
            self.crawling.release()

    def release_slot(self, seconds: float) -> None:
        """Wait, and let other steps call meanwhile."""
        self.turns.release()
        try:
            self.rest(seconds)
        finally:
            self.turns.acquire()

    def now(self) -> str:
        """The server's time."""
        return self.api.server_time().isoformat()
