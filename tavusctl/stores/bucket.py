"""A folder of an object store: small objects, read whole and written only on a condition.

Every write is "create, if there is none" or "replace, if it is still this version", so that it can be repeated: an
answer that was lost is settled by reading the object back.  Contents of two writes are never equal.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterable
from datetime import datetime
from typing import TYPE_CHECKING, Final, TypeAlias

import obstore
from msgspec import Struct
from obstore.exceptions import (
    AlreadyExistsError,
    BaseError,
    PermissionDeniedError,
    PreconditionError,
    UnauthenticatedError,
)

from tavusctl.errors import StateError
from tavusctl.redaction import shortened

if TYPE_CHECKING:
    from obstore import ObjectMeta, UpdateVersion
    from obstore.store import AzureStore, GCSStore, S3Store

Remote: TypeAlias = "S3Store | GCSStore | AzureStore"

LIMIT: Final = 256 * 1024 * 1024  # bytes of an object
NAMES: Final = 200_000  # of objects in a folder
_PAUSES: Final = (0.2, 1.0)  # seconds before the second and the third try


class Version(Struct, frozen=True):
    """What a store calls the content of an object at one time."""

    e_tag: str
    version: str | None = None


class Blob(Struct, frozen=True):
    """An object: its content, its version, and when it was written by the clock of the store."""

    content: bytes
    version: Version
    modified: datetime


class Taken(Exception):
    """The condition of a write does not hold: somebody else was first."""


class Bucket:
    """Objects below a prefix; `url` is what people call the place."""

    def __init__(self, remote: Remote, prefix: str, url: str, names: int = NAMES) -> None:
        self.url = url
        self._most_names = names
        self._remote = remote
        self._prefix = prefix.strip("/")

    def get(self, name: str) -> Blob | None:
        """An object, or None."""
        for pause in (*_PAUSES, None):
            try:
                return self._get(name)
            except FileNotFoundError as error:
                self._check_bucket(error)
                return None
            except _FAILURES as error:
                self._rest(pause, error, "read")
        return None  # not reached: the last rest raises

    def put(self, name: str, content: bytes, expected: Version | None) -> Version:
        """Write, if the object is still at the expected version (None: if there is none); Taken when it is not."""
        for pause in (*_PAUSES, None):
            try:
                return self._put(name, content, expected)
            except (AlreadyExistsError, PreconditionError, FileNotFoundError) as error:
                self._check_bucket(error)
                # An earlier try may have been carried out although its answer was lost.
                return self._own(name, content)
            except _FAILURES as error:
                with contextlib.suppress(Taken):
                    return self._own(name, content)
                self._rest(pause, error, "write")
        raise Taken  # not reached: the last rest raises

    def names(self, folder: str) -> list[str]:
        """Names of the objects in a folder, sorted, without the prefix."""
        return sorted(self.dated(folder))

    def dated(self, folder: str) -> dict[str, datetime]:
        """Names of the objects in a folder, without the prefix, and when they were written."""
        begin = self._path("")
        for pause in (*_PAUSES, None):
            try:
                found = self._listed(folder)
                return {one["path"].removeprefix(begin): one["last_modified"] for one in found}
            except _FAILURES as error:
                self._rest(pause, error, "list")
        return {}  # not reached: the last rest raises

    def _listed(self, folder: str) -> list[ObjectMeta]:
        found: list[ObjectMeta] = []
        for chunk in obstore.list(self._remote, self._path(folder), chunk_size=1000):
            found += chunk
            if len(found) > self._most_names:
                message = f"{self.url}/{folder} has more than {self._most_names} objects: that is no folder of tavusctl"
                raise StateError(message, "point `state` at a place of its own", id="E903")
        return found

    def sweep(self, names: Iterable[str]) -> None:
        """Delete what nobody reads any more; what cannot be deleted is left."""
        for name in names:
            with contextlib.suppress(FileNotFoundError, BaseError, OSError, ValueError):
                obstore.delete(self._remote, self._path(name))

    def _path(self, name: str) -> str:
        return f"{self._prefix}/{name}" if self._prefix else name

    def _get(self, name: str) -> Blob:
        answer = obstore.get(self._remote, self._path(name))
        meta = answer.meta
        if meta["size"] > LIMIT:
            message = f"{self.url}/{name} is larger than {LIMIT} bytes"
            raise StateError(message, "point `state` at a place of its own", id="E903")
        return Blob(bytes(answer.bytes()), self._version(meta["e_tag"], meta["version"]), meta["last_modified"])

    def _put(self, name: str, content: bytes, expected: Version | None) -> Version:
        path = self._path(name)
        if expected is None:
            answer = obstore.put(self._remote, path, content, mode="create", use_multipart=False)
        else:
            answer = obstore.put(self._remote, path, content, mode=_condition(expected), use_multipart=False)
        return self._version(answer["e_tag"], answer["version"])

    def _own(self, name: str, content: bytes) -> Version:
        found = self.get(name)
        if found is None or found.content != content:
            raise Taken
        return found.version

    def _version(self, e_tag: str | None, version: str | None) -> Version:
        if not e_tag:
            message = f"{self.url} does not say which version of an object it holds (no ETag)"
            raise StateError(message, "use a store with conditional writes", id="E911")
        return Version(e_tag, version)

    def _check_bucket(self, error: Exception) -> None:
        # A bucket that is not there must not look like a state that was never written.
        if any(code in str(error) for code in _NO_BUCKET):
            message = f"there is no bucket or container for the state {self.url}"
            raise StateError(message, "create it, or correct `state` in tavusctl.yaml", id="E912") from None

    def _rest(self, pause: float | None, error: Exception, verb: str) -> None:
        final = isinstance(error, (PermissionDeniedError, UnauthenticatedError))
        if pause is not None and not final:
            time.sleep(pause)
            return
        message = f"cannot {verb} the state in {self.url}: {_reason(error)}"
        remedy = "check the credentials and their rights" if final else "check the network, the endpoint and the bucket"
        raise StateError(message, remedy, id="E912") from None


# In the error bodies of S3, Azure and Google Cloud Storage.
_NO_BUCKET: Final = ("NoSuchBucket", "ContainerNotFound", "The specified bucket does not exist")

# Python's own errors are among what obstore raises.
_FAILURES: Final = (BaseError, OSError, ValueError)


def _condition(expected: Version) -> UpdateVersion:
    if expected.version is None:  # the binding takes no None here
        return {"e_tag": expected.e_tag}
    return {"e_tag": expected.e_tag, "version": expected.version}


def _reason(error: Exception) -> str:
    """The first line of what the store said, without its long tail of debugging."""
    return shortened(" ".join(str(error).split("Debug source")[0].split()), 300)
