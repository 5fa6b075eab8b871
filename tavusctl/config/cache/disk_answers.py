"""Records of which texts of manifests name files, as lint rules asked; whether the answers would be the same now."""

from __future__ import annotations

import os
import posixpath
import unicodedata
from collections.abc import Container
from collections.abc import Set as AbstractSet
from pathlib import Path

from msgspec import Struct, field

from tavusctl.config.spec import file_name_hints
from tavusctl.core.project_settings import Project
from tavusctl.secrets import redaction


class Answer(Struct, frozen=True, array_like=True):
    """The file that a text of a manifest names; empty if it names none."""

    manifest: str
    text: str
    file: str


class DiskAnswers(Struct, frozen=True, array_like=True):
    """The recorded answers; most are that no folder contains the first name of the path in a text."""

    # First names by folder, as written: in a normalized one, no search would find the value of a secret.
    absent: dict[str, tuple[str, ...]] = field(default_factory=dict)
    others: tuple[Answer, ...] = ()

    def with_more(self, more: DiskAnswers) -> DiskAnswers:
        """These answers and more."""
        folders = self.absent.keys() | more.absent.keys()
        absent = {
            folder: tuple(sorted({*self.absent.get(folder, ()), *more.absent.get(folder, ())})) for folder in folders
        }
        return DiskAnswers(absent, tuple(dict.fromkeys((*self.others, *more.others))))


class Disk(Struct):
    """Answers rules that ask whether a text names a file of the project, and records the answers."""

    project: Project
    _answers: dict[tuple[str, str], str] = field(default_factory=dict)
    _folder_names: dict[str, frozenset[str]] = field(default_factory=dict)  # by folder, normalized

    def file_named(self, manifest: str, text: str) -> str:
        """The path for `${file:}` of the file that a text names; empty if it names none."""
        if not file_name_hints.may_be_path(text):
            return ""
        question = manifest, text
        if question not in self._answers:
            self._answers[question] = self._file_named(manifest, text)
        return self._answers[question]

    def similar_file(self, manifest: str, text: str) -> str:
        """The path for `${file:}` of the file that was probably meant by a text; not recorded: it is for hints only."""
        return file_name_hints.likely(self.project, Path(self.project.root, manifest), text)

    @property
    def answers(self) -> DiskAnswers:
        """All answers so far."""
        return self.answers_about({manifest for manifest, _ in self._answers})

    def answers_about(self, manifests: Container[str]) -> DiskAnswers:
        """The answers so far about texts of these manifests."""
        absent: dict[str, set[str]] = {}
        others: list[Answer] = []
        for (manifest, text), file in self._answers.items():
            if manifest not in manifests:
                continue
            first, folders = _first_name(text), self._folders(manifest)
            # A text with a secret stays whole: a search for the value would not find a part of it.
            if self._is_absent(folders, first) and not redaction.contains_unencoded_secret(text):
                for folder in folders:
                    absent.setdefault(folder, set()).add(first)
            else:
                others.append(Answer(manifest, text, file))
        return DiskAnswers({folder: tuple(sorted(names)) for folder, names in absent.items()}, tuple(others))

    def answers_alike(self, before: DiskAnswers) -> bool:
        """Whether all recorded answers would be the same now."""
        absent = before.absent.items()
        return all(self._names_in(folder).isdisjoint(map(_normalized, names)) for folder, names in absent) and all(
            self._file_named(answer.manifest, answer.text) == answer.file for answer in before.others
        )

    def _file_named(self, manifest: str, text: str) -> str:
        if self._is_absent(self._folders(manifest), _first_name(text)):
            return ""
        return file_name_hints.file_named(self.project, Path(self.project.root, manifest), text)

    def _is_absent(self, folders: AbstractSet[str], first: str) -> bool:
        """Whether the first name of a path is in none of the folders that it may be relative to."""
        name = _normalized(first)
        return bool(name) and not any(name in self._names_in(folder) for folder in folders)

    def _folders(self, manifest: str) -> AbstractSet[str]:
        """The folders that a path in a manifest may be relative to."""
        root = self.project.root
        own = os.path.dirname(os.path.join(root, manifest))  # noqa: PTH118, PTH120 - for each text
        return dict.fromkeys((self.project.manifests, own, root)).keys()

    def _names_in(self, folder: str) -> frozenset[str]:
        if folder not in self._folder_names:
            try:
                self._folder_names[folder] = frozenset(map(_normalized, os.listdir(folder)))  # noqa: PTH208 - names only
            except OSError:
                self._folder_names[folder] = frozenset()
        return self._folder_names[folder]


def _first_name(text: str) -> str:
    """The first name of a path; empty if the path is absolute, `.` or leads upward."""
    first = posixpath.normpath(text.strip()).partition("/")[0]
    return "" if first in (".", "..") else first


def _normalized(name: str) -> str:
    """A name in the form in which a disk may treat it as equal to another one."""
    return unicodedata.normalize("NFC", name).casefold()
