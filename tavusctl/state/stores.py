"""Where bindings live: one row per scheme of `state:`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

from tavusctl.core.diagnostics import Diagnostic
from tavusctl.core.errors import ConfigError
from tavusctl.core.ports import Store
from tavusctl.state.file.store import FileStore
from tavusctl.state.git.urls import is_git, open_git_store
from tavusctl.state.object_store.urls import open_object_store

STORES: Mapping[str, Callable[[str], Store]] = {
    "file": lambda location: FileStore(Path(location)),
    "s3": partial(open_object_store, "s3"),
    "gs": partial(open_object_store, "gs"),
    "az": partial(open_object_store, "az"),
}


def open_store(url: str, root: Path, environment: str) -> Store:
    """The store of an environment; without a URL, a file in the project."""
    if not url:
        name = "state.json" if environment == "default" else f"state-{environment}.json"
        return FileStore(root / ".tavusctl" / name)
    if is_git(url):
        return open_git_store(url, root, environment)
    scheme, separator, location = url.partition("://")
    if not separator:
        scheme, location = "file", url
    if scheme not in STORES:
        known = ", ".join(["git", *(f"{one}://" for one in sorted(STORES))])
        message = f"state: unsupported scheme `{scheme}://`; known: {known}"
        raise ConfigError([Diagnostic("TV117", message)])
    return STORES[scheme](str(root / location) if scheme == "file" else location)
