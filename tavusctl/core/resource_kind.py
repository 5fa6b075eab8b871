"""Kinds of resources as data: everything in which one kind differs from another."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from enum import Enum
from http import HTTPStatus
from typing import TYPE_CHECKING

from msgspec import Struct

from tavusctl.core.errors import ApiError, Gone
from tavusctl.core.schema.model_fields import is_a, is_free, steps
from tavusctl.lib.graph import Graph
from tavusctl.lib.json_types import Json, JsonObject, KeyPath
from tavusctl.patch.pointer import join, split
from tavusctl.secrets import detection

if TYPE_CHECKING:
    from pydantic import BaseModel


class Update(Enum):
    """How the API updates an object of a kind."""

    JSON_PATCH = "json-patch"  # PATCH with RFC 6902 operations
    VERSIONED_PATCH = "versioned-patch"  # the same, with the ETag of the read in If-Match (RFC 9110, section 13.1.1)
    MERGE = "merge"  # PATCH with an object of the changed keys, each with its whole value
    RENAME = "rename"  # PATCH .../name; other changes go to `merge_collection`


class FieldTraits(Struct, frozen=True):
    """The traits of a field that the engine must know beyond its type."""

    refers_to: str = ""  # kind of the object whose id the field holds
    replaces: bool = False  # fixed at creation: changing it needs a replacement
    write_only: bool = False  # accepted on write, never returned: only the last apply can be compared
    unordered: bool = False  # a list in which the order has no meaning: a set
    keyed_by: str = ""  # member that identifies a list item; dots descend: "function.name"
    receives_data: bool = False  # a URL that Tavus calls: data is sent there
    must_stay_reachable: bool = False  # a URL that the API fetches later: it must work for a day
    formats: tuple[str, ...] = ()  # a URL of a file: the extensions that the API reads; empty: any
    secret: bool = False
    may_be_plain: bool = False  # secret; but plain text is allowed if neither its name nor its form suggests a secret
    in_header: bool = False  # sent in a header of a request, where only visible ASCII is allowed
    free: bool = False  # names and texts that the user chooses and that are sent as they are: any may be a secret
    has_placeholders: bool = False  # free; Tavus replaces `{placeholders}` in its texts, which mostly are no secrets
    cannot_be_unset: bool = False  # cannot be unset: if a manifest drops it, the object keeps its value
    masked: bool = False  # a secret that reads mask or leave out: they only show whether it is set
    boolean: bool = False  # "true" and "false" are read as booleans
    joined_by: str = ""  # a list is sent as one string, with this between its items
    aliases: tuple[str, ...] = ()  # other names of the field, accepted in manifests and on read
    scalar_alias: str = ""  # name of the sibling field that holds a list of one item as a bare string
    nullable: bool = False  # null clears it; the API refuses an empty value
    defaults: tuple[Json, ...] = ()  # values that the server fills in: equal to not set
    omitted: tuple[Json, ...] = ()  # defaults that the server does not store: reads leave them out
    fallbacks: tuple[Json, ...] = ()  # values that only some servers fill in: not equal to not set
    long_text: bool = False  # prose: an export writes long ones to files of their own
    deprecated: str = ""  # why not to use it, and what to use instead; its use is warned of
    no_op: bool = False  # has no effect any more: it can be removed
    has_own_rule: bool = False  # a lint rule reports its use, in place of the general warning
    read_in_part: bool = False  # an object of which `normalise` drops members: it is never tested as a whole
    known_keys: tuple[str, ...] = ()  # of an object with any keys: those that are known; others are a warning
    empty_counts: bool = False  # `{}` counts as set; a missing value or null does not

    def allows_plain_text(self, name: str, text: str) -> bool:
        """Whether a text may be written in plain text in this field, under the name `name`."""
        return not self.secret or (self.may_be_plain and not detection.is_secret(name, text))


PLAIN = FieldTraits()


class Provisioning(Struct, frozen=True):
    """How the server processes a new object in the background."""

    name: str
    usual_seconds: tuple[float, float]  # usual duration in seconds, minimum and maximum
    causes: Mapping[str, str]  # word in the error of the API, in lower case -> its meaning and the remedy


class Attachment(Struct, frozen=True):
    """How an object gets its content from a file of the project: it is uploaded, and the API fetches it from a URL."""

    file: str  # key of `spec` that names the file; after loading it holds the digest of the content
    upload: str  # key of `spec` with the folder that it is uploaded to
    link: str  # key of the API for the URL
    formats: tuple[str, ...]  # extensions of file names, in lower case
    limit: int  # maximum size in bytes


class Listing(Struct, frozen=True):
    """How the API lists a collection."""

    first_page: int = 1
    query: Mapping[str, str] = {}  # query parameters of every request
    owner_query: Mapping[str, str] = {}  # the same: they leave out objects that are not of the user
    # the same under newer names, sent beside the older ones: an API may know one of them only, or refuse the newer one
    newer_owner_query: Mapping[str, str] = {}
    # in place of `owner_query`, where a listing without it has no stock objects either
    stock_query: Mapping[str, str] = {}
    items: str = "data"  # key of a page with the objects
    total: str = "total_count"  # key of a page with the number of objects on all pages
    completeness_key: str = ""  # key of a list that only complete items have; others are read again by id

    @property
    def full_query(self) -> Mapping[str, str]:
        """The query parameters of every request, without page and page size."""
        return {**self.query, **self.owner_query, **self.newer_owner_query}


class PartStyle(Enum):
    """How a part of an object is written; the update of the object does not write it."""

    MEMBERS = "members"  # a set of ids: POST adds some, DELETE removes one
    ENTRIES = "entries"  # a map: PUT sets an entry, PATCH merges into its top level, DELETE removes it
    ALONE = "alone"  # written like the object, in a request of its own


class Part(Struct, frozen=True):
    """A part of an object that is written by calls of its own; reads of the object include it."""

    spec_path: KeyPath  # its path in `spec`
    style: PartStyle
    path: str = ""  # URL path of its calls, with `{id}`; members and entries have their own below it
    key: str = ""  # key of the ids, or of the entry, in the body of a call

    @property
    def pointer(self) -> str:
        """Its path in `spec` as a JSON Pointer."""
        return join(self.spec_path)


class ResourceKind(Struct, frozen=True, eq=False):
    """The declaration of a kind."""

    name: str
    collection: str  # path of the collection, "/v2/personas"
    id_fields: tuple[str, ...]  # keys of the id in a body; the first one present counts
    name_field: str
    update: Update
    model: type[BaseModel]  # of `spec`
    fields: Mapping[str, FieldTraits]  # by JSON Pointer; `*` is any list index or any key
    normalise: Callable[[JsonObject], JsonObject]  # a read body in the form of `spec`, without computed fields
    # A spec with what it rules out: null for a key, or a value; the second object is the live one, or the spec itself.
    complete_spec: Callable[[JsonObject, JsonObject], JsonObject] = lambda spec, _: spec
    aliases: tuple[str, ...] = ()  # other names of the kind, accepted in manifests and on the command line
    summary: str = ""  # one line, for `explain` and the schemas
    listing: Listing = Listing()
    get_query: Mapping[str, str] = {}
    optional: bool = False  # accounts with an older API do not have the collection
    # whether a body is of this kind, if two kinds share a collection
    is_of_kind: Callable[[JsonObject], bool] = lambda _: True
    folder: str = ""  # folder of its manifests; empty: the last segment of the collection
    wire_names: Mapping[str, str] = {}  # key of `spec` -> its name in requests
    adds_members: bool = False  # reads omit some members: a patch must `add` them, since it cannot `replace` them
    ready_statuses: frozenset[str] = frozenset()  # values of `status` at which others may depend on it; empty: always
    failed_statuses: frozenset[str] = frozenset()  # values of `status` that will not change by themselves
    provisioning: Provisioning | None = None
    is_builtin: Callable[[JsonObject], bool] = lambda _: False  # created by Tavus: never changed
    unique_names: bool = False  # an account accepts each display name only once
    expensive: bool = False  # replaced or deleted only if named on the command line
    word_separator: str = "-"  # separator of the words in a display name that is made from an address
    can_recrawl: bool = False  # manifests may have `recrawl:`
    # the flow of a conversation, from a spec that may be invalid
    conversation_graph: Callable[[JsonObject], Graph] | None = None
    crawl_key: str = ""  # key of `spec` with the crawl settings, which a recrawl can override
    crawl_quota: int = 0  # crawled objects that an account may have, unless Tavus has agreed to more
    watched_url_key: str = ""  # key of `spec` with the URL that `watch: true` checks
    attachment: Attachment | None = None
    key_aliases: Mapping[str, str] = {}  # pointer of an alias, `*` as above -> canonical key
    mistakes: Mapping[str, str] = {}  # pointer of a mistaken key -> hint
    merge_collection: str = ""  # path of the collection whose PATCH merges fields other than the name, "/v2/faces"
    publish_collection: str = ""  # path of the collection with the call that publishes drafts, "/v2/pals"
    partner_key: str = ""  # key of a conversation with the id of an object of the kind; empty: none
    computed: frozenset[str] = frozenset()  # keys of reads that the server computes
    holds: tuple[str, ...] = ()  # those of them with ids of objects that stay as long as this one exists
    parts: tuple[Part, ...] = ()  # in the order in which they are written

    @property
    def can_refer(self) -> bool:
        """Whether objects of this kind can refer to other objects."""
        return any(declared.refers_to for declared in self.fields.values())

    @functools.cache
    def field_at(self, path: KeyPath) -> FieldTraits:
        """The traits of the field at a path; list indices are given as `*`."""
        candidates = _patterns(self).get(len(path), {})
        if path in candidates:
            return candidates[path]
        return next((declared for pattern, declared in candidates.items() if _matches(pattern, path)), PLAIN)

    @functools.cache
    def may_receive_data(self, path: KeyPath) -> bool:
        """Whether a value may be a URL that data is sent to: the field is declared so, or its key is unknown."""
        if self.field_at(path).receives_data:
            return True
        return any(not fields for _, fields, _ in steps(self.model, path))

    @functools.cache
    def is_free(self, path: KeyPath) -> bool:
        """Whether a path may hold any value: in an object that is free in form, or under an unknown key."""
        for index, fields, below in steps(self.model, path):
            if not fields or any(map(is_free, fields)):
                return True  # newer than tavusctl, or declared so
            if self.field_at(path[: index + 1]).free:
                return True
            if not below:  # a value, or a map of names to values, whose inner fields are not declared
                rest = [key for key in path[index + 1 :] if key != "*"]
                return len(rest) > any(is_a(field, dict) for field in fields)
        return False

    @functools.cache
    def is_unknown_in_item(self, path: KeyPath) -> bool:
        """Whether a path leads to a member of a list item that the model does not declare, or below one."""
        for index, fields, _ in steps(self.model, path):
            if not fields:
                return "*" in path[:index]
            if any(map(is_free, fields)):
                return False
        return False

    @functools.cache
    def other_names(self, path: KeyPath) -> Mapping[str, str]:
        """Other names of the members of the object at `path`, each with the name that the model has."""
        members = _patterns(self).get(len(path) + 1, {}).items()
        return {
            other: key for (*parent, key), declared in members if _matches(parent, path) for other in declared.aliases
        }

    @functools.cache
    def scalar_aliases(self, path: KeyPath) -> tuple[str, ...]:
        """Members of the object at `path` with a `FieldTraits.scalar_alias`."""
        members = _patterns(self).get(len(path) + 1, {}).items()
        return tuple(key for (*parent, key), declared in members if declared.scalar_alias and _matches(parent, path))

    def canonical_key(self, path: KeyPath) -> str:
        """The canonical key of an alias, such as a name of older API pages or of other objects; empty if it is none."""
        return _first_match(self.key_aliases, path)

    def mistake_hint(self, path: KeyPath) -> str:
        """The hint for a known mistake in the name of a key; empty if it is none."""
        return _first_match(self.mistakes, path)

    @functools.cache
    def is_read_in_part(self, path: KeyPath) -> bool:
        """Whether the server may have more of the value at a path than `spec` or a read; list indices are `*`."""
        patterns = [split(pointer) for pointer, traits in self.fields.items() if traits.read_in_part]
        patterns += [split(pointer)[:-1] for pointer, traits in self.fields.items() if traits.masked]
        return any(_matches(pattern[: len(path)], path) for pattern in patterns)

    def unwrap(self, body: JsonObject) -> JsonObject:
        """The object in a response body, with or without the documented `data` envelope."""
        inner = body.get("data")
        if isinstance(inner, list) and len(inner) == 1:
            inner = inner[0]
        return inner if not self.id_of(body) and isinstance(inner, dict) and self.id_of(inner) else body

    def id_of(self, body: Mapping[str, Json]) -> str:
        """The id in a body, or an empty string."""
        for name in self.id_fields:
            remote_id = body.get(name)
            if isinstance(remote_id, str) and remote_id:
                return remote_id
        return ""

    def is_deleted(self, body: JsonObject) -> bool:
        """Whether a body is that of a deleted object: some servers keep those, with a mark."""
        shown = self.unwrap(body)
        return shown.get("is_deleted") is True or shown.get("status") == "deleted"

    def check_exists(self, body: JsonObject, remote_id: str) -> None:
        """Raise Gone if a read body is that of a deleted object, ApiError if it is that of no object at all."""
        request, shown = f"GET {self.collection}/{remote_id}", self.unwrap(body)
        if self.is_deleted(body):
            raise Gone(HTTPStatus.GONE, "it is marked as deleted", request)
        names = (value for key, value in shown.items() if key == self.name_field or key.endswith("_name"))
        if not self.id_of(shown) and not any(names):  # `{}` is not an object whose fields are all unset
            raise ApiError(f"{request} returned no {self.name}: it has neither an id nor a name")


def _first_match(texts: Mapping[str, str], path: KeyPath) -> str:
    return next((text for pointer, text in texts.items() if _matches(split(pointer), path)), "")


def _matches(pattern: Sequence[str], path: KeyPath) -> bool:
    return len(pattern) == len(path) and all(p in ("*", s) for p, s in zip(pattern, path, strict=True))


@functools.cache
def _patterns(kind: ResourceKind) -> Mapping[int, Mapping[KeyPath, FieldTraits]]:
    """The declared fields of a kind, by the length of their pattern, then by the pattern."""
    by_length: dict[int, dict[KeyPath, FieldTraits]] = {}
    for pointer, declared in kind.fields.items():
        pattern = split(pointer)
        by_length.setdefault(len(pattern), {})[pattern] = declared
    return by_length
