"""Upload folders in object stores, from which the API downloads files by signed URLs.

An object is named by the digest of its content, so that a file that is there already is not sent again, whoever has
put it there, and a run that was killed has nothing to tidy up.  The name is a claim: the content is looked at.
"""

from __future__ import annotations

import hashlib
from datetime import timedelta
from typing import TYPE_CHECKING, Final, NoReturn

import obstore
from obstore.exceptions import BaseError, PermissionDeniedError

from tavusctl.core.errors import UploadError
from tavusctl.state.object_store.urls import said

if TYPE_CHECKING:
    from tavusctl.state.object_store.bucket import Remote

# Processing takes minutes; the API asks for links that work for a day, and this leaves another one for a slow day.
LIFE: Final = timedelta(hours=48)
# Python's own errors are among what obstore raises.
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
    """One folder."""

    def __init__(self, remote: Remote, prefix: str, url: str) -> None:
        self._remote, self._prefix, self._url = remote, prefix.strip("/"), url

    def holds(self, name: str, digest: str, size: int) -> bool:
        """Whether a file is there, with the content that its name claims: others may write to the folder, too."""
        try:
            if obstore.head(self._remote, self._path(name))["size"] != size:
                return False
            content = obstore.get(self._remote, self._path(name)).bytes()
            return f"sha256:{hashlib.sha256(content).hexdigest()}" == digest
        except (FileNotFoundError, PermissionDeniedError):
            return False  # who may not list a bucket is refused a look at what is not there
        except _FAILURES as error:
            self._fail("look into", error)

    def put(self, name: str, content: bytes) -> None:
        """Put a file there, in place of what may be there under its name."""
        kind = {"Content-Type": _TYPES.get(name.rpartition(".")[2], "application/octet-stream")}
        try:
            obstore.put(self._remote, self._path(name), content, use_multipart=False, attributes=kind)
        except _FAILURES as error:
            self._fail("upload to", error)

    def link(self, name: str) -> str:
        """An address at which anybody can fetch a file, for a while."""
        try:
            return obstore.sign(self._remote, "GET", self._path(name), LIFE)
        except _FAILURES as error:
            self._fail("sign a link into", error)

    def _path(self, name: str) -> str:
        return f"{self._prefix}/{name}" if self._prefix else name

    def _fail(self, verb: str, error: Exception) -> NoReturn:
        message = f"cannot {verb} {self._url}: {said(error)}"
        raise UploadError(
            message, "check the bucket, the credentials in the environment, and their permissions"
        ) from None
