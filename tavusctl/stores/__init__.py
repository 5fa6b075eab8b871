"""Where bindings live: one row per scheme of `state:`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

from tavusctl.errors import ConfigError
from tavusctl.model import Complaint
from tavusctl.ports import Store
from tavusctl.stores.file import FileStore
from tavusctl.stores.remote import open_object_store

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
    scheme, separator, location = url.partition("://")
    if not separator:
        scheme, location = "file", url
    if scheme not in STORES:
        known = ", ".join(f"{one}://" for one in sorted(STORES))
        message = f"state: the scheme {scheme}:// is not known; known are {known}"
        raise ConfigError([Complaint("TV117", message)])
    return STORES[scheme](str(root / location) if scheme == "file" else location)
