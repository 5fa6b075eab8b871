"""What an earlier run has read from a file, used again: the files that it brings are read, and nothing is parsed."""

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
    """What was used up of the limits of a project."""

    values: int
    text: int
    expressions: int

    @classmethod
    def of(cls, library: IncludedFiles) -> Used:
        """As much as it is now."""
        return cls(library.budget.values, library.budget.text, library.budget.expressions)


class FileRead(Struct, frozen=True):
    """A file of which there is nothing to say, read afresh."""

    content: bytes
    manifests: Sequence[ParsedManifest]
    overlays: Mapping[str, str]  # digests of the documents laid over them, by address
    before: Used


def recalled(
    entry: Entry,
    where: Source,
    lies_over: Callable[[Address], str],
    files: Mapping[str, Path],
    library: IncludedFiles,
) -> Sequence[ParsedManifest] | None:
    """The manifests of a file that has not changed; None where anything that they depend on has.

    `lies_over` tells the digest of the document that is laid over one, `files` paths by what people call them.
    """
    addresses = [one.parsed.address for one in entry.manifests]
    laid = {str(one): over for one in addresses if one and (over := lies_over(one))}
    if laid != entry.overlays or not library.budget.has_room(entry.values, entry.text, entry.expressions):
        return None
    texts = [_brought(one, files, library) for one in entry.brought]
    if [digest(one.encode()) for one in texts] != [one.digest for one in entry.brought]:
        return None
    library.budget.parsed(entry.values, where)
    library.budget.brought(entry.text, entry.expressions, where)
    return [unpacked(one, texts) for one in entry.manifests]


def entry_of(made: FileRead, library: IncludedFiles) -> Entry | None:
    """What is kept of a file; None where it depends on more than its bytes, texts, overlays and the settings."""
    manifests = [one.manifest for one in made.manifests if one.manifest]
    if len(manifests) < len(made.manifests) or not all(map(_is_closed, manifests)):
        return None
    texts = [one.text for one in library.asked]
    after = Used.of(library)
    return Entry(
        digest(made.content),
        {**made.overlays},
        tuple(Brought(library.shown(one.manifest), one.name, digest(one.text.encode())) for one in library.asked),
        after.values - made.before.values,
        after.text - made.before.text,
        after.expressions - made.before.expressions,
        tuple(packed(one, texts) for one in made.manifests),
    )


def _is_closed(manifest: Manifest) -> bool:
    """Whether a manifest depends on nothing else: not on a file for the API, nor on the time zones of the machine."""
    return manifest.file is None and (manifest.recrawl is None or manifest.recrawl.timezone == Recrawl().timezone)


def _brought(one: Brought, files: Mapping[str, Path], library: IncludedFiles) -> str:
    """The text of a file as it is now; empty where it is not to be had, as no text is that was brought."""
    manifest = files.get(one.manifest)
    try:
        return library.content(one.name, manifest) if manifest else ""
    except ValueError:
        return ""
