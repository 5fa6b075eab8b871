"""Files to manifests: finds the project, reads every YAML file once, and tells all that is wrong in one run.

The only stage that reads files.  What a manifest says is checked against its kind; what it refers to is not looked up.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

from msgspec import Struct, field
from msgspec.structs import replace

from tavusctl import redaction, yaml12
from tavusctl.engine.load import files, meant
from tavusctl.engine.load.attachments import Desk, Measured
from tavusctl.engine.load.budget import LIMITS, Budget, Limits, OverError
from tavusctl.engine.load.envelope import Opened, open_document
from tavusctl.engine.load.folders import find, shown_path, start
from tavusctl.engine.load.library import Library
from tavusctl.engine.load.project import FILE, default, doubtful, open_project, unreadable
from tavusctl.errors import UsageError
from tavusctl.interpolation import FileText, Scope
from tavusctl.model import Address, Complaint, Environment, Manifest, Project, ResourceKind, Severity, Source
from tavusctl.wording import suggestion

_MAX_COMPLAINTS: Final = 500  # of one file
_MARK: Final = b"tavusctl: ignore="  # in a comment: what validate is not to remark on


class Loaded(Struct, frozen=True):
    """All manifests that are right, sorted by address, and all that is wrong."""

    manifests: tuple[Manifest, ...]
    complaints: tuple[Complaint, ...]
    files: int  # YAML files found
    declared: frozenset[Address] = frozenset()  # addresses in the files, those of manifests with errors included
    origins: Mapping[Address, Mapping[str, str]] = field(default_factory=dict)  # pointer into spec -> file it came from
    drafts: tuple[Manifest, ...] = ()  # those with something wrong in them, of which more may be said
    brought: frozenset[Path] = frozenset()  # files whose content manifests bring
    unread: tuple[str, ...] = ()  # texts of files in which some address could not be read; empty where no text was
    marked: Mapping[str, str] = field(default_factory=dict)  # texts of the files in which something is to be ignored


def read_project(start: Path | None, *, environment: str | None) -> tuple[Project, Environment, tuple[Complaint, ...]]:
    """The project around a folder and one of its environments; UsageError when the choice is not clear."""
    project, complaints = find_project(start)
    return project, chosen(project, environment, complaints), complaints


def find_project(start: Path | None) -> tuple[Project, tuple[Complaint, ...]]:
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
) -> Loaded:
    """Every manifest of the project, or those in some of its files and folders."""
    complaints: list[Complaint] = []
    budget = Budget(limits)
    found: list[Path] = []
    opened: list[Opened] = []
    marked: dict[str, str] = {}
    library = Library(Path(project.root), Path(project.manifests), lambda path: shown_path(path, project), budget)
    unread: list[str] = []
    try:
        found = find(project, paths, complaints, budget)
        unread += ["" for _ in complaints]  # of folders nobody knows what is in them
        for path in found:
            before = len(complaints)
            here = _read_file(
                path, project, environment, kinds, complaints, marked=marked, library=library, unread=unread
            )
            opened += here
            told = len(complaints) - before + sum(len(each.complaints) for each in here)
            budget.told(told, start(path, project))
    except OverError as over:
        complaints += [over.complaint, *(one for each in opened for one in each.complaints)]
        opened.clear()  # what is said of a part may be wrong of the whole
        unread.append("")
    first: dict[Address, Opened] = {}
    for each in opened:
        complaints += each.complaints
        if each.address is not None and first.setdefault(each.address, each) is not each:
            complaints.append(_twice(each.address, each.source, first[each.address].source))
    complaints += _left_behind(first)
    manifests = [each.manifest for _, each in sorted(first.items()) if each.manifest]
    origins = {address: each.origins for address, each in first.items() if each.origins}
    drafts = tuple(each.draft for _, each in sorted(first.items()) if each.draft)
    return Loaded(
        tuple(manifests),
        tuple(sorted(complaints, key=place)),
        len(found),
        frozenset(first),
        origins,
        drafts,
        frozenset(library.brought),
        tuple(unread),
        marked,
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


def _misnamed(folder: Path) -> tuple[Complaint, ...]:
    if not os.path.lexists(folder / "tavusctl.yml"):
        return ()
    source = Source("tavusctl.yml", 1, 1)
    return (Complaint("TV110", "the project file must be called tavusctl.yaml", source, "rename it"),)


def _project(root: Path) -> tuple[Project, tuple[Complaint, ...]]:
    try:
        text = files.read_bytes(root / FILE, root, yaml12.MAX_BYTES)
    except files.RefusedError as error:
        return unreadable(root), (Complaint("TV110", f"the project file {error}", Source(FILE, 1, 1)),)
    about = redaction.about(text.decode("utf-8", "replace"))
    parsed = yaml12.read(text, FILE)
    if not parsed.documents:
        return unreadable(root) if parsed.complaints else default(root), _said(parsed.complaints, about)
    project, notes = open_project(parsed.documents[0], root)
    if len(parsed.documents) > 1:
        notes.error("TV101", "the project file is one document, found another", parsed.documents[1].source)
    complaints = tuple(sorted(_said((*parsed.complaints, *notes.complaints), about), key=place))
    return replace(project, doubtful=doubtful(parsed.documents[0], complaints)), complaints


def chosen(project: Project, name: str | None, complaints: Sequence[Complaint]) -> Environment:
    """The environment of a project that is meant; UsageError when that is not clear."""
    known = project.environments
    broken = any(complaint.severity is Severity.ERROR for complaint in complaints)
    if name is None and len(known) == 1:
        return next(iter(known.values()))
    if name is not None and name in known:
        return known[name]
    if broken:  # its complaints say more than the choice does
        return Environment(name or "default")
    names = ", ".join(sorted(known))
    if name is None:
        message = f"the project has several environments: {names}"
        raise UsageError(message, "choose one with --env NAME or TAVUSCTL_ENV")
    message = f"there is no environment {name!r}; there is {names}"
    raise UsageError(message, suggestion(name, known))


def _read_file(
    path: Path,
    project: Project,
    environment: Environment,
    kinds: Mapping[str, ResourceKind],
    complaints: list[Complaint],
    *,
    marked: dict[str, str],
    library: Library,
    unread: list[str],
) -> list[Opened]:
    try:
        text = files.read_bytes(path, Path(project.root), yaml12.MAX_BYTES)
    except files.RefusedError as error:
        id = "TV115" if error.too_large else "TV110"  # noqa: A001 - as in Complaint
        complaints.append(Complaint(id, f"the file {error}", start(path, project)))
        unread.append("")
        return []
    about = redaction.about(text.decode("utf-8", "replace"))
    library.budget.opened(len(text), start(path, project))
    parsed = yaml12.read(text, shown_path(path, project))
    complaints += _said(parsed.complaints, about)
    library.budget.parsed(parsed.values, start(path, project))
    if _MARK in text:
        marked[shown_path(path, project)] = text.decode("utf-8", "replace")

    def read_file(name: str) -> FileText:
        with _hinting(project, path, name):
            return library.text(name, path)

    def measure(name: str, limit: int) -> Measured:
        with _hinting(project, path, name):
            return library.measure(name, limit, path, start(path, project))

    told = 0
    scope, desk = Scope(environment.vars, frozenset(project.secrets), read_file), Desk(measure, environment.uploads)
    opened: list[Opened] = []
    for node in parsed.documents:
        found = open_document(node, kinds, scope, desk, library.budget)
        opened.append(replace(found, complaints=_said(found.complaints, about)))
        told += len(opened[-1].complaints)
        if told > _MAX_COMPLAINTS:
            message = f"more than {_MAX_COMPLAINTS} problems; the rest of the file is not checked"
            complaints.append(Complaint("TV115", message, node.source))
            break
    broken = any(one.severity is Severity.ERROR for one in parsed.complaints)
    if broken or len(opened) < len(parsed.documents) or not all(one.address for one in opened):
        unread.append(text.decode("utf-8", "replace"))
    return opened


def _said(complaints: Sequence[Complaint], about: Callable[[str], str]) -> tuple[Complaint, ...]:
    """Complaints without what they quote of the secrets in the text that they are about."""
    return tuple(replace(one, message=about(one.message), hint=about(one.hint)) for one in complaints)


@contextlib.contextmanager
def _hinting(project: Project, manifest: Path, name: str) -> Iterator[None]:
    """Say with a file that cannot be had which one was probably meant."""
    try:
        yield
    except files.RefusedError as error:
        if not error.too_large:
            there = meant.likely(project, manifest, name)
            error.hint = there if there != name else ""
        raise


def _twice(address: Address, here: Source, there: Source) -> Complaint:
    return Complaint(
        "TV108", f"{address} is declared here and at {there}", here, "give one of them another name", address
    )


def _left_behind(declared: Mapping[Address, Opened]) -> Iterator[Complaint]:
    """What is wrong with addresses that were left: they are still in use, or two manifests have left them."""
    left: dict[Address, Opened] = {}
    for address, opened in sorted(declared.items()):
        for old in opened.manifest.moved_from if opened.manifest else ():
            other = declared.get(old) or left.setdefault(old, opened)
            if other is not opened:
                state = "is still declared" if old in declared else f"has become {other.address} as well"
                message = f"moved_from: {old} {state}, at {other.source}"
                hint = "an address that was left belongs to nobody; take one of the two out"
                yield Complaint("TV118", message, opened.source, hint, address)


def place(complaint: Complaint) -> tuple[str, int, int, str, str]:
    """What complaints are sorted by: file, line, column."""
    source = complaint.source or Source("", 0, 0)
    return source.path, source.line, source.column, complaint.id, complaint.message
