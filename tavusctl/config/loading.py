"""Files to manifests: finds the project, reads every YAML file once, and tells all that is wrong in one run.

The only stage that reads files.  What a manifest says is checked against its kind; what it refers to is not looked up.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from msgspec import Struct, field
from msgspec.structs import replace

from tavusctl.config import files, yaml12
from tavusctl.config.cache.manifest_cache import ManifestCache
from tavusctl.config.envelope import ParsedManifest
from tavusctl.config.limits import LIMITS, Budget, Limits
from tavusctl.config.project_file.project import FILE, default, doubtful, open_project, unreadable
from tavusctl.config.reading import Reading, said, twice
from tavusctl.core.address import Address, Source
from tavusctl.core.diagnostics import Diagnostic, Severity
from tavusctl.core.errors import UsageError
from tavusctl.core.messages import listed, suggestion
from tavusctl.core.model import Manifest
from tavusctl.core.project_settings import Environment, Project
from tavusctl.core.resource_kind import ResourceKind
from tavusctl.secrets import redaction


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


def find_project(start: Path | None) -> tuple[Project, tuple[Diagnostic, ...]]:
    """The project around a folder, and what is wrong with its file."""
    folder = Path(os.path.abspath(start or Path.cwd()))  # noqa: PTH100 - links in the way to the project stay as they are
    root = next((parent for parent in _upward(folder) if os.path.lexists(parent / FILE)), None)
    if root is None:
        return default(folder), _misnamed(folder)
    return _project(root)


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


def _upward(folder: Path) -> Iterator[Path]:
    """A folder and those around it, up to the top of the repository; never into a stranger's folder."""
    own = {_owner(folder), getattr(os, "geteuid", lambda: None)()}
    for parent in (folder, *folder.parents):
        if _owner(parent) not in own:
            return
        yield parent
        if os.path.lexists(parent / ".git"):
            return


def _owner(folder: Path) -> int | None:
    try:
        return folder.stat().st_uid
    except OSError:
        return None


def _misnamed(folder: Path) -> tuple[Diagnostic, ...]:
    if not os.path.lexists(folder / "tavusctl.yml"):
        return ()
    source = Source("tavusctl.yml", 1, 1)
    return (Diagnostic("TV110", "the project file must be named tavusctl.yaml", source, "rename it"),)


def _project(root: Path) -> tuple[Project, tuple[Diagnostic, ...]]:
    try:
        text = files.read_bytes(root / FILE, root, yaml12.MAX_BYTES)
    except files.RefusedError as error:
        return unreadable(root), (Diagnostic("TV110", f"the project file {error}", Source(FILE, 1, 1)),)
    about = redaction.about(text.decode("utf-8", "replace"))
    parsed = yaml12.read(text, FILE)
    if not parsed.documents:
        return unreadable(root) if parsed.diagnostics else default(root), said(parsed.diagnostics, about)
    project, notes = open_project(parsed.documents[0], root)
    if len(parsed.documents) > 1:
        notes.error(
            "TV101", "the project file must contain one YAML document, found another", parsed.documents[1].source
        )
    diagnostics = tuple(sorted(said((*parsed.diagnostics, *notes.diagnostics), about), key=place))
    return replace(project, doubtful=doubtful(parsed.documents[0], diagnostics)), diagnostics


def chosen(project: Project, name: str | None, diagnostics: Sequence[Diagnostic]) -> Environment:
    """The environment of a project that is meant; UsageError when that is not clear."""
    known = project.environments
    broken = any(diagnostic.severity is Severity.ERROR for diagnostic in diagnostics)
    if name is None and len(known) == 1:
        return next(iter(known.values()))
    if name is not None and name in known:
        return known[name]
    if broken:  # its complaints say more than the choice does
        return Environment(name or "default")
    names = listed(sorted(known))
    if name is None:
        message = f"the project has several environments: {names}"
        raise UsageError(message, "choose one with `--env NAME` or TAVUSCTL_ENV")
    message = f"unknown environment `{name}`; known: {names}"
    raise UsageError(message, suggestion(name, known))


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
                message = f"moved_from: `{old}` {state}, at {other.source}"
                hint = "remove one of the two: an address in `moved_from` cannot be used by another manifest"
                yield Diagnostic("TV118", message, opened.source, hint, address)


def place(diagnostic: Diagnostic) -> tuple[str, int, int, str, str]:
    """What complaints are sorted by: file, line, column."""
    source = diagnostic.source or Source("", 0, 0)
    return source.path, source.line, source.column, diagnostic.id, diagnostic.message
