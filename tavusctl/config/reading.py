"""Reading the files of a project: their documents are parsed, merged with overlays, and opened as manifests."""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from tavusctl.config import files, overlays, yaml12
from tavusctl.config.attachments import AttachmentResolver, FileDigest
from tavusctl.config.cache.entry import Entry, FileRead, Shape, entry_of, from_cache
from tavusctl.config.cache.manifest_cache import ManifestCache
from tavusctl.config.cache.trace import digest
from tavusctl.config.envelope import ParsedManifest, open_document
from tavusctl.config.included_files import IncludedFiles
from tavusctl.config.interpolation import FileText, Scope
from tavusctl.config.limits import MAX_YAML_BYTES, LimitExceededError
from tavusctl.config.manifest_files import base_and_overlay_folders, file_start, find
from tavusctl.config.spec import file_name_hints, plain_secrets
from tavusctl.config.yaml12 import Node
from tavusctl.core.address import Address, Source
from tavusctl.core.diagnostics import Diagnostic, errors_in, redacted_diagnostics
from tavusctl.core.project_settings import Environment, Project
from tavusctl.core.resource_kind import ResourceKind
from tavusctl.secrets import redaction

_MAX_DIAGNOSTICS: Final = 500  # of one file
_MISSING: Final = "TV106"
_MARK: Final = b"tavusctl: ignore="  # in a comment: suppresses diagnostics of validate


class Document(Struct, frozen=True):
    """One document of a file, before it is opened; `redact` redacts secrets of the file in texts about it."""

    node: Node
    redact: Callable[[str], str]
    address: Address | None  # None: it has no valid address
    file: Path
    content: bytes  # of the file
    number: int  # in the file

    @property
    def digest(self) -> str:
        """A text that identifies it."""
        return f"{self.file} {digest(self.content).hex()} {self.number}"


class Reading(Struct):
    """The settings with which files are read, and the results so far.

    `unreadable_texts` has the texts of files in which an address could not be read, and an empty text for each file or
    folder that was not read completely.  `suppression_texts` has the texts of the files with suppressions, by shown
    path.
    """

    project: Project
    environment: Environment
    kinds: Mapping[str, ResourceKind]
    included_files: IncludedFiles
    cache: ManifestCache | None = None
    parsed_manifests: list[ParsedManifest] = []
    diagnostics: list[Diagnostic] = []
    unreadable_texts: list[str] = []
    suppression_texts: dict[str, str] = {}
    _files: dict[str, Path] = {}  # by shown path
    _bases: dict[Address, Source] = {}  # where each address of the base is declared
    _former_addresses: dict[Address, tuple[Address, Source]] = {}  # by former address
    _unread_bases: list[str] = []  # like `unreadable_texts`, of files of the base
    _unreported: list[Diagnostic] = []  # diagnostics of files of the base that were not named
    _overlays: dict[Address, Document] = {}  # documents of the overlay that are not merged yet
    _laid_over: dict[str, str] = {}  # digests of overlays of the file being read, by address

    def read_files(self, paths: Sequence[Path]) -> list[Path]:
        """Read every file of the project, or those in some paths; return the files that were read."""
        paths_read: list[Path] = []
        try:
            base, *overlay = self._base_and_overlay_files(paths, self.diagnostics)
            paths_read = [*base, *(path for files_ in overlay for path in files_)]
            self.unreadable_texts += ["" for _ in self.diagnostics]  # folders whose content is unknown
            self._unread_bases += self.unreadable_texts
            for path in paths_read[len(base) :]:
                self._read_counted(path, self._take_overlays)
            named_overlays = tuple(self._overlays)
            if paths and self.environment.overlay:
                self._read_counterparts(paths_read, named_overlays)
            unread_before = len(self.unreadable_texts)
            for path in base:
                self._read_counted(path, self._take_base)
            self._unread_bases += self.unreadable_texts[unread_before:]
            for address in named_overlays:
                if address in self._overlays:
                    self.parsed_manifests.append(self._open_unmatched_overlay(self._overlays.pop(address)))
        except LimitExceededError as exceeded:
            self.diagnostics += [
                exceeded.diagnostic,
                *(diagnostic for parsed in self.parsed_manifests for diagnostic in parsed.diagnostics),
            ]
            self.parsed_manifests.clear()  # a part of a project may look wrong where the whole is right
            if self.cache:
                self.cache.mark_incomplete()
            self.unreadable_texts.append("")
        return paths_read

    def _base_and_overlay_files(self, paths: Sequence[Path], diagnostics: list[Diagnostic]) -> list[list[Path]]:
        """The files of the base, then those of the overlay if the environment has one; problems go to `diagnostics`."""
        folders = base_and_overlay_folders(self.project, self.environment)
        return [find(self.project, folder, paths, diagnostics, self.included_files.budget) for folder in folders]

    def _read_counted(self, path: Path, read_file: Callable[[Path, Source], Iterable[ParsedManifest]]) -> None:
        """Read the manifests of a file with `read_file`, and count their diagnostics against the limit."""
        diagnostics_before, source = len(self.diagnostics), file_start(path, self.project)
        manifests = list(read_file(path, source))
        self.parsed_manifests += manifests
        added = len(self.diagnostics) - diagnostics_before + sum(len(manifest.diagnostics) for manifest in manifests)
        self.included_files.budget.count(source, diagnostics=added)

    def _take_overlays(self, path: Path, source: Source) -> Iterator[ParsedManifest]:
        """Keep the documents of an overlay file until the base is read; open those without a valid address at once."""
        for document in self._documents_of(path, source):
            if document.address is None:
                yield self._open(document, document.node)
            elif (first := self._overlays.setdefault(document.address, document)) is not document:
                here, there = (duplicate.node.sources["/name"] for duplicate in (document, first))
                self.diagnostics.append(duplicate_address(document.address, here, there, "merge the two into one"))

    def _take_base(self, path: Path, source: Source) -> Iterator[ParsedManifest]:
        """The manifests of a file of the base, merged with their overlays; from the cache where it has them."""
        content = self._content(path, source)
        if content is not None:
            yield from self._cached(self.cache, source, content) if self.cache else self._read(source, content)

    def _cached(self, cache: ManifestCache, source: Source, content: bytes) -> Iterable[ParsedManifest]:
        """The manifests of a file from the cache; where it has no valid entry, they are read and stored in it."""
        self.included_files.inclusions.clear()
        content_digest = cache.files[os.fspath(self._files[source.path])]
        found = cache.find(source.path, content_digest)
        cached = (
            from_cache(found, source, self._overlay_digest, self._files, self.included_files, cache.digests)
            if found
            else None
        )
        if found and cached is not None:
            for parsed in cached:
                self._register_base(
                    parsed.address, parsed.source, parsed.manifest.moved_from if parsed.manifest else ()
                )
            self._store_entry(cache, source, *found, is_new=False)
            return cached
        budget_before, diagnostics_before = replace(self.included_files.budget), len(self.diagnostics)
        self.included_files.inclusions.clear()  # texts that were read only to check the outdated entry
        self._laid_over.clear()
        manifests = [*self._read(source, content)]
        is_silent = len(self.diagnostics) == diagnostics_before and not any(parsed.diagnostics for parsed in manifests)
        # Paths with characters that cannot be printed may have the same shown path.
        is_plain = os.fspath(self._files[source.path]).isprintable()
        file_read = FileRead(content_digest, manifests, self._laid_over, budget_before)
        made = entry_of(file_read, self.included_files, cache.digests) if is_silent and is_plain else None
        if made is None:
            cache.mark_incomplete()
        else:
            self._store_entry(cache, source, *made, is_new=True)
        return manifests

    def _store_entry(self, cache: ManifestCache, source: Source, entry: Entry, shape: Shape, *, is_new: bool) -> None:
        """Store the cache entry of a file, and note the included texts that the entry depends on."""
        cache.keep(source.path, entry, shape, is_new=is_new)
        inclusions = zip(self.included_files.inclusions, entry.included_texts, strict=True)
        digests = {included.path: brought.digest for included, brought in inclusions}
        cache.note_texts(self._files[source.path], digests)

    def _read(self, source: Source, content: bytes) -> Iterator[ParsedManifest]:
        """Parse and open the manifests of a file; stop after more than `_MAX_DIAGNOSTICS` diagnostics."""
        diagnostic_count = 0
        for document in self._documents(source, content):
            parsed = self._open_base(document)
            yield parsed
            diagnostic_count += len(parsed.diagnostics)
            if diagnostic_count > _MAX_DIAGNOSTICS:
                message = f"more than {_MAX_DIAGNOSTICS} problems; the rest of the file is not checked"
                self.diagnostics.append(Diagnostic("TV115", message, document.node.source))
                self.unreadable_texts.append("")
                break

    def _overlay_digest(self, address: Address) -> str:
        """The digest of the overlay document still to be merged into an address; empty without one."""
        overlay = self._overlays.get(address)
        return overlay.digest if overlay else ""

    def _register_base(
        self, address: Address | None, source: Source, former_addresses: Iterable[Address]
    ) -> Document | None:
        """Record a document of the base and its former addresses; return its overlay document, and use that up."""
        if address is None:
            return None
        self._bases.setdefault(address, source)
        self._former_addresses.update((former, (address, source)) for former in former_addresses)
        return self._overlays.pop(address, None)

    def _read_counterparts(self, named_files: Collection[Path], named_overlays: Collection[Address]) -> None:
        """Read what belongs to the named files: the overlays of named base files, and the bases of named overlay files.

        `named_files` are the files that were asked for, `named_overlays` the addresses of the overlays in them.
        """
        other = Reading(self.project, self.environment, self.kinds, self.included_files, _files=self._files)
        base, *overlay = other._base_and_overlay_files((), other.diagnostics)
        for path in (file for files_ in overlay for file in files_ if file not in named_files):
            for document in other._documents_of(path, file_start(path, self.project)):
                if document.address:
                    self._overlays.setdefault(document.address, document)
        self._unread_bases += ["" for _ in other.diagnostics]
        self._unreported += other.diagnostics
        other.unreadable_texts.clear()
        other.diagnostics.clear()
        for path in base if named_overlays else ():
            for document in (
                other._documents_of(path, file_start(path, self.project)) if path not in named_files else ()
            ):
                if document.address in named_overlays and document.address in self._overlays:
                    self.parsed_manifests.append(self._open_base(document))
                elif document.address and document.address not in self._bases:
                    former_addresses = overlays.former_addresses(document.node)
                    self._former_addresses.update(
                        (former, (document.address, document.node.sources["/name"])) for former in former_addresses
                    )
                    self._bases[document.address] = document.node.sources["/name"]
        self._unread_bases += other.unreadable_texts
        self._unreported += other.diagnostics

    def _open_base(self, document: Document) -> ParsedManifest:
        """Open a document of the base, merged with its overlay in this environment."""
        source = document.node.sources["/name"] if document.address else document.node.source
        overlay = self._register_base(document.address, source, overlays.former_addresses(document.node))
        if overlay is None or document.address is None:
            return self._open(document, document.node)
        self._laid_over[str(document.address)] = overlay.digest
        merged = overlays.merge(document.node, overlay.node, self.kinds[document.address.kind], document.address)
        parsed = self._open(document, merged.node, overlay.redact)
        if merged.diagnostics:
            diagnostics = (*redacted_diagnostics(merged.diagnostics, overlay.redact), *parsed.diagnostics)
            parsed = replace(
                parsed,
                diagnostics=diagnostics,
                manifest=None,
                invalid_manifest=parsed.manifest or parsed.invalid_manifest,
            )
        manifest, invalid_manifest = (
            version and replace(version, overlay=overlay.node.source)
            for version in (parsed.manifest, parsed.invalid_manifest)
        )
        return replace(parsed, manifest=manifest, invalid_manifest=invalid_manifest)

    def _open_unmatched_overlay(self, overlay: Document) -> ParsedManifest:
        """Open a document of the overlay without a base: it exists in this environment only."""
        if self.cache:
            self.cache.mark_incomplete()
        parsed, address = self._open(overlay, overlay.node), overlay.address
        if address is None:
            return parsed
        # A manifest of the base may have the missing key.
        other_diagnostics = tuple(diagnostic for diagnostic in parsed.diagnostics if diagnostic.id != _MISSING)
        if address in self._former_addresses:
            renamed_base = overlays.renamed_base_diagnostic(overlay.node, address, *self._former_addresses[address])
            return replace(
                parsed,
                address=None,
                manifest=None,
                invalid_manifest=None,
                diagnostics=(*other_diagnostics, renamed_base),
            )
        if parsed.manifest is None and may_declare(self._unread_bases, address.name):
            self.diagnostics += self._unreported
            self._unreported.clear()
            return replace(parsed, diagnostics=other_diagnostics)
        intended = (
            overlays.missing_base_diagnostic(overlay.node, address, self._bases) if parsed.manifest is None else None
        )
        return replace(parsed, diagnostics=(*parsed.diagnostics, intended)) if intended else parsed

    def _open(
        self, document: Document, node: Node, redact_overlay: Callable[[str], str] = lambda text: text
    ) -> ParsedManifest:
        resolver = AttachmentResolver(self._measure, self.environment.uploads)
        parsed = open_document(node, self.kinds, self._scope, resolver, self.included_files.budget)
        return replace(
            parsed,
            diagnostics=redacted_diagnostics(parsed.diagnostics, lambda text: redact_overlay(document.redact(text))),
        )

    def _documents_of(self, path: Path, source: Source) -> list[Document]:
        """The documents of one file; empty where it cannot be read."""
        content = self._content(path, source)
        return [] if content is None else self._documents(source, content)

    def _content(self, path: Path, source: Source) -> bytes | None:
        """The bytes of one file; None, with a diagnostic, where it cannot be read."""
        misnamed = plain_secrets.check_path(source)
        self.diagnostics += misnamed
        if misnamed and self.cache:
            self.cache.mark_incomplete()
        try:
            content = files.read_bytes(path, self.included_files.root, MAX_YAML_BYTES)
        except files.UnreadableFileError as error:
            id = "TV115" if error.too_large else "TV110"
            self.diagnostics.append(Diagnostic(id, f"the file {error}", source))
            self.unreadable_texts.append("")
            return None
        self.included_files.budget.count(source, files=1, manifests=len(content))
        self._files[source.path] = path
        if self.cache:
            self.cache.note_file(path, source.path, digest(content))
        if _MARK in content:
            self.suppression_texts[source.path] = content.decode("utf-8", "replace")
        return content

    def _documents(self, source: Source, content: bytes) -> list[Document]:
        """Parse the documents in the content of a file."""
        text, file = content.decode("utf-8", "replace"), self._files[source.path]
        redact = redaction.redactor_for(text)
        parsed = yaml12.read(content, source.path)
        self.diagnostics += redacted_diagnostics(parsed.diagnostics, redact)
        self.included_files.budget.count(source, values=parsed.values)
        documents = [
            Document(node, redact, overlays.address_of(node, self.kinds, self._scope), file, content, number)
            for number, node in enumerate(parsed.documents)
        ]
        if errors_in(parsed.diagnostics) or not all(document.address for document in documents):
            self.unreadable_texts.append(text)
        return documents

    def _scope(self, source: Source) -> Scope:
        """The variables, secrets and files that expressions in a file may refer to."""
        path = self._files[source.path]
        environment, secrets = self.environment, self.project.secrets
        return Scope(environment.vars, secrets, lambda name: self._text(path, name), environment.name)

    def _text(self, manifest: Path, name: str) -> FileText:
        with _with_file_hint(self.project, manifest, name):
            return self.included_files.text(name, manifest)

    def _measure(self, name: str, limit: int, source: Source) -> FileDigest:
        path = self._files[source.path]
        with _with_file_hint(self.project, path, name):
            return self.included_files.measure(name, limit, path, file_start(path, self.project))


def may_declare(unreadable_texts: Iterable[str], name: str) -> bool:
    """Whether one of the files with unreadable addresses may declare a manifest of this name.

    `unreadable_texts` has the texts of these files; an empty text may hold anything.
    """
    return any(not text or re.search(rf"\bname\W+{name}\b", text) for text in unreadable_texts)


def duplicate_address(address: Address, here: Source, there: Source, hint: str = "rename one of them") -> Diagnostic:
    """The diagnostic for an address that two documents declare."""
    return Diagnostic("TV108", f"`{address}` is declared here and at {there}", here, hint, address)


@contextlib.contextmanager
def _with_file_hint(project: Project, manifest: Path, name: str) -> Iterator[None]:
    """Add to the error of a file that cannot be read the name of the file that was probably meant."""
    try:
        yield
    except files.UnreadableFileError as error:
        if not error.too_large:
            likely_name = file_name_hints.likely(project, manifest, name)
            error.hint = likely_name if likely_name != name else ""
        raise
