"""Files of the project that the API is to fetch: found, measured by content, and not read into memory."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import PurePosixPath
from typing import Final

from msgspec import Struct

from tavusctl.config.collector import DiagnosticCollector
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
    """A file that can be read: where it is, what people call it, and what is in it."""

    path: str
    name: str
    size: int
    digest: str


class AttachmentResolver(Struct, frozen=True):
    """Where attachments come from and go to."""

    # A path in a manifest, a limit, and where it is written; ValueError says why it cannot be had.
    measure: Callable[[str, int, Source], FileDigest]
    uploads: str = ""  # folder for those that name none


def upload_fault(url: str) -> str:
    """Why a URL cannot be a folder of an object store, or nothing."""
    found = _FOLDER.fullmatch(url)
    if found and not _UP.search(found[2] or ""):
        return ""
    return f"is not a folder of an object store ({either(f'`{one}://`' for one in SCHEMES)})"


def attach(
    spec: JsonObject, kind: ResourceKind, notes: DiagnosticCollector, desk: AttachmentResolver
) -> LocalFile | None:
    """The file that a spec names, if any; in the spec, the digest of its content takes its place.

    The object is called like the file when the manifest gives it no name: nobody would know it by a signed address.
    """
    attachment = kind.attachment
    path = spec.get(attachment.file) if attachment else None
    if attachment is None or not isinstance(path, str) or not path:
        return None
    upload = spec.pop(attachment.upload, None) or desk.uploads
    good = _check_upload(attachment, upload, notes) and _check_format(attachment, path, notes)
    measured = _measured(attachment, path, notes, desk)
    if measured is None or not good or not isinstance(upload, str):
        return None
    spec[attachment.file] = measured.digest
    spec.setdefault(kind.name_field, PurePosixPath(measured.name).name)
    return LocalFile(measured.path, measured.name, measured.size, measured.digest, upload)


def _check_upload(attachment: Attachment, upload: object, notes: DiagnosticCollector) -> bool:
    pointer = f"/spec/{attachment.upload}"
    if not upload:
        hint = f"add `{attachment.upload}: s3://bucket/prefix` beside it, or `uploads:` to tavusctl.yaml"
        message = f"{attachment.file}: no upload folder is set for the file"
        notes.error("TV106", message, notes.key_at(f"/spec/{attachment.file}"), hint)
        return False
    if not isinstance(upload, str):
        return False  # has its complaint already
    reason = upload_fault(upload)
    if reason:
        notes.error("TV104", f"{attachment.upload}: {shown(upload)} {reason}", notes.value_at(pointer))
    return not reason


def _check_format(attachment: Attachment, path: str, notes: DiagnosticCollector) -> bool:
    ending = PurePosixPath(path).suffix.removeprefix(".").lower()
    if ending in attachment.formats:
        return True
    message = f"{attachment.file}: {shown(path)} has a format that the API does not read"
    hint = f"use a file of the format {either(attachment.formats)}"
    notes.error("TV104", message, notes.value_at(f"/spec/{attachment.file}"), hint)
    return False


def _measured(
    attachment: Attachment, path: str, notes: DiagnosticCollector, desk: AttachmentResolver
) -> FileDigest | None:
    where = notes.value_at(f"/spec/{attachment.file}")
    try:
        found = desk.measure(path, attachment.limit, where)
    except ValueError as error:
        id = "TV115" if getattr(error, "too_large", False) else "TV110"  # noqa: A001 - as in Complaint
        there = getattr(error, "hint", "")
        notes.error(
            id, f"{attachment.file}: the file {shown(path)} {error}", where, f"write `{there}`" if there else ""
        )
        return None
    if not found.size:
        notes.error("TV110", f"{attachment.file}: the file {shown(path)} is empty", where)
        return None
    return found
