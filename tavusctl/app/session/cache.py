"""The cache of a session: where it lies, what it holds for, and the key that nobody else has."""

from __future__ import annotations

import contextlib
import functools
import hmac
import os
import secrets
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Final

from msgspec import Struct

import tavusctl
from tavusctl.config.cache import signed_file
from tavusctl.config.cache.trace import Trace, digest
from tavusctl.config.project_file import discovery, overlay_folders
from tavusctl.core.project_settings import Environment, Project
from tavusctl.lib import atomic_files
from tavusctl.secrets import redaction

if TYPE_CHECKING:  # imported where files are read: who knows what is in them does not wait for it
    from tavusctl.config.cache.manifest_cache import ManifestCache

FOLDER: Final = Path(".tavusctl", "cache")
# All code but theirs decides what is read, and what is found in it.
_OTHER_CODE: Final = frozenset({"cli", "emulator", "reports", "rewrite"})
_LIBRARIES: Final = ("cronsim", "jsonschema_rs", "msgspec", "pydantic", "pydantic_core", "yaml")
_KEY_BYTES: Final = 32
_OTHERS: Final = 0o077
_PROJECT: Final = ".project"  # no environment has such a name


class SessionCache(Struct):
    """What earlier runs have kept for one environment, and what this one keeps."""

    folder: Path
    key: bytes
    environment: str
    holds_for: str  # digest of the code and of all settings
    manifests: ManifestCache | None = None  # as this run has last read them

    def opened(self) -> ManifestCache:
        """What earlier runs have read from manifests."""
        from tavusctl.config.cache.manifest_cache import ManifestCache  # noqa: PLC0415 - see above

        self.manifests = ManifestCache.opened(self.folder / self.environment, self.key, self.holds_for)
        return self.manifests

    def trace(self, command: str) -> Trace | None:
        """What the last run of a command has looked at that had nothing to do."""
        return signed_file.read(self.folder / f"{self.environment}.{command}", self.key, Trace)

    def keep(self, command: str, trace: Trace) -> None:
        """Keep what this run has looked at."""
        signed_file.write(self.folder / f"{self.environment}.{command}", self.key, trace)

    def sealed(self, *given: object) -> bytes:
        """A digest of values, which nobody can try out guesses of secrets on."""
        return hmac.digest(self.key, repr((self.holds_for, given)).encode("utf-8", "surrogatepass"), "sha256")


def of_environment(project: Project, environment: Environment) -> SessionCache | None:
    """The cache of an environment; None where the project does not name it, or the user has no place for the key."""
    root = Path(os.path.realpath(project.root))
    if environment.name not in project.environments:
        return None
    with contextlib.suppress(OSError, RuntimeError, ValueError):
        settings = project.root, project.manifests, project.secrets, project.safety, project.outputs, environment
        return SessionCache(root / FOLDER, _key(_checkout(root)), environment.name, _holds_for(*settings))
    return None


class _Kept(Struct, frozen=True, array_like=True):
    """A project file as it was read."""

    holds_for: str
    project: Project


class ProjectCache:
    """What earlier runs have read from a project file, and what this one has."""

    def __init__(self) -> None:
        self._read: tuple[Path, bytes, _Kept, bool] | None = None  # file of the cache, its key and content; if new

    def read(self, root: Path, content: bytes) -> discovery.Found:
        """What a project file says, as an earlier run has read it or afresh."""
        real = Path(os.path.realpath(root))
        try:
            key = _key(_checkout(real))
        except (OSError, RuntimeError, ValueError):
            return discovery.read(root, content)
        path, holds_for = real / FOLDER / _PROJECT, _holds_for(root, real, digest(content))
        kept = signed_file.read(path, key, _Kept)
        if kept and kept.holds_for == holds_for and overlay_folders.are_right(kept.project):
            self._read = path, key, kept, False
            return kept.project, ()
        project, diagnostics = discovery.read(root, content)
        if not diagnostics:
            self._read = path, key, _Kept(holds_for, project), True
        return project, diagnostics

    def save(self) -> None:
        """Keep what was read, unless a value is in it of a secret, all of which are known by now."""
        if self._read is None:
            return
        path, key, kept, is_new = self._read
        if redaction.stands_in(repr(kept.project)):
            signed_file.drop(path)
        elif is_new:
            signed_file.write(path, key, kept)


def _holds_for(*settings: object) -> str:
    """Code and settings: everything but files of manifests that what is read from them depends on."""
    return digest(repr((tavusctl.__version__, sys.version, _code(), settings)).encode("utf-8", "surrogatepass"))


@functools.cache
def _code() -> str:
    """A digest of the code, by when it was put where it is: nobody waits until all of it is read."""
    own = Path(tavusctl.__file__).parent
    packages = sorted(one for one in own.iterdir() if one.is_dir() and one.name not in _OTHER_CODE)
    modules = [str(one) for package in packages for one in sorted(package.rglob("*.py"))]
    found = (find_spec(name) for name in _LIBRARIES)
    paths = (*modules, *(one.origin for one in found if one and one.origin))
    known = ((path, os.stat(path)) for path in paths)  # noqa: PTH116 - for each module
    return digest(repr([(path, one.st_size, one.st_mtime_ns) for path, one in known]).encode("utf-8", "surrogatepass"))


def _checkout(root: Path) -> Path:
    """The folder of the repository that a project lies in, or that of the project: whoever fills it is no user."""
    return next((one for one in (root, *root.parents) if os.path.lexists(one / ".git")), root)


def _key(checkout: Path) -> bytes:
    """The key of this user on this machine, made when it is first needed; an error where it cannot be kept."""
    folder = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache", "tavusctl")
    if not folder.is_absolute() or Path(os.path.realpath(folder)).is_relative_to(checkout):
        message = f"{folder} is no folder of the user's own"
        raise ValueError(message)
    path = folder / "key"
    if not os.path.lexists(path):
        folder.mkdir(parents=True, exist_ok=True)
        atomic_files.replace(path, secrets.token_bytes(_KEY_BYTES))
    with os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), "rb") as file:
        status, found = os.fstat(file.fileno()), file.read(_KEY_BYTES + 1)
    if status.st_uid != os.geteuid() or status.st_mode & _OTHERS or len(found) != _KEY_BYTES:
        message = f"{path} is no key that only its user has"
        raise ValueError(message)
    return found
