"""Files of the project that the API is to fetch: located and digested, without reading them into memory."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import PurePosixPath
from typing import Final

from msgspec import Struct

from tavusctl.config.collector import DiagnosticCollector
from tavusctl.config.interpolation import path_hint
from tavusctl.core.address import Source
from tavusctl.core.messages import either, shown
from tavusctl.core.model import LocalFile
from tavusctl.core.resource_kind import Attachment, ResourceKind
from tavusctl.lib.json_types import JsonObject
from tavusctl.lib.patterns import pattern

SCHEMES: Final = ("s3", "gs", "az")
_FOLDER = pattern(rf"({'|'.join(SCHEMES)})://[A-Za-z0-9._-]+(/[A-Za-z0-9._=/-]*)?")
_UP = pattern(r"(^|/)\.\.?(/|$)|//")


class FileDigest(Struct, frozen=True):
    """A readable file: its path, its name in messages, its size, and the digest of its content."""

    path: str
    name: str
    size: int
    digest: str


class AttachmentResolver(Struct, frozen=True):
    """How attachments are read, and where they are uploaded."""

    # Takes a path in a manifest, a limit in bytes, and where the path is written; ValueError says why it is unreadable.
    measure: Callable[[str, int, Source], FileDigest]
    uploads: str = ""  # URL of the folder for attachments that name none


def upload_fault(url: str) -> str:
    """Why a URL cannot be a folder of an object store; empty if it can."""
    match = _FOLDER.fullmatch(url)
    if match and not _UP.search(match[2] or ""):
        return ""
    return f"is not a folder of an object store ({either(f'`{one}://`' for one in SCHEMES)})"


def attach(
    spec: JsonObject, kind: ResourceKind, collector: DiagnosticCollector, resolver: AttachmentResolver
) -> LocalFile | None:
    """The file that a spec names, or None; in the spec, its path is replaced by the digest of its content.

    Without a name in the manifest, the object gets the name of the file: a signed URL would not identify it.
    """
    attachment = kind.attachment
    path = spec.get(attachment.file) if attachment else None
    if attachment is None or not isinstance(path, str) or not path:
        return None
    upload = spec.pop(attachment.upload, None) or resolver.uploads
    is_valid = _check_upload(attachment, upload, collector) and _check_format(attachment, path, collector)
    measured = _measure(attachment, path, collector, resolver)
    if measured is None or not is_valid or not isinstance(upload, str):
        return None
    spec[attachment.file] = measured.digest
    spec.setdefault(kind.name_field, PurePosixPath(measured.name).name)
    return LocalFile(measured.path, measured.name, measured.size, measured.digest, upload)


def _check_upload(attachment: Attachment, upload: object, collector: DiagnosticCollector) -> bool:
    pointer = f"/spec/{attachment.upload}"
    if not upload:
        hint = f"add `{attachment.upload}: s3://bucket/prefix` beside it, or `uploads:` to tavusctl.yaml"
        message = f"{attachment.file}: no upload folder is set for the file"
        collector.error("TV106", message, collector.key_at(f"/spec/{attachment.file}"), hint)
        return False
    if not isinstance(upload, str):
        return False  # already reported
    reason = upload_fault(upload)
    if reason:
        message, hint = f"{attachment.upload}: {shown(upload)} {reason}", "write a URL such as `s3://bucket/prefix`"
        collector.error("TV104", message, collector.value_at(pointer), hint)
    return not reason


def _check_format(attachment: Attachment, path: str, collector: DiagnosticCollector) -> bool:
    ending = PurePosixPath(path).suffix.removeprefix(".").lower()
    if ending in attachment.formats:
        return True
    message = f"{attachment.file}: {shown(path)} has a format that the API does not read"
    hint = f"use a file of the format {either(attachment.formats)}"
    collector.error("TV104", message, collector.value_at(f"/spec/{attachment.file}"), hint)
    return False


def _measure(
    attachment: Attachment, path: str, collector: DiagnosticCollector, resolver: AttachmentResolver
) -> FileDigest | None:
    source = collector.value_at(f"/spec/{attachment.file}")
    try:
        file = resolver.measure(path, attachment.limit, source)
    except ValueError as error:
        id = "TV115" if getattr(error, "too_large", False) else "TV110"
        collector.error(id, f"{attachment.file}: the file {shown(path)} {error}", source, path_hint(error, path))
        return None
    if not file.size:
        collector.error("TV110", f"{attachment.file}: the file {shown(path)} is empty", source)
        return None
    return file
