"""The files of a project that a command edits: their old and their new content."""

from __future__ import annotations

import codecs
from collections.abc import Sequence
from pathlib import Path

from msgspec import Struct

from tavusctl.config import files, overlays, yaml12
from tavusctl.config.limits import MAX_YAML_BYTES
from tavusctl.config.yaml12 import Node
from tavusctl.core.address import Address, Source
from tavusctl.core.diagnostics import written_at
from tavusctl.core.model import Declared
from tavusctl.core.project_settings import FILE, Project
from tavusctl.kinds import KINDS
from tavusctl.lib.json_types import Json, KeyPath
from tavusctl.patch.pointer import join
from tavusctl.rewrite.apply_edits import is_manifest_of, splice
from tavusctl.rewrite.export import with_secrets
from tavusctl.rewrite.layered_edits import edits_by_layer
from tavusctl.rewrite.render_value import CannotAdoptError


class Sources(Struct):
    """The files of a project: their content as read, and their new content."""

    project: Project
    before: dict[str, bytes] = {}
    after: dict[str, bytes] = {}

    def read(self, path: str, limit: int = MAX_YAML_BYTES) -> bytes:
        """The new content of a file, by its path from the root of the project; CannotAdoptError if it is unreadable."""
        if path not in self.before and path in self.after:
            return self.after[path]  # a file that is new
        if path not in self.before:
            root = Path(self.project.root)
            try:
                self.before[path] = files.read_bytes(root / path, root, limit)
            except files.UnreadableFileError as error:
                raise CannotAdoptError(f"`{path}` {error}") from None
        return self.after.get(path, self.before[path])

    def layers(self, manifest: Declared) -> tuple[Node, Node | None]:
        """The base document, or that of an overlay without a base; and the document that overlays it, if any."""
        over = self._node(manifest.overlay.path, manifest.address) if manifest.overlay else None
        return self._node(manifest.source.path, manifest.address), over

    def document(self, manifest: Declared) -> Node:
        """The new document of a manifest, merged with its overlay, as they are written."""
        base, over = self.layers(manifest)
        return overlays.merge(base, over, KINDS[manifest.address.kind], manifest.address).node if over else base

    def edit(self, manifest: Declared, where: KeyPath, new: Json) -> dict[str, bytes]:
        """The new files of a manifest after writing a value at a path, in the layer that has it; ABSENT removes it."""
        base, over = self.layers(manifest)
        edits = edits_by_layer(manifest.address, base.value, over.value if over else None, where, new)
        paths = (manifest.source.path, manifest.overlay.path if manifest.overlay else "")
        return {
            path: splice(self.read(path), path, file_edits)
            for path, file_edits in zip(paths, edits, strict=True)
            if file_edits
        }

    def included_path(self, name: str, where: Source) -> str:
        """The path, from the root of the project, of the file that a name in a manifest leads to, links resolved."""
        root = Path(self.project.root)
        return files.real_name(files.locate(name, Path(self.project.manifests), root / where.path), root)

    def list_secrets(self, names: Sequence[str]) -> dict[str, bytes]:
        """The project file with names added to `secrets:`; empty if it has them all.

        CannotAdoptError if it cannot be edited.
        """
        missing = [name for name in names if name not in self.project.secrets]
        if not missing:
            return {}
        try:
            text = with_secrets(self.read(FILE).decode(), missing)
        except (CannotAdoptError, UnicodeDecodeError):
            text = None
        if text is None:
            names = ", ".join(missing)
            message = f"{FILE} cannot be edited; add `secrets: [{names}]` by hand, and run the same command again"
            raise CannotAdoptError(message)
        return {FILE: text.encode()}

    @property
    def changed(self) -> dict[str, bytes]:
        """The new bytes of every file that changes, or is new."""
        return {path: content for path, content in sorted(self.after.items()) if content != self.before.get(path)}

    def _node(self, path: str, address: Address) -> Node:
        nodes = yaml12.read(self.read(path), path).documents
        return next((one for one in nodes if is_manifest_of(one.value, address)), Node({}, Source(path, 1, 1), {}, {}))


def place_of(document: Node, path: KeyPath) -> Source:
    """Where a value of a document is written."""
    return written_at(document.sources, join(path), document.source)


def with_text(content: bytes, text: str) -> bytes:
    """The content of a file with another text; its byte order mark and the line end at its end are kept."""
    if "\0" in text:
        raise CannotAdoptError("the text contains a NUL character, which a prompt file must not contain")
    # The first mark of a file is not part of its text: a text that begins with a mark needs another one before it.
    mark = codecs.BOM_UTF8 if content.startswith(codecs.BOM_UTF8) or text.startswith("\ufeff") else b""
    ending = b"\r\n" if content.endswith(b"\r\n") else b"\n" if content.endswith(b"\n") else b""
    if text.endswith("\r"):
        ending = b"\r\n"
    elif text.endswith("\n"):
        ending = ending or b"\n"
    return mark + text.encode() + ending
