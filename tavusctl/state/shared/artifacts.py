"""What is kept beside a state in a place that machines share, so that a run can be reversed from any machine."""

from __future__ import annotations

from collections.abc import Iterable

from tavusctl.core.errors import StateError
from tavusctl.state.shared.folder import Folder, Taken


class FolderArtifacts:
    """Artifacts in a bucket."""

    def __init__(self, folder: Folder) -> None:
        self._folder = folder

    def put(self, name: str, content: bytes) -> None:
        """Keep an object; its name belongs to one run, so nobody else writes it."""
        try:
            self._folder.put(name, content, None)
        except Taken:
            found = self._folder.get(name)
            if found is None or found.content != content:
                message = f"`{self._folder.url}/{name}` exists with other content"
                raise StateError(message, "inspect that object, and delete it", id="E912") from None

    def get(self, name: str) -> bytes | None:
        """An object, or None."""
        found = self._folder.get(name)
        return found.content if found else None

    def names(self, folder: str) -> dict[str, float]:
        """The objects in a folder, and when they were written, in seconds since some time."""
        return {name: modified.timestamp() for name, modified in self._folder.dated(folder).items()}

    def drop(self, names: Iterable[str]) -> None:
        """Delete objects; what cannot be deleted is left."""
        self._folder.sweep(names)
