"""Verifying traces: digests of everything that a run has read, kept if there was nothing to do.

The next run computes the digests again; if all are the same, so is the result, and nothing is parsed, decoded or
compared.  See A. Mokhov, N. Mitchell, S. Peyton Jones, "Build Systems à la Carte" (ICFP 2018), section 4.2.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Set as AbstractSet
from pathlib import Path

from msgspec import Struct

from tavusctl.config import files, manifest_files
from tavusctl.config.cache.disk_answers import Disk, DiskAnswers
from tavusctl.config.limits import MAX_YAML_BYTES, Budget, LimitExceededError
from tavusctl.core.address import Address
from tavusctl.core.diagnostics import Diagnostic
from tavusctl.core.ports import ResponseDigest
from tavusctl.core.project_settings import Environment, Project


class FilesRead(Struct, frozen=True, array_like=True):
    """Digests of the files of an environment that a run has read."""

    manifests: dict[str, bytes]  # digests by path, also of its overlay
    texts: dict[str, bytes]  # digests of included texts, by the path of their file
    disk: DiskAnswers  # the answers of the disk to rules

    def are_unchanged(self, project: Project, environment: Environment) -> bool:
        """Whether all files and answers are the same now, and no manifest file was added or removed."""
        root = Path(project.root)
        try:
            with files.keep_folders_open():
                return (
                    manifest_paths(project, environment) == self.manifests.keys()
                    and all(has_content(path, known, root) for path, known in self.manifests.items())
                    and all(has_text(path, known, root) for path, known in self.texts.items())
                    and Disk(project).answers_alike(self.disk)
                )
        except (files.UnreadableFileError, LimitExceededError):
            return False


class Trace(Struct, frozen=True, array_like=True):
    """A run with nothing to do or report; `settings_digest` covers what is neither a file nor an answer."""

    settings_digest: bytes
    files: FilesRead
    answers: tuple[ResponseDigest, ...] = ()
    objects: int = 0  # number of objects compared, all equal to their manifests
    account: str = ""  # label of the account
    fingerprint: str = ""  # of the plan
    targets: tuple[Address, ...] = ()  # only these were planned; empty: everything
    finish: bool = False


def digest(content: bytes) -> bytes:
    """The digest of a file or a text: SHA-256."""
    return hashlib.sha256(content).digest()


def has_content(path: str, known: bytes, root: Path) -> bool:
    """Whether a manifest file has this digest now; UnreadableFileError if it cannot be read."""
    return digest(files.read_bytes(Path(path), root, MAX_YAML_BYTES)) == known


def has_text(path: str, known: bytes, root: Path) -> bool:
    """The same for an included text."""
    return digest(files.read_text(Path(path), root).encode()) == known


def manifest_paths(project: Project, environment: Environment) -> AbstractSet[str] | None:
    """The paths of the manifest files of an environment; None if a folder has problems."""
    problems: list[Diagnostic] = []
    budget = Budget()
    folders = manifest_files.base_and_overlay_folders(project, environment)
    paths = {
        os.fspath(path) for folder in folders for path in manifest_files.find(project, folder, (), problems, budget)
    }
    return None if problems else paths
