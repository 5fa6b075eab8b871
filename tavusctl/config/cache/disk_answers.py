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
        names = {folder: _names(folder) for folder in {one for place in self._given for one in self._folders(place[0])}}
        for (manifest, text), file in self._given.items():
            first = _alike(posixpath.normpath(text.strip()).partition("/")[0])
            folders = self._folders(manifest)
            if first in ("", ".", "..") or any(first in names[folder] for folder in folders):
                others.append(Answer(manifest, text, file))
            else:
                for folder in folders:
                    absent.setdefault(folder, set()).add(first)
        return DiskAnswers({folder: tuple(sorted(found)) for folder, found in absent.items()}, tuple(others))

    def answers_alike(self, before: DiskAnswers) -> bool:
        """Whether all of it would be answered the same now."""
        return all(_names(folder).isdisjoint(names) for folder, names in before.absent.items()) and all(
            self._file_named(one.manifest, one.text) == one.file for one in before.others
        )

    def _file_named(self, manifest: str, text: str) -> str:
        return file_name_hints.file_named(self.project, Path(self.project.root, manifest), text)

    def _folders(self, manifest: str) -> Iterable[str]:
        """Where a path in a manifest may begin."""
        return self.project.manifests, str(Path(self.project.root, manifest).parent), self.project.root


def _names(folder: str) -> frozenset[str]:
    try:
        return frozenset(map(_alike, os.listdir(folder)))  # noqa: PTH208 - names only
    except OSError:
        return frozenset()


def _alike(name: str) -> str:
    """A name as a disk may take it for another one's."""
    return unicodedata.normalize("NFC", name).casefold()
