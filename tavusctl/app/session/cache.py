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
PACKAGES: Final = ("config", "core", "fields", "kinds", "lib", "lint", "patch", "secrets", "state")
_LIBRARIES: Final = ("cronsim", "jsonschema_rs", "msgspec", "pydantic", "pydantic_core", "yaml")
_KEY_BYTES: Final = 32
_OTHERS: Final = 0o077


def opened(session: LocalSession) -> ManifestCache | None:
    """The cache of an environment; None where the session has none, or the user has no place for the key."""
    name = session.environment.name
    if not session.caches or session.granted or name not in session.project.environments:
        return None
    root = Path(os.path.realpath(session.root))
    with contextlib.suppress(OSError, RuntimeError, ValueError):
        return ManifestCache.opened(root / FOLDER / name, _key(_checkout(root)), _holds_for(session))
    return None


def _holds_for(session: LocalSession) -> str:
    """Everything but files of manifests that what is read from them depends on."""
    project = session.project
    settings = project.root, project.manifests, project.secrets, session.environment
    return hashlib.sha256(
        repr((tavusctl.__version__, sys.version, _code(), settings)).encode("utf-8", "surrogatepass")
    ).hexdigest()


@functools.cache
def _code() -> tuple[tuple[str, int, int], ...]:
    """The code, by when it was put where it is: nobody waits until all of it is read."""
    own = Path(tavusctl.__file__).parent
    modules = [str(one) for name in PACKAGES for one in sorted(Path(own, name).rglob("*.py"))]
    found = (find_spec(name) for name in _LIBRARIES)
    paths = (*modules, *(one.origin for one in found if one and one.origin))
    known = ((path, os.stat(path)) for path in paths)  # noqa: PTH116 - for each module
    return tuple((path, one.st_size, one.st_mtime_ns) for path, one in known)


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
