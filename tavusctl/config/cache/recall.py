"""Using cache entries: included texts are read again and compared by digest, and nothing is parsed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from msgspec import Struct

from tavusctl.config.cache.entry import Entry, IncludedText, pack, unpack
from tavusctl.config.cache.trace import digest
from tavusctl.config.envelope import ParsedManifest
from tavusctl.config.included_files import IncludedFiles
from tavusctl.core.address import Address, Source
from tavusctl.core.model import Manifest, Recrawl


class Usage(Struct, frozen=True):
    """How much of the limits of a project was used."""

    values: int
    text: int
    expressions: int

    @classmethod
    def of(cls, included_files: IncludedFiles) -> Usage:
        """The usage so far."""
        return cls(included_files.budget.values, included_files.budget.text, included_files.budget.expressions)


class FileRead(Struct, frozen=True):
    """A file without diagnostics that was just parsed."""

    content: bytes
    manifests: Sequence[ParsedManifest]
    overlays: Mapping[str, str]  # digests of the overlay documents merged into them, by address
    usage_before: Usage


def from_cache(
    entry: Entry,
    source: Source,
    overlay_digest: Callable[[Address], str],
    files: Mapping[str, Path],
    included_files: IncludedFiles,
) -> Sequence[ParsedManifest] | None:
    """The manifests of a file from its cache entry; None if anything that they depend on has changed.

    `overlay_digest` returns the digest of the overlay document of an address, or an empty text; `files` has the paths
    of manifest files by shown path.
    """
    addresses = [cached.parsed.address for cached in entry.manifests]
    overlays = {str(address): over for address in addresses if address and (over := overlay_digest(address))}
    if overlays != entry.overlays or not included_files.budget.has_room(entry.values, entry.text, entry.expressions):
        return None
    texts = []
    for included in entry.included_texts:
        text = _current_text(included, files, included_files)
        if text is None or digest(text.encode()) != included.digest:
            return None
        texts.append(text)
    included_files.budget.count_values(entry.values, source)
    included_files.budget.count_inserted(entry.text, entry.expressions, source)
    return [unpack(cached, texts) for cached in entry.manifests]


def entry_of(file_read: FileRead, included_files: IncludedFiles) -> Entry | None:
    """The cache entry of a file; None if its manifests depend on more than its bytes, texts, overlays and settings."""
    manifests = [parsed.manifest for parsed in file_read.manifests if parsed.manifest]
    if len(manifests) < len(file_read.manifests) or not all(map(_is_closed, manifests)):
        return None
    texts = [included.text for included in included_files.inclusions]
    after = Usage.of(included_files)
    return Entry(
        digest(file_read.content),
        {**file_read.overlays},
        tuple(
            IncludedText(included_files.shown(included.manifest), included.name, digest(included.text.encode()))
            for included in included_files.inclusions
        ),
        after.values - file_read.usage_before.values,
        after.text - file_read.usage_before.text,
        after.expressions - file_read.usage_before.expressions,
        tuple(pack(parsed, texts) for parsed in file_read.manifests),
    )


def _is_closed(manifest: Manifest) -> bool:
    """Whether a manifest depends neither on a file to upload nor on the time zones of the machine."""
    return manifest.file is None and (manifest.recrawl is None or manifest.recrawl.timezone == Recrawl().timezone)


def _current_text(included: IncludedText, files: Mapping[str, Path], library: IncludedFiles) -> str | None:
    """The present text of an included file; None if it cannot be read."""
    manifest = files.get(included.manifest)
    try:
        return library.content(included.name, manifest) if manifest else None
    except ValueError:
        return None
