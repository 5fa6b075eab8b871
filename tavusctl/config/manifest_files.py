"""The manifest files of a project: finding them, and their paths as messages show them."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from tavusctl.config.limits import Budget
from tavusctl.core.address import Source
from tavusctl.core.diagnostics import Diagnostic, Severity
from tavusctl.core.errors import UsageError
from tavusctl.core.messages import shown
from tavusctl.core.project_settings import FILE, Environment, Project
from tavusctl.kinds import KINDS, name_of
from tavusctl.lib import unwritten_files
from tavusctl.lib.patterns import pattern
from tavusctl.lib.strict_json import strict_json

SUFFIXES: Final = (".yaml", ".yml")
_UNREAD_SUFFIXES: Final = (".json", ".yaml.txt", ".yml.txt")  # names that manifests get by mistake
_KIND: Final = pattern(r"(?m)^kind\s*:\s*[\"']?(\w+)")
_LARGEST: Final = 256 * 1024  # bytes of a file that is searched for the kind of a manifest


def find(
    project: Project, folder: Path, paths: Sequence[Path], diagnostics: list[Diagnostic], budget: Budget
) -> list[Path]:
    """The manifest files of one folder, the base or an overlay, sorted; with `paths`, only those in these paths.

    Names that begin with a dot are skipped, and so are overlays inside the folder.  Problems with folders and links go
    to `diagnostics`; UsageError if one of the paths does not exist.
    """
    manifests: set[Path] = set()
    for path in paths or (folder,):
        manifests.update(_manifests_in(path, folder, project, diagnostics, budget, is_named=bool(paths)))
    if not paths:
        diagnostics += _misplaced_manifests(folder, project)
        manifests.update(
            path for path in unwritten_files.new_files(Path(project.root)) if _is_manifest_of(project, folder, path)
        )
    return sorted(manifests, key=lambda path: path.parts)


def is_manifest(project: Project, path: Path) -> bool:
    """Whether a path is a manifest of the project, used for the changed files that a git hook passes."""
    return any(_is_manifest_of(project, folder, path) for folder in folders(project))


def folders(project: Project) -> list[Path]:
    """The folders of manifests, each once: the base, then the overlays of all environments."""
    overlays = (
        Path(project.root, environment.overlay) for environment in project.environments.values() if environment.overlay
    )
    return list(dict.fromkeys((Path(project.manifests), *overlays)))


def base_and_overlay_folders(project: Project, environment: Environment) -> list[Path]:
    """The folders of manifests of an environment: the base, then its overlay if it has one."""
    overlay = [Path(project.root, environment.overlay)] if environment.overlay else []
    return [Path(project.manifests), *overlay]


def _is_manifest_of(project: Project, folder: Path, path: Path) -> bool:
    """Whether a path is a manifest of a folder, and not of another manifests folder inside it."""
    absolute = Path(os.path.abspath(path))  # noqa: PTH100 - links are checked when files are read
    is_hidden = any(part.startswith(".") for part in Path(os.path.relpath(absolute, folder)).parts if part != "..")
    has_name = absolute.name.lower().endswith(SUFFIXES) and absolute != Path(project.root, FILE)
    return has_name and not is_hidden and _belongs_to(absolute, folder, project)


def _belongs_to(path: Path, folder: Path, project: Project) -> bool:
    """Whether a path lies in a folder of manifests, and not in another one inside it."""
    inner = (inside for inside in folders(project) if inside != folder and _lies_in(inside, folder))
    return _lies_in(path, folder) and not any(_lies_in(path, nested) for nested in inner)


def _lies_in(path: Path, folder: Path) -> bool:
    """Whether a path lies in a folder, as the paths are written or with all links resolved."""
    return path.is_relative_to(folder) or Path(os.path.realpath(path)).is_relative_to(os.path.realpath(folder))


def file_start(path: Path | str, project: Project) -> Source:
    """The beginning of a file."""
    return Source(shown_path(path, project), 1, 1)


def shown_path(path: Path | str, project: Project) -> str:
    """A path as messages show it: from the root of the project, with / between folders, printable."""
    written, top = str(path), os.path.join(project.root, "")  # noqa: PTH118 - as text, for each file of the project
    if written.startswith(top):
        text = written[len(top) :].replace(os.sep, "/")
    else:
        path = Path(path)
        text = (path.relative_to(project.root) if path.is_relative_to(project.root) else path).as_posix()
    return text if text.isprintable() else "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


def _manifests_in(
    path: Path, folder: Path, project: Project, diagnostics: list[Diagnostic], budget: Budget, *, is_named: bool
) -> Iterator[Path]:
    top = Path(os.path.abspath(path))  # noqa: PTH100 - links are checked when files are read
    if os.path.isdir(top):  # noqa: PTH112 - never raises
        if _belongs_to(top, folder, project):
            yield from _walk(top, project, diagnostics, budget)
        elif _lies_in(folder, top) and os.path.isdir(folder):  # noqa: PTH112 - as above
            yield from _walk(folder, project, diagnostics, budget)
    elif is_named and os.path.lexists(top):
        yield from [top] if _is_manifest_of(project, folder, top) else []
    elif is_named:
        raise UsageError(f"`{path}` does not exist")


def _walk(top: Path, project: Project, diagnostics: list[Diagnostic], budget: Budget) -> Iterator[Path]:
    other_folders, project_file = [other for other in folders(project) if other != top], Path(project.root, FILE)
    pending = [top]
    while pending:
        current = pending.pop()
        entries = _entries(current, project, diagnostics)
        budget.check_depth(len(current.relative_to(top).parts), file_start(current, project))
        budget.count(file_start(current, project), entries=len(entries))
        inner: list[os.DirEntry[str]] = []
        others: list[os.DirEntry[str]] = []
        for entry in entries:
            if not entry.name.startswith("."):
                (inner if _is_folder(entry) else others).append(entry)
        inner = [entry for entry in inner if current / entry.name not in other_folders]
        diagnostics += [_link_to_folder(current / entry.name, project) for entry in inner if entry.is_symlink()]
        pending += [current / entry.name for entry in reversed(inner) if not entry.is_symlink()]
        links = [entry for entry in others if entry.is_symlink() and not _has_suffix(entry)]
        diagnostics += [diagnostic for entry in links for diagnostic in _broken_link(current / entry.name, project)]
        misnamed = [entry for entry in others if entry.name.lower().endswith(_UNREAD_SUFFIXES)]
        unread = (current / entry.name for entry in misnamed if entry.is_file(follow_symlinks=False))
        diagnostics += [_unread_manifest(path, project) for path in unread if _looks_like_manifest(path)]
        manifests = (current / entry.name for entry in others if _has_suffix(entry))
        yield from (path for path in manifests if path != project_file)


def _entries(folder: Path, project: Project, diagnostics: list[Diagnostic]) -> list[os.DirEntry[str]]:
    """The entries of a folder, sorted by name; none, with a diagnostic, if it cannot be read."""
    try:
        with os.scandir(folder) as found:
            return sorted(found, key=lambda entry: entry.name)
    except OSError as error:
        message = f"the folder cannot be read: {error.strerror}; its manifests are unknown"
        diagnostics.append(Diagnostic("TV110", message, file_start(folder, project)))
        return []


def _has_suffix(entry: os.DirEntry[str]) -> bool:
    return entry.name.lower().endswith(SUFFIXES)


def _looks_like_manifest(path: Path) -> bool:
    """Whether the document of a file has a kind as a manifest has, and not only inside, as a plan file has."""
    try:
        with path.open("rb") as file:
            content = file.read(_LARGEST)
        if b"kind" not in content:  # as in most files of data, which may be many
            return False
        is_json = path.suffix.lower() == ".json"
        document, match = (strict_json(content), None) if is_json else (None, _KIND.search(content.decode()))
    except (OSError, ValueError, RecursionError):
        return False
    kind = document.get("kind") if isinstance(document, dict) else match[1] if match else None
    return isinstance(kind, str) and name_of(kind) in KINDS


def _misplaced_manifests(folder: Path, project: Project) -> Iterator[Diagnostic]:
    """Warnings about files beside the manifests folder that look like manifests."""
    root = Path(project.root)
    if folder != Path(project.manifests) or root in folders(project):
        return
    for entry in _entries(root, project, []):
        path = root / entry.name
        is_candidate = _has_suffix(entry) and entry.is_file(follow_symlinks=False) and entry.name != FILE
        if is_candidate and not entry.name.startswith(".") and _looks_like_manifest(path):
            message = "this file looks like a manifest, but is not read: it lies outside of the manifests folder"
            hint = f"move it to the folder {shown(shown_path(folder, project))}"
            yield Diagnostic("TV134", message, file_start(path, project), hint, severity=Severity.WARNING)


def _unread_manifest(path: Path, project: Project) -> Diagnostic:
    message = "this file looks like a manifest, but is not read: its name does not end in `.yaml` or `.yml`"
    right = path.with_name(re.sub(r"(?i)(\.ya?ml)?\.\w+\Z", ".yaml", path.name))
    renamed = "" if right.exists() else f"rename it to {shown(right.name)}, or "
    hint = f"{renamed}move it to another folder"
    return Diagnostic("TV134", message, file_start(path, project), hint, severity=Severity.WARNING)


def _is_folder(entry: os.DirEntry[str]) -> bool:
    """Whether an entry of a folder is a folder, or a link to one."""
    try:
        return entry.is_dir()
    except OSError:  # a link to itself
        return False


def _link_to_folder(folder: Path, project: Project) -> Diagnostic:
    message = "symbolic links to folders are not followed; the manifests behind this link are unknown"
    return Diagnostic(
        "TV110", message, file_start(folder, project), "move the folder here, or link its files one by one"
    )


def _broken_link(path: Path, project: Project) -> Iterator[Diagnostic]:
    """Diagnose a link that cannot be followed: its target may be a folder of manifests."""
    try:
        path.stat()
    except OSError as error:
        message = f"the symbolic link cannot be followed: {error.strerror}; the manifests behind it are unknown"
        yield Diagnostic(
            "TV110", message, file_start(path, project), "restore the target of the link, or remove the link"
        )
