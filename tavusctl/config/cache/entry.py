"""A manifest as it is kept between runs, and what it was read from.  Pure."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TypeVar

from msgspec import Struct
from msgspec.structs import replace

from tavusctl.config.envelope import ParsedManifest
from tavusctl.config.spec.unknown_keys import value_at
from tavusctl.core.address import Address, Source
from tavusctl.core.json_tree import Leaf, with_leaves
from tavusctl.lib.json_types import KeyPath
from tavusctl.patch.pointer import split
from tavusctl.secrets.values import SecretText

Kept = TypeVar("Kept")
Leaves = tuple[tuple[KeyPath, Kept], ...]


class Brought(Struct, frozen=True, array_like=True):
    """A text that a manifest brings from a file, by its digest."""

    manifest: str  # that names the file, as people call it
    name: str
    digest: str


class CachedManifest(Struct, frozen=True, array_like=True):
    """A manifest without its positions, and with an empty text in place of references, secrets and brought texts."""

    parsed: ParsedManifest
    paths: tuple[str, ...]  # of files in which something is written
    sources: dict[str, tuple[int, int, int]]  # by pointer: number of the path, line, column
    references: Leaves[Address]
    secrets: Leaves[SecretText]
    texts: Leaves[int]  # which of the brought ones


class Entry(Struct, frozen=True, array_like=True):
    """What was read from one file of manifests, of which there is nothing to say."""

    content: str  # digest of the file
    overlays: dict[str, str]  # digests of the documents that lie over it, by address
    brought: tuple[Brought, ...]
    values: int  # that count against the limits of a project
    text: int
    expressions: int
    manifests: tuple[CachedManifest, ...]


def packed(parsed: ParsedManifest, texts: Sequence[str]) -> CachedManifest:
    """A manifest to be kept; `texts` are those that it brings from files."""
    manifest = parsed.manifest
    if manifest is None:
        return CachedManifest(parsed, (), {}, (), (), ())
    paths = {path: number for number, path in enumerate(dict.fromkeys(one.path for one in manifest.sources.values()))}
    sources = {at: (paths[one.path], one.line, one.column) for at, one in manifest.sources.items()}
    references = tuple((path, leaf) for path, leaf in manifest.marks if isinstance(leaf, Address))
    secrets = tuple((path, leaf) for path, leaf in manifest.marks if isinstance(leaf, SecretText))
    brought = tuple(
        (path, texts.index(text))
        for path in map(split, parsed.origins)
        if isinstance(text := value_at(manifest.spec, path), str) and text in texts
    )
    gone: dict[KeyPath, Leaf | str] = dict.fromkeys((path for path, _ in (*references, *secrets, *brought)), "")
    bare = replace(manifest, spec=with_leaves(manifest.spec, gone), sources={})
    return CachedManifest(replace(parsed, manifest=bare), tuple(paths), sources, references, secrets, brought)


def unpacked(cached: CachedManifest, texts: Sequence[str]) -> ParsedManifest:
    """The manifest that was kept, with the texts that it brings from files."""
    manifest = cached.parsed.manifest
    if manifest is None:
        return cached.parsed
    brought = ((path, texts[number]) for path, number in cached.texts)
    leaves: dict[KeyPath, Leaf | str] = dict([*cached.references, *cached.secrets, *brought])
    spec = with_leaves(manifest.spec, leaves)
    sources = {
        sys.intern(at): Source(cached.paths[number], line, column)
        for at, (number, line, column) in cached.sources.items()
    }
    return replace(cached.parsed, manifest=replace(manifest, spec=spec, sources=sources))
