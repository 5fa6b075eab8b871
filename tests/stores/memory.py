"""A bucket in memory with a stopped clock, so that seconds are exact, and with hooks for events during calls."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from typing import cast

from msgspec.structs import replace

from tavusctl.core.errors import StateError
from tavusctl.state.object_store.bucket import Bucket, Remote
from tavusctl.state.shared.folder import Blob, Version, WriteConflict

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


class MemoryBucket(Bucket):
    """A bucket whose objects are in a dictionary, by name."""

    def __init__(self) -> None:
        super().__init__(cast("Remote", None), "", "mem://team")
        self.now = NOON
        self.objects: dict[str, Blob] = {}
        self.puts: list[str] = []
        self.swept: list[str] = []
        self.down = False
        self.before_put: Callable[[str], None] = lambda _: None
        self.before_get: Callable[[str], None] = lambda _: None
        self.before_list: Callable[[], None] = lambda: None
        self._writes = 0

    def get(self, name: str) -> Blob | None:
        """An object, or None if it does not exist."""
        self.before_get(name)
        self._check_is_up()
        return self.objects.get(name)

    def put(self, name: str, content: bytes, expected: Version | None) -> Version:
        """Write an object if its version is the expected one; WriteConflict otherwise."""
        self.before_put(name)
        self._check_is_up()
        blob = self.objects.get(name)
        if (blob.version if blob else None) != expected:
            raise WriteConflict
        self.puts.append(name)
        return self.change(name, content)

    def names(self, folder: str) -> list[str]:
        """The names of the objects in a folder, sorted."""
        self.before_list()
        return sorted(name for name in self.objects if name.startswith(folder))

    def delete_unused(self, names: Iterable[str]) -> None:
        """Delete objects."""
        for name in names:
            self.swept.append(name)
            self.objects.pop(name, None)

    def change(self, name: str, content: bytes) -> Version:
        """Write an object without a condition, as another run."""
        self._writes += 1
        version = Version(str(self._writes))
        self.objects[name] = Blob(content, version, self.now)
        return version

    def age(self, name: str, seconds: float) -> None:
        """Make an object older; younger with a negative number."""
        blob = self.objects[name]
        self.objects[name] = replace(blob, modified=blob.modified - timedelta(seconds=seconds))

    def _check_is_up(self) -> None:
        if self.down:
            message = "the store is down"
            raise StateError(message, id="E912")
