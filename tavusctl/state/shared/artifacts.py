"""Artifacts beside a shared state, so that a run can be undone from any machine."""

from __future__ import annotations

from collections.abc import Iterable

from tavusctl.core.errors import LockError, StateError
from tavusctl.state.shared.folder import Folder, WriteConflict


class FolderArtifacts:
    """Artifacts in a folder of a bucket or of a git repository."""

    def __init__(self, folder: Folder) -> None:
        self._folder = folder

    def put(self, name: str, content: bytes) -> None:
        """Write an object; its name belongs to one run, so that no other run writes it."""
        try:
            self._folder.put(name, content, None)
        except WriteConflict:
            blob = self._folder.get(name)
            if blob is None:
                message = f"another run has taken over the state: `{self._folder.url}/{name}` was not written"
                raise LockError(message, "run `tavusctl plan` to check the account", id="E702") from None
            if blob.content != content:
                message = f"`{self._folder.url}/{name}` exists with other content"
                raise StateError(message, "inspect that object, and delete it", id="E912") from None

    def get(self, name: str) -> bytes | None:
        """The content of an object; None if there is none."""
        blob = self._folder.get(name)
        return blob.content if blob else None

    def names(self, folder: str) -> dict[str, float]:
        """The objects in a folder, with the times of their writes in seconds since the epoch."""
        return {name: modified.timestamp() for name, modified in self._folder.write_times(folder).items()}

    def drop(self, names: Iterable[str]) -> None:
        """Delete objects; those that cannot be deleted are left."""
        self._folder.delete_unused(names)
