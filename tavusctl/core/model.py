"""The core types: frozen values without I/O that the stages of the engine pass to each other.

A plan is a value, too: it can be printed, stored, compared and tested.  Documents are JSON values
whose leaves may also be an `Address` (a reference, where the API has an id) or a `secret.Secret`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import Enum, StrEnum
from functools import cached_property

from msgspec import Struct

from tavusctl.core.address import Address, ObjectKey, Source
from tavusctl.core.binding import Binding
from tavusctl.core.diagnostics import Blame, Diagnostic, Passage
from tavusctl.core.project_settings import Limit
from tavusctl.core.resource_kind import ResourceKind
from tavusctl.lib.json_types import NOTHING, Json, JsonObject, KeyPath, special_leaves


class Lifecycle(Struct, frozen=True):
    """The settings of `lifecycle:`: what may happen to a resource."""

    prevent_destroy: bool = False
    ignore_changes: tuple[str, ...] = ()  # JSON Pointers into spec
    on_remove: str = "delete"  # or "retain"


class Recrawl(Struct, frozen=True):
    """The schedule of a crawled document: a period, or a cron expression in a time zone."""

    every: float | None = None  # seconds
    cron: str = ""
    timezone: str = "UTC"


class LocalFile(Struct, frozen=True):
    """A file of the project that the API is to fetch, identified by its content."""

    path: str  # absolute
    name: str  # as messages show it: from the root of the project
    size: int
    digest: str  # "sha256:..."
    upload: str  # folder that it is uploaded to: s3://bucket/prefix


class Declared(Struct, frozen=True):
    """What a YAML document says about one resource, before or after its references and secrets are resolved."""

    address: Address
    spec: JsonObject
    source: Source
    lifecycle: Lifecycle = Lifecycle()
    sources: Mapping[str, Source] = NOTHING  # by JSON Pointer into spec
    external_id: str = ""  # set: the object exists already; it is referred to and never written
    recrawl: Recrawl | None = None
    file: LocalFile | None = None
    watch: bool = False  # replaced when its source changes
    passages: Mapping[str, tuple[Passage, ...]] = NOTHING  # of included texts, like `sources`
    overlay: Source | None = None  # position of its overlay document, if any
    envelope_sources: Mapping[str, Source] = NOTHING  # positions of `id` and `moved_from`, by key


class Manifest(Declared, frozen=True, dict=True):
    """One YAML document: validated, with nothing resolved yet.

    Leaves of `spec` are JSON values, an `Address` in place of `${ref:}`, or a `secret.SecretText`.
    """

    moved_from: tuple[Address, ...] = ()  # former addresses

    @cached_property
    def special_leaves(self) -> Sequence[tuple[KeyPath, Json]]:
        """The leaves of `spec` that are not JSON values, with their paths: references and secrets."""
        return special_leaves(self.spec) or ()


class Desired(Declared, frozen=True, kw_only=True):
    """A manifest whose references are resolved and whose secrets are sealed."""

    kind: ResourceKind
    refers_to: tuple[Address, ...] = ()
    externals: Mapping[str, str] = NOTHING  # ids of external objects that it refers to, by address
    secret_names: Mapping[str, tuple[str, ...]] = NOTHING  # names of the secrets in a value, by JSON Pointer into spec
    new_inputs: frozenset[str] = frozenset()  # secrets and upload stores that are used for the first time


class Live(Struct, frozen=True):
    """An object of the account now, in the form of `spec` and without computed fields."""

    kind: ResourceKind
    remote_id: str
    body: JsonObject
    name: str = ""  # display name, for reports and for matching unmanaged objects
    status: str = ""
    address: Address | None = None  # None: not managed
    created: str = ""  # time of creation, from the server
    error: str = ""  # why processing failed, as the server puts it
    draft: bool = False  # the read shows, or mentions, an unpublished version
    crawled: str = ""  # time at which its last crawl ended, from the server
    holds: tuple[str, ...] = ()  # ids of objects that stay as long as this one does, whatever it refers to
    names: Mapping[str, str] = NOTHING  # pointer -> name of the field in the read, if it is not that of the model

    @property
    def key(self) -> ObjectKey:
        """The kind and the id of the object."""
        return self.kind.name, self.remote_id


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
    RETIRE = "retire"  # delete the old version of a replacement
    UNPROTECT = "unprotect"  # lower the protection that the state records; no call is made
    WAIT = "wait"  # for an object that an earlier run created; never a step, only an outcome


class Cause(StrEnum):
    """Why there is a change: which side differs from the last apply."""

    EDITED = "edited"  # the manifest
    DRIFTED = "drifted"  # the account
    BOTH = "both"  # each differently: a conflict
    NEW = "new"
    ORPHANED = "orphaned"  # the manifest is gone
    MISSING = "missing"  # the object is gone from the account (drift only)
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
    source: Source | None = None  # of the desired value; of a text, its first line that differs from the live one
    blame: tuple[Blame, ...] = ()  # commits of the desired value, the newest first; only if requested


class Risk(Struct, frozen=True):
    """A reason to review a change with care: `id` is stable, `text` is for people."""

    id: str
    text: str
    path: str = ""
    host: str = ""


class Change(Struct, frozen=True):
    """A change of one object, and the patch that makes it.

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
    # The binding that the state records; None: made from `desired`.  Of a delete: how the object must still read.
    base: Binding | None = None
    live: Live | None = None
    rivals: tuple[str, ...] = ()  # ids of unmanaged objects like one that is to be created, or with its name
    referrers: tuple[str, ...] = ()  # unmanaged objects that still refer to the one to be deleted
    affects: tuple[str, ...] = ()  # objects that refer to the changed one, managed or not
    used_before: tuple[Address, ...] = ()  # managed objects that refer to the one to be deleted now
    used_after: tuple[Address, ...] = ()  # those that still do once their own changes are made
    held_by: tuple[str, ...] = ()  # objects that prevent the delete as long as they exist, whatever they refer to
    unknown_secrets: tuple[str, ...] = ()  # pointers of secrets that must be sent too, and whose values are unknown
    identity_mismatch: str = ""  # why the object with the bound id is not the managed one
    risks: tuple[Risk, ...] | None = None  # computed before anything is redacted; None: not yet


class Drift(Struct, frozen=True):
    """A managed object that was changed in the account since the last apply."""

    address: Address
    remote_id: str
    cause: Cause  # DRIFTED or MISSING
    fields: tuple[FieldChange, ...] = ()
    kind: ResourceKind | None = None
    source: Source | None = None  # of the first changed field in the manifest


class Refusal(Struct, frozen=True):
    """A necessary change that is not allowed: the reason, and a hint what would allow it."""

    change: Change
    id: str
    exit_code: int
    reason: str
    hint: str = ""


class Pending(Struct, frozen=True):
    """A change, or fields of it, that the manifests of an earlier commit would make as well."""

    address: Address
    paths: tuple[str, ...] = ()  # JSON Pointers into spec
    whole: bool = False


class Plan(Struct, frozen=True):
    """All that apply may do, and nothing else; the steps are in an order that respects references."""

    steps: tuple[Change, ...] = ()
    drift: tuple[Drift, ...] = ()
    refused: tuple[Refusal, ...] = ()
    warnings: tuple[Diagnostic, ...] = ()
    no_op: int = 0
    environment: str = "default"
    account: str = ""  # its label
    key_source: str = ""  # where the API key comes from, which names an account without a label
    settled: tuple[Binding, ...] = ()  # bindings to record although nothing has to be sent
    form_changes: tuple[Binding, ...] = ()  # bindings that change only in form, recorded only if something else is
    recovered: bool = False  # an interrupted run has left records, which apply makes part of the state
    running: str = ""  # the run that left the records, if it is still running, in words; empty: it was interrupted
    fingerprint: str = ""  # digest of all that apply would do: equal plans have the same
    pending: tuple[Pending, ...] = ()  # changes that were due already before the commits since `base`
    base: str = ""
    moves: tuple[Move, ...] = ()  # addresses to record although nothing has to be sent
    awaited: tuple[Change, ...] = ()  # objects of earlier runs that the server still processes; nothing to send
    limits: tuple[Limit, ...] = ()  # limits on deletes that are higher than at the last apply
    settings: tuple[str, ...] = ()  # to record although nothing has to be sent: keys, account, safety, reads
    targets: tuple[Address, ...] = ()  # only these, and what they refer to, were planned; empty: everything
    finish: bool = False  # only the rest of replacements that an earlier run began was planned

    @property
    def changes(self) -> tuple[Change, ...]:
        """All changes, the refused ones included."""
        return (*self.steps, *(refusal.change for refusal in self.refused))

    @property
    def writes(self) -> bool:
        """Whether apply would write anything, to the account or to the state."""
        return bool(self.steps or self.settled or self.moves or self.recovered or self.limits or self.settings)

    @property
    def recorded(self) -> tuple[Binding, ...]:
        """The bindings of `settled` that no step and no move records anyway, each address once, sorted by address."""
        recorded_anyway = {*(step.address for step in self.steps), *(move.new for move in self.moves)}
        state_only = {binding.address: binding for binding in self.settled if binding.address not in recorded_anyway}
        return tuple(state_only[address] for address in sorted(state_only))


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
    unkept: tuple[str, ...] = ()  # pointers of fields whose values the server did not keep
    draft: bool = False  # it ended with an unpublished draft, about which a person has to decide
    code: str = ""  # why it failed, for programs: `maker_changes` or `not_live`
