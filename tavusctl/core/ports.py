"""The ports of the engine: Protocols through which it uses the API, the store and the clock."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager
from datetime import datetime
from typing import Final, Protocol

from msgspec import Struct

from tavusctl.core.address import Address
from tavusctl.core.binding import Binding
from tavusctl.core.project_settings import ApprovedInputs, Safety
from tavusctl.core.resource_kind import Listing
from tavusctl.lib.json_types import Json, JsonObject

NO_DOCUMENTS: Final[Mapping[str, JsonObject]] = {}


class ResponseDigest(Struct, frozen=True, array_like=True):
    """The response of the API to a GET, as a digest."""

    path: str
    query: dict[str, str]
    digest: str


class Reader(Protocol):
    """Read-only access to the API; paths are those of the published API, `/v2/...`."""

    @property
    def response_count(self) -> int:
        """The number of responses so far, for the progress display."""

    def get(self, path: str, query: Mapping[str, str] | None = None) -> JsonObject:
        """Return one object; raise errors.Gone if it does not exist."""

    def list(
        self, path: str, listing: Listing, id_fields: tuple[str, ...], known: Mapping[str, JsonObject] = NO_DOCUMENTS
    ) -> list[JsonObject]:
        """Every object of a collection, each once; errors.ApiError if the listing may be incomplete.

        To save memory, an object may share equal parts with the document of the same id in `known`.
        """

    def server_time(self) -> datetime:
        """The clock of the server by its last response, else the local clock; aware, UTC."""


class Fence(Protocol):
    """The checks that a writing call must pass before it is sent, because it may wait for a long time until then.

    A call may wait for its turn, for the minutes that a server asks for, for a name lookup and for a connection.
    """

    def renew(self) -> None:
        """Called before each attempt: make sure that the call may be made, however long that takes.

        errors.LockError if it must not be made.
        """

    def passes(self) -> bool:
        """Called just before the first byte is sent: whether the call may still be sent.  Does no I/O.

        False: the attempt counts as not sent.  errors.LockError if the call must not be made.
        """


class OpenFence(Struct, frozen=True):
    """A fence that is always open, for calls about something that only this run knows of."""

    def renew(self) -> None:
        """Do nothing."""

    def passes(self) -> bool:
        """Return True."""
        return True


class Api(Reader, Protocol):
    """Read and write access to the API.  A call that may have been carried out is not repeated: errors.Ambiguous."""

    def post(
        self,
        path: str,
        body: Json = None,
        *,
        fence: Fence,
        before_retry: Callable[[], None] = lambda: None,
        query: Mapping[str, str] | None = None,
    ) -> JsonObject:
        """Send a POST; return the object of the response, empty if it has none.

        `before_retry` is called before a request that got a 429 is sent again, and may prevent that by raising an
        error: a 429 does not prove that nothing was done.
        """

    def patch(
        self, path: str, body: Json, *, fence: Fence, query: Mapping[str, str] | None = None, version: str = ""
    ) -> JsonObject:
        """Send a PATCH; return the object of the response, empty if it has none.  304 counts as success.

        With a version, the server refuses it if the object has another one: errors.Rejected with status 412.
        """

    def version(self, path: str) -> str:
        """The current ETag of an object; empty if its reads have none."""

    def put(self, path: str, body: Json, *, fence: Fence, query: Mapping[str, str] | None = None) -> None:
        """Send a PUT, which creates or replaces; sending it twice does no harm."""

    def delete(self, path: str, *, fence: Fence, query: Mapping[str, str] | None = None) -> None:
        """Send a DELETE; errors.Gone if there is no such object."""


class Sources(Protocol):
    """The source URLs of documents, which may be on any host."""

    at_once: int  # sources that may be read at a time

    def read(self, url: str, last_result: Mapping[str, Json], *, later: int = 0) -> JsonObject:
        """The fingerprint of a source now (sha256, length, etag, modified); errors.ApiError if it cannot be read.

        `last_result` is its last fingerprint, which is returned if nothing has changed.  `later` is the number of
        sources that are read after this one: it leaves them their share of the time.
        """


class State(Struct, frozen=True):
    """The state: bindings, and the account that they belong to.  It never contains a secret."""

    lineage: str
    serial: int = 0
    account: str = ""  # label of the account, from the project file
    key_digest: str = ""  # salted digest of the API key that last wrote
    bindings: Mapping[Address, Binding] = {}
    keys: Mapping[str, str] = {}  # the lineage's key, wrapped under each API key that wrote
    mac: str = ""  # seal over all the rest, made with the lineage's key; empty: not written by tavusctl
    accepted: str = ""  # digest of a journal without a valid seal that a person has accepted
    safety: Safety | None = None  # limits on deletes at the last apply; None: not known
    reads: ApprovedInputs | None = None  # variables and upload stores that that apply used; None: not known


class OtherBindings(Struct, frozen=True):
    """The bindings of the other environments of a project, as far as their states can be read."""

    owners: Mapping[str, str] = {}  # id -> "persona/coach of the environment staging"
    unread: tuple[tuple[str, str], ...] = ()  # environments whose states cannot be read, each with the reason


class ArtifactStore(Protocol):
    """A store of artifacts beside the state, by name: `folder/name`."""

    def put(self, name: str, content: bytes) -> None:
        """Store an artifact, durable before returning; errors.StateError if that fails."""

    def get(self, name: str) -> bytes | None:
        """The content of an artifact, or None."""

    def names(self, folder: str) -> Mapping[str, float]:
        """The artifacts in a folder, each with the time when it was stored, in seconds since an arbitrary start."""

    def drop(self, names: Iterable[str]) -> None:
        """Delete artifacts."""


class Store(Protocol):
    """The store of one state: the state itself, its lock, its journal and its artifacts."""

    @property
    def artifacts(self) -> ArtifactStore:
        """The artifacts beside the state."""

    @property
    def groups_records(self) -> bool:
        """Whether records that are queued at the same time are written together, in about the time of one."""

    def read(self, *, older: bool = False) -> State:
        """The state; a new one (serial 0) if none was ever written.

        errors.StateError if it cannot be trusted, also if there are records of runs that it does not know: then it was
        restored from a backup, which `older` allows.
        """

    def read_both(self) -> tuple[State, list[bytes]]:
        """State and journal of one moment, also while another run writes them.

        The journal is read first: a run clears it only when the state contains what it records, and begins it only for
        a state that is written.
        """

    def write(self, state: State) -> None:
        """Make the state durable before returning; errors.LockError when another run has taken the state over."""

    def lock(self, timeout: float = 0.0, command: str = "") -> AbstractContextManager[None]:
        """Lock the state, waiting up to `timeout` seconds; errors.LockError names the holder, host, run and age.

        `command` is shown to those who wait.
        """

    def holder(self) -> str:
        """Who holds the lock now, in one clause, as far as a read shows; empty if it is free.  Writes nothing."""

    def held(self) -> bool:
        """Whether this run certainly holds the lock now; returns at once, without a request to the store.

        False if only the store knows: `append` asks it.  errors.LockError if the lock is lost.
        """

    def unlock(self, owner: str, *, dead: str = "") -> None:
        """Release the lock of a dead run by its exact id; `dead` repeats the name of a recent holder."""

    def journal(self) -> list[bytes]:
        """Records appended since the journal was last cleared, in order; errors.StateError when one is damaged."""

    def queue(self, record: bytes) -> Callable[[], None]:
        """Queue one line (no newline in it) for the journal; the function returned waits until it is durable.

        Records that are queued while others are written may go to the store together.  Either function raises
        errors.StateError when the record could not be kept, and errors.LockError when another run has taken the state
        over: in both cases the record counts as not written and nothing may be sent because of it.
        """

    def clear_journal(self) -> None:
        """Delete all records in one step, once the state contains what they record."""


class Clock(Protocol):
    """Time, so that waiting can be tested; the module `time` is the clock of the system."""

    def monotonic(self) -> float:
        """Seconds from an arbitrary start, never going back."""

    def sleep(self, seconds: float, /) -> None:
        """Wait."""
