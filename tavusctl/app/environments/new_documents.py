"""Documents that one environment gets: a new overlay of a manifest, or a copy of what only another environment has."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path, PurePosixPath
from typing import Final

from tavusctl.app.files.manifest_sources import Sources
from tavusctl.config.interpolation import expressions
from tavusctl.core.address import Address
from tavusctl.core.diagnostics import written_at
from tavusctl.core.json_tree import leaves
from tavusctl.core.model import Manifest
from tavusctl.core.project_settings import Project
from tavusctl.kinds import KINDS
from tavusctl.patch.pointer import join
from tavusctl.rewrite.render_value import CannotAdoptError, is_file
from tavusctl.rewrite.source_map import parse

_BESIDE: Final = ("./", "../")
_SEPARATOR: Final = re.compile(r"(?m)\A(?:.*\n)*?---[^\n]*\n")


def begun(sources: Sources, folder: str, manifest: Manifest) -> str:
    """The path of a new document in an overlay, which says nothing yet."""
    path = _free(sources.project, folder, manifest.source.path, manifest.address)
    address = manifest.address
    sources.after[path] = f"kind: {address.kind}\nname: {address.name}\n".encode()
    return path


def copied(sources: Sources, folder: str, manifest: Manifest, above: str) -> str:
    """The path of a copy of a document in another folder, with the files that it names beside itself.

    `above` is the folder in which the document lies, and from which its place is counted.
    """
    inside = manifest.source.path.removeprefix(f"{above}/")
    path = _free(sources.project, folder, inside, manifest.address)
    sources.after[path] = _document(sources.read(manifest.source.path), manifest).encode()
    for old, name in _beside(sources, manifest):
        new = os.path.normpath(PurePosixPath(path).parent / name)
        content = sources.read(old)
        there = Path(sources.project.root, new)
        if new.startswith("..") or (os.path.lexists(there) and (not there.is_file() or there.read_bytes() != content)):
            message = f"`{name}`, which it brings, is another file there: {new}"
            raise CannotAdoptError(message)
        if not there.is_file():
            sources.after[new] = content
    return path


def _free(project: Project, folder: str, path: str, address: Address) -> str:
    """A path in a folder at which there is no file: that of the other document, or one by the address."""
    inside = path.removeprefix(f"{Path(project.manifests).relative_to(project.root).as_posix()}/")
    for name in (inside, f"{address.kind}-{address.name}.yaml"):
        if not os.path.lexists(Path(project.root, folder, name)):
            return (PurePosixPath(folder) / name).as_posix()
    message = f"{folder} has other documents in {inside} and in {address.kind}-{address.name}.yaml"
    raise CannotAdoptError(message)


def _document(content: bytes, manifest: Manifest) -> str:
    """The text of one document of a file."""
    text = content.decode("utf-8-sig")
    ends = [0, *(one.end for one in parse(text).documents)]
    if len(ends) == 2:  # noqa: PLR2004 - its beginning, and the end of the only one
        return text
    line = manifest.source.line
    start, end = next((start, end) for start, end in pairwise(ends) if line <= text.count("\n", 0, end - 1) + 1)
    return _SEPARATOR.sub("", text[start:end]).strip("\n") + "\n"


def _beside(sources: Sources, manifest: Manifest) -> Iterator[tuple[str, str]]:
    """The files that a document names from where it lies: the path of each, and the name as it is written."""
    document, attachment = sources.document(manifest), KINDS[manifest.address.kind].attachment
    spec = document.value.get("spec") if isinstance(document.value, dict) else None
    for keys, leaf in leaves(spec) if isinstance(spec, dict) else ():
        place = written_at(document.sources, join(("spec", *map(str, keys))), document.source)
        names = [is_file(one) for one in expressions(leaf)] if isinstance(leaf, str) else []
        names += [leaf] if attachment and isinstance(leaf, str) and keys == (attachment.file,) else []
        yield from ((sources.brought(one, place), one) for one in names if one.startswith(_BESIDE))
