"""Files that manifests include with `${file:}`, and files to upload: each is read once, however often it is named."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Final

from msgspec import Struct

from tavusctl.config import files
from tavusctl.config.attachments import FileDigest
from tavusctl.config.interpolation import FileText
from tavusctl.config.limits import Budget
from tavusctl.core.address import Source

_MAX_CACHED_LENGTH: Final = 64 * 1024  # characters; longer texts are not cached
# Texts in the cache; reading long texts again is slow, but the limit on included text allows few of them.
_MAX_CACHED_TEXTS: Final = 256


class Inclusion(Struct, frozen=True):
    """A text that a manifest includes from a file, whose path is also given as it is written there."""

    manifest: Path
    name: str
    path: Path
    text: str


class IncludedFiles(Struct):
    """The included files that one run has read; `shown` returns a path as messages show it."""

    root: Path
    manifests: Path
    shown: Callable[[Path | str], str]
    budget: Budget
    included_paths: set[Path] = set()  # all paths that manifests name, before links are followed
    inclusions: list[Inclusion] = []  # texts included since the reader last cleared the list
    _texts: dict[Path, str] = {}
    _measured: dict[tuple[str, int], FileDigest] = {}

    def text(self, name: str, manifest: Path) -> FileText:
        """The text of a file that a manifest names, with its path as messages show it."""
        path = self.locate(name, manifest)
        return FileText(self._content(path, name, manifest), self.shown(os.path.normpath(path)))

    def content(self, name: str, manifest: Path) -> str:
        """The text of a file that a manifest names."""
        return self._content(self.locate(name, manifest), name, manifest)

    def _content(self, path: Path, name: str, manifest: Path) -> str:
        text = self._texts.get(path)
        if text is None:
            text = files.read_text(path, self.root)
            if len(text) <= _MAX_CACHED_LENGTH:
                if len(self._texts) >= _MAX_CACHED_TEXTS:
                    self._texts.clear()
                self._texts[path] = text
        self.inclusions.append(Inclusion(manifest, name, path, text))
        return text

    def measure(self, name: str, limit: int, manifest: Path, source: Source) -> FileDigest:
        """The size and the digest of a file that a manifest names; one that several name is read, and counted, once."""
        path = self.locate(name, manifest)
        key = os.path.realpath(path), limit
        cached = self._measured.get(key)
        size, digest = (cached.size, cached.digest) if cached else files.measure(path, self.root, limit)
        file = FileDigest(str(path), self.shown(os.path.normpath(path)), size, digest)
        if cached is None:
            self._measured[key] = file
            self.budget.count(source, attachments=size)
        return file

    def locate(self, name: str, manifest: Path) -> Path:
        """The path of a file that a manifest names; the file is recorded in `included_paths`."""
        path = files.locate(name, self.manifests, manifest)
        self.included_paths.add(path)
        return path
