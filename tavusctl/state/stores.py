"""The stores of state, by the scheme of the `state:` URL."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

from tavusctl.core.diagnostics import Diagnostic
from tavusctl.core.errors import ConfigError
from tavusctl.core.ports import Store
from tavusctl.state.file.store import FileStore
from tavusctl.state.git.urls import open_git_store
from tavusctl.state.object_store.urls import open_object_store
from tavusctl.state.scheme import file_of, is_git

STORES: Mapping[str, Callable[[str], Store]] = {
    "s3": partial(open_object_store, "s3"),
    "gs": partial(open_object_store, "gs"),
    "az": partial(open_object_store, "az"),
}


def open_store(url: str, root: Path, environment: str) -> Store:
    """The store of an environment; a file in the project if the URL is empty; ConfigError for an unknown scheme."""
    if is_git(url):
        return open_git_store(url, root, environment)
    file = file_of(url, root, environment)
    if file:
        return FileStore(file)
    scheme, _, location = url.partition("://")
    if scheme not in STORES:
        schemes = ", ".join(["git", *(f"{name}://" for name in sorted(["file", *STORES]))])
        message = f"state: unsupported scheme `{scheme}://`; known: {schemes}"
        raise ConfigError([Diagnostic("TV117", message)])
    return STORES[scheme](location)
