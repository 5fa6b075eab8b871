"""New documents for one environment: an overlay of a manifest, or a copy of a manifest of another environment."""

from __future__ import annotations

import os
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path, PurePosixPath
from typing import Final

from tavusctl.app.files.manifest_sources import Sources
from tavusctl.config.files import is_beside_manifest
from tavusctl.config.interpolation import expressions
from tavusctl.config.limits import MAX_YAML_BYTES
from tavusctl.core.address import Address
from tavusctl.core.diagnostics import written_at
from tavusctl.core.json_tree import leaves
from tavusctl.core.model import Manifest
from tavusctl.core.project_settings import Project
from tavusctl.kinds import KINDS
from tavusctl.lib.patterns import pattern
from tavusctl.patch.pointer import join
from tavusctl.rewrite.render_value import CannotAdoptError, included_file
from tavusctl.rewrite.source_map import parse

_SEPARATOR: Final = pattern(r"(?m)\A(?:.*\n)*?---[^\n]*\n")


def add_overlay(sources: Sources, folder: str, manifest: Manifest) -> str:
    """Add a new document to an overlay, with kind and name only; return its path."""
    path = _free_path(sources.project, folder, manifest.source.path, manifest.address)
    address = manifest.address
    sources.after[path] = f"kind: {address.kind}\nname: {address.name}\n".encode()
    return path


def copy_document(sources: Sources, folder: str, manifest: Manifest, overlay_folder: str) -> str:
    """Copy a document into another folder, with the files that it names relative to itself; return its path.

    The path of the document below `overlay_folder`, its overlay or empty, is kept in the new folder.  CannotAdoptError
    if a different file is in the way.
    """
    inside = manifest.source.path.removeprefix(f"{overlay_folder}/")
    path = _free_path(sources.project, folder, inside, manifest.address)
    sources.after[path] = _document(sources.read(manifest.source.path), manifest).encode()
    attachment = KINDS[manifest.address.kind].attachment
    for old, name in _relative_files(sources, manifest):
        new = os.path.normpath(PurePosixPath(path).parent / name)
        content = sources.read(old, attachment.limit if attachment else MAX_YAML_BYTES)
        existing = Path(sources.project.root, new)
        if new.startswith("..") or (
            os.path.lexists(existing) and (not existing.is_file() or existing.read_bytes() != content)
        ):
            message = f"its file `{name}` cannot be copied to {new}, which is another file or outside the project"
            raise CannotAdoptError(message)
        if not existing.is_file():
            sources.after[new] = content
    return path


def _free_path(project: Project, folder: str, path: str, address: Address) -> str:
    """A path in a folder at which no file exists: the path of the other document, or else `KIND-NAME.yaml`."""
    inside = path.removeprefix(f"{Path(project.manifests).relative_to(project.root).as_posix()}/")
    for name in (inside, f"{address.kind}-{address.name}.yaml"):
        if not os.path.lexists(Path(project.root, folder, name)):
            return (PurePosixPath(folder) / name).as_posix()
    message = f"{folder} already has files at both possible paths: {inside} and {address.kind}-{address.name}.yaml"
    raise CannotAdoptError(message)


def _document(content: bytes, manifest: Manifest) -> str:
    """The text of the document of a manifest, from a file that may have several documents."""
    text = content.decode("utf-8-sig")
    ends = [0, *(one.end for one in parse(text).documents)]
    if len(ends) == 2:  # noqa: PLR2004 - the start of the file, and the end of its only document
        return text
    line = manifest.source.line
    start, end = next((start, end) for start, end in pairwise(ends) if line <= text.count("\n", 0, end - 1) + 1)
    return _SEPARATOR.sub("", text[start:end]).strip("\n") + "\n"


def _relative_files(sources: Sources, manifest: Manifest) -> Iterator[tuple[str, str]]:
    """The files that a document names with `./` or `../`: the path of each, and the name as it is written."""
    document, attachment = sources.document(manifest), KINDS[manifest.address.kind].attachment
    spec = document.value.get("spec") if isinstance(document.value, dict) else None
    for keys, leaf in leaves(spec) if isinstance(spec, dict) else ():
        place = written_at(document.sources, join(("spec", *map(str, keys))), document.source)
        names = [included_file(one) for one in expressions(leaf)] if isinstance(leaf, str) else []
        names += [leaf] if attachment and isinstance(leaf, str) and keys == (attachment.file,) else []
        yield from ((sources.included_path(one, place), one) for one in names if is_beside_manifest(one))
