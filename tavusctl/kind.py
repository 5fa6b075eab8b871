"""What differs between one kind of resource and another, as data."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from enum import Enum
from typing import Any

from msgspec import Struct, field

from tavusctl import telltale
from tavusctl.graph import Graph
from tavusctl.shape import Shape, members

# A JSON value with engine leaves (Address, Secret, Pinned) in it; checked by the stages, not by the type system.
Value = Any
Document = dict[str, Value]
Path = tuple[str, ...]


class Update(Enum):
    """How the API changes an object of a kind."""

    JSON_PATCH = "json-patch"  # PATCH with RFC 6902 operations
    MERGE = "merge"  # PATCH with a plain object of the changed keys
    RENAME = "rename"  # PATCH .../name, and nothing else can change


class Field(Struct, frozen=True):
    """What the engine must know of a field beyond its type."""

    refers_to: str = ""  # kind of the object whose id stands here
    replaces: bool = False  # fixed at creation: a change is a replacement
    unread: bool = False  # accepted on write, never returned: only the last apply can be compared
    unordered: bool = False  # a list that is a set
    keyed_by: str = ""  # list items are known by this member; dots descend: "function.name"
    called: bool = False  # an address that Tavus calls: data goes there
    fetched: bool = False  # an address that the API fetches later, so it must work for a day
    secret: bool = False
    mixed: bool = False  # secret, yet what is none by its name and its looks may be written out
    masked: bool = False  # a secret that reads show as asterisks, or leave out: whether it is set is all one can see
    boolean: bool = False  # "true" and "false" are read as booleans
    joined_by: str = ""  # a list is written as one string with this between its items
    single: str = ""  # the name of the sibling that holds this one-element list as a bare string
    defaults: tuple[Value, ...] = ()  # values the server fills in; equal to not set
    prose: bool = False  # text that people write and read as such: when it is long it has a file of its own
    deprecated: str = ""  # why not to use it, and what to use; a warning when it is used
    idle: bool = False  # has no effect any more: leaving it out changes nothing
    ruled: bool = False  # a rule of its own says more than that it is deprecated

    def is_open(self, name: str, text: str) -> bool:
        """Whether a text may be written out here under its name."""
        return not self.secret or (self.mixed and not telltale.is_secret(name, text))


PLAIN = Field()


class Work(Struct, frozen=True):
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


class ResourceKind(Struct, frozen=True, eq=False):
    """All that differs between one kind and another."""

    name: str
    collection: str  # path of the collection, "/v2/personas"
    id_fields: tuple[str, ...]  # where a body carries its id; the first one present counts
    name_field: str
    update: Update
    model: type[Shape]  # of `spec`
    fields: Mapping[str, Field]  # by JSON Pointer; `*` is any list index or any key
    normalise: Callable[[Document], Document]  # a read body in the spelling of `spec`, computed fields dropped
    summary: str = ""  # one line for `explain` and the schemas
    first_page: int = 1
    list_query: Mapping[str, str] = field(default_factory=dict)  # leaves out what is not the user's
    get_query: Mapping[str, str] = field(default_factory=dict)
    whole: str = ""  # key that a list item must have to be the whole object; without it, it is read by id
    patch_root: str = ""  # pointer prefix of the patched document, when it is not the body itself
    usable: frozenset[str] = frozenset()  # values of `status` at which others may depend on it; empty: always
    failed: frozenset[str] = frozenset()  # values of `status` that will not change by themselves
    work: Work | None = None
    stock: Callable[[Document], bool] = lambda _: False  # made by Tavus, never to be touched
    costly: bool = False  # replaced or deleted only when named on the command line
    joins_words: str = "-"  # stands between the words of a display name that is made of an address
    crawls: bool = False  # may carry `recrawl:`
    flow: Callable[[Document], Graph] | None = None  # where a conversation goes, from a spec that need not be right
    crawl: str = ""  # key of `spec` that a recrawl can override
    most_crawled: int = 0  # objects with a crawl that an account may have, unless Tavus has agreed to more
    watches: str = ""  # key of `spec` with the address that `watch: true` looks at
    attachment: Attachment | None = None
    spellings: Mapping[str, str] = field(default_factory=dict)  # pointer of a wrong key, `*` as above -> the right
    mistakes: Mapping[str, str] = field(default_factory=dict)  # the same -> what to do, in words
    computed: frozenset[str] = frozenset()  # keys of reads that the server fills in

    def field_at(self, path: Path) -> Field:
        """The declaration for a path of keys; list indices are given as `*`."""
        return _field_at(self, path)

    def may_be_called(self, path: Path) -> bool:
        """Whether a value may be an address that data goes to: it is declared so, or in a key nobody here knows."""
        return _may_be_called(self, path)

    def is_free(self, path: Path) -> bool:
        """Whether anything may stand at a path: in an object that is free in form, or in a key nobody here knows."""
        return _is_free(self, path)

    def aliased(self, path: Path) -> tuple[str, ...]:
        """Members of the object at `path` that may also stand under another name, as `Field.single` says."""
        return _aliased(self, path)

    def spelled(self, path: Path) -> str:
        """The right key for one that is none, where older pages or other objects of the API call it otherwise."""
        return _told(self.spellings, path)

    def mistaken(self, path: Path) -> str:
        """What to do about a key that is none, where it is known what people mean by it."""
        return _told(self.mistakes, path)

    def id_of(self, body: Mapping[str, Value]) -> str:
        """The id a body carries, or an empty string."""
        for name in self.id_fields:
            found = body.get(name)
            if isinstance(found, str) and found:
                return found
        return ""


def _told(words: Mapping[str, str], path: Path) -> str:
    return next((told for one, told in words.items() if _matches(tuple(one.split("/")[1:]), path)), "")


def _matches(pattern: Path, path: Path) -> bool:
    return len(pattern) == len(path) and all(p in ("*", s) for p, s in zip(pattern, path, strict=True))


@functools.cache
def _patterns(kind: ResourceKind) -> Mapping[int, Mapping[Path, Field]]:
    """Declarations by the length of their path, then by the path."""
    found: dict[int, dict[Path, Field]] = {}
    for pointer, declared in kind.fields.items():
        pattern = tuple(pointer.split("/")[1:])
        found.setdefault(len(pattern), {})[pattern] = declared
    return found


@functools.cache
def _field_at(kind: ResourceKind, path: Path) -> Field:
    known = _patterns(kind).get(len(path), {})
    if path in known:
        return known[path]
    return next((declared for pattern, declared in known.items() if _matches(pattern, path)), PLAIN)


@functools.cache
def _may_be_called(kind: ResourceKind, path: Path) -> bool:
    if _field_at(kind, path).called:
        return True
    level: tuple[type[Shape], ...] = (kind.model,)
    for key in (key for key in path if key != "*"):
        known = [members(shape)[key] for shape in level if key in members(shape)]
        if not known:
            return True  # newer than tavusctl
        level = tuple(below for member in known for below in member.shapes)
        if not level:
            return False  # a value, or a document that is free in form
    return False


@functools.cache
def _is_free(kind: ResourceKind, path: Path) -> bool:
    level: tuple[type[Shape], ...] = (kind.model,)
    keys = [key for key in path if key != "*"]
    for depth, key in enumerate(keys, 1):
        known = [members(shape)[key] for shape in level if key in members(shape)]
        if not known or any(member.is_free for member in known):
            return True  # newer than tavusctl, or declared so
        level = tuple(below for member in known for below in member.shapes)
        if not level:  # a value, or a map of names to values: what is below that, nobody has declared
            return len(keys) > depth + any(member.is_map for member in known)
    return False


@functools.cache
def _aliased(kind: ResourceKind, path: Path) -> tuple[str, ...]:
    split = (tuple(pattern.split("/")[1:]) for pattern, declared in kind.fields.items() if declared.single)
    return tuple(key for *parent, key in split if _matches(tuple(parent), path))
