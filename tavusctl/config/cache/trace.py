"""What a run has looked at, and that there was nothing to do: a verifying trace.

The next run looks at the same, and where all of it is as it was, the answer is, too; nothing is parsed, decoded or
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
from tavusctl.core.ports import Answered
from tavusctl.core.project_settings import Environment, Project


class FilesRead(Struct, frozen=True, array_like=True):
    """The files of an environment as a run has read them."""

    manifests: dict[str, str]  # digests by path, those of its overlay among them
    texts: dict[str, str]  # digests of those that manifests bring, by the path of their file
    disk: DiskAnswers  # what rules have asked the disk

    def are_unchanged(self, project: Project, environment: Environment) -> bool:
        """Whether everything is as it was."""
        root = Path(project.root)
        try:
            with files.many():
                return (
                    _manifests(project, environment) == self.manifests.keys()
                    and all(
                        digest(files.read_bytes(Path(path), root, MAX_YAML_BYTES)) == known
                        for path, known in self.manifests.items()
                    )
                    and all(
                        digest(files.read_text(Path(path), root).encode()) == known
                        for path, known in self.texts.items()
                    )
                    and Disk(project).answers_alike(self.disk)
                )
        except (files.RefusedError, LimitExceededError):
            return False


class Trace(Struct, frozen=True, array_like=True):
    """What a run has looked at; `about` stands for all that is neither a file of manifests nor an answer."""

    about: bytes
    files: FilesRead
    answers: tuple[Answered, ...] = ()
    objects: int = 0  # that were compared, and are as the manifests say
    account: str = ""  # its label
    fingerprint: str = ""  # of the plan
    targets: tuple[Address, ...] = ()  # what alone was planned
    finish: bool = False


def digest(content: bytes) -> str:
    """The digest of a file, or of a text."""
    return hashlib.sha256(content).hexdigest()


def _manifests(project: Project, environment: Environment) -> AbstractSet[str] | None:
    """The files that are read; None where something is wrong with a folder of them."""
    told: list[Diagnostic] = []
    budget = Budget()
    folders = manifest_files.layers(project, environment)
    found = {os.fspath(one) for folder in folders for one in manifest_files.find(project, folder, (), told, budget)}
    return None if told else found
