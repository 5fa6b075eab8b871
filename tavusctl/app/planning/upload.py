"""Upload of files to an object store, right before the API downloads them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path, PurePosixPath
from threading import Lock
from typing import TYPE_CHECKING

from msgspec import Struct, field

from tavusctl.config import files
from tavusctl.core.errors import ConflictError
from tavusctl.core.model import LocalFile
from tavusctl.fields import presigned_urls
from tavusctl.secrets import redaction
from tavusctl.state.object_store.urls import open_uploads

if TYPE_CHECKING:
    from tavusctl.state.object_store.uploads import Uploads


class UploadFile(Struct):
    """Turns a local file into a link for the API; equal contents are uploaded once."""

    root: Path
    report: Callable[[str], None] = lambda _: None
    _stores: dict[str, Uploads] = {}
    _lock: Lock = field(default_factory=Lock)  # so that two files of equal content are uploaded once

    def link(self, file: LocalFile) -> str:
        """A new signed URL of a file, uploaded if the store lacks it; its signature never appears in output."""
        store = self._stores.get(file.upload) or self._stores.setdefault(file.upload, open_uploads(file.upload))
        name = file.digest.removeprefix("sha256:") + PurePosixPath(file.name).suffix.lower()
        with self._lock:
            if not store.holds(name, file.digest, file.size):
                self.report(f"uploading {file.name} ({file.size:,} bytes) to {file.upload}")
                store.put(name, self._content(file))
        link = store.link(name)
        for secret in presigned_urls.access_parameters(link):
            redaction.register(secret)
        return link

    def _content(self, file: LocalFile) -> bytes:
        try:
            content = files.read_bytes(Path(file.path), self.root, file.size)
        except ValueError as error:
            content, reason = b"", str(error)
        else:
            reason = "has other content now"
        if files.digest(content) != file.digest:
            message = f"`{file.name}` has changed since the plan: it {reason}"
            raise ConflictError(message, "run `tavusctl plan` again", id="E304")
        return content
