"""The cache of a session's manifests: where it lies, what it holds for, and the key that nobody else has."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import os
import secrets
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Final

import tavusctl
from tavusctl.app.session.local import LocalSession
from tavusctl.config.cache.manifest_cache import ManifestCache
from tavusctl.lib import atomic_files

FOLDER: Final = Path(".tavusctl", "cache")
# Whose code decides what is read from a file and what rules say of it.
PACKAGES: Final = ("config", "core", "fields", "kinds", "lib", "lint", "patch", "secrets")
_LIBRARIES: Final = ("msgspec", "pydantic", "pydantic_core", "yaml")
_KEY_BYTES: Final = 32


def opened(session: LocalSession) -> ManifestCache | None:
    """The cache of an environment; None where the session has none, or the user has no folder for the key."""
    if not session.caches or session.granted:
        return None
    key = _key()
    if not key:
        return None
    path = Path(os.path.realpath(session.root), FOLDER, session.environment.name)
    return ManifestCache.opened(path, key, _holds_for(session))


def _holds_for(session: LocalSession) -> str:
    """Everything but files of manifests that what is read from them depends on."""
    project = session.project
    settings = project.root, project.manifests, project.secrets, session.environment
    return hashlib.sha256(repr((sys.version, *_code(), settings)).encode("utf-8", "surrogatepass")).hexdigest()


@functools.cache
def _code() -> tuple[tuple[str, int, int], ...]:
    """The code, by when it was put where it is: nobody waits until all of it is read."""
    own = Path(tavusctl.__file__).parent
    modules = [str(one) for name in PACKAGES for one in sorted(Path(own, name).rglob("*.py"))]
    found = (find_spec(name) for name in _LIBRARIES)
    paths = (*modules, *(one.origin for one in found if one and one.origin))
    known = ((path, os.stat(path)) for path in paths)  # noqa: PTH116 - for each module
    return tuple((path, one.st_size, one.st_mtime_ns) for path, one in known)


def _key() -> bytes:
    """The key of this user on this machine; made when it is first needed, empty where it cannot be kept."""
    folder = os.environ.get("XDG_CACHE_HOME") or os.environ.get("LOCALAPPDATA")
    with contextlib.suppress(OSError, RuntimeError):
        path = Path(folder or Path.home() / ".cache", "tavusctl", "key")
        with contextlib.suppress(FileNotFoundError):
            found = path.read_bytes()
            return found if len(found) == _KEY_BYTES else b""
        path.parent.mkdir(parents=True, exist_ok=True)
        atomic_files.replace(path, secrets.token_bytes(_KEY_BYTES))
        return path.read_bytes()  # of several runs that have made one, the last one's
    return b""
