"""The cache of a session: its folder, the code and settings it is valid for, and the key that signs it."""

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

import msgspec
from msgspec import Struct, field

import tavusctl
from tavusctl.config.cache import signed_file
from tavusctl.config.cache.document_digests import Digests
from tavusctl.config.cache.signed_file import Content
from tavusctl.config.cache.trace import FilesRead, digest
from tavusctl.config.project_file import discovery, overlay_folders
from tavusctl.core.project_settings import Environment, Project
from tavusctl.integrations.git.checkout import checkout_around
from tavusctl.lib import atomic_files
from tavusctl.secrets import redaction

if TYPE_CHECKING:  # imported where files are read: a run that needs no file should start fast
    from tavusctl.config.cache.manifest_cache import ManifestCache

FOLDER: Final = Path(".tavusctl", "cache")
# Packages without influence on what is read and diagnosed; all other code is part of the digest.
_OTHER_CODE: Final = frozenset({"cli", "emulator", "reports", "rewrite"})
_LIBRARIES: Final = ("cronsim", "jsonschema_rs", "msgspec", "pydantic", "pydantic_core", "yaml")
_KEY_BYTES: Final = 32
_OTHERS: Final = 0o077  # permissions of everybody but the owner
_SECRETS: Final = ".secrets"
_PROJECT: Final = ".project"  # no environment has such a name


class _SeenSecrets(Struct, frozen=True, array_like=True):
    """The secrets that were known when something was kept, as keyed digests."""

    digests: tuple[bytes, ...]


class SessionCache(Struct):
    """The cache of one environment, which earlier runs wrote and this run updates."""

    folder: Path
    key: bytes
    environment: str
    dependency_digest: bytes  # digest of the code and of all settings that the entries depend on
    digests: Digests = field(default_factory=Digests)
    secrets: tuple[bytes, ...] = ()  # as `known_secrets`, when the session was opened
    manifests: ManifestCache | None = None  # those that this run read last
    files_of_part: FilesRead | None = None  # all files of the project, if this run has parsed only some of them

    @property
    def files_read(self) -> FilesRead | None:
        """The digests of all manifest files, as this run has found them; None if some of them are not cached."""
        if self.manifests is None:
            return None
        return self.files_of_part if self.manifests.is_part else self.manifests.files_read

    def load_manifests(self, *, is_part: bool = False) -> ManifestCache:
        """Open the cache of the manifests, as earlier runs parsed them; `is_part`: this run reads only some files."""
        from tavusctl.config.cache.manifest_cache import ManifestCache  # noqa: PLC0415 - see above

        self.manifests = ManifestCache.load(
            self.folder / self.environment,
            self.key,
            self.dependency_digest,
            self.digests,
            is_part=is_part,
            before_write=self._note_secrets,
        )
        return self.manifests

    def read(self, name: str, what: type[Content]) -> Content | None:
        """What an earlier run has kept under a name; None if there is nothing valid."""
        return signed_file.read(self.folder / f"{self.environment}.{name}", self.key, what)

    def write(self, name: str, content: Struct) -> None:
        """Keep something under a name for later runs; nothing if it contains the value of a secret."""
        path = self.folder / f"{self.environment}.{name}"
        with contextlib.suppress(TypeError, ValueError, OverflowError):  # what cannot be encoded is not kept
            encoded = msgspec.msgpack.encode(content)
            if redaction.bytes_contain_secret(encoded):
                signed_file.drop(path)
                return
            self._note_secrets()
            signed_file.write_parts(path, self.key, [encoded])

    def keyed_digest(self, *given: object) -> bytes:
        """A keyed digest of values; without the key, guesses of a secret cannot be tested against it."""
        text = repr((self.dependency_digest, self.secrets, given))
        return hmac.digest(self.key, text.encode("utf-8", "surrogatepass"), "sha256")

    def known_secrets(self) -> tuple[bytes, ...]:
        """Keyed digests of all values that this run knows to be secrets by now, sorted."""
        values = (value.encode("utf-8", "surrogatepass") for value in redaction.known_values())
        return tuple(sorted(hmac.digest(self.key, b"secret " + value, "sha256") for value in values))

    def drop_new_secrets(self) -> None:
        """Delete what contains a secret that earlier runs did not know when they kept it."""
        if not set(self.secrets).issubset(self._seen_secrets() or ()):
            self._drop_secrets()

    def drop_found_secrets(self) -> None:
        """Delete what contains a secret that this run has found in the account."""
        if not set(self.known_secrets()).issubset(self.secrets):
            if self.manifests:
                self.manifests.drop_secrets()
            self._drop_secrets()

    def _drop_secrets(self) -> None:
        """Delete the files, of all environments, that contain the value of a secret that is known by now."""
        for name in self._names():
            if redaction.bytes_contain_secret(signed_file.raw(self.folder / name)):
                signed_file.drop(self.folder / name)

    def _names(self) -> list[str]:
        return [name for name in signed_file.names(self.folder) if name not in (_PROJECT, ".gitignore")]

    def _seen_secrets(self) -> set[bytes] | None:
        """The secrets that all runs have known whose results are kept; None if nothing is kept."""
        seen = signed_file.read(self.folder / _SECRETS, self.key, _SeenSecrets)
        return set(seen.digests) if seen else None

    def _note_secrets(self) -> None:
        """Note which secrets this run knows, before it keeps something."""
        seen = self._seen_secrets()
        known = set(self.secrets) if seen is None else seen.intersection(self.secrets)
        if known != seen:
            signed_file.write(self.folder / _SECRETS, self.key, _SeenSecrets(tuple(sorted(known))))


def of_environment(project: Project, environment: Environment) -> SessionCache | None:
    """The cache of an environment; None if the project does not define it, or the key cannot be stored safely.

    All secrets of the variables must be registered by now.
    """
    root = Path(os.path.realpath(project.root))
    if environment.name not in project.environments:
        return None
    with contextlib.suppress(OSError, RuntimeError, ValueError):
        settings = project.root, project.manifests, project.secrets, project.safety, project.outputs, environment
        cache = SessionCache(root / FOLDER, _key(_checkout(root)), environment.name, _dependency_digest(*settings))
        cache.secrets = cache.known_secrets()
        cache.drop_new_secrets()
        return cache
    return None


class _ProjectEntry(Struct, frozen=True, array_like=True):
    """The cached contents of a project file."""

    dependency_digest: bytes
    project: Project


class ProjectCache:
    """The cache of the project file, which is read before an environment is known."""

    def __init__(self) -> None:
        self._entry: tuple[Path, bytes, _ProjectEntry, bool] | None = None  # path, key, entry, whether it is new

    def read(self, root: Path, content: bytes) -> discovery.ReadProject:
        """The project and the diagnostics of a project file, from the cache if it is valid, else parsed."""
        real = Path(os.path.realpath(root))
        try:
            key = _key(_checkout(real))
        except (OSError, RuntimeError, ValueError):
            return discovery.read(root, content)
        path, holds_for = real / FOLDER / _PROJECT, _dependency_digest(root, real, digest(content))
        entry = signed_file.read(path, key, _ProjectEntry)
        if entry and entry.dependency_digest == holds_for and overlay_folders.are_valid(entry.project):
            self._entry = path, key, entry, False
            return entry.project, ()
        project, diagnostics = discovery.read(root, content)
        if not diagnostics:
            self._entry = path, key, _ProjectEntry(holds_for, project), True
        return project, diagnostics

    def save(self) -> None:
        """Write the entry, or delete it if it contains the value of a secret; all secrets must be known by now."""
        if self._entry is None:
            return
        path, key, entry, is_new = self._entry
        if redaction.contains_secret(repr(entry.project)):
            signed_file.drop(path)
        elif is_new:
            signed_file.write(path, key, entry)


def _dependency_digest(*settings: object) -> bytes:
    """A digest of the code and of settings: of everything but the manifest files that the cached results depend on."""
    return digest(repr((tavusctl.__version__, sys.version, _code(), settings)).encode("utf-8", "surrogatepass"))


@functools.cache
def _code() -> bytes:
    """A digest of the code by path, size and modification time, because reading all of it would take too long."""
    package_root = Path(tavusctl.__file__).parent
    packages = sorted(one for one in package_root.iterdir() if one.is_dir() and one.name not in _OTHER_CODE)
    modules = [str(one) for package in packages for one in sorted(package.rglob("*.py"))]
    specs = (find_spec(name) for name in _LIBRARIES)
    paths = (*modules, *(one.origin for one in specs if one and one.origin))
    stats = ((path, os.stat(path)) for path in paths)  # noqa: PTH116 - for each module
    return digest(repr([(path, one.st_size, one.st_mtime_ns) for path, one in stats]).encode("utf-8", "surrogatepass"))


def _checkout(root: Path) -> Path:
    """The root of the repository around a project, or the project folder; its files may come from other people."""
    return checkout_around(root) or root


def _key(checkout: Path) -> bytes:
    """The key of this user on this machine, created on first use; raises an error if no safe place exists."""
    folder = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache", "tavusctl")
    if not folder.is_absolute() or Path(os.path.realpath(folder)).is_relative_to(checkout):
        raise ValueError(f"{folder} is no folder of the user's own")
    path = folder / "key"
    if not os.path.lexists(path):
        folder.mkdir(parents=True, exist_ok=True)
        atomic_files.replace(path, secrets.token_bytes(_KEY_BYTES))
    with os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), "rb") as file:
        status, key = os.fstat(file.fileno()), file.read(_KEY_BYTES + 1)
    if status.st_uid != os.geteuid() or status.st_mode & _OTHERS or len(key) != _KEY_BYTES:
        raise ValueError(f"{path} is no key that only its user has")
    return key
