"""The files of a project while they are read: documents found, laid over one another, and opened as manifests."""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

from msgspec import Struct, field
from msgspec.structs import replace

from tavusctl.config import files, overlays, yaml12
from tavusctl.config.attachments import AttachmentResolver, FileDigest
from tavusctl.config.cache import recall
from tavusctl.config.cache.entry import Entry
from tavusctl.config.cache.manifest_cache import ManifestCache
from tavusctl.config.cache.trace import digest
from tavusctl.config.envelope import ParsedManifest, open_document
from tavusctl.config.included_files import IncludedFiles
from tavusctl.config.interpolation import FileText, Scope
from tavusctl.config.limits import MAX_YAML_BYTES, Budget, LimitExceededError
from tavusctl.config.manifest_files import find, layers, shown_path, start
from tavusctl.config.spec import file_name_hints
from tavusctl.config.yaml12 import Node
from tavusctl.core.address import Address, Source
from tavusctl.core.diagnostics import Diagnostic, Severity, said
from tavusctl.core.project_settings import Environment, Project
from tavusctl.core.resource_kind import ResourceKind
from tavusctl.secrets import redaction

_MAX_COMPLAINTS: Final = 500  # of one file
_MISSING: Final = "TV106"
_MARK: Final = b"tavusctl: ignore="  # in a comment: what validate is not to remark on


class Document(Struct, frozen=True):
    """One document of a file, as it is written; `about` takes secrets of the file out of what is said of it."""

    node: Node
    about: Callable[[str], str]
    address: Address | None  # None: it has none that is right
    digest: str  # of the file, and which document of it this is


class Reading(Struct):
    """What files are read with, and what was found in them so far."""

    project: Project
    environment: Environment
    kinds: Mapping[str, ResourceKind]
    library: IncludedFiles
    cache: ManifestCache | None = None
    opened: list[ParsedManifest] = field(default_factory=list)
    diagnostics: list[Diagnostic] = field(default_factory=list)
    unread: list[str] = field(default_factory=list)
    marked: dict[str, str] = field(default_factory=dict)
    _files: dict[str, Path] = field(default_factory=dict)  # by what people call them
    _bases: dict[Address, Source] = field(default_factory=dict)  # what an overlay may be laid over
    _moved: dict[Address, tuple[Address, Source]] = field(default_factory=dict)  # what bases were, and what they are
    _unread_bases: list[str] = field(default_factory=list)  # like `unread`, of files that an overlay is laid over
    _untold: list[Diagnostic] = field(default_factory=list)  # of such files that nobody has asked for
    _overlays: dict[Address, Document] = field(default_factory=dict)  # those that are laid over nothing yet
    _laid_over: dict[str, str] = field(default_factory=dict)  # digests of those laid over the file that is read

    @classmethod
    def of(
        cls,
        project: Project,
        environment: Environment,
        kinds: Mapping[str, ResourceKind],
        budget: Budget,
        cache: ManifestCache | None = None,
    ) -> Reading:
        """Nothing read yet."""
        library = IncludedFiles(
            Path(project.root), Path(project.manifests), lambda path: shown_path(path, project), budget
        )
        return cls(project, environment, kinds, library, cache)

    def take(self, paths: Sequence[Path]) -> list[Path]:
        """Read every file of the project, or some; those that were found."""
        found: list[Path] = []
        try:
            base, *overlay = self._found(paths, self.diagnostics)
            found = [*base, *(path for files_ in overlay for path in files_)]
            self.unread += ["" for _ in self.diagnostics]  # of folders nobody knows what is in them
            self._unread_bases += self.unread
            for path in found[len(base) :]:
                self._counted(path, self._take_overlays)
            asked = tuple(self._overlays)
            if paths:
                self._look_beside(found, asked)
            told = len(self.unread)
            for path in base:
                self._counted(path, self._take_base)
            self._unread_bases += self.unread[told:]
            for address in asked:
                if address in self._overlays:
                    self.opened.append(self._alone(self._overlays.pop(address)))
        except LimitExceededError as over:
            self.diagnostics += [over.diagnostic, *(one for each in self.opened for one in each.diagnostics)]
            self.opened.clear()  # what is said of a part may be wrong of the whole
            if self.cache:
                self.cache.pass_over()
            self.unread.append("")
        return found

    def _found(self, paths: Sequence[Path], diagnostics: list[Diagnostic]) -> list[list[Path]]:
        """The files of the base, and of what is laid over it."""
        folders = layers(self.project, self.environment)
        return [find(self.project, one, paths, diagnostics, self.library.budget) for one in folders]

    def _counted(self, path: Path, take: Callable[[Path, Source], Iterable[ParsedManifest]]) -> None:
        """Take the manifests of a file, and count what is said of them."""
        before, where = len(self.diagnostics), start(path, self.project)
        here = list(take(path, where))
        self.opened += here
        told = len(self.diagnostics) - before + sum(len(each.diagnostics) for each in here)
        self.library.budget.told(told, where)

    def _take_overlays(self, path: Path, where: Source) -> Iterator[ParsedManifest]:
        """Keep the documents of a file until the base is read; what has no address is opened at once, and told."""
        for one in self._parsed(path, where):
            if one.address is None:
                yield self._opened(one, one.node)
            elif (first := self._overlays.setdefault(one.address, one)) is not one:
                here, there = (each.node.sources["/name"] for each in (one, first))
                self.diagnostics.append(twice(one.address, here, there, "make one of the two"))

    def _take_base(self, path: Path, where: Source) -> Iterator[ParsedManifest]:
        """The manifests of a file with what is laid over them, as an earlier run has read them or afresh."""
        content = self._content(path, where)
        if content is not None:
            yield from self._kept(self.cache, where, content) if self.cache else self._read(where, content)

    def _kept(self, cache: ManifestCache, where: Source, content: bytes) -> Iterable[ParsedManifest]:
        """The manifests of a file as the cache has them; those that it does not have are read, and kept in it."""
        self.library.asked.clear()
        entry = cache.find(where.path, digest(content))
        known = recall.recalled(entry, where, self._lies_over, self._files, self.library) if entry else None
        if entry and known is not None:
            for one in known:
                self._take_address(one.address, one.source, one.manifest.moved_from if one.manifest else ())
            self._keep(cache, where, entry, is_new=False)
            return known
        begun, told = recall.Used.of(self.library), len(self.diagnostics)
        self.library.asked.clear()  # what was looked at in vain
        self._laid_over.clear()
        found = [*self._read(where, content)]
        is_silent = len(self.diagnostics) == told and not any(one.diagnostics for one in found)
        # Two paths are shown alike where one has characters that cannot be shown.
        is_plain = os.fspath(self._files[where.path]).isprintable()
        made = recall.FileRead(content, found, self._laid_over, begun)
        entry = recall.entry_of(made, self.library) if is_silent and is_plain else None
        if entry is None:
            cache.pass_over()
        else:
            self._keep(cache, where, entry, is_new=True)
        return found

    def _keep(self, cache: ManifestCache, where: Source, entry: Entry, *, is_new: bool) -> None:
        """Keep what was read from a file, and tell which texts it has brought."""
        cache.keep(where.path, entry, is_new=is_new)
        for asked, one in zip(self.library.asked, entry.brought, strict=True):
            cache.note_text(self.library.located(asked.name, asked.manifest), one.digest)

    def _read(self, where: Source, content: bytes) -> Iterator[ParsedManifest]:
        """The manifests of a file, up to the one that has too much wrong with it."""
        told = 0
        for one in self._documents(where, content):
            found = self._laid(one)
            yield found
            told += len(found.diagnostics)
            if told > _MAX_COMPLAINTS:
                message = f"more than {_MAX_COMPLAINTS} problems; the rest of the file is not checked"
                self.diagnostics.append(Diagnostic("TV115", message, one.node.source))
                self.unread.append("")
                break

    def _lies_over(self, address: Address) -> str:
        """The digest of the document that is laid over the next one of an address; empty without one."""
        over = self._overlays.get(address)
        return over.digest if over else ""

    def _take_address(self, address: Address | None, source: Source, left: Iterable[Address]) -> Document | None:
        """A document of the base has been found: what lies over it in this environment."""
        if address is None:
            return None
        self._bases.setdefault(address, source)
        self._moved.update((one, (address, source)) for one in left)
        return self._overlays.pop(address, None)

    def _look_beside(self, asked: Collection[Path], overlays_: Collection[Address]) -> None:
        """Read what the files that were named are to be seen with: overlays of theirs, and what theirs lie over."""
        beside = Reading(self.project, self.environment, self.kinds, self.library, _files=self._files)
        base, *overlay = beside._found((), beside.diagnostics)
        for path in (one for files_ in overlay for one in files_ if one not in asked):
            for document in beside._parsed(path, start(path, self.project)):
                if document.address:
                    self._overlays.setdefault(document.address, document)
        self._unread_bases += ["" for _ in beside.diagnostics]
        self._untold += beside.diagnostics
        beside.unread.clear()
        beside.diagnostics.clear()
        for path in base if overlays_ else ():
            for document in beside._parsed(path, start(path, self.project)) if path not in asked else ():
                if document.address in overlays_ and document.address in self._overlays:
                    self.opened.append(self._laid(document))
                elif document.address and document.address not in self._bases:
                    left = overlays.left_by(document.node)
                    self._moved.update((one, (document.address, document.node.sources["/name"])) for one in left)
                    self._bases[document.address] = document.node.sources["/name"]
        self._unread_bases += beside.unread
        self._untold += beside.diagnostics

    def _laid(self, one: Document) -> ParsedManifest:
        """A document of the base, with the one that lies over it in this environment."""
        source = one.node.sources["/name"] if one.address else one.node.source
        over = self._take_address(one.address, source, overlays.left_by(one.node))
        if over is None or one.address is None:
            return self._opened(one, one.node)
        self._laid_over[str(one.address)] = over.digest
        laid = overlays.lay(one.node, over.node, self.kinds[one.address.kind], one.address)
        found = self._opened(one, laid.node, over.about)
        if laid.diagnostics:
            told = (*said(laid.diagnostics, over.about), *found.diagnostics)
            found = replace(found, diagnostics=told, manifest=None, draft=found.manifest or found.draft)
        manifest, draft = (one and replace(one, overlay=over.node.source) for one in (found.manifest, found.draft))
        return replace(found, manifest=manifest, draft=draft)

    def _alone(self, over: Document) -> ParsedManifest:
        """A document of the overlay that exists in this environment only."""
        if self.cache:
            self.cache.pass_over()
        found, address = self._opened(over, over.node), over.address
        if address is None:
            return found
        rest = tuple(one for one in found.diagnostics if one.id != _MISSING)  # it may be in a manifest below
        if address in self._moved:
            told = overlays.left_behind(over.node, address, *self._moved[address])
            return replace(found, address=None, manifest=None, draft=None, diagnostics=(*rest, told))
        if found.manifest is None and may_declare(self._unread_bases, address.name):
            self.diagnostics += self._untold
            self._untold.clear()
            return replace(found, diagnostics=rest)
        meant = overlays.without_base(over.node, address, self._bases) if found.manifest is None else None
        return replace(found, diagnostics=(*found.diagnostics, meant)) if meant else found

    def _opened(self, one: Document, node: Node, over: Callable[[str], str] = lambda text: text) -> ParsedManifest:
        resolver = AttachmentResolver(self._measured, self.environment.uploads)
        found = open_document(node, self.kinds, self._scope, resolver, self.library.budget)
        return replace(found, diagnostics=said(found.diagnostics, lambda text: over(one.about(text))))

    def _parsed(self, path: Path, where: Source) -> list[Document]:
        """The documents of one file."""
        content = self._content(path, where)
        return [] if content is None else self._documents(where, content)

    def _content(self, path: Path, where: Source) -> bytes | None:
        """The bytes of one file; None where they are not to be had, which is told."""
        try:
            content = files.read_bytes(path, Path(self.project.root), MAX_YAML_BYTES)
        except files.RefusedError as error:
            id = "TV115" if error.too_large else "TV110"  # noqa: A001 - as in Complaint
            self.diagnostics.append(Diagnostic(id, f"the file {error}", where))
            self.unread.append("")
            return None
        self.library.budget.opened(len(content), where)
        self._files[where.path] = path
        if self.cache:
            self.cache.note_file(path, digest(content))
        if _MARK in content:
            self.marked[where.path] = content.decode("utf-8", "replace")
        return content

    def _documents(self, where: Source, content: bytes) -> list[Document]:
        """The documents that stand in a file."""
        text, name = content.decode("utf-8", "replace"), f"{self._files[where.path]} {digest(content)}"
        about = redaction.about(text)
        parsed = yaml12.read(content, where.path)
        self.diagnostics += said(parsed.diagnostics, about)
        self.library.budget.parsed(parsed.values, where)
        found = [
            Document(one, about, overlays.address_of(one, self.kinds, self._scope), f"{name} {number}")
            for number, one in enumerate(parsed.documents)
        ]
        broken = any(one.severity is Severity.ERROR for one in parsed.diagnostics)
        if broken or not all(one.address for one in found):
            self.unread.append(text)
        return found

    def _scope(self, where: Source) -> Scope:
        """What expressions in a file can reach."""
        path = self._files[where.path]
        environment, secrets = self.environment, self.project.secrets
        return Scope(environment.vars, secrets, lambda name: self._text(path, name), environment.name)

    def _text(self, manifest: Path, name: str) -> FileText:
        with _hinting(self.project, manifest, name):
            return self.library.text(name, manifest)

    def _measured(self, name: str, limit: int, where: Source) -> FileDigest:
        path = self._files[where.path]
        with _hinting(self.project, path, name):
            return self.library.measure(name, limit, path, start(path, self.project))


def may_declare(unread: Iterable[str], name: str) -> bool:
    """Whether one of the texts in which some address could not be read may hold a manifest of a name."""
    return any(not text or re.search(rf"\bname\W+{name}\b", text) for text in unread)


def twice(address: Address, here: Source, there: Source, hint: str = "rename one of them") -> Diagnostic:
    """The complaint about an address that two documents have."""
    return Diagnostic("TV108", f"`{address}` is declared here and at {there}", here, hint, address)


@contextlib.contextmanager
def _hinting(project: Project, manifest: Path, name: str) -> Iterator[None]:
    """Say with a file that cannot be had which one was probably meant."""
    try:
        yield
    except files.RefusedError as error:
        if not error.too_large:
            there = file_name_hints.likely(project, manifest, name)
            error.hint = there if there != name else ""
        raise
