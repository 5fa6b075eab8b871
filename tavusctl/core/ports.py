"""The doors of the engine: Protocols through which it reaches the API, the store and the clock."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager
from datetime import datetime
from typing import Protocol

from msgspec import Struct, field

from tavusctl.core.address import Address
from tavusctl.core.binding import Binding
from tavusctl.core.project_settings import Known, Safety
from tavusctl.core.resource_kind import Listing
from tavusctl.lib.json_types import Json, JsonObject


class Answered(Struct, frozen=True, array_like=True):
    """What the API has answered to a GET, by its digest."""

    path: str
    query: dict[str, str]
    digest: str


class Reader(Protocol):
    """The API without any way to write; paths are those of the published API, `/v2/...`."""

    @property
    def answers(self) -> int:
        """How many requests were answered so far; for people who wait."""
        ...

    def get(self, path: str, query: Mapping[str, str] | None = None) -> JsonObject:
        """Return one object; raise errors.Gone if it does not exist."""
        ...

    def list(self, path: str, listing: Listing, id_fields: tuple[str, ...]) -> list[JsonObject]:
        """Every object of a collection, each once; errors.ApiError when the listing cannot be shown to be complete."""
        ...

    def server_time(self) -> datetime:
        """The server's clock as of its last answer, else the local clock; aware, UTC."""
        ...


class Fence(Protocol):
    """What a call that changes something has to pass, because time goes by until it is sent.

    A call may wait for its turn, for minutes that a server asks for, for a name and for a connection.
    """

    def renew(self) -> None:
        """Before each attempt: make sure that the call may be made, however long that takes.

        errors.LockError when it must not be made.
        """
        ...

    def passes(self) -> bool:
        """When the first byte is about to leave: whether the call may still be sent, told at once, asking nobody.

        False: the attempt counts as not sent.  errors.LockError when the call must not be made.
        """
        ...


class Open(Struct, frozen=True):
    """The fence of a call about something that only this run knows of."""

    def renew(self) -> None:
        """Nothing to make sure of."""

    def passes(self) -> bool:
        """Always."""
        return True


class Api(Reader, Protocol):
    """The API with writing.  No call is repeated when it may have been carried out: errors.Ambiguous instead."""

    def post(
        self,
        path: str,
        body: Json = None,
        *,
        fence: Fence,
        refused: Callable[[], None] = lambda: None,
        query: Mapping[str, str] | None = None,
    ) -> JsonObject:
        """Send a POST; return the object of the response, empty if it has none.

        `refused` is called before the request is sent again although it was answered with 429, and may end that by an
        error: a refusal does not tell that nothing was done.
        """
        ...

    def patch(
        self, path: str, body: Json, *, fence: Fence, query: Mapping[str, str] | None = None, version: str = ""
    ) -> JsonObject:
        """Change; the answer's object, empty when there is none.  304 counts as done.

        With a version, the server refuses it when the object has another one: errors.Rejected with status 412.
        """
        ...

    def version(self, path: str, query: Mapping[str, str] | None = None) -> str:
        """The ETag of an object as it is now; empty when its reads have none."""
        ...

    def put(self, path: str, body: Json, *, fence: Fence, query: Mapping[str, str] | None = None) -> None:
        """Put something where it belongs, whether it was there or not; twice does no harm."""
        ...

    def delete(self, path: str, *, fence: Fence, query: Mapping[str, str] | None = None) -> None:
        """Delete; errors.Gone when there was nothing."""
        ...


class Sources(Protocol):
    """The sources of documents, wherever in the world they are."""

    def look(self, url: str, known: Mapping[str, Json]) -> JsonObject:
        """What a source looks like now (sha256, length, etag, modified); errors.ApiError when it cannot be seen.

        `known` is what it looked like before, and what comes back when nothing has changed.
        """
        ...


class State(Struct, frozen=True):
    """What a store keeps: bindings, and whose they are.  Never a secret."""

    lineage: str
    serial: int = 0
    account: str = ""  # label of the account, from the project file
    key_digest: str = ""  # salted digest of the API key that last wrote
    bindings: Mapping[Address, Binding] = field(default_factory=dict)
    keys: Mapping[str, str] = field(default_factory=dict)  # the lineage's key, wrapped under each API key that wrote
    mac: str = ""  # seal over all the rest, made with the lineage's key; empty: an older version wrote it
    accepted: str = ""  # digest of a journal without a right seal that a person has said is ours
    safety: Safety | None = None  # limits on deletes at the last apply; None: not known
    reads: Known | None = None  # what that apply read and opened; None: not known


class Others(Struct, frozen=True):
    """What the other environments of a project have bound, as far as their states can be read."""

    owners: Mapping[str, str] = field(default_factory=dict)  # id -> "persona/coach of the environment staging"
    unread: tuple[tuple[str, str], ...] = ()  # environments whose states cannot be read, and why


class ArtifactStore(Protocol):
    """A store of artifacts beside the state, by name: `folder/name`."""

    def put(self, name: str, content: bytes) -> None:
        """Keep something, durable before returning; errors.StateError when it cannot be kept."""
        ...

    def get(self, name: str) -> bytes | None:
        """What was kept, or None."""
        ...

    def names(self, folder: str) -> Mapping[str, float]:
        """What is in a folder, and when it was put there, in seconds since some time."""
        ...

    def drop(self, names: Iterable[str]) -> None:
        """Keep it no longer."""
        ...


class Store(Protocol):
    """Where bindings live."""

    @property
    def shelf(self) -> ArtifactStore:
        """The artifacts beside the state."""
        ...

    def read(self, *, older: bool = False) -> State:
        """The state; a new one (serial 0) when none was ever written.

        errors.StateError when it cannot be trusted, also when runs are on record that it does not know: it was put
        back from a backup, which `older` allows.
        """
        ...

    def write(self, state: State) -> None:
        """Make the state durable before returning; errors.LockError when another run has taken the state over."""
        ...

    def lock(self, timeout: float = 0.0, command: str = "") -> AbstractContextManager[None]:
        """Hold the state alone, waiting up to `timeout` seconds; errors.LockError names the holder, host, run and age.

        `command` is told to those who wait.
        """
        ...

    def holder(self) -> str:
        """Who holds the lock now, as far as a look tells, in one clause; empty when it is free.  Nothing is written."""
        ...

    def held(self) -> bool:
        """Whether the lock surely is this run's now, told at once and without asking the store.

        False when only the store can tell: `append` asks it.  errors.LockError when the lock is lost.
        """
        ...

    def unlock(self, owner: str, *, dead: str = "") -> None:
        """Release the lock of a dead run by its exact id; `dead` repeats the name of a recent holder."""
        ...

    def journal(self) -> list[bytes]:
        """Records appended since the journal was last cleared, in order; errors.StateError when one is damaged."""
        ...

    def append(self, record: bytes) -> None:
        """Add one line (no newline in it) to the journal, durable before returning.

        errors.StateError when it could not be kept, errors.LockError when another run has taken the state over: in
        both cases the record counts as not written and nothing may be sent because of it.
        """
        ...

    def queue(self, record: bytes) -> Callable[[], None]:
        """Take a record into the order of the journal; what is returned waits for it; errors as of `append`.

        Records that are queued while others are written may go to the store together.
        """
        ...

    def clear_journal(self) -> None:
        """Forget all records, in one step: the state has what they say."""
        ...


class Clock(Protocol):
    """Time, so that waiting can be tested."""

    def monotonic(self) -> float:
        """Seconds from an arbitrary start, never going back."""
        ...

    def sleep(self, seconds: float) -> None:
        """Wait."""
        ...
