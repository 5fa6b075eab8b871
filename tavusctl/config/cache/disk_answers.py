"""What rules have asked the disk about texts of manifests, and whether it would answer the same now."""

from __future__ import annotations

import os
import posixpath
import unicodedata
from collections.abc import Iterable
from pathlib import Path

from msgspec import Struct, field

from tavusctl.config.spec import file_name_hints
from tavusctl.core.project_settings import Project


class Answer(Struct, frozen=True, array_like=True):
    """The file that a text of a manifest names, empty where it names none."""

    manifest: str
    text: str
    file: str


class DiskAnswers(Struct, frozen=True, array_like=True):
    """What the disk has answered; of most texts, that no folder has a name with which they begin."""

    absent: dict[str, tuple[str, ...]] = field(default_factory=dict)  # names by folder, as `_alike` spells them
    others: tuple[Answer, ...] = ()


class Disk(Struct):
    """The files of a project, as rules ask for them."""

    project: Project
    _given: dict[tuple[str, str], str] = field(default_factory=dict)
    _names: dict[str, frozenset[str]] = field(default_factory=dict)  # by folder, as `_alike` spells them

    def file_named(self, manifest: str, text: str) -> str:
        """The path that `${file:}` takes for a file that a text names; empty where it names none."""
        if not file_name_hints.may_be_path(text):
            return ""
        place = manifest, text
        if place not in self._given:
            self._given[place] = self._file_named(manifest, text)
        return self._given[place]

    @property
    def answers(self) -> DiskAnswers:
        """All that was answered up to now."""
        absent: dict[str, set[str]] = {}
        others: list[Answer] = []
        for (manifest, text), file in self._given.items():
            first = _first(text)
            if self._is_absent(manifest, first):
                for folder in self._folders(manifest):
                    absent.setdefault(folder, set()).add(first)
            else:
                others.append(Answer(manifest, text, file))
        return DiskAnswers({folder: tuple(sorted(found)) for folder, found in absent.items()}, tuple(others))

    def answers_alike(self, before: DiskAnswers) -> bool:
        """Whether all of it would be answered the same now."""
        return all(self._names_in(folder).isdisjoint(names) for folder, names in before.absent.items()) and all(
            self._file_named(one.manifest, one.text) == one.file for one in before.others
        )

    def _file_named(self, manifest: str, text: str) -> str:
        if self._is_absent(manifest, _first(text)):
            return ""
        return file_name_hints.file_named(self.project, Path(self.project.root, manifest), text)

    def _is_absent(self, manifest: str, first: str) -> bool:
        """Whether nothing has the name that a path begins with, wherever it may begin."""
        return bool(first) and not any(first in self._names_in(folder) for folder in self._folders(manifest))

    def _folders(self, manifest: str) -> Iterable[str]:
        """Where a path in a manifest may begin."""
        root = self.project.root
        return self.project.manifests, os.path.dirname(os.path.join(root, manifest)), root  # noqa: PTH118, PTH120 - often

    def _names_in(self, folder: str) -> frozenset[str]:
        if folder not in self._names:
            try:
                self._names[folder] = frozenset(map(_alike, os.listdir(folder)))  # noqa: PTH208 - names only
            except OSError:
                self._names[folder] = frozenset()
        return self._names[folder]


def _first(text: str) -> str:
    """The name that a path begins with; empty where it begins elsewhere than in a folder that is known."""
    first = _alike(posixpath.normpath(text.strip()).partition("/")[0])
    return "" if first in (".", "..") else first


def _alike(name: str) -> str:
    """A name as a disk may take it for another one's."""
    return unicodedata.normalize("NFC", name).casefold()
