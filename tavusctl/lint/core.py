"""What a rule sees of a resource, and what it may say about it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from functools import cached_property

from msgspec import Struct, field

from tavusctl.core.address import Address, Source
from tavusctl.core.diagnostic_ids import CHECKS
from tavusctl.core.diagnostics import Diagnostic, Edit, Severity, written_at
from tavusctl.core.model import Manifest
from tavusctl.core.resource_kind import FieldTraits, ResourceKind
from tavusctl.fields import secret_fields
from tavusctl.lib.json_types import Json, JsonObject, KeyPath
from tavusctl.patch.pointer import escape, join


class Project(Struct, frozen=True):
    """All that rules may look at: every manifest, and what the last apply left of each."""

    manifests: Sequence[Manifest]
    applied: Mapping[Address, JsonObject] = field(default_factory=dict)
    origins: Mapping[Address, Mapping[str, str]] = field(default_factory=dict)  # pointer into spec -> file of the text
    crawl_limit: int = 0  # documents with a crawl that the account may have; 0: as many as everybody
    variables: Collection[str] = ()  # names of those that `${var:}` can bring
    secrets: Collection[str] = ()  # names of those that `${secret:}` can bring
    # The path that `${file:}` takes for a file that a text in a manifest names; empty when it names none.
    file_named: Callable[[str, str], str] = lambda _manifest, _text: ""
    kinds: Mapping[str, ResourceKind] = field(default_factory=dict)  # those that references can lead to


class Finding(Struct, frozen=True):
    """One remark, at a pointer into spec; `line` counts from 0 into a text that has a file of its own."""

    pointer: str
    message: str
    hint: str = ""
    line: int = 0
    fix: tuple[Edit, ...] = ()


class Remark(Struct, frozen=True):
    """A diagnostic of a lint rule, with the line of the manifest where a suppression may be."""

    diagnostic: Diagnostic
    written: Source


class Subject(Struct, frozen=True, dict=True):
    """One resource under a rule."""

    manifest: Manifest
    kind: ResourceKind
    project: Project

    @property
    def spec(self) -> JsonObject:
        """What the manifest says."""
        return self.manifest.spec

    def at(self, *keys: str) -> Json:
        """The value at a path of keys, or None."""
        here: Json = self.manifest.spec
        for key in keys:
            here = here.get(key) if isinstance(here, dict) else None
        return here

    @cached_property
    def leaves(self) -> Sequence[tuple[str, FieldTraits, Json]]:
        """Every scalar value: its pointer, its field declaration, and the value."""
        return tuple(_leaves(self.manifest.spec, self.kind, (), ""))

    @cached_property
    def texts(self) -> Sequence[tuple[str, FieldTraits, str]]:
        """The leaves that are texts."""
        return tuple((pointer, declared, value) for pointer, declared, value in self.leaves if isinstance(value, str))

    @cached_property
    def secret_pointers(self) -> AbstractSet[str]:
        """Pointers of secrets that are written out; nothing that is said quotes them."""
        return {join(one.path) for one in secret_fields.secret_places(self.kind, self.manifest.spec) if not one.is_open}

    def edit(self, pointer: str, op: str, value: Json = None) -> Edit:
        """A change of this manifest's own text, at a pointer into spec."""
        return Edit(self.manifest.address, f"/spec{pointer}", op, value)  # type: ignore[arg-type]  # one of its three

    def remark(self, rule: Rule, found: Finding) -> Remark:
        """A finding with its places."""
        written = written_at(self.manifest.sources, found.pointer, self.manifest.source)
        origin = self.project.origins.get(self.manifest.address, {}).get(found.pointer)
        source = Source(origin, found.line + 1, 1) if origin else written
        address, severity = self.manifest.address, rule.severity
        pointer = found.pointer
        told = Diagnostic(rule.id, found.message, source, found.hint, address, severity, fix=found.fix, pointer=pointer)
        return Remark(told, written)


Look = Callable[[Subject], Iterator[Finding]]


class Rule(Struct, frozen=True):
    """One thing that is looked at: its id, which never changes, and what it is about."""

    id: str
    look: Look
    kinds: frozenset[str] = frozenset()  # empty: every kind
    stops: bool = False  # no plan is made with it; an account may hold all else that is wrong, and is managed with it

    @property
    def severity(self) -> Severity:
        """How much its remarks weigh."""
        return CHECKS[self.id].severity

    def remarks(self, subject: Subject) -> Iterator[Remark]:
        """What this rule has to say of one resource."""
        if not self.kinds or subject.kind.name in self.kinds:
            yield from (subject.remark(self, found) for found in self.look(subject))


def _leaves(value: Json, kind: ResourceKind, path: KeyPath, pointer: str) -> Iterator[tuple[str, FieldTraits, Json]]:
    if isinstance(value, dict):
        for key, item in value.items():
            yield from _leaves(item, kind, (*path, key), f"{pointer}/{escape(key)}")
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _leaves(item, kind, (*path, "*"), f"{pointer}/{index}")
    else:
        yield pointer, kind.field_at(path), value


def mappings(value: Json) -> list[tuple[int, JsonObject]]:
    """The mappings in a list, with their places; a list that came from somewhere else may hold anything."""
    items = value if isinstance(value, list) else []
    return [(index, item) for index, item in enumerate(items) if isinstance(item, dict)]


def pointer_of(*keys: str | int) -> str:
    """A JSON Pointer from keys and indices."""
    return join(tuple(map(str, keys)))
