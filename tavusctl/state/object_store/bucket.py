"""A folder of an object store: small objects, read whole and written only on a condition, as a `Folder` must."""

from __future__ import annotations

import contextlib
import time
import uuid
from collections.abc import Iterable
from datetime import datetime
from typing import TYPE_CHECKING, Final, TypeAlias

import obstore
from obstore.exceptions import (
    AlreadyExistsError,
    BaseError,
    PermissionDeniedError,
    PreconditionError,
    UnauthenticatedError,
)

from tavusctl.core.errors import StateError
from tavusctl.lib.private_files import LIMIT
from tavusctl.state.object_store.urls import error_text
from tavusctl.state.shared.folder import Blob, Version, WriteConflict

if TYPE_CHECKING:
    from obstore import ObjectMeta, UpdateVersion
    from obstore.store import AzureStore, GCSStore, S3Store

Remote: TypeAlias = "S3Store | GCSStore | AzureStore"

NAMES: Final = 200_000  # maximum of objects in a folder
_RETRY_PAUSES: Final = (0.2, 1.0)  # seconds before the second and the third attempt


class Bucket:
    """Objects below a prefix; `url` is for messages."""

    def __init__(self, remote: Remote, prefix: str, url: str, names: int = NAMES) -> None:
        self.url, self.is_local = url, False
        self._max_names = names
        self._remote = remote
        self._prefix = prefix.strip("/")
        self._checked = False

    def get(self, name: str) -> Blob | None:
        """An object; None if it does not exist."""
        for pause in (*_RETRY_PAUSES, None):
            try:
                return self._get(name)
            except FileNotFoundError as error:
                self._check_bucket(error)
                return None
            except _FAILURES as error:
                self._pause_or_fail(pause, error, "read")
        return None  # not reached: the last `_pause_or_fail` raises

    def put(self, name: str, content: bytes, expected: Version | None) -> Version:
        """Write an object if it still has the expected version (None: if it does not exist); else WriteConflict."""
        for pause in (*_RETRY_PAUSES, None):
            try:
                return self._put(name, content, expected)
            except (AlreadyExistsError, PreconditionError, FileNotFoundError) as error:
                self._check_bucket(error)
                blob = self.get(name)
                # An earlier attempt may have been carried out although its answer was lost.
                if blob and blob.content == content:
                    return blob.version
                # A store may also refuse a write that meets a delete or another write (409), and nothing has changed.
                if pause is None or (blob.version if blob else None) != expected:
                    raise WriteConflict from None
                time.sleep(pause)
            except _FAILURES as error:
                with contextlib.suppress(WriteConflict):
                    return self._own_version(name, content)
                self._pause_or_fail(pause, error, "write")
        raise WriteConflict  # not reached: the last `_pause_or_fail` raises

    def names(self, folder: str) -> list[str]:
        """The names of the objects in a folder, sorted, without the prefix."""
        return sorted(self.write_times(folder))

    def write_times(self, folder: str) -> dict[str, datetime]:
        """The names of the objects in a folder, without the prefix, with the times of their writes."""
        prefix = self._path("")
        for pause in (*_RETRY_PAUSES, None):
            try:
                listing = self._listed(folder)
                return {entry["path"].removeprefix(prefix): entry["last_modified"] for entry in listing}
            except _FAILURES as error:
                self._check_bucket(error)
                self._pause_or_fail(pause, error, "list")
        return {}  # not reached: the last `_pause_or_fail` raises

    def _listed(self, folder: str) -> list[ObjectMeta]:
        listing: list[ObjectMeta] = []
        for chunk in obstore.list(self._remote, self._path(folder), chunk_size=1000):
            listing += chunk
            if len(listing) > self._max_names:
                message = (
                    f"`{self.url}/{folder}` has more than {self._max_names} objects: it is not a folder of tavusctl"
                )
                raise StateError(message, "set `state:` to a folder that nothing else uses", id="E903")
        return listing

    def delete_unused(self, names: Iterable[str]) -> None:
        """Delete objects that are no longer read; those that cannot be deleted are left."""
        for name in names:
            with contextlib.suppress(FileNotFoundError, BaseError, OSError, ValueError):
                obstore.delete(self._remote, self._path(name))

    def refresh(self) -> None:
        """Do nothing: each read shows the newest objects."""

    def time(self) -> datetime:
        """The current time of the store, from an object that is written now."""
        name = f"probe/{uuid.uuid4().hex}"
        self.put(name, name.encode(), None)
        blob = self.get(name)
        self.delete_unused([name])
        if blob is None:
            message = f"{self.url} does not return the object that was just written"
            raise StateError(message, "use a store with consistent reads", id="E911")
        return blob.modified

    def check(self) -> None:
        """Test, once per run, that the store refuses writes by their conditions; StateError if it does not.

        Otherwise two runs could overwrite the writes of one another.
        """
        if self._checked:
            return
        name = f"probe/{uuid.uuid4().hex}"
        try:
            first = self.put(name, b"first", None)
            self._must_refuse(name, b"create twice", None)
            self.put(name, b"second", first)
            self._must_refuse(name, b"replace what is no more", first)
        except WriteConflict:
            self._ignores("a write that should have been accepted was refused")
        finally:
            self.delete_unused([name])
        self._checked = True

    def _must_refuse(self, name: str, content: bytes, expected: Version | None) -> None:
        with contextlib.suppress(WriteConflict):
            self.put(name, content, expected)
            self._ignores("a write that should have been refused was accepted")

    def _ignores(self, what: str) -> None:
        message = f"{self.url} does not enforce conditional writes: {what}"
        hint = (
            "use a store with If-None-Match and If-Match on PUT, such as S3, Google Cloud Storage or Azure Blob Storage"
        )
        raise StateError(message, hint, id="E911")

    def _path(self, name: str) -> str:
        return f"{self._prefix}/{name}" if self._prefix else name

    def _get(self, name: str) -> Blob:
        response = obstore.get(self._remote, self._path(name))
        meta = response.meta
        if meta["size"] > LIMIT:
            message = f"{self.url}/{name} is larger than {LIMIT} bytes"
            raise StateError(message, "set `state:` to a folder that nothing else uses", id="E903")
        return Blob(bytes(response.bytes()), self._version(meta["e_tag"], meta["version"]), meta["last_modified"])

    def _put(self, name: str, content: bytes, expected: Version | None) -> Version:
        path = self._path(name)
        if expected is None:
            response = obstore.put(self._remote, path, content, mode="create", use_multipart=False)
        else:
            response = obstore.put(self._remote, path, content, mode=_condition(expected), use_multipart=False)
        return self._version(response["e_tag"], response["version"])

    def _own_version(self, name: str, content: bytes) -> Version:
        blob = self.get(name)
        if blob is None or blob.content != content:
            raise WriteConflict
        return blob.version

    def _version(self, e_tag: str | None, version: str | None) -> Version:
        if not e_tag:
            message = f"{self.url} returns no version of an object (no ETag)"
            raise StateError(message, "use an object store with conditional writes", id="E911")
        return Version(e_tag, version)

    def _check_bucket(self, error: Exception) -> None:
        # A missing bucket must not look like a state that was never written.
        if any(code in str(error) for code in _NO_BUCKET):
            message = f"the bucket or container of the state {self.url} does not exist"
            raise StateError(message, "create it, or correct `state:` in tavusctl.yaml", id="E912") from None

    def _pause_or_fail(self, pause: float | None, error: Exception, verb: str) -> None:
        final = isinstance(error, (PermissionDeniedError, UnauthenticatedError))
        if pause is not None and not final:
            time.sleep(pause)
            return
        message = f"cannot {verb} the state in {self.url}: {error_text(error)}"
        remedy = (
            "check the credentials and their permissions" if final else "check the network, the endpoint and the bucket"
        )
        raise StateError(message, remedy, id="E912") from None


# In the error bodies of S3, Azure and Google Cloud Storage.
_NO_BUCKET: Final = ("NoSuchBucket", "ContainerNotFound", "The specified bucket does not exist")

# obstore also raises built-in errors of Python.
_FAILURES: Final = (BaseError, OSError, ValueError)


def _condition(expected: Version) -> UpdateVersion:
    if expected.version is None:  # obstore does not accept None here
        return {"e_tag": expected.e_tag}
    return {"e_tag": expected.e_tag, "version": expected.version}
