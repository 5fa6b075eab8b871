"""What a lint rule gets to know of a resource, and the findings that it returns."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from functools import cached_property

from msgspec import Struct

from tavusctl.core.address import Address, Source
from tavusctl.core.diagnostic_ids import CHECKS
from tavusctl.core.diagnostics import Diagnostic, Edit, Severity, written_at
from tavusctl.core.json_tree import value_at
from tavusctl.core.messages import shown
from tavusctl.core.model import Manifest
from tavusctl.core.resource_kind import ResourceKind
from tavusctl.fields import places, secret_fields
from tavusctl.fields.places import Place
from tavusctl.lib.json_types import Json, JsonObject, KeyPath
from tavusctl.patch.pointer import join


class Project(Struct, frozen=True, dict=True):
    """Everything that rules may read: all manifests, the values of the last apply, and settings of the environment."""

    manifests: Sequence[Manifest]
    applied: Mapping[Address, JsonObject] = {}
    origins: Mapping[Address, Mapping[str, str]] = {}  # pointer into spec -> file of the text
    crawl_limit: int = 0  # how many documents with a crawl the account may have; 0: the general limit
    variables: Collection[str] = ()  # names that `${var:}` accepts
    secrets: Collection[str] = ()  # names that `${secret:}` accepts
    # For the path of a manifest and a text in it: the path to write in `${file:}`; empty if the text names no file.
    file_named: Callable[[str, str], str] = lambda _manifest, _text: ""
    similar_file: Callable[[str, str], str] = lambda _manifest, _text: ""  # the same for a path with a typing error
    kinds: Mapping[str, ResourceKind] = {}  # kinds that references can lead to

    @cached_property
    def by_external_id(self) -> Mapping[str, Manifest]:
        """The first external manifest with each id."""
        return {one.external_id: one for one in reversed(self.manifests) if one.external_id}

    @cached_property
    def _managed(self) -> Mapping[str, Sequence[Manifest]]:
        """The manifests by kind, without external ones."""
        managed: dict[str, list[Manifest]] = {}
        for manifest in self.manifests:
            if not manifest.external_id:
                managed.setdefault(manifest.address.kind, []).append(manifest)
        return managed

    @cached_property
    def _owners(self) -> dict[tuple[str, KeyPath], Mapping[str, Address]]:
        return {}

    def owners(self, kind: str, path: KeyPath) -> Mapping[str, Address]:
        """The texts at a path into spec in the manifests of a kind, each with the first that has it.

        At a list, the texts in it.
        """
        if (kind, path) not in self._owners:
            owners: dict[str, Address] = {}
            for manifest in self._managed.get(kind, ()):
                value = value_at(manifest.spec, path)
                for text in value if isinstance(value, list) else (value,):
                    if isinstance(text, str):
                        owners.setdefault(text, manifest.address)
            self._owners[kind, path] = owners
        return self._owners[kind, path]


class Finding(Struct, frozen=True):
    """A problem that a rule found, at a pointer into spec; `line` counts from 0, in a text with a file of its own."""

    pointer: str
    message: str
    hint: str = ""
    line: int = 0
    fix: tuple[Edit, ...] = ()


class Remark(Struct, frozen=True):
    """A diagnostic of a lint rule, with the line of the manifest where a suppression comment applies."""

    diagnostic: Diagnostic
    suppression_source: Source


class Subject(Struct, frozen=True, dict=True):
    """The resource that a rule checks."""

    manifest: Manifest
    kind: ResourceKind
    project: Project

    @property
    def spec(self) -> JsonObject:
        """The spec of the manifest."""
        return self.manifest.spec

    def value_at(self, *keys: str) -> Json:
        """The value at a path of keys; None if there is none."""
        value: Json = self.manifest.spec
        for key in keys:
            value = value.get(key) if isinstance(value, dict) else None
        return value

    def first_owner(self, *keys: str) -> Address | None:
        """The first resource of the kind with the same text at a path of keys, if it is another one."""
        text = self.value_at(*keys)
        owner = self.project.owners(self.kind.name, keys)[text] if isinstance(text, str) and text else None
        return owner if owner != self.manifest.address else None

    def mapping_at(self, *keys: str) -> JsonObject:
        """The mapping at a path of keys; empty if there is none."""
        value = self.value_at(*keys)
        return value if isinstance(value, dict) else {}

    @cached_property
    def items(self) -> Sequence[tuple[int, JsonObject]]:
        """The items of a set, with their indices."""
        return mappings(self.manifest.spec.get("data"))

    @cached_property
    def leaves(self) -> Sequence[tuple[Place, Json]]:
        """Every scalar value, with its place."""
        values = places.values(self.kind, self.manifest.spec)
        return [(place, value) for place, value in values if not isinstance(value, dict | list)]

    @cached_property
    def texts(self) -> Sequence[tuple[Place, str]]:
        """The leaves that are strings."""
        return [(place, value) for place, value in self.leaves if isinstance(value, str)]

    @cached_property
    def is_ascii(self) -> bool:
        """Whether all texts, and all keys above leaves, are ASCII, as most are: they have no special characters."""
        texts = [place.pointer for place, _ in self.leaves] + [text for _, text in self.texts]
        return all(map(str.isascii, texts))

    @cached_property
    def secret_pointers(self) -> AbstractSet[str]:
        """Pointers of secrets that are written as plain text; no message quotes them."""
        return {
            join(place.path)
            for place in secret_fields.secret_places(self.kind, self.manifest.spec)
            if not place.is_open
        }

    def edit(self, pointer: str, op: str, value: Json = None) -> Edit:
        """An edit of this resource's own manifest, at a pointer into spec."""
        return Edit(self.manifest.address, f"/spec{pointer}", op, value)  # type: ignore[arg-type]  # one of three ops

    def remark(self, rule: Rule, finding: Finding) -> Remark:
        """A finding as a diagnostic, with the source of the text and the line of the manifest."""
        written = written_at(self.manifest.sources, finding.pointer, self.manifest.source)
        origin = self.project.origins.get(self.manifest.address, {}).get(finding.pointer)
        source = Source(origin, finding.line + 1, 1) if origin else written
        address, severity = self.manifest.address, rule.severity
        pointer = finding.pointer
        diagnostic = Diagnostic(
            rule.id, finding.message, source, finding.hint, address, severity, fix=finding.fix, pointer=pointer
        )
        return Remark(diagnostic, written)


CheckFunction = Callable[[Subject], Iterator[Finding]]


class Rule(Struct, frozen=True):
    """A lint rule: its id, which never changes, the function that checks a resource, and the kinds that it is for."""

    id: str
    check: CheckFunction
    kinds: frozenset[str] = frozenset()  # empty: every kind
    # Whether a remark prevents a plan; objects with other problems may exist, and stay managed.
    blocks_plan: bool = False

    @property
    def severity(self) -> Severity:
        """The severity of the remarks of this rule."""
        return CHECKS[self.id].severity

    def remarks(self, subject: Subject) -> Iterator[Remark]:
        """The remarks of this rule on a resource; none if the rule does not apply to its kind."""
        if not self.kinds or subject.kind.name in self.kinds:
            yield from (subject.remark(self, finding) for finding in self.check(subject))


def mappings(value: Json) -> list[tuple[int, JsonObject]]:
    """The mappings in a list, with their indices; other items, and values that are no list, are ignored."""
    items = value if isinstance(value, list) else []
    return [(index, item) for index, item in enumerate(items) if isinstance(item, dict)]


def repeated_names(subject: Subject, noun: str) -> Iterator[Finding]:
    """A finding on each item of a set with the name of an earlier one; `noun` is what an item is."""
    names, key = set[str](), f"{noun}_name"
    for index, item in subject.items:
        name = str(item.get(key))
        if name in names:
            pointer = pointer_of("data", index, key)
            yield Finding(pointer, f"another {noun} has the name {shown(name)}", "rename one of them")
        names.add(name)


def too_long(
    holder: Mapping[str, object], limits: Mapping[str, int], *above: str | int, hint: str = "shorten it"
) -> Iterator[Finding]:
    """A finding on each text of a mapping, at a path of keys, that is longer than newer versions of the API accept."""
    for key, limit in limits.items():
        if isinstance(text := holder.get(key), str) and len(text) > limit:
            message = f"`{key}` has {len(text):,} characters; newer versions of the API accept {limit:,}"
            yield Finding(pointer_of(*above, key), message, hint)


def pointer_of(*keys: str | int) -> str:
    """A JSON Pointer from keys and indices."""
    return join(tuple(map(str, keys)))
