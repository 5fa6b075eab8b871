"""Entries of the cache: manifests in the form that is stored, and what they were read from.

An entry is used after its included texts were read again and compared by digest; nothing is parsed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

from msgspec import Struct
from msgspec.structs import replace

from tavusctl.config.cache.document_digests import Digests
from tavusctl.config.envelope import ParsedManifest
from tavusctl.config.included_files import IncludedFiles
from tavusctl.config.limits import Budget
from tavusctl.config.yaml12.positions import Places, Positions, compact
from tavusctl.core.address import Address, Source
from tavusctl.core.json_tree import Leaf, value_at, with_leaves
from tavusctl.core.model import Manifest, Recrawl
from tavusctl.lib.json_types import KeyPath
from tavusctl.patch.pointer import split
from tavusctl.secrets.values import SecretText

Value = TypeVar("Value")
Leaves = tuple[tuple[KeyPath, Value], ...]


Shape = tuple[Places, ...]  # pointers of the positions in each manifest of a file; nearly all files have the same


class IncludedText(Struct, frozen=True, array_like=True):
    """A text that a manifest includes from a file, by its digest."""

    manifest: str  # shown path of the manifest that includes it
    name: str
    digest: bytes


class CachedManifest(Struct, frozen=True, array_like=True):
    """A parsed manifest in the form that is stored.

    Its positions, references, secrets and included texts are stored apart; in `spec`, an empty text replaces them.
    The pointers of its positions are in the shape of its file.
    """

    parsed: ParsedManifest
    paths: tuple[str, ...]  # of the files in its positions
    numbers: list[int]  # see `Positions`
    references: Leaves[Address]
    secrets: Leaves[SecretText]
    texts: Leaves[int]  # indices into the included texts


class Entry(Struct, frozen=True, array_like=True):
    """The manifests of one file without diagnostics, with all that they depend on."""

    content: bytes  # digest of the file
    overlays: dict[str, str]  # digests of the overlay documents merged into it, by address
    included_texts: tuple[IncludedText, ...]
    values: int  # this and the next two count against the limits of the project
    text: int
    expressions: int
    manifests: tuple[CachedManifest, ...]


def pack(parsed: ParsedManifest, positions: Positions, texts: Sequence[str]) -> CachedManifest:
    """Prepare a manifest for the cache; `texts` are those that its file includes."""
    manifest = parsed.manifest
    if manifest is None:
        return CachedManifest(parsed, (), [], (), (), ())
    references = tuple((path, leaf) for path, leaf in manifest.special_leaves if isinstance(leaf, Address))
    secrets = tuple((path, leaf) for path, leaf in manifest.special_leaves if isinstance(leaf, SecretText))
    included = tuple(
        (path, texts.index(text))
        for path in map(split, parsed.origins)
        if isinstance(text := value_at(manifest.spec, path), str) and text in texts
    )
    emptied: dict[KeyPath, Leaf | str] = dict.fromkeys((path for path, _ in (*references, *secrets, *included)), "")
    stripped = replace(manifest, spec=with_leaves(manifest.spec, emptied), sources={})
    return CachedManifest(
        replace(parsed, manifest=stripped),
        positions.paths,
        positions.numbers.tolist(),
        references,
        secrets,
        included,
    )


def unpack(cached: CachedManifest, places: Places, texts: Sequence[str]) -> ParsedManifest:
    """Restore a manifest from the cache; `texts` are those that its file includes."""
    manifest = cached.parsed.manifest
    if manifest is None:
        return cached.parsed
    included = ((path, texts[number]) for path, number in cached.texts)
    leaves: dict[KeyPath, Leaf | str] = dict([*cached.references, *cached.secrets, *included])
    spec = with_leaves(manifest.spec, leaves)
    sources = Positions(cached.paths, places, compact(cached.numbers))
    return replace(cached.parsed, manifest=replace(manifest, spec=spec, sources=sources))


class FileRead(Struct, frozen=True):
    """A file without diagnostics that was just parsed."""

    content: bytes  # digest
    manifests: Sequence[ParsedManifest]
    overlays: Mapping[str, str]  # digests of the overlay documents merged into them, by address
    budget_before: Budget


def from_cache(
    found: tuple[Entry, Shape],
    source: Source,
    overlay_digest: Callable[[Address], str],
    files: Mapping[str, Path],
    included_files: IncludedFiles,
    digests: Digests,
) -> Sequence[ParsedManifest] | None:
    """The manifests of a file from its cache entry; None if anything that they depend on has changed.

    `overlay_digest` returns the digest of the overlay document of an address, or an empty text; `files` has the paths
    of manifest files by shown path.
    """
    entry, shape = found
    addresses = [cached.parsed.address for cached in entry.manifests]
    overlays = {str(address): over for address in addresses if address and (over := overlay_digest(address))}
    budget = included_files.budget
    if overlays != entry.overlays or not budget.has_room(
        values=entry.values, text=entry.text, expressions=entry.expressions
    ):
        return None
    texts = []
    for included in entry.included_texts:
        text = _current_text(included, files, included_files)
        if text is None or digests.of_text(text) != included.digest:
            return None
        texts.append(text)
    included_files.budget.count(source, values=entry.values, text=entry.text, expressions=entry.expressions)
    return [unpack(cached, places, texts) for cached, places in zip(entry.manifests, shape, strict=True)]


def entry_of(file_read: FileRead, included_files: IncludedFiles, digests: Digests) -> tuple[Entry, Shape] | None:
    """The cache entry of a file, and its shape.

    None if its manifests depend on more than its bytes, texts, overlays and settings.
    """
    manifests = [parsed.manifest for parsed in file_read.manifests if parsed.manifest]
    if len(manifests) < len(file_read.manifests) or not all(map(_is_closed, manifests)):
        return None
    texts = [included.text for included in included_files.inclusions]
    positions = [Positions.of(manifest.sources) for manifest in manifests]
    before, after = file_read.budget_before, included_files.budget
    entry = Entry(
        file_read.content,
        {**file_read.overlays},
        tuple(
            IncludedText(included_files.shown(included.manifest), included.name, digests.of_text(included.text))
            for included in included_files.inclusions
        ),
        after.values - before.values,
        after.text - before.text,
        after.expressions - before.expressions,
        tuple(pack(parsed, place, texts) for parsed, place in zip(file_read.manifests, positions, strict=True)),
    )
    return entry, tuple(one.places for one in positions)


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
