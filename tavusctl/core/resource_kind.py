"""What differs between one kind of resource and another, as data."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from enum import Enum
from typing import TYPE_CHECKING

from msgspec import Struct, field

from tavusctl.core.schema.model_fields import inner_models, is_a, is_free
from tavusctl.lib.graph import Graph
from tavusctl.lib.json_types import Json, JsonObject, KeyPath
from tavusctl.secrets import detection

if TYPE_CHECKING:
    from pydantic import BaseModel


class Update(Enum):
    """How the API changes an object of a kind."""

    JSON_PATCH = "json-patch"  # PATCH with RFC 6902 operations
    VERSIONED_PATCH = "versioned-patch"  # the same, with the ETag of what was read (RFC 9110, section 13.1.1)
    MERGE = "merge"  # PATCH with a plain object of the changed keys, each with its whole value
    RENAME = "rename"  # PATCH .../name; the little else that can change is merged at `merged_at`


class FieldTraits(Struct, frozen=True):
    """What the engine must know of a field beyond its type."""

    refers_to: str = ""  # kind of the object whose id stands here
    replaces: bool = False  # fixed at creation: a change is a replacement
    write_only: bool = False  # accepted on write, never returned: only the last apply can be compared
    unordered: bool = False  # a list that is a set
    keyed_by: str = ""  # list items are known by this member; dots descend: "function.name"
    called: bool = False  # an address that Tavus calls: data goes there
    must_stay_reachable: bool = False  # an address that the API fetches later, so it must work for a day
    secret: bool = False
    may_be_plain: bool = False  # secret, yet what is none by its name and its looks may be written out
    lasting: bool = False  # cannot be taken away once it is set: one that a manifest drops stays as it is
    masked: bool = False  # a secret that reads show as asterisks, or leave out: whether it is set is all one can see
    boolean: bool = False  # "true" and "false" are read as booleans
    joined_by: str = ""  # a list is written as one string with this between its items
    also: tuple[str, ...] = ()  # other names of the field, accepted in manifests and on read
    scalar_alias: str = ""  # the name of the sibling that holds this one-element list as a bare string
    nullable: bool = False  # null clears it, where the API refuses an empty value
    defaults: tuple[Json, ...] = ()  # values the server fills in; equal to not set
    fallbacks: tuple[Json, ...] = ()  # values that one server or another fills in: not equal to not set
    long_text: bool = False  # text that people write and read as such: when it is long it has a file of its own
    deprecated: str = ""  # why not to use it, and what to use; a warning when it is used
    no_op: bool = False  # has no effect any more: leaving it out changes nothing
    has_own_rule: bool = False  # a rule of its own says more than that it is deprecated
    empty_counts: bool = False  # `{}` says that something is there; not there is what is missing or null

    def is_open(self, name: str, text: str) -> bool:
        """Whether a text may be written out here under its name."""
        return not self.secret or (self.may_be_plain and not detection.is_secret(name, text))


PLAIN = FieldTraits()


class Provisioning(Struct, frozen=True):
    """What the server does in the background with a new object."""

    name: str
    usual: tuple[float, float]  # seconds from begin to end, at least and at most
    causes: Mapping[str, str]  # a word in lower case that the API's error has -> what that means, and what helps


class Attachment(Struct, frozen=True):
    """How the content of an object may come from a file of the project: put where the API can fetch it, and linked."""

    file: str  # key of `spec` that names the file; afterwards it holds the digest of its content
    upload: str  # key of `spec` that says where it is put
    link: str  # key under which the API takes the address
    formats: tuple[str, ...]  # endings of file names, in lower case
    limit: int  # bytes


class Listing(Struct, frozen=True):
    """How the API lists a collection."""

    first_page: int = 1
    largest_page: int = 100  # objects that may be asked for at a time
    query: Mapping[str, str] = field(default_factory=dict)  # sent with every page
    own: Mapping[str, str] = field(default_factory=dict)  # the same: leaves out what is not the user's
    items: str = "data"  # key of a page that has the objects
    total: str = "total_count"  # key of a page that says how many there are on all pages
    whole_by: str = ""  # key of a list that an item must have to be the whole object; without it, it is read by id


class PartStyle(Enum):
    """How a part of an object is written that the update of the object leaves alone."""

    MEMBERS = "members"  # a set of ids: POST adds some, DELETE takes one away
    ENTRIES = "entries"  # a map: PUT puts an entry there, PATCH merges its top level, DELETE takes it away
    ALONE = "alone"  # as the rest of the object, in a request that writes nothing else


class Part(Struct, frozen=True):
    """A part of an object that has calls of its own; reads of the object show it."""

    at: KeyPath  # where it stands in `spec`
    style: PartStyle
    path: str = ""  # of its calls, `{id}` for the object's id; members and entries have theirs below it
    key: str = ""  # of the body of a call, under which the ids or the entry stand

    @property
    def pointer(self) -> str:
        """Where it stands, as a JSON Pointer."""
        return "".join(f"/{key}" for key in self.at)


class ResourceKind(Struct, frozen=True, eq=False):
    """All that differs between one kind and another."""

    name: str
    collection: str  # path of the collection, "/v2/personas"
    id_fields: tuple[str, ...]  # where a body carries its id; the first one present counts
    name_field: str
    update: Update
    model: type[BaseModel]  # of `spec`
    fields: Mapping[str, FieldTraits]  # by JSON Pointer; `*` is any list index or any key
    normalise: Callable[[JsonObject], JsonObject]  # a read body in the spelling of `spec`, computed fields dropped
    completed: Callable[[JsonObject], JsonObject] = lambda spec: spec  # with null for what a spec rules out
    also: tuple[str, ...] = ()  # other words for the kind, as people may write it
    summary: str = ""  # one line for `explain` and the schemas
    listing: Listing = Listing()
    get_query: Mapping[str, str] = field(default_factory=dict)
    optional: bool = False  # accounts of an older API have no such collection
    is_one: Callable[[JsonObject], bool] = lambda _: (
        True
    )  # whether a body is of this kind, where two share a collection
    folder: str = ""  # where its manifests are kept; empty: the last word of the collection
    wire_names: Mapping[str, str] = field(default_factory=dict)  # key of `spec` -> its name in what is sent
    adds_members: bool = False  # reads leave some members out, and a patch can `add` what it may not `replace`
    patch_root: str = ""  # pointer prefix of the patched document, when it is not the body itself
    ready_statuses: frozenset[str] = frozenset()  # values of `status` at which others may depend on it; empty: always
    failed_statuses: frozenset[str] = frozenset()  # values of `status` that will not change by themselves
    provisioning: Provisioning | None = None
    is_builtin: Callable[[JsonObject], bool] = lambda _: False  # made by Tavus, never to be touched
    expensive: bool = False  # replaced or deleted only when named on the command line
    joins_words: str = "-"  # stands between the words of a display name that is made of an address
    can_recrawl: bool = False  # may carry `recrawl:`
    # where a conversation goes, from a spec that need not be right
    conversation_graph: Callable[[JsonObject], Graph] | None = None
    crawl_key: str = ""  # key of `spec` that a recrawl can override
    crawl_quota: int = 0  # objects with a crawl that an account may have, unless Tavus has agreed to more
    watched_url_key: str = ""  # key of `spec` with the address that `watch: true` looks at
    attachment: Attachment | None = None
    key_aliases: Mapping[str, str] = field(default_factory=dict)  # pointer of a wrong key, `*` as above -> the right
    mistakes: Mapping[str, str] = field(default_factory=dict)  # the same -> what to do, in words
    merged_at: str = ""  # path of the collection at which a PATCH merges what is no name, "/v2/faces"
    published_at: str = ""  # path of the collection whose drafts a call publishes, "/v2/pals"
    partner_key: str = ""  # where a conversation says that it is with an object of the kind; empty: it cannot be
    computed: frozenset[str] = frozenset()  # keys of reads that the server fills in
    holds: tuple[str, ...] = ()  # those of them with ids of objects that stay as long as this one does
    parts: tuple[Part, ...] = ()  # in the order in which they are written, after all else

    def field_at(self, path: KeyPath) -> FieldTraits:
        """The declaration for a path of keys; list indices are given as `*`."""
        return _field_at(self, path)

    def may_be_called(self, path: KeyPath) -> bool:
        """Whether a value may be an address that data goes to: it is declared so, or in a key nobody here knows."""
        return _may_be_called(self, path)

    def is_free(self, path: KeyPath) -> bool:
        """Whether anything may stand at a path: in an object that is free in form, or in a key nobody here knows."""
        return _is_free(self, path)

    def is_unknown_in_item(self, path: KeyPath) -> bool:
        """Whether a path leads to a member of a list item that the model does not declare, or below one."""
        return _is_unknown_in_item(self, path)

    def other_names(self, path: KeyPath) -> Mapping[str, str]:
        """Other names of the members of the object at `path`, each with the name that the model has."""
        return _other_names(self, path)

    def scalar_aliases(self, path: KeyPath) -> tuple[str, ...]:
        """Members of the object at `path` that may also stand under another name, as `Field.scalar_alias` says."""
        return _aliased(self, path)

    def canonical_key(self, path: KeyPath) -> str:
        """The canonical key of an alias: a name of older API pages or of other objects."""
        return _told(self.key_aliases, path)

    def mistaken(self, path: KeyPath) -> str:
        """The hint for a known mistake in the name of a key."""
        return _told(self.mistakes, path)

    def unwrap(self, body: JsonObject) -> JsonObject:
        """The object itself, also when it comes in the documented `data` envelope."""
        inner = body.get("data")
        if isinstance(inner, list) and len(inner) == 1:
            inner = inner[0]
        return inner if not self.id_of(body) and isinstance(inner, dict) and self.id_of(inner) else body

    def id_of(self, body: Mapping[str, Json]) -> str:
        """The id a body carries, or an empty string."""
        for name in self.id_fields:
            found = body.get(name)
            if isinstance(found, str) and found:
                return found
        return ""


def _told(words: Mapping[str, str], path: KeyPath) -> str:
    return next((told for one, told in words.items() if _matches(tuple(one.split("/")[1:]), path)), "")


def _matches(pattern: KeyPath, path: KeyPath) -> bool:
    return len(pattern) == len(path) and all(p in ("*", s) for p, s in zip(pattern, path, strict=True))


@functools.cache
def _patterns(kind: ResourceKind) -> Mapping[int, Mapping[KeyPath, FieldTraits]]:
    """Declarations by the length of their path, then by the path."""
    found: dict[int, dict[KeyPath, FieldTraits]] = {}
    for pointer, declared in kind.fields.items():
        pattern = tuple(pointer.split("/")[1:])
        found.setdefault(len(pattern), {})[pattern] = declared
    return found


@functools.cache
def _field_at(kind: ResourceKind, path: KeyPath) -> FieldTraits:
    known = _patterns(kind).get(len(path), {})
    if path in known:
        return known[path]
    return next((declared for pattern, declared in known.items() if _matches(pattern, path)), PLAIN)


@functools.cache
def _may_be_called(kind: ResourceKind, path: KeyPath) -> bool:
    if _field_at(kind, path).called:
        return True
    level: tuple[type[BaseModel], ...] = (kind.model,)
    for key in (key for key in path if key != "*"):
        known = [one for one in level if key in one.model_fields]
        if not known:
            return True  # newer than tavusctl
        level = tuple(below for one in known for below in inner_models(one)[key])
        if not level:
            return False  # a value, or a document that is free in form
    return False


@functools.cache
def _is_free(kind: ResourceKind, path: KeyPath) -> bool:
    level: tuple[type[BaseModel], ...] = (kind.model,)
    keys = [key for key in path if key != "*"]
    for depth, key in enumerate(keys, 1):
        known = [one for one in level if key in one.model_fields]
        fields = [one.model_fields[key] for one in known]
        if not known or any(map(is_free, fields)):
            return True  # newer than tavusctl, or declared so
        level = tuple(below for one in known for below in inner_models(one)[key])
        if not level:  # a value, or a map of names to values: what is below that, nobody has declared
            return len(keys) > depth + any(is_a(field, dict) for field in fields)
    return False


@functools.cache
def _is_unknown_in_item(kind: ResourceKind, path: KeyPath) -> bool:
    level: tuple[type[BaseModel], ...] = (kind.model,)
    for index, key in ((index, key) for index, key in enumerate(path) if key != "*"):
        known = [one for one in level if key in one.model_fields]
        if not known:
            return "*" in path[:index]
        if any(is_free(one.model_fields[key]) for one in known):
            return False
        level = tuple(below for one in known for below in inner_models(one)[key])
        if not level:  # a value, or a map of names to values
            return False
    return False


@functools.cache
def _other_names(kind: ResourceKind, path: KeyPath) -> Mapping[str, str]:
    split = ((tuple(pattern.split("/")[1:]), declared) for pattern, declared in kind.fields.items())
    return {
        other: key for (*parent, key), declared in split if _matches(tuple(parent), path) for other in declared.also
    }


@functools.cache
def _aliased(kind: ResourceKind, path: KeyPath) -> tuple[str, ...]:
    split = (tuple(pattern.split("/")[1:]) for pattern, declared in kind.fields.items() if declared.scalar_alias)
    return tuple(key for *parent, key in split if _matches(tuple(parent), path))
