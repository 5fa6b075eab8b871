"""Using cache entries: included texts are read again and compared by digest, and nothing is parsed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from msgspec import Struct

from tavusctl.config.cache.entry import Brought, Entry, packed, unpacked
from tavusctl.config.cache.trace import digest
from tavusctl.config.envelope import ParsedManifest
from tavusctl.config.included_files import IncludedFiles
from tavusctl.core.address import Address, Source
from tavusctl.core.model import Manifest, Recrawl


class Used(Struct, frozen=True):
    """How much of the limits of a project was used."""

    values: int
    text: int
    expressions: int

    @classmethod
    def of(cls, library: IncludedFiles) -> Used:
        """The usage so far."""
        return cls(library.budget.values, library.budget.text, library.budget.expressions)


class FileRead(Struct, frozen=True):
    """A file without diagnostics that was just parsed."""

    content: bytes
    manifests: Sequence[ParsedManifest]
    overlays: Mapping[str, str]  # digests of the overlay documents merged into them, by address
    before: Used


def recalled(
    entry: Entry,
    where: Source,
    lies_over: Callable[[Address], str],
    files: Mapping[str, Path],
    library: IncludedFiles,
) -> Sequence[ParsedManifest] | None:
    """The manifests of a file from its cache entry; None if anything that they depend on has changed.

    `lies_over` returns the digest of the overlay document of an address, or an empty text; `files` has the paths of
    manifest files by shown path.
    """
    addresses = [cached.parsed.address for cached in entry.manifests]
    overlays = {str(address): over for address in addresses if address and (over := lies_over(address))}
    if overlays != entry.overlays or not library.budget.has_room(entry.values, entry.text, entry.expressions):
        return None
    texts = [_current_text(included, files, library) for included in entry.brought]
    if [digest(text.encode()) for text in texts] != [included.digest for included in entry.brought]:
        return None
    library.budget.parsed(entry.values, where)
    library.budget.brought(entry.text, entry.expressions, where)
    return [unpacked(cached, texts) for cached in entry.manifests]


def entry_of(made: FileRead, library: IncludedFiles) -> Entry | None:
    """The cache entry of a file; None if its manifests depend on more than its bytes, texts, overlays and settings."""
    manifests = [parsed.manifest for parsed in made.manifests if parsed.manifest]
    if len(manifests) < len(made.manifests) or not all(map(_is_closed, manifests)):
        return None
    texts = [included.text for included in library.asked]
    after = Used.of(library)
    return Entry(
        digest(made.content),
        {**made.overlays},
        tuple(
            Brought(library.shown(included.manifest), included.name, digest(included.text.encode()))
            for included in library.asked
        ),
        after.values - made.before.values,
        after.text - made.before.text,
        after.expressions - made.before.expressions,
        tuple(packed(parsed, texts) for parsed in made.manifests),
    )


def _is_closed(manifest: Manifest) -> bool:
    """Whether a manifest depends neither on a file to upload nor on the time zones of the machine."""
    return manifest.file is None and (manifest.recrawl is None or manifest.recrawl.timezone == Recrawl().timezone)


def _current_text(included: Brought, files: Mapping[str, Path], library: IncludedFiles) -> str:
    """The present text of an included file; empty if it cannot be read."""
    manifest = files.get(included.manifest)
    try:
        return library.content(included.name, manifest) if manifest else ""
    except ValueError:
        return ""
