"""The stores of state, by the scheme of the `state:` URL."""

from __future__ import annotations

from pathlib import Path

from tavusctl.core.ports import Store
from tavusctl.state.file.store import FileStore
from tavusctl.state.git.urls import open_git_store
from tavusctl.state.object_store.urls import open_object_store
from tavusctl.state.scheme import file_of, is_git


def open_store(url: str, root: Path, environment: str) -> Store:
    """The store of an environment, at a URL without `state_fault`; a file in the project if the URL is empty."""
    if is_git(url):
        return open_git_store(url, root, environment)
    file = file_of(url, root, environment)
    if file:
        return FileStore(file)
    return open_object_store(*url.split("://", 1))
