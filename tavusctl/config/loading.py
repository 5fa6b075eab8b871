"""Files to manifests: finds the project, reads every YAML file once, and tells all that is wrong in one run.

The only stage that reads files.  What a manifest says is checked against its kind; what it refers to is not looked up.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from msgspec import Struct, field

from tavusctl.config import files
from tavusctl.config.cache.manifest_cache import ManifestCache
from tavusctl.config.envelope import ParsedManifest
from tavusctl.config.limits import LIMITS, Budget, Limits
from tavusctl.config.reading import Reading, twice
from tavusctl.core.address import Address, Source
from tavusctl.core.diagnostics import Diagnostic, place
from tavusctl.core.model import Manifest
from tavusctl.core.project_settings import Environment, Project
from tavusctl.core.resource_kind import ResourceKind


class LoadResult(Struct, frozen=True):
    """All manifests that are right, sorted by address, and all that is wrong."""

    manifests: tuple[Manifest, ...]
    diagnostics: tuple[Diagnostic, ...]
    files: int  # YAML files found
    declared: frozenset[Address] = frozenset()  # addresses in the files, those of manifests with errors included
    origins: Mapping[Address, Mapping[str, str]] = field(default_factory=dict)  # pointer into spec -> file it came from
    drafts: tuple[Manifest, ...] = ()  # those with something wrong in them, of which more may be said
    brought: frozenset[Path] = frozenset()  # files whose content manifests bring
    unread: tuple[str, ...] = ()  # texts of files in which some address could not be read; empty where no text was
    marked: Mapping[str, str] = field(default_factory=dict)  # texts of the files in which something is to be ignored


def read(
    project: Project,
    environment: Environment,
    kinds: Mapping[str, ResourceKind],
    paths: Sequence[Path] = (),
    limits: Limits = LIMITS,
    cache: ManifestCache | None = None,
) -> LoadResult:
    """Every manifest of the project, or those in some of its files and folders; a cache is of whole projects."""
    reading = Reading.of(project, environment, kinds, Budget(limits), cache)
    with files.many():
        found = reading.take(paths)
    first, wrong = _by_address(reading.opened)
    wrong = [*reading.diagnostics, *wrong, *_left_behind(first)]
    ordered = [each for _, each in sorted(first.items())]
    return LoadResult(
        tuple(each.manifest for each in ordered if each.manifest),
        tuple(sorted(wrong, key=place)),
        len(found),
        frozenset(first),
        {address: each.origins for address, each in first.items() if each.origins},
        tuple(each.draft for each in ordered if each.draft),
        frozenset(reading.library.brought),
        tuple(reading.unread),
        reading.marked,
    )


def _by_address(opened: Sequence[ParsedManifest]) -> tuple[dict[Address, ParsedManifest], list[Diagnostic]]:
    """The first document of each address; what is wrong with documents, and with those of a known address."""
    first: dict[Address, ParsedManifest] = {}
    wrong: list[Diagnostic] = []
    for each in opened:
        wrong += each.diagnostics
        if each.address is not None and first.setdefault(each.address, each) is not each:
            wrong.append(twice(each.address, each.source, first[each.address].source))
    return first, wrong


def _left_behind(declared: Mapping[Address, ParsedManifest]) -> Iterator[Diagnostic]:
    """What is wrong with addresses that were left: they are still in use, or two manifests have left them."""
    left: dict[Address, ParsedManifest] = {}
    for address, opened in sorted(declared.items()):
        for old in opened.manifest.moved_from if opened.manifest else ():
            other = declared.get(old) or left.setdefault(old, opened)
            if other is not opened:
                state = (
                    "is still declared"
                    if old in declared
                    else f"is listed in `moved_from` of `{other.address}` as well"
                )
                there = other.source if old in declared else _where_moved(other)
                message = f"moved_from: `{old}` {state}, at {there}"
                hint = "remove one of the two: an address in `moved_from` cannot be used by another manifest"
                yield Diagnostic("TV118", message, _where_moved(opened), hint, address)


def _where_moved(opened: ParsedManifest) -> Source:
    """The location of `moved_from`, which may be in an overlay."""
    return opened.manifest.beside.get("moved_from", opened.source) if opened.manifest else opened.source
