"""What manifests bring from files of the project, read once however often it is named."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Final

from msgspec import Struct, field

from tavusctl.config import files
from tavusctl.config.attachments import FileDigest
from tavusctl.config.interpolation import FileText
from tavusctl.config.limits import Budget
from tavusctl.core.address import Source

_SHORT: Final = 64 * 1024  # characters of a text that is worth keeping at hand
_HELD: Final = 256  # of them; a long text takes its time to read, but then it counts for much of what may be brought


class Asked(Struct, frozen=True):
    """A text that a manifest has brought from a file."""

    manifest: Path
    name: str
    text: str


class IncludedFiles(Struct):
    """The files that one run has read; `shown` is how people call a path."""

    root: Path
    manifests: Path
    shown: Callable[[Path], str]
    budget: Budget
    brought: set[Path] = field(default_factory=set)  # paths as they were named
    asked: list[Asked] = field(default_factory=list)  # since whoever reads has last looked
    _texts: dict[Path, str] = field(default_factory=dict)
    _measured: dict[tuple[str, int], FileDigest] = field(default_factory=dict)

    def text(self, name: str, manifest: Path) -> FileText:
        """The text of a file that a manifest names, and what people call it."""
        where = self.located(name, manifest)
        return FileText(self._content(where, name, manifest), self.shown(Path(os.path.normpath(where))))

    def content(self, name: str, manifest: Path) -> str:
        """The text of a file that a manifest names."""
        return self._content(self.located(name, manifest), name, manifest)

    def _content(self, where: Path, name: str, manifest: Path) -> str:
        found = self._texts.get(where)
        if found is None:
            found = files.read_text(where, self.root)
            if len(found) <= _SHORT:
                if len(self._texts) >= _HELD:
                    self._texts.clear()
                self._texts[where] = found
        self.asked.append(Asked(manifest, name, found))
        return found

    def measure(self, name: str, limit: int, manifest: Path, source: Source) -> FileDigest:
        """The size and the digest of a file that a manifest names; of one that several name, once."""
        where = self.located(name, manifest)
        key = os.path.realpath(where), limit
        known = self._measured.get(key)
        size, digest = (known.size, known.digest) if known else files.measure(where, self.root, limit)
        found = FileDigest(str(where), self.shown(Path(os.path.normpath(where))), size, digest)
        if known is None:
            self._measured[key] = found
            self.budget.attached(size, source)
        return found

    def located(self, name: str, manifest: Path) -> Path:
        """Where a file is that a manifest names."""
        where = files.locate(name, self.manifests, manifest)
        self.brought.add(where)
        return where
