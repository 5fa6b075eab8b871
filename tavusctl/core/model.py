"""The core types: frozen values without I/O that travel between the stages of the engine.

A plan made of them can be printed, stored, compared and tested as a value.  Documents are JSON values
whose leaves may also be an `Address` (a reference, where the API has an id) or a `secret.Secret`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import Enum, StrEnum
from functools import cached_property

from msgspec import Struct, field

from tavusctl.core.address import Address, Source
from tavusctl.core.binding import Binding
from tavusctl.core.diagnostics import Blame, Diagnostic, Passage
from tavusctl.core.project_settings import Limit
from tavusctl.core.resource_kind import ResourceKind
from tavusctl.lib.json_types import Json, JsonObject, KeyPath, special_leaves


class Lifecycle(Struct, frozen=True):
    """What may happen to a resource; the keys of `lifecycle:`."""

    prevent_destroy: bool = False
    ignore_changes: tuple[str, ...] = ()  # JSON Pointers into spec
    on_remove: str = "delete"  # or "retain"


class Recrawl(Struct, frozen=True):
    """When a crawled document is due: after a period, or by a cron expression in a time zone."""

    every: float | None = None  # seconds
    cron: str = ""
    timezone: str = "UTC"


class LocalFile(Struct, frozen=True):
    """A file of the project that the API is to fetch, by what is in it."""

    path: str  # absolute
    name: str  # as people see it, from the root of the project
    size: int
    digest: str  # "sha256:..."
    upload: str  # where it is put: s3://bucket/prefix


class Manifest(Struct, frozen=True, dict=True):
    """One YAML document: shape checked, nothing resolved.

    Leaves of `spec` are JSON values, an `Address` where `${ref:}` stood, or a `secret.SecretText`.
    """

    address: Address
    spec: JsonObject
    source: Source
    lifecycle: Lifecycle = Lifecycle()
    sources: Mapping[str, Source] = field(default_factory=dict)  # by JSON Pointer into spec
    external_id: str = ""  # set: exists already, referred to and never written
    recrawl: Recrawl | None = None
    file: LocalFile | None = None
    moved_from: tuple[Address, ...] = ()  # addresses that it had before
    watch: bool = False  # replaced when its source changes
    passages: Mapping[str, tuple[Passage, ...]] = field(default_factory=dict)  # of brought texts, like `sources`
    overlay: Source | None = None  # the document that lies over it in this environment
    beside: Mapping[str, Source] = field(default_factory=dict)  # of `id` and `moved_from`, by key

    @cached_property
    def marks(self) -> Sequence[tuple[KeyPath, Json]]:
        """What stands in `spec` in place of JSON values, with its path: references and secrets."""
        return special_leaves(self.spec)


class Desired(Struct, frozen=True):
    """A manifest whose references are found and whose secrets are sealed."""

    kind: ResourceKind
    address: Address
    spec: JsonObject
    source: Source
    refers_to: tuple[Address, ...] = ()
    lifecycle: Lifecycle = Lifecycle()
    sources: Mapping[str, Source] = field(default_factory=dict)
    external_id: str = ""
    recrawl: Recrawl | None = None
    file: LocalFile | None = None
    watch: bool = False  # replaced when its source changes
    externals: Mapping[str, str] = field(default_factory=dict)  # ids of external objects that it refers to, by address
    reads: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # names of secrets, by JSON Pointer into spec
    untried: frozenset[str] = frozenset()  # secrets and stores that nothing has used before
    passages: Mapping[str, tuple[Passage, ...]] = field(default_factory=dict)  # of brought texts, like `sources`
    overlay: Source | None = None  # the document that lies over it in this environment
    beside: Mapping[str, Source] = field(default_factory=dict)  # of `id` and `moved_from`, by key


class Live(Struct, frozen=True):
    """An object of the account now, in the spelling of `spec`, less what the server computes."""

    kind: ResourceKind
    remote_id: str
    body: JsonObject
    name: str = ""  # display name, for people and for matching strangers
    status: str = ""
    address: Address | None = None  # None: not ours
    created: str = ""  # when, as the server says
    error: str = ""  # why background work failed, in the server's words
    draft: bool = False  # the read shows, or speaks of, a version that nobody uses yet
    crawled: str = ""  # when its last crawl ended, as the server says
    holds: tuple[str, ...] = ()  # ids of objects that stay as long as this one does, whatever it refers to
    names: Mapping[str, str] = field(default_factory=dict)  # pointer -> what the read calls the field, if not as we do


class Move(Struct, frozen=True):
    """A binding that gets another address, because its manifest was renamed."""

    old: Address
    new: Address
    remote_id: str


class Action(StrEnum):
    """What a change does."""

    CREATE = "create"
    UPDATE = "update"
    REPLACE = "replace"
    DELETE = "delete"
    ADOPT = "adopt"
    RECRAWL = "recrawl"
    FORGET = "forget"  # drop the binding, keep the object
    RETIRE = "retire"  # delete the old half of a replacement
    UNPROTECT = "unprotect"  # lower what protects the object; nothing of it is sent
    WAIT = "wait"  # for what an earlier run has made; never a step, only an outcome


class Cause(StrEnum):
    """Why a change is there: which side moved since the last apply."""

    EDITED = "edited"  # the manifest
    DRIFTED = "drifted"  # the account
    BOTH = "both"  # each differently: a conflict
    NEW = "new"
    ORPHANED = "orphaned"  # the manifest is gone
    MISSING = "missing"  # the account's object is gone (drift only)
    DUE = "due"
    ASKED = "asked"  # the command line: destroy, undo


class Absent(Enum):
    """Marker of an absent value, where None is a value."""

    ABSENT = "absent"


ABSENT = Absent.ABSENT


class FieldChange(Struct, frozen=True):
    """One managed field with its last applied, live and desired value (or ABSENT)."""

    path: str  # JSON Pointer into spec
    cause: Cause
    base: Json
    live: Json
    desired: Json
    sensitive: bool = False
    source: Source | None = None  # where what is desired is written: of a text, the first line that is not as live
    blame: tuple[Blame, ...] = ()  # who wrote what is desired, the newest first; only where that was asked for


class Risk(Struct, frozen=True):
    """One reason to look twice: `id` is stable, `text` is for people."""

    id: str
    text: str
    path: str = ""
    host: str = ""


class Change(Struct, frozen=True):
    """One difference and the patch that settles it.

    `patch` is in RFC 6902 operations for every kind; a create is one `add` of the whole document at "".
    """

    action: Action
    cause: Cause
    address: Address
    remote_id: str = ""
    fields: tuple[FieldChange, ...] = ()
    patch: tuple[JsonObject, ...] = ()
    guards: tuple[JsonObject, ...] = ()
    waits_for: tuple[Address, ...] = ()
    reason: str = ""
    source: Source | None = None
    desired: Desired | None = None  # None for a delete
    base: Binding | None = None  # what the state is to remember of it; None: what is desired
    live: Live | None = None
    rivals: tuple[str, ...] = ()  # ids of objects that are not ours and have the name of a planned create
    referrers: tuple[str, ...] = ()  # who still uses an object that is to be deleted, and is not ours to change
    affects: tuple[str, ...] = ()  # what refers to a changed object, ours or not
    used_before: tuple[Address, ...] = ()  # objects of the project that refer to what is to be deleted, as they are
    used_after: tuple[Address, ...] = ()  # and as they are once their own changes are made
    held_by: tuple[str, ...] = ()  # who keeps what is to be deleted from it, whatever is changed about them
    lacks: tuple[str, ...] = ()  # pointers of secrets that have to be sent along, and that nothing tells
    not_ours: str = ""  # why the object that has the bound id is another one
    risks: tuple[Risk, ...] | None = None  # worked out before anything is redacted; None: not yet


class Drift(Struct, frozen=True):
    """A managed object whose live side moved since the last apply."""

    address: Address
    remote_id: str
    cause: Cause  # DRIFTED or MISSING
    fields: tuple[FieldChange, ...] = ()
    kind: ResourceKind | None = None
    source: Source | None = None  # where the manifest says what was changed, the first of several


class Refusal(Struct, frozen=True):
    """A change that is needed and must not be made, why, and what would allow it."""

    change: Change
    id: str
    exit_code: int
    reason: str
    hint: str = ""


class Pending(Struct, frozen=True):
    """A change, or fields of it, that the manifests of an earlier commit would have made alike."""

    address: Address
    paths: tuple[str, ...] = ()  # JSON Pointers into spec
    whole: bool = False


class Plan(Struct, frozen=True):
    """Everything apply may do, and nothing it may not; steps in an order that respects references."""

    steps: tuple[Change, ...] = ()
    drift: tuple[Drift, ...] = ()
    refused: tuple[Refusal, ...] = ()
    warnings: tuple[Diagnostic, ...] = ()
    no_op: int = 0
    environment: str = "default"
    account: str = ""
    settled: tuple[Binding, ...] = ()  # bindings to record although nothing has to be sent
    along: tuple[Binding, ...] = ()  # other words for what the state knows, written when something else is
    recovered: bool = False  # an interrupted run has left records, which apply makes part of the state
    running: str = ""  # whose records these are, where that run is under way, in words; empty: it was interrupted
    fingerprint: str = ""  # of everything apply would do; equal plans have equal ones
    pending: tuple[Pending, ...] = ()  # what was to be done already before the commits since `base`
    base: str = ""
    moves: tuple[Move, ...] = ()  # addresses to record although nothing has to be sent
    awaited: tuple[Change, ...] = ()  # what earlier runs have made and the server still works on; nothing to send
    limits: tuple[Limit, ...] = ()  # limits on deletes that are higher than at the last apply
    targets: tuple[Address, ...] = ()  # what alone was planned, with what it refers to; empty: everything
    finish: bool = False  # only what ends replacements that an earlier run has begun was planned

    @property
    def writes(self) -> bool:
        """Whether apply would write anything, to the account or to the state."""
        return bool(self.steps or self.settled or self.moves or self.recovered or self.limits)

    @property
    def recorded(self) -> tuple[Binding, ...]:
        """What only the state learns of; what a step or a move records anyway is not listed twice."""
        told = {*(step.address for step in self.steps), *(move.new for move in self.moves)}
        learned = {one.address: one for one in self.settled if one.address not in told}
        return tuple(learned[address] for address in sorted(learned))


class Status(StrEnum):
    """The status of one step."""

    DONE = "done"
    FAILED = "failed"
    UNKNOWN = "unknown"
    SKIPPED = "skipped"
    DEFERRED = "deferred"


class Outcome(Struct, frozen=True):
    """The outcome of one step: its status, the id of its object, and the reason unless it is `done`."""

    step: Change
    status: Status
    remote_id: str = ""
    reason: str = ""
    exit_code: int = 0
    unkept: tuple[str, ...] = ()  # pointers of fields the server did not keep
    draft: bool = False  # it ended at a draft: a person has to say what becomes of that
