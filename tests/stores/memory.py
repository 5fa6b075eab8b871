"""A bucket in memory with a clock that stands still, so that seconds are exact; what happens to it can be told."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from typing import cast

from msgspec.structs import replace

from tavusctl.core.errors import StateError
from tavusctl.state.object_store.bucket import Bucket, Remote
from tavusctl.state.shared.folder import Blob, Taken, Version

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


class MemoryBucket(Bucket):
    """Objects by name."""

    def __init__(self) -> None:
        super().__init__(cast("Remote", None), "", "mem://team")
        self.now = NOON
        self.objects: dict[str, Blob] = {}
        self.puts: list[str] = []
        self.swept: list[str] = []
        self.down = False
        self.before_put: Callable[[str], None] = lambda _: None
        self.before_get: Callable[[str], None] = lambda _: None
        self._writes = 0

    def get(self, name: str) -> Blob | None:
        """An object, or None."""
        self.before_get(name)
        self._answer()
        return self.objects.get(name)

    def put(self, name: str, content: bytes, expected: Version | None) -> Version:
        """Write on a condition."""
        self.before_put(name)
        self._answer()
        found = self.objects.get(name)
        if (found.version if found else None) != expected:
            raise Taken
        self.puts.append(name)
        return self.change(name, content)

    def names(self, folder: str) -> list[str]:
        """Names of the objects in a folder."""
        return sorted(name for name in self.objects if name.startswith(folder))

    def sweep(self, names: Iterable[str]) -> None:
        """Delete."""
        for name in names:
            self.swept.append(name)
            self.objects.pop(name, None)

    def change(self, name: str, content: bytes) -> Version:
        """Write without a condition, as another run."""
        self._writes += 1
        version = Version(str(self._writes))
        self.objects[name] = Blob(content, version, self.now)
        return version

    def age(self, name: str, seconds: float) -> None:
        """Make an object older; younger with a negative number."""
        found = self.objects[name]
        self.objects[name] = replace(found, modified=found.modified - timedelta(seconds=seconds))

    def _answer(self) -> None:
        if self.down:
            message = "the store is down"
            raise StateError(message, id="E912")
