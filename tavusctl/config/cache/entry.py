"""Entries of the cache: manifests in the form that is stored, and what they were read from.  Pure."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TypeVar

from msgspec import Struct
from msgspec.structs import replace

from tavusctl.config.envelope import ParsedManifest
from tavusctl.core.address import Address, Source
from tavusctl.core.json_tree import Leaf, value_at, with_leaves
from tavusctl.lib.json_types import KeyPath
from tavusctl.patch.pointer import split
from tavusctl.secrets.values import SecretText

Value = TypeVar("Value")
Leaves = tuple[tuple[KeyPath, Value], ...]


class IncludedText(Struct, frozen=True, array_like=True):
    """A text that a manifest includes from a file, by its digest."""

    manifest: str  # shown path of the manifest that includes it
    name: str
    digest: str


class CachedManifest(Struct, frozen=True, array_like=True):
    """A parsed manifest in the form that is stored.

    Its positions, references, secrets and included texts are stored apart; in `spec`, an empty text replaces them.
    """

    parsed: ParsedManifest
    paths: tuple[str, ...]  # of the files in `sources`
    sources: dict[str, tuple[int, int, int]]  # by pointer: index into `paths`, line, column
    references: Leaves[Address]
    secrets: Leaves[SecretText]
    texts: Leaves[int]  # indices into the included texts


class Entry(Struct, frozen=True, array_like=True):
    """The manifests of one file without diagnostics, with all that they depend on."""

    content: str  # digest of the file
    overlays: dict[str, str]  # digests of the overlay documents merged into it, by address
    included_texts: tuple[IncludedText, ...]
    values: int  # this and the next two count against the limits of the project
    text: int
    expressions: int
    manifests: tuple[CachedManifest, ...]


def pack(parsed: ParsedManifest, texts: Sequence[str]) -> CachedManifest:
    """Prepare a manifest for the cache; `texts` are those that its file includes."""
    manifest = parsed.manifest
    if manifest is None:
        return CachedManifest(parsed, (), {}, (), (), ())
    places = dict(manifest.sources)  # each position is made when it is asked for
    paths = {path: number for number, path in enumerate(dict.fromkeys(place.path for place in places.values()))}
    sources = {pointer: (paths[place.path], place.line, place.column) for pointer, place in places.items()}
    references = tuple((path, leaf) for path, leaf in manifest.special_leaves if isinstance(leaf, Address))
    secrets = tuple((path, leaf) for path, leaf in manifest.special_leaves if isinstance(leaf, SecretText))
    included = tuple(
        (path, texts.index(text))
        for path in map(split, parsed.origins)
        if isinstance(text := value_at(manifest.spec, path), str) and text in texts
    )
    emptied: dict[KeyPath, Leaf | str] = dict.fromkeys((path for path, _ in (*references, *secrets, *included)), "")
    stripped = replace(manifest, spec=with_leaves(manifest.spec, emptied), sources={})
    return CachedManifest(replace(parsed, manifest=stripped), tuple(paths), sources, references, secrets, included)


def unpack(cached: CachedManifest, texts: Sequence[str]) -> ParsedManifest:
    """Restore a manifest from the cache; `texts` are those that its file includes."""
    manifest = cached.parsed.manifest
    if manifest is None:
        return cached.parsed
    included = ((path, texts[number]) for path, number in cached.texts)
    leaves: dict[KeyPath, Leaf | str] = dict([*cached.references, *cached.secrets, *included])
    spec = with_leaves(manifest.spec, leaves)
    sources = {
        sys.intern(pointer): Source(cached.paths[number], line, column)
        for pointer, (number, line, column) in cached.sources.items()
    }
    return replace(cached.parsed, manifest=replace(manifest, spec=spec, sources=sources))
