"""What is kept beside a state in an object store, so that a run can be reversed from any machine."""

from __future__ import annotations

from collections.abc import Iterable

from tavusctl.errors import StateError
from tavusctl.stores.bucket import Bucket, Taken


class ShelfObjects:
    """Objects beside the state."""

    def __init__(self, bucket: Bucket) -> None:
        self._bucket = bucket

    def put(self, name: str, content: bytes) -> None:
        """Keep an object; its name belongs to one run, so nobody else writes it."""
        try:
            self._bucket.put(name, content, None)
        except Taken:
            found = self._bucket.get(name)
            if found is None or found.content != content:
                message = f"{self._bucket.url}/{name} is there already, and says something else"
                raise StateError(message, "look at that object, and delete it", id="E912") from None

    def get(self, name: str) -> bytes | None:
        """An object, or None."""
        found = self._bucket.get(name)
        return found.content if found else None

    def names(self, folder: str) -> dict[str, float]:
        """The objects in a folder, and when they were written, in seconds since some time."""
        return {name: modified.timestamp() for name, modified in self._bucket.dated(folder).items()}

    def drop(self, names: Iterable[str]) -> None:
        """Delete objects; what cannot be deleted is left."""
        self._bucket.sweep(names)
