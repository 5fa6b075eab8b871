"""Upload folders in object stores, from which the API downloads files by signed URLs.

An object is named by the digest of its content, so that an existing file is not uploaded again, whoever uploaded it,
and nothing has to be cleaned up after a killed run.  Others may upload too, so the content is checked, not the name.
"""

from __future__ import annotations

import hashlib
from datetime import timedelta
from typing import TYPE_CHECKING, Final, NoReturn

import obstore
from obstore.exceptions import BaseError, PermissionDeniedError

from tavusctl.core.errors import UploadError
from tavusctl.state.object_store.urls import error_text

if TYPE_CHECKING:
    from tavusctl.state.object_store.bucket import Remote

# Processing takes minutes; the API requires links that are valid for a day, and this adds a second day as a margin.
LIFE: Final = timedelta(hours=48)
# obstore also raises built-in errors of Python.
_FAILURES: Final = (BaseError, OSError, ValueError)
_TYPES: Final = {
    "csv": "text/csv",
    "doc": "application/msword",
    "docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    "jpg": "image/jpeg",
    "pdf": "application/pdf",
    "png": "image/png",
    "pptx": "application/vnd.openxmlformats-officedocument.presentationml.presentation",
    "txt": "text/plain; charset=utf-8",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}


class Uploads:
    """An upload folder in an object store; all methods raise UploadError."""

    def __init__(self, remote: Remote, prefix: str, url: str) -> None:
        self._remote, self._prefix, self._url = remote, prefix.strip("/"), url

    def holds(self, name: str, digest: str, size: int) -> bool:
        """Whether a file exists with this size and digest; its content is read, as others may write to the folder."""
        try:
            if obstore.head(self._remote, self._path(name))["size"] != size:
                return False
            content = obstore.get(self._remote, self._path(name)).bytes()
            return f"sha256:{hashlib.sha256(content).hexdigest()}" == digest
        except (FileNotFoundError, PermissionDeniedError):
            return False  # without the right to list, a missing object is reported as a denied one
        except _FAILURES as error:
            self._fail("read from", error)

    def put(self, name: str, content: bytes) -> None:
        """Upload a file, replacing any with this name."""
        headers = {"Content-Type": _TYPES.get(name.rpartition(".")[2], "application/octet-stream")}
        try:
            obstore.put(self._remote, self._path(name), content, use_multipart=False, attributes=headers)
        except _FAILURES as error:
            self._fail("upload to", error)

    def link(self, name: str) -> str:
        """A signed URL from which anyone can download the file for 48 hours."""
        try:
            return obstore.sign(self._remote, "GET", self._path(name), LIFE)
        except _FAILURES as error:
            self._fail("sign a link into", error)

    def _path(self, name: str) -> str:
        return f"{self._prefix}/{name}" if self._prefix else name

    def _fail(self, verb: str, error: Exception) -> NoReturn:
        message = f"cannot {verb} {self._url}: {error_text(error)}"
        raise UploadError(
            message, "check the bucket, the credentials in the environment, and their permissions"
        ) from None
