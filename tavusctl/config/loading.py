"""Loading manifests: find the YAML files of a project, read each once, and report all problems in one run.

The only stage that reads files.  A manifest is checked against its kind; its references are not resolved.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

from msgspec import Struct

from tavusctl.config import files
from tavusctl.config.cache.manifest_cache import ManifestCache
from tavusctl.config.envelope import ParsedManifest
from tavusctl.config.included_files import IncludedFiles
from tavusctl.config.limits import LIMITS, Budget, Limits
from tavusctl.config.manifest_files import shown_path
from tavusctl.config.reading import Reading, duplicate_address
from tavusctl.core.address import Address, Source
from tavusctl.core.diagnostics import Diagnostic, Severity, place
from tavusctl.core.model import Manifest
from tavusctl.core.project_settings import Environment, Project
from tavusctl.core.resource_kind import ResourceKind

_LOOK_ALIKE: Final = "TV105"


class LoadResult(Struct, frozen=True):
    """All valid manifests, sorted by address, and all diagnostics."""

    manifests: tuple[Manifest, ...]
    diagnostics: tuple[Diagnostic, ...]
    files: int  # YAML files found
    declared: frozenset[Address] = frozenset()  # all addresses in the files, also of manifests with errors
    origins: Mapping[Address, Mapping[str, str]] = {}  # pointer into spec -> file of the value
    invalid_manifests: tuple[Manifest, ...] = ()  # manifests with errors; rules may check the rest of them
    included_files: frozenset[Path] = frozenset()  # files whose content manifests include
    unreadable_texts: tuple[str, ...] = ()  # as in `Reading`
    suppression_texts: Mapping[str, str] = {}  # texts of files with suppressions, by shown path


def read(
    project: Project,
    environment: Environment,
    kinds: Mapping[str, ResourceKind],
    paths: Sequence[Path] = (),
    limits: Limits = LIMITS,
    cache: ManifestCache | None = None,
) -> LoadResult:
    """Read every manifest of the project, or those in `paths`; then a cache must be that of a part."""
    root, folder = Path(project.root), Path(project.manifests)
    included_files = IncludedFiles(root, folder, lambda path: shown_path(path, project), Budget(limits))
    reading = Reading(project, environment, kinds, included_files, cache)
    with files.keep_folders_open():
        files_found = reading.read_files(paths)
    if cache:
        cache.share_of_limits = included_files.budget.share
    first, diagnostics = _by_address(reading.parsed_manifests)
    diagnostics = [*reading.diagnostics, *diagnostics, *_check_former_addresses(first)]
    ordered = [parsed for _, parsed in sorted(first.items())]
    return LoadResult(
        tuple(parsed.manifest for parsed in ordered if parsed.manifest),
        tuple(sorted(_without_misleading(diagnostics), key=place)),
        len(files_found),
        frozenset(first),
        {address: parsed.origins for address, parsed in first.items() if parsed.origins},
        tuple(parsed.invalid_manifest for parsed in ordered if parsed.invalid_manifest),
        frozenset(included_files.included_paths),
        tuple(reading.unreadable_texts),
        reading.suppression_texts,
    )


def _by_address(opened: Sequence[ParsedManifest]) -> tuple[dict[Address, ParsedManifest], list[Diagnostic]]:
    """The first document of each address, and all diagnostics: of the documents, and of duplicate addresses."""
    first: dict[Address, ParsedManifest] = {}
    diagnostics: list[Diagnostic] = []
    for parsed in opened:
        diagnostics += parsed.diagnostics
        if parsed.address is not None and first.setdefault(parsed.address, parsed) is not parsed:
            diagnostics.append(duplicate_address(parsed.address, parsed.source, first[parsed.address].source))
    return first, diagnostics


def _without_misleading(diagnostics: Sequence[Diagnostic]) -> Iterator[Diagnostic]:
    """Diagnostics without the advice to put a text in quotes where an error says that no text may stand."""
    wrong = {one.source for one in diagnostics if one.id != _LOOK_ALIKE and one.severity is Severity.ERROR}
    yield from (one for one in diagnostics if one.id != _LOOK_ALIKE or one.source not in wrong)


def _check_former_addresses(declared: Mapping[Address, ParsedManifest]) -> Iterator[Diagnostic]:
    """Diagnostics of addresses in `moved_from` that are still declared, or that two manifests list."""
    former_addresses: dict[Address, ParsedManifest] = {}
    for address, opened in sorted(declared.items()):
        for old in opened.manifest.moved_from if opened.manifest else ():
            other = declared.get(old) or former_addresses.setdefault(old, opened)
            if other is not opened:
                state = (
                    "is still declared"
                    if old in declared
                    else f"is listed in `moved_from` of `{other.address}` as well"
                )
                location = other.source if old in declared else _where_moved(other)
                message = f"moved_from: `{old}` {state}, at {location}"
                hint = "remove one of the two: an address in `moved_from` cannot be used by another manifest"
                yield Diagnostic("TV118", message, _where_moved(opened), hint, address)


def _where_moved(opened: ParsedManifest) -> Source:
    """The location of `moved_from`, which may be in an overlay."""
    return opened.manifest.envelope_sources.get("moved_from", opened.source) if opened.manifest else opened.source
