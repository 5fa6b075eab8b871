"""Lint rules for documents and recordings: formats that Tavus can read, and how many crawls an account may have."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import Final
from urllib.parse import urlsplit

from tavusctl.core.messages import either
from tavusctl.lint.core import Finding, Subject

# Extensions in URLs that are certainly files, and that Tavus cannot read.
_UNREADABLE: Final = frozenset({"7z", "avi", "epub", "exe", "gif", "gz", "mov", "mp3", "mp4", "odt", "ppt", "rar"}) | {
    *("rtf", "svg", "tar", "wav", "webp", "xls", "xml", "zip")
}
_READABLE: Final = frozenset({"csv", "doc", "docx", "json", "md", "pdf", "pptx", "txt", "xlsx"})  # as documents only
_MEDIA: Final = frozenset({"flac", "heic", "jpeg", "jpg", "m4a", "oga", "ogg", "png", "webm"})
_FILES: Final = _UNREADABLE | _READABLE | _MEDIA


def unsupported_document_format(subject: Subject) -> Iterator[Finding]:
    """Report a file in a format that Tavus cannot read."""
    extension = _extension(subject)
    if extension in _UNREADABLE:
        message = f"Tavus does not read `.{extension}` files"
        yield Finding("/document_url", message, f"use a web page, or a file of the format {either(_formats(subject))}")


def unsupported_recording_format(subject: Subject) -> Iterator[Finding]:
    """Report a recording, a video or a picture in a format that Tavus cannot read."""
    for place, url in subject.texts:
        formats, extension = place.declared.traits.formats, _extension_of(url)
        if formats and extension in _FILES and extension not in formats:
            message = f"Tavus does not read `.{extension}` files as `{place.path[-1]}`"
            yield Finding(place.pointer, message, f"use a file of the format {either(formats)}")


def crawl_of_file(subject: Subject) -> Iterator[Finding]:
    """Report a crawl of a file, which has no links to follow."""
    extension = _extension(subject)
    if subject.value_at("crawl") and extension in _formats(subject):
        yield Finding(
            "/crawl", f"a `.{extension}` file has no links to crawl", "remove `crawl`, or use the URL of a web page"
        )


def crawl_quota_exceeded(subject: Subject) -> Iterator[Finding]:
    """Report the first crawled document above the limit of the account."""
    manifests, limit = subject.project.manifests, subject.project.crawl_limit or subject.kind.crawl_quota
    crawled = [
        manifest for manifest in manifests if manifest.address.kind == subject.kind.name and manifest.spec.get("crawl")
    ]
    if len(crawled) > limit and crawled[limit].address == subject.manifest.address:
        message = f"{len(crawled)} documents are crawled, more than the {limit} that an account may have"
        yield Finding(
            "/crawl", message, "crawl fewer documents, or ask Tavus for a higher limit and set it as `crawl_limit`"
        )


def _formats(subject: Subject) -> tuple[str, ...]:
    return subject.kind.attachment.formats if subject.kind.attachment else ()


def _extension(subject: Subject) -> str:
    url = subject.value_at("document_url")
    return _extension_of(url) if isinstance(url, str) else ""


def _extension_of(url: str) -> str:
    try:
        return PurePosixPath(urlsplit(url).path).suffix.removeprefix(".").lower()
    except ValueError:
        return ""
