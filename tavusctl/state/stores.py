"""The stores of state, by the scheme of the `state:` URL."""

from __future__ import annotations

import os
from pathlib import Path

from tavusctl.config.project_file.state_scheme import file_of, is_git
from tavusctl.core.errors import UsageError
from tavusctl.core.ports import Store
from tavusctl.state.artifacts import RUNS, TRASH
from tavusctl.state.file.store import FileStore
from tavusctl.state.object_store.urls import open_object_store


def open_store(url: str, root: Path, environment: str) -> Store:
    """The store of an environment, at a URL without `state_fault`; a file in the project if the URL is empty."""
    if is_git(url):
        from tavusctl.state.git.urls import open_git_store  # noqa: PLC0415 - only needed for state in git

        return open_git_store(url, root, environment)
    file = file_of(url, root, environment)
    if file:
        _check_links(file, root)
        return FileStore(file)
    return open_object_store(*url.split("://", 1))


def _check_links(file: Path, root: Path) -> None:
    """Raise UsageError if the folder of a state file, or of its artifacts, is a link out of the project.

    A repository may come from somebody else, who would choose the state that is believed.  The folder of a file outside
    of the project may be anywhere, but its artifacts are in it.
    """
    folder = Path(os.path.abspath(file.parent))  # noqa: PTH100 - links are checked below
    inside = folder.is_relative_to(os.path.abspath(root))  # noqa: PTH100 - as above
    limit = os.path.realpath(root if inside else folder)
    for path in (folder, folder / RUNS, folder / TRASH):
        real = os.path.realpath(path)
        if not Path(real).is_relative_to(limit):
            message = f"{path} is, or is below, a symbolic link that leads out of the project, to {real}"
            hint = "remove the link; if the state shall be there, set `state: file://PATH` in tavusctl.yaml"
            raise UsageError(message, hint, id="E1211")
